# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the bats files share: a file starts the lab and its servers once (lab_file), most start one
# director for all their tests too (director_file) and empty its tables before each of them.

. "$(dirname "${BASH_SOURCE[0]}")/lab.bash"

# For setup_file.
lab_file() {
	lab_up "$@" && servers_up
}

# A configuration file in the lab from standard input: conf NAME; prints its path.
conf() {
	cat >"$LAB_DIR/$1"
	echo "$LAB_DIR/$1"
}

director_file() {
	director_up "$(conf empty.conf <<<'director = { workers = 2; };')"
}

# Fails, and shows both, unless they are the same: is ACTUAL EXPECTED [WHAT]
is() {
	[[ $1 == "$2" ]] && return
	printf '%s\nexpected: %s\nactual:   %s\n' "${3:-}" "$2" "$1"
	return 1
}

# Fails, and shows all, unless the text holds the pattern (extended regular expression).
has() {
	grep -Eq -- "$2" <<<"$1" && return
	printf 'no match for: %s\nin:\n%s\n' "$2" "$1"
	return 1
}

# A service with rs1, rs2 ... of these weights: service -t 10.1.0.100:80 rr 8080 3 2 1
service() {
	local kind=$1 address=$2 scheduler=$3 port=$4 net=10.2.0.1 close='' i=0 weight

	shift 4
	adm -A "$kind" "$address" -s "$scheduler" $service_options
	[[ $address != \[* ]] || net='[fd00:2::1' close=']'
	for weight; do
		adm -a "$kind" "$address" -r "$net$((++i))$close:$port" "$service_method" -w "$weight"
	done
}
service_options= service_method=-m

# Opens that many connections and keeps them: hold NAME COUNT HOST PORT; prints the tally.
hold() {
	spawn "$1" client python3 "$LAB_SRC/client.py" hold "$2" "$3" "$4"
	await 10 grep -q holding "$LAB_DIR/$1.log" || { cat "$LAB_DIR/$1.log"; return 1; }
	grep -v holding "$LAB_DIR/$1.log" | tally
}

# What a failed test leaves for its reader, and what every test has to leave alone. For teardown.
lab_report() {
	local file

	if [[ -z ${BATS_TEST_COMPLETED:-} && -z ${BATS_TEST_SKIPPED:-} ]]; then
		echo "--- nfvsd's log:"
		tail -n 30 "$LAB_DIR/nfvsd.log"
	fi
	for file in "$LAB_DIR"/sanitizer.*; do
		[[ -e $file ]] || continue
		head -n 60 "$file"
		mv "$file" "$LAB_DIR/reported.${file##*/}"
		return 1
	done
}

# Ends what the test spawned under these names. For teardown.
stop_spawned() {
	local name

	for name; do
		running "$name" && stop "$name"
	done
	return 0
}
