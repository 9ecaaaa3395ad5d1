# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the files about connections that the kernel carries share. Each test has a director of its own.
# That a connection is carried shows in the queues' counters, which do not grow with it; what is to be
# true soon, because copies of packets are late, is awaited. To be loaded after common and topology.

setup_file() {
	flow_file
}

flow_file() {
	local ns

	lab_file
	big_file
	for ns in rs1 rs2; do
		spawn echo-$ns $ns python3 "$LAB_SRC/ends.py" serve 7000 quiet
		await 10 grep -q ready "$LAB_DIR/echo-$ns.log"
	done
}

teardown_file() {
	lab_down
}

# What has ended without an answer would be sent again during the next test, and come to its queues.
forget_sockets() {
	local ns

	for ns in client rs1 rs2; do
		on $ns ss -KHt state connected >/dev/null
	done
}

teardown() {
	stop_spawned a b c d load live drain blind first
	forget_sockets
	if running nfvsd; then signal nfvsd CONT; else director ""; fi
	adm kill --all --quietly >/dev/null # in the kernel too
	director_down
	lab_report
}

# A director with these services in its file: director [SERVICES]
director() {
	director_up "$(conf flow.conf <<<"director = { workers = 2; datapath = \"auto\"; $director_keys }; ${1:+services = ( $1 );}")"
}
director_keys=

# A service of the file: fixed "KEYS" PORT-OF-SERVERS WEIGHT...
fixed() {
	local text="{ $1 servers = (" i=0 weight

	for weight in "${@:3}"; do
		((i++ == 0)) || text+=,
		text+=" { address = \"10.2.0.1$i\"; port = $2; weight = $weight; }"
	done
	echo "$text ); }"
}

# Packets that the queues have had.
queued() {
	adm status --json | jq '[.queues[].packets // 0] | add'
}

# That many more since BEFORE: queued_less BEFORE COUNT
queued_less() {
	local now

	now=$(queued)
	((now - $1 < $2)) || { echo "$((now - $1)) packets came to the queues"; return 1; }
}

# ActiveConn and InActConn of a server: conns_of SERVER:PORT
conns_of() {
	adm -Ln | awk -v server="$1" '$2 == server { print $5, $6 }'
}

# conns_are SERVER:PORT "ACTIVE INACTIVE"
conns_are() {
	[[ $(conns_of "$1") = "$2" ]]
}

# How many connections are listed like that: listed PATTERN
listed() {
	adm -Lcn | grep -Ec -- "$1" || true
}

listed_are() {
	[[ $(listed "$1") = "$2" ]]
}

# A TCP connection that the test talks on by say, and whose answers are its log: talk NAME HOST PORT
declare -gA mouths # bats reads this file in a function
talk() {
	local mouth

	rm -f "$LAB_DIR/$1.in"
	mkfifo "$LAB_DIR/$1.in"
	exec {mouth}<>"$LAB_DIR/$1.in" # for both, so that neither waits for the other, or ends with it
	mouths[$1]=$mouth
	spawn "$1" client socat -d -t 100 "OPEN:$LAB_DIR/$1.in,rdonly!!STDOUT" "TCP:$2:$3"
}

say() {
	echo "$2" >&"${mouths[$1]}"
}

answered() {
	grep -aqx -- "$2" "$LAB_DIR/$1.log"
}

# The other end echoes: heard NAME TEXT
heard() {
	say "$1" "$2"
	await 5 answered "$1" "$2" || { cat "$LAB_DIR/$1.log"; return 1; }
}

# Nothing comes back: unanswered NAME TEXT
unanswered() {
	sleep 1
	answered "$@" || return 0
	echo "$1 has an answer: $2"
	return 1
}

# The same 30 times, and the daemon sees none of it: carried NAME
texts=0
carried() {
	local before i

	heard "$1" "$1 begins $((++texts))"
	before=$(queued)
	for i in {1..30}; do
		heard "$1" "$1 says $((++texts))"
	done
	queued_less "$before" 5
}

# A number of status --json: status_of PATH
status_of() {
	adm status --json | jq -r "$1"
}

# Ends the daemon as a crash would.
crash() {
	stop nfvsd KILL || true
	! running nfvsd
}

base_chains() {
	on dir nft -j list ruleset |
		jq -c '.nftables[].chain | select(.hook) | [.family, .table, .name, .hook, .handle]'
}

# No request to URL fails while that happens, nor before or after: unfailing URL COMMAND...
unfailing() {
	load_start load "$1"
	load_more load 50
	"${@:2}"
	load_more load 50
	is "$(load_stop load)" ""
}

ended_by_reset() {
	grep -q 'Connection reset by peer' "$LAB_DIR/$1.log"
}

# The server of the one connection to port 7000 is drained, and two clients that come meanwhile get the
# other: drained_meanwhile NAME NAME
drained_meanwhile() {
	local name

	adm -a -t $VIP:7000 -r 10.2.0.12:7000 -m
	spawn drain dir "$NFVSADM" drain tcp $VIP:7000 10.2.0.11 --deadline 2s --then reset
	await 5 sh -c "'$NFVSADM' status --json | jq -e '.drains | length == 1'"
	for name; do
		talk "$name" $VIP 7000
		carried "$name"
	done
	is "$(listed "ESTABLISHED .* 10.2.0.12:7000")" 2
	finish drain
	has "$(<"$LAB_DIR/drain.log")" '1 .*ended at the deadline \(reset\)'
}
