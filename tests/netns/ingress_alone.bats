#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Services with DR servers while there is no daemon: what is carried goes on, what is new is dealt out
# by rules, and the next daemon has it all. The network is that of ingress.bats, with a server more.

load common
load topology
load flow

A=10.1.0.100 A6=fd00:1::100
CLIENT=10.9.0.2

setup_file() {
	local ns

	lab_bare
	lab_switch lan
	for ns in client router dir rs1 rs2 rs3; do
		lab_namespace $ns
	done
	client_behind_router
	lab_address client eth0 10.9.0.3/24 10.9.0.4/24
	lab_plug router lan lan 10.1.0.254/24 fd00:1::254/64
	lab_plug dir eth0 lan 10.1.0.1/24 fd00:1::1/64 $A/32 $A6/128
	for ns in 1 2 3; do
		lab_plug rs$ns eth0 lan 10.1.0.1$ns/24 fd00:1::1$ns/64
		realserver rs$ns up --method dr --vip $A --vip $A6
		spawn echo-rs$ns rs$ns python3 "$LAB_SRC/ends.py" serve 7000 quiet
		await 10 grep -q ready "$LAB_DIR/echo-rs$ns.log"
	done
	for ns in dir rs1 rs2 rs3; do
		lab_default $ns 10.1.0.254 fd00:1::254
	done
	servers_up rs1 rs2 rs3
}

setup() {
	director
	[[ $(status_of .kernel.nft_fwd_netdev) = true && $(status_of .kernel.nft_dup) = true ]] ||
		skip "this kernel cannot carry at its devices (nft_fwd_netdev, egress hooks, nft_dup)"
	director_down
}

# A service of the file: dr "KEYS" PREFIX WEIGHT...
dr() {
	local text="{ $1 method = \"dr\"; servers = (" i=0 weight

	for weight in "${@:3}"; do
		((i++ == 0)) || text+=,
		text+=" { address = \"$2$i\"; weight = $weight; }"
	done
	echo "$text ); }"
}

web() {
	dr "protocol = \"tcp\"; address = \"$A\"; port = 80; scheduler = \"wrr\"; $1" 10.1.0.1 "${@:2}"
}

# Where the connections of NAME are, by the daemon's list, as tally has them.
servers_listed() {
	adm connections --json --state established --service tcp $A:80 | jq -r .server |
		sed 's/10.1.0.1/rs/' | tally
}

# servers_listed_are TALLY
servers_listed_are() {
	[[ $(servers_listed) = "$1" ]]
}

@test "killed, and started again: no request fails, no connection is lost" {
	local chains seen count rs of

	director "$(web '' 3 2 1)"
	chains=$(base_chains)
	has "$chains" '"nfvs_dr"'
	spawn live client python3 "$LAB_SRC/client.py" live $A 80
	await 5 grep -q rs "$LAB_DIR/live.log"
	load_start load http://$A/
	load_more load 50
	crash
	load_more load 50
	is "$(load_stop load)" ""
	hold a 8 $A 80 >/dev/null
	seen=$({ grep -h '^rs' "$LAB_DIR/a.log"; head -n 1 "$LAB_DIR/live.log"; } | tally)
	load_start load http://$A/
	load_more load 50
	director "$(web '' 3 2 1)"
	load_more load 50
	is "$(load_stop load)" ""
	is "$(base_chains)" "$chains"
	(($(status_of .datapath.taken_over) >= 9))
	count=$(wc -l <"$LAB_DIR/live.log")
	await 5 sh -c "[ \$(wc -l <'$LAB_DIR/live.log') -gt $((count + 50)) ]"
	is "$(tally <"$LAB_DIR/live.log" | wc -w)" 1
	stop live # with status 0: no request failed
	for rs in 1 2 3; do
		of=$(sed -n "s/.*rs$rs:\([0-9]*\).*/\1/p" <<<"$seen")
		((of == 0)) || (($(conns_of 10.1.0.1$rs:80 | cut -d' ' -f1) >= of - 1)) # live's has ended
	done
	is "$(tally <"$LAB_DIR/a.log" | wc -w)" "$(wc -w <<<"$(grep -h '^rs' "$LAB_DIR/a.log" | tally)")"
}

@test "killed: weights count, and one of 0 gets nothing" {
	director "$(web '' 1 1 3)"
	adm -e -t $A:80 -r 10.1.0.11 -g -w 0
	crash
	has "$(on dir nft list map ip nfvs_dr slots | grep -o 0x00020000 | wc -l) $(
		on dir nft list map ip nfvs_dr slots | grep -o 0x00060000 | wc -l)" '^(0|4|12) (0|4|12)$'
	has "$(fetch client 60 http://$A/ | tally)" '^rs2:[0-9]+ rs3:[0-9]+$'
}
