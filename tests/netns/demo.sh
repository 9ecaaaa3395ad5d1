#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a Linux Virtual Server is, shown on real traffic in network namespaces: a client, the director
# (nfvsd), three web servers. Asserts what it shows. Usage: demo.sh; "make demo" calls it.

cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lab.bash

bold='' plain=''
if [[ -t 1 ]]; then
	bold=$'\e[1m' plain=$'\e[0m'
fi

say() {
	printf '%s\n' "$@"
}

heading() {
	printf '\n%s== %s ==%s\n' "$bold" "$1" "$plain"
}

# Shows a command as one would type it on the director, and runs it there.
director() {
	local name=$1

	shift
	printf '%s$ %s%s\n' "$bold" "$name${*:+ $*}" "$plain"
	on dir "$B/$name" "$@" || fail "$name $* ended with status $?"
}

fail() {
	printf '\ndemo: failed: %s\n' "$1" >&2
	if [[ -s $LAB_DIR/nfvsd.log ]]; then
		echo "--- nfvsd's log:" >&2
		tail -n 20 "$LAB_DIR/nfvsd.log" >&2
	fi
	exit 1
}

# "rs1:6 rs2:4 rs3:2" as a bar for each server, which names its address.
bars() {
	local one name count

	for one in $1; do
		name=${one%:*} count=${one#*:}
		printf '    %s (10.2.0.1%s)  %-12s %s\n' "$name" "${name#rs}" \
			"$(printf '%*s' "$count" '' | tr ' ' '#')" "$count"
	done
}

expect() {
	[[ $1 == "$2" ]] || fail "$3: expected $2, got $1"
}

start() {
	heading "The network"
	say "    client 10.1.0.2  ---  director 10.1.0.1 / 10.2.0.1  ---  rs1 rs2 rs3  10.2.0.11 .12 .13" \
		"Clients know only virtual addresses: 10.1.0.100, 10.1.0.101, fd00:1::100. No machine has them;" \
		"the director receives what is sent there and hands each connection to one of the real servers."
	lab_up route || fail "the namespaces could not be made"
	servers_up || fail "the real servers did not start"
	heading "The director starts (conf/nfvs.conf.example)"
	director_up conf/nfvs.conf.example || fail "nfvsd did not start"
	cat "$LAB_DIR/nfvsd.log"
	director nfvsadm -Ln
}

by_weight() {
	local counts

	heading "Twelve requests to http://10.1.0.100/: scheduler wrr, weights 3, 2, 1"
	counts=$(fetch client 12 http://10.1.0.100/ | tally)
	bars "$counts"
	expect "$counts" "rs1:6 rs2:4 rs3:2" "distribution by weight"
	say "The same over IPv6, and DNS-like datagrams in turn:"
	counts=$(fetch client 6 'http://[fd00:1::100]/' | tally)
	say "    http://[fd00:1::100]/   $counts"
	expect "$(wc -w <<<"$counts")" 3 "servers used over IPv6"
	counts=$(client udp 6 10.1.0.100 53 | tally)
	say "    10.1.0.100:53/udp       $counts"
	expect "$counts" "rs1:2 rs2:2 rs3:2" "distribution of datagrams"
}

group() {
	local one other

	heading "A shop on two ports: 80 and 443 of 10.1.0.101 are one group (firewall mark 7), persistent"
	one=$({ fetch client 3 http://10.1.0.101:80/ && fetch client 3 http://10.1.0.101:443/; } |
		tee "$LAB_DIR/group" | tally)
	sed 's/^\(.*\) \(.*\) \(.*\)$/    client \3 -> port \2 of \1/' "$LAB_DIR/group"
	expect "$(wc -w <<<"$one")" 1 "servers used by one client of the group"
	say "Whichever port, the same client meets the same server. Another client may meet another:"
	other=$(fetch client 2 http://10.1.0.101:443/ --interface 10.1.0.3 | tee "$LAB_DIR/group" | tally)
	sed 's/^\(.*\) \(.*\) \(.*\)$/    client \3 -> port \2 of \1/' "$LAB_DIR/group"
	expect "$(wc -w <<<"$other")" 1 "servers used by the other client of the group"
}

connections() {
	heading "What the director remembers: one line for each connection"
	director nfvsadm -Lcn >"$LAB_DIR/connections"
	head -n 14 "$LAB_DIR/connections"
	say "    ... $(($(wc -l <"$LAB_DIR/connections") - 3)) in all"
	grep -q 'TIME_WAIT.*10\.1\.0\.100:80' "$LAB_DIR/connections" || fail "no connections are listed"
}

maintenance() {
	local failed total

	heading "Maintenance without a failed request"
	say "Two clients send one request after the other, each over a new connection. Meanwhile"
	load_start load1 http://10.1.0.100/
	load_start load2 http://10.1.0.100/
	load_more load1 20 || fail "the load does not run"
	say "rs1 is drained: weight 0, no new connections;"
	director nfvsadm -e -t 10.1.0.100:80 -r 10.2.0.11:8080 -m -w 0
	load_more load1 40
	director nfvsadm -Ln -t 10.1.0.100:80
	await 5 idle || fail "connections of rs1 do not end"
	say "once its connections are through (ActiveConn 0) it is removed;"
	director nfvsadm -d -t 10.1.0.100:80 -r 10.2.0.11:8080
	load_more load1 40
	director nfvsadm -Ln -t 10.1.0.100:80
	say "and after the work it comes back:"
	director nfvsadm -a -t 10.1.0.100:80 -r 10.2.0.11:8080 -m -w 3
	load_more load1 40
	director nfvsadm -Ln -t 10.1.0.100:80
	failed=$(load_stop load1; load_stop load2)
	total=$(($(load_count load1) + $(load_count load2)))
	say "    $total requests, $(grep -c . <<<"$failed") failed"
	[[ ! $failed ]] || fail "requests failed: $failed"
	expect "$(fetch client 12 http://10.1.0.100/ | tally)" "rs1:6 rs2:4 rs3:2" "distribution afterwards"
}

idle() {
	on dir "$B/nfvsadm" -Ln -t 10.1.0.100:80 | grep -Eq '10\.2\.0\.11:8080 +Masq +0 +0 '
}

questions() {
	heading "The director can be asked"
	director nfvsadm explain tcp 10.1.0.2:40000 10.1.0.100:80
	echo
	director nfvsadm explain tcp 10.1.0.2:40000 10.1.0.101:443
	echo
	director nfvsadm status
}

finish_demo() {
	heading "The end: nothing stays in the kernel"
	director_down || fail "nfvsd ended with status $?"
	tail -n 3 "$LAB_DIR/nfvsd.log"
	expect "$(on dir nft list tables)" "" "tables left behind"
	expect "$(on dir cat /proc/net/netfilter/nfnetlink_queue)" "" "queues left behind"
	printf '\ndemo: ok\n'
}

lab_enter "$@" || exit 1
trap lab_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start
by_weight
group
connections
maintenance
questions
finish_demo
