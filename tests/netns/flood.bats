#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Garbage from clients and servers, under the address sanitizer if that build exists: the daemon lives,
# counts what it drops by reason, and goes on serving. NFVS_FLOOD_SECONDS: how long (30).

load common

setup_file() {
	[[ ! -x $B/asan/nfvsd ]] || export NFVSD=$B/asan/nfvsd
	lab_file
	director_file
	service -t $VIP:80 rr 8080 1 1 1
	service -u $VIP:53 rr 53 1 1 1
	service -t "[$VIP6]:80" rr 8080 1 1 1
	service -u "[$VIP6]:53" rr 53 1 1 1
}

teardown_file() {
	lab_down
}

teardown() {
	lab_report
}

serves() {
	is "$(fetch client 6 http://$VIP/ | tally)" "rs1:2 rs2:2 rs3:2"
	is "$(fetch client 6 "http://[$VIP6]/" | tally)" "rs1:2 rs2:2 rs3:2"
	client udp 1 $VIP 53
	client udp 1 $VIP6 53
}

mac() {
	on dir cat /sys/class/net/$1/address
}

# drops REASON: how many packets the daemon dropped for it
drops() {
	adm status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["drops"][sys.argv[1]])' "$1"
}

@test "a flood of garbage for ${NFVS_FLOOD_SECONDS:-30} s" {
	local seconds=${NFVS_FLOOD_SECONDS:-30}

	serves
	spawn flood1 client python3 "$LAB_SRC/flood.py" "$seconds" eth0 "$(mac br-c)" 10.1.0.2 $VIP fd00:1::2 $VIP6 80 client 1
	spawn flood2 client python3 "$LAB_SRC/flood.py" "$seconds" eth0 "$(mac br-c)" 10.1.0.3 $VIP fd00:1::3 $VIP6 53 client 2
	spawn flood3 rs1 python3 "$LAB_SRC/flood.py" "$seconds" eth0 "$(mac br-s)" 10.2.0.11 10.1.0.2 fd00:2::11 fd00:1::2 8080 server 3
	await "$((seconds + 20))" test -e "$LAB_DIR/flood1.rc"
	finish flood1
	finish flood2
	finish flood3
	cat "$LAB_DIR"/flood[123].log
	running nfvsd
	serves
	adm status
	(($(drops truncated) > 0))
	(($(drops header) > 0))
}

@test "after the flood it stops cleanly, without a leak" {
	stop nfvsd
	is "$(on dir cat /proc/net/netfilter/nfnetlink_queue)" "" "queues"
	is "$(on dir nft list tables)" "" "tables"
}
