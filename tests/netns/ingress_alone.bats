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
		spawn echo-rs$ns rs$ns python3 "$LAB_SRC/ends.py" serve 7000 quiet
		await 10 grep -q ready "$LAB_DIR/echo-rs$ns.log"
	done
	for ns in dir rs1 rs2 rs3; do
		lab_default $ns 10.1.0.254 fd00:1::254
	done
	for ns in rs1 rs2 rs3; do
		realserver $ns up --method dr --vip $A --vip $A6
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

# Where the daemon has the connections that a client has open to PORT, as tally has them: listed_open PORT
listed_open() {
	on client ss -Htn state established dst $A dport = "$1" | awk '{ sub(/.*:/, "", $3); print $3 }' >"$LAB_DIR/open"
	adm -Lcn | awk 'NR == FNR { open[$1] = 1; next }
		$1 == "TCP" && $3 == "ESTABLISHED" { split($4, client, ":"); split($6, server, ":")
		if (client[2] in open && $5 ~ /:'"$1"'$/) { sub(/10.1.0.1/, "rs", server[1]); print server[1] } }' "$LAB_DIR/open" - | tally
}

# ActiveConn of all servers: active_is COUNT
active_is() {
	[[ $(adm -Ln | awk '/->/ { n += $5 } END { print n }') = "$1" ]]
}

# A live client has that many answers more: carried_on NAME
carried_on() {
	local count

	count=$(wc -l <"$LAB_DIR/$1.log")
	await 5 sh -c "[ \$(wc -l <'$LAB_DIR/$1.log') -gt $((count + 50)) ]"
}

@test "killed, and started again: no request fails, no connection is lost" {
	local chains seen count

	director "$(web '' 3 2 1)"
	chains=$(base_chains)
	has "$chains" '"nfvs_dr"'
	spawn live client python3 "$LAB_SRC/client.py" live $A 80
	await 5 grep -q rs "$LAB_DIR/live.log"
	unfailing http://$A/ crash
	hold a 8 $A 80 >/dev/null
	seen=$({ grep -h '^rs' "$LAB_DIR/a.log"; head -n 1 "$LAB_DIR/live.log"; } | tally)
	unfailing http://$A/ director "$(web '' 3 2 1)"
	is "$(base_chains)" "$chains"
	(($(status_of .datapath.taken_over) >= 9))
	is "$(tally <"$LAB_DIR/live.log" | wc -w)" 1
	is "$(listed_open 80)" "$seen"
	await 5 active_is 9 || { adm -Ln; return 1; } # what was closed meanwhile is known to be
	count=$(queued)
	carried_on live
	queued_less "$count" 5
	stop live # with status 0: no request failed
}

@test "killed: bits of somebody else in the mark" {
	director "$(web '' 1)"
	on dir nft -f - <<-END
		table ip other {
			chain give {
				type filter hook prerouting priority -150;
				tcp dport 80 meta mark set meta mark | 0x1
			}
		}
	END
	crash
	is "$(fetch client 4 http://$A/ | tally)" rs1:4
	on dir nft delete table ip other
}

@test "killed: weights count, and one of 0 gets nothing" {
	director "$(web '' 1 1 3)"
	adm -e -t $A:80 -r 10.1.0.11 -g -w 0
	crash
	is "$(on dir nft list map ip nfvs_dr slots | grep -o '0x0003\|0x0005\|0x0007' | tally)" "0x0005:4 0x0007:12"
	has "$(fetch client 60 http://$A/ | tally)" '^rs2:[0-9]+ rs3:[0-9]+$'
}

@test "killed: a persistent client stays with one server, and has a template afterwards" {
	local address answers

	director "$(web 'persistent = 300;' 1 1 1)"
	crash
	for address in 10.9.0.2 10.9.0.3 10.9.0.4; do
		answers=$(fetch client 12 http://$A/ --interface $address | tally)
		has "$answers" '^rs[123]:12$'
	done
	director "$(web 'persistent = 300;' 1 1 1)"
	is "$(fetch client 12 http://$A/ --interface 10.9.0.4 | tally)" "$answers"
	has "$(adm -Lcn)" "TCP +[0-9:]+ +(NONE|ASSURED) +10.9.0.4:0 +$A:80 +10.1.0.1${answers:2:1}:"
}

@test "killed: IPv6" {
	local service

	service=$(dr "protocol = \"tcp\"; address = \"$A6\"; port = 7000;" fd00:1::1 1 1)
	director "$service"
	crash
	talk a "[$A6]" 7000
	heard a one
	director "$service"
	is "$(status_of .datapath.taken_over)" 1
	is "$(listed "TCP .* ESTABLISHED .*fd00:1::1[12].:7000")" 1
	carried a
}

@test "killed: datagrams, cut ones and large ones for the device to cut" {
	local services address

	services="$(dr "protocol = \"udp\"; address = \"$A\"; port = 53;" 10.1.0.1 1 1),
		$(dr "protocol = \"udp\"; address = \"$A6\"; port = 53;" fd00:1::1 1 1),
		$(dr "protocol = \"udp\"; address = \"$A\"; port = 7;" 10.1.0.1 1)"
	director "$services"
	crash
	for address in $A $A6; do
		has "$(client udp_same 20 $address 53 | tally)" '^rs[12]:20$'
	done
	is "$(client echo 400 3 $A 7 | tally)" "400:3"
	is "$(client echo 4000 5 $A 7 | tally)" "4000:5"
	client gso_send 20 $A 7
	director "$services"
	is "$(listed "UDP .* $A:53 +10.1.0.1[12]:53")" 1
	is "$(listed "UDP .*:53 +.fd00:1::1[12].:53")" 1
}

group() {
	dr "fwmark = 7; scheduler = \"rr\"; match = ( { address = \"$A\"; protocol = \"tcp\"; ports = \"7000\"; },
		{ address = \"$A\"; protocol = \"udp\"; ports = \"53\"; } );" 10.1.0.1 1 1
}

@test "killed: a firewall mark" {
	director "$(group)"
	crash
	has "$(client udp_same 20 $A 53 | tally)" '^rs[12]:20$'
	talk a $A 7000
	heard a one
	director "$(group)"
	is "$(status_of .datapath.taken_over)" 2
	is "$(listed "TCP .* ESTABLISHED +$CLIENT:.*:7000")" 1
	carried a
}

# The client's ACKs do not leave it: a handshake stays where it is.
hold_acks() {
	on client nft -f - <<-END
		table ip hold { chain out { type filter hook output priority 0
			ip daddr $A tcp flags & (syn | ack) == ack drop
		}; }
	END
}

let_acks() {
	on client nft delete table ip hold
}

# A server that has a SYN of ours: half_open NS
half_open() {
	[[ $(on "$1" ss -Htn state syn-recv sport = :7000 | wc -l) = 1 ]]
}

one() {
	dr "protocol = \"tcp\"; address = \"$A\"; port = 7000; $1" 10.1.0.1 "${2:-1}" "${3:-0}"
}

# By the daemon's choice rs2, which no schedule of the rules would choose.
@test "killed in the middle of a handshake" {
	director "$(one '' 0 1)"
	hold_acks
	talk a $A 7000
	await 5 half_open rs2
	adm -e -t $A:7000 -r 10.1.0.12 -g -w 0
	adm -e -t $A:7000 -r 10.1.0.11 -g -w 1
	crash
	let_acks
	heard a one
	director "$(one)"
	is "$(listed "TCP .* ESTABLISHED +$CLIENT:.* 10.1.0.12:7000")" 1
	carried a
}

@test "killed in the middle of a handshake, of a firewall mark" {
	director "$(group)"
	hold_acks
	talk a $A 7000
	await 5 eval half_open rs1 "||" half_open rs2
	crash
	let_acks
	heard a one
	director "$(group)"
	carried a
}

@test "started again in the middle of a handshake" {
	director "$(one)"
	crash
	hold_acks
	talk a $A 7000
	await 5 half_open rs1
	director "$(one)"
	await 5 listed_are "TCP .* SYN_RECV +$CLIENT:.* 10.1.0.11:7000" 1
	let_acks
	heard a one
	await 5 listed_are "TCP .* ESTABLISHED +$CLIENT:.* 10.1.0.11:7000" 1
	carried a
}

@test "the rules can be listed, and loaded from the listing" {
	director "$(one 'persistent = 300;'), $(group)"
	on dir nft list table ip nfvs_dr >"$LAB_DIR/listing"
	on dir nft list table ip6 nfvs_dr >>"$LAB_DIR/listing"
	has "$(<"$LAB_DIR/listing")" 'elements = \{ 10.1.0.100 . tcp . 7000 : goto by_client \}'
	has "$(<"$LAB_DIR/listing")" '0x00000007 . 0:[0-9a-f]* : 0x000[0-9]0000'
	has "$(<"$LAB_DIR/listing")" 'dup to meta mark map @servers'
	on client nft -c -f "$LAB_DIR/listing"
	adm -C
	is "$(base_chains | grep -c nfvs_dr)" 0
}
