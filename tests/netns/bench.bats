#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The measuring itself: that bench/run's numbers get into its file, and from there, unchanged, into
# tables and plots.

load common

setup() {
	DIR=$BATS_TEST_TMPDIR
	printf '%s\n' before '<!-- made by bench/plots.py: from here -->' old \
		'<!-- made by bench/plots.py: to here -->' after >"$DIR/page.md"
}

# Two rounds: a ratio is the median of the rounds' ratios, nftlb has no UDP and one round only.
columns_file() {
	cat >"$DIR/columns.csv" <<-END
		# bench/run --rounds 2
		# Linux 6.12, 1 CPU, counted instructions, 2 rounds of 2 s
		round,datapath,metric,value,services,flows
		1,ipvs,keepalive,1000,3,0
		1,ipvs,udp,500,3,0
		1,ipvs,latency_p50,30,3,0
		1,nfvs-1,keepalive,500,3,0
		1,nfvs-1,udp,400,3,0
		1,nfvs-1,latency_p50,40,3,0
		1,nftlb,keepalive,900,3,0
		1,dr-ipvs,keepalive,800,3,0
		1,dr-flow-1,keepalive,600,3,0
		2,ipvs,keepalive,2000,3,0
		2,nfvs-1,keepalive,1200,3,0
	END
}

series_file() {
	cat >"$DIR/flows.csv" <<-END
		# bench/run --flows 0,10000
		# Linux 6.18, 2 CPUs, 1 round of 1 s
		round,datapath,metric,value,services,flows
		1,ipvs,connect,1000,2,0
		1,ipvs,connect_cpu,100,2,0
		1,flow-1,connect,1000,2,0
		1,flow-1,connect_cpu,150,2,0
		1,ipvs,flow,1000,2,10000
		1,ipvs,flow_cpu,20,2,10000
		1,ipvs,connect,1000,2,10000
		1,ipvs,connect_cpu,110,2,10000
	END
}

plots() {
	python3 "$LAB_TOP/bench/plots.py" "$DIR" "$DIR/page.md"
}

# How many elements of an SVG are filled (or what else @3 says) with this colour: coloured FILE RRGGBB
coloured() {
	python3 - "$1" "$2" "${3:-fill}" <<-END
		import re, sys
		import xml.etree.ElementTree as tree
		wanted = list(bytes.fromhex(sys.argv[2]))
		print(sum([int(number) for number in re.findall(r"\d+", element.get(sys.argv[3], ""))] == wanted
		          for element in tree.parse(sys.argv[1]).iter()))
	END
}

@test "the columns become multiples of IPVS, round by round, and what was not measured a gap" {
	columns_file
	plots
	page=$(<"$DIR/page.md")
	has "$page" '^`bench/run --rounds 2`; Linux 6.12, 1 CPU, counted instructions, 2 rounds of 2 s:$'
	has "$page" '^\| as a multiple of ipvs \| ipvs \| nfvs-1 \| nftlb \|$'
	has "$page" '^\| requests/s, keep-alive \| 1.00 \| 0.55 \| 0.90 \|$'
	has "$page" '^\| small UDP packets/s \| 1.00 \| 0.80 \| - \|$'
	has "$page" '^\| 1 / latency, median \| 1.00 \| 0.75 \| - \|$'
	has "$page" '^\| as a multiple of dr-ipvs \| dr-ipvs \| dr-flow-1 \|$'
	has "$page" '^\| requests/s, keep-alive \| 1.00 \| 0.75 \|$'
	# 1000 / (16 ns * 1500 a second)
	has "$page" '^\| a request, keep-alive \| 41.7 \| 73.5 \| 69.4 \| 78.1 \| 104.2 \|$'
	has "$page" '^!\[.*\]\(columns.svg\)$'
	# a bar for each of three measures, and the legend's
	is "$(coloured "$DIR/columns.svg" 4a90d9)" 4
	is "$(coloured "$DIR/columns.svg" b08d57)" 2
	is "$(coloured "$DIR/columns-dr.svg" d9534f)" 2
}

@test "a series becomes one line of a table for each datapath, in CPU time if nothing else is counted" {
	series_file
	plots
	page=$(<"$DIR/page.md")
	has "$page" '^\| CPU us: a request, one connection each; established flows \| 0 \| 10,000 \|$'
	has "$page" '^\| ipvs \| 100.0 \| 110.0 \|$'
	has "$page" '^\| flow-1 \| 150.0 \| - \|$'
	has "$page" '^\| ipvs \| - \| 20.0 \|$'
	! grep -q 'keep-alive' "$DIR/page.md"
	grep -q 'established flows' "$DIR/flows.svg"
	(($(coloured "$DIR/flows.svg" d9534f stroke) > 0))
}

@test "the same numbers give the same plots and tables, and the rest of the page stays" {
	columns_file
	series_file
	plots
	is "$(head -n 1 "$DIR/page.md") $(tail -n 1 "$DIR/page.md")" "before after"
	! grep -qx old "$DIR/page.md"
	(cd "$DIR" && sha256sum page.md ./*.svg >first)
	plots
	(cd "$DIR" && sha256sum --quiet -c first)
}

@test "a page without the two marks is left alone, and so is one for which there are no numbers" {
	run plots
	is "$status" 1
	has "$output" 'nothing to draw'
	columns_file
	echo 'no marks' >"$DIR/page.md"
	run plots
	is "$status" 1
	has "$output" 'has no lines'
	is "$(<"$DIR/page.md")" 'no marks'
}

@test "docs/performance.md has the tables of the numbers in docs/plots" {
	cp "$LAB_TOP"/docs/plots/*.csv "$DIR"
	cp "$LAB_TOP/docs/performance.md" "$DIR/page.md"
	plots
	diff <(sed 's|(plots/|(|' "$LAB_TOP/docs/performance.md") "$DIR/page.md"
}

@test "the report has the ratios of each point of a series" {
	series_file
	run python3 "$LAB_TOP/bench/report.py" "$DIR/flows.csv"
	is "$status" 0
	has "$output" '^== with 2 services, beside 0 flows$'
	has "$output" '^== with 2 services, beside 10,000 flows$'
	has "$output" 'CPU us/request, one connection each +1.50$'
}

@test "bench/run measures with several services and beside flows, and every number is in its file" {
	local services flows name metric

	run "$LAB_TOP/bench/run" --rounds 1 --seconds 1 --only numgen,nfvs-1,flow-1,dr-flow-1,connect \
		--services 2,12 --flows 0,300 --csv "$DIR/run.csv"
	is "$status" 0 "$output"
	for services in 2 12; do
		for flows in 0 300; do
			for name in numgen nfvs-1 flow-1 dr-flow-1; do
				for metric in connect connect_cpu; do
					grep -Eq "^1,$name,$metric,[0-9]*[1-9.][0-9.]*,$services,$flows\$" "$DIR/run.csv"
				done
			done
		done
	done
	is "$(grep -c '^1,.*,flow,[1-9].*,300$' "$DIR/run.csv")" 8
	is "$(grep -c '^1,.*,flow,.*,0$' "$DIR/run.csv")" 0
	is "$(awk -F, '$3 ~ /_errors$/ { sum += $4 } END { print sum }' "$DIR/run.csv")" 0
}
