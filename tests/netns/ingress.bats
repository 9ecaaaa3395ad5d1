#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Connections to DR servers that the kernel carries at the director's devices.
#
#     client .2 ---- 10.9.0.0/24 ---- .1 router
#                                         .254
#                                          |
#           =======+===========+===========+===  lan, 10.1.0.0/24
#                  |           |           |
#              .1 eth0 dir  rs1 .11     rs2 .12       VIP 10.1.0.100
#
#     all networks have IPv6 likewise, 10.N.0.0/24 is fd00:N::/64

load common
load topology
load flow

A=10.1.0.100 A6=fd00:1::100
CLIENT=10.9.0.2 CLIENT6=fd00:9::2

setup_file() {
	local ns

	lab_bare
	lab_switch lan
	for ns in client router dir rs1 rs2; do
		lab_namespace $ns
	done
	client_behind_router
	lab_plug router lan lan 10.1.0.254/24 fd00:1::254/64
	lab_plug dir eth0 lan 10.1.0.1/24 fd00:1::1/64 $A/32 $A6/128
	lab_plug rs1 eth0 lan 10.1.0.11/24 fd00:1::11/64
	lab_plug rs2 eth0 lan 10.1.0.12/24 fd00:1::12/64
	for ns in dir rs1 rs2; do
		lab_default $ns 10.1.0.254 fd00:1::254
	done
	for ns in rs1 rs2; do
		realserver $ns up --method dr --vip $A --vip $A6
		spawn echo-$ns $ns python3 "$LAB_SRC/ends.py" serve 7000 quiet
		await 10 grep -q ready "$LAB_DIR/echo-$ns.log"
	done
	servers_up rs1 rs2
	big_file
}

setup() {
	director
	[[ $(status_of .kernel.nft_fwd_netdev) = true ]] ||
		skip "this kernel cannot carry at its devices (nft_fwd_netdev, egress hooks)"
}

one() {
	serve -t $A:7000 -g 10.1.0.11
}

# What the devices know: known [PATTERN]
known() {
	on dir nft list table netdev nfvs | grep -cE "counter packets.*${1:-} +: +0x" || true
}

known_are() {
	[[ $(known "${@:2}") = "$1" ]]
}

@test "the table is there while there are such services" {
	run on dir nft list table netdev nfvs
	is $status 1
	serve -t $A:80 -g 10.1.0.11 10.1.0.12
	serve -t "[$A6]:80" -g fd00:1::11
	is "$(status_of .datapath.flow)" 2
	has "$(on dir nft list table netdev nfvs)" 'comment "tcp 10.1.0.100:80 > 10.1.0.11:80"'
	is "$(fetch client 2 http://$A/ | tally)" "rs1:1 rs2:1"
	is "$(fetch client 1 "http://[$A6]/" | tally)" "rs1:1"
	adm -C
	run on dir nft list table netdev nfvs
	is $status 1
	one
	director_down
	run on dir nft list table netdev nfvs
	is $status 1
}

@test "a connection passes the daemon by, IPv4" {
	one
	talk a $A 7000
	carried a
	is "$(listed "TCP .* ESTABLISHED +$CLIENT:.* 10.1.0.11:7000")" 1
}

@test "a connection passes the daemon by, IPv6" {
	serve -t "[$A6]:7000" -g fd00:1::12
	talk a "[$A6]" 7000
	carried a
	is "$(listed "TCP .* ESTABLISHED .*fd00:1::12.:7000")" 1
}

@test "datagrams of one socket, IPv4 and IPv6" {
	local before

	serve -u $A:53 -g 10.1.0.11 10.1.0.12
	serve -u "[$A6]:53" -g fd00:1::11 fd00:1::12
	before=$(queued)
	has "$(on client python3 "$LAB_SRC/client.py" udp_same 20 $A 53 | tally)" '^rs[12]:20$'
	has "$(on client python3 "$LAB_SRC/client.py" udp_same 20 $A6 53 | tally)" '^rs[12]:20$'
	queued_less "$before" 3
}

@test "all of it is counted" {
	local sent

	serve -t $A:80 -g 10.1.0.11
	on client nft -f - <<-END
		table ip count { chain out { type filter hook postrouting priority 0; ip daddr $A counter; }; }
	END
	on client python3 "$LAB_SRC/client.py" keepalive 50 $A 80 >/dev/null
	sleep 1
	sent=$(on client nft -j list table ip count |
		jq -r '.nftables[].rule.expr[]?.counter | select(.) | "\(.packets) \(.bytes)"')
	on client nft delete table ip count
	is "$(adm -Ln --stats --exact | awk '$2 == "10.1.0.11:80" { print $4, $6 }')" "$sent"
	is "$(adm -Ln --stats --exact | awk '$2 == "'$A:80'" { print $4, $6 }')" "$sent"
}

@test "ends of connections are seen" {
	one
	talk a $A 7000
	carried a
	await 5 conns_are 10.1.0.11:7000 "1 0"
	stop a || true
	await 5 conns_are 10.1.0.11:7000 "0 1"
	is "$(listed "TCP .* (FIN_WAIT|CLOSE|CLOSE_WAIT|TIME_WAIT) +$CLIENT:")" 1
}

@test "a port used again goes to the server that is chosen then" {
	serve -t $A:80 -g 10.1.0.11 10.1.0.12
	adm set conn_reuse_mode 3
	adm -e -t $A:80 -r 10.1.0.12 -g -w 0
	is "$(on client python3 "$LAB_SRC/client.py" again 5555 $A 80)" "rs1 80 $CLIENT"
	adm -e -t $A:80 -r 10.1.0.12 -g -w 1
	adm -e -t $A:80 -r 10.1.0.11 -g -w 0
	await 5 listed_are "(FIN_WAIT|CLOSE|TIME_WAIT) +$CLIENT:5555" 1
	is "$(on client python3 "$LAB_SRC/client.py" again 5555 $A 80)" "rs2 80 $CLIENT"
}

# The daemon stands still, so that it is not by its doing.
@test "a SYN makes the devices forget" {
	local port

	one
	talk a $A 7000
	carried a
	known_are 1
	port=$(on client ss -Htn dst $A dport = 7000 | awk '{ sub(/.*:/, "", $4); print $4 }')
	kill -STOP "$(<"$LAB_DIR/nfvsd.pid")"
	on client python3 -c "from scapy.all import IP, TCP, send
send(IP(dst='$A') / TCP(sport=$port, dport=7000, flags='S'), verbose=0)"
	await 5 known_are 0
	kill -CONT "$(<"$LAB_DIR/nfvsd.pid")"
	heard a "and is asked again"
}

@test "a removed server gets nothing, and goes on when it is back" {
	one
	talk a $A 7000
	carried a
	adm -d -t $A:7000 -r 10.1.0.11
	say a lost
	unanswered a lost
	adm -a -t $A:7000 -r 10.1.0.11 -g
	heard a again
	carried a
}

@test "kill: both ends hear of it" {
	one
	talk a $A 7000
	carried a
	adm kill --all
	await 10 grep -q "reset by peer" "$LAB_DIR/a.log" || { cat "$LAB_DIR/a.log"; return 1; }
	await 5 known_are 0
	await 10 grep -q reset "$LAB_DIR/echo-rs1.log"
}

# So many clients with a datagram each, all of which are answered: many COUNT FIRST-PORT
many() {
	on client python3 -c "
import socket, select
ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range($1)]
for at in range(0, len(ends), 50):
    some = ends[at:at + 50]
    for end in some:
        end.bind(('', $2 + ends.index(end)))
        end.connect(('$A', 53))
        end.send(b'x')
    while some:
        some = [end for end in some if end not in select.select(some, [], [], 30)[0] or not end.recv(99)]
print(len(ends))"
}

@test "as many connections as the devices have room for, and more: a warning, and the daemon sends" {
	director_down
	director_up "$(conf flow.conf <<<"director = { workers = 2; datapath = \"auto\"; flows_max = 1024; };")"
	serve -u $A:53 -g 10.1.0.11 10.1.0.12
	has "$(on dir nft list table netdev nfvs)" 'size 1024'
	is "$(many 750 20000)" 750
	await 10 known_are 750
	sleep 1.2
	! grep -q "room for" "$LAB_DIR/nfvsd.log"
	is "$(status_of .datapath.flows4) $(status_of .datapath.flows6) $(status_of .datapath.flows_max)" "750 0 1024"
	is "$(many 400 21000)" 400
	await 10 grep -q '[0-9]* connections to dr servers of IPv4, and the devices have room for 1024' "$LAB_DIR/nfvsd.log"
	known_are 1024
	is "$(status_of .datapath.flows4)" 1150
	has "$(adm status)" 'at the devices: 1150 of IPv4, 0 of IPv6, room for 1024 each'
	sleep 1.2
	is "$(grep -c "room for" "$LAB_DIR/nfvsd.log")" 1
}

# A director with that much room: roomy FLOWS
roomy() {
	director_up "$(conf flow.conf <<<"director = { datapath = \"auto\"; flows_max = $1; };
		services = ( { protocol = \"tcp\"; address = \"$A\"; port = 7000; method = \"dr\";
			servers = ( { address = \"10.1.0.11\"; } ); } );")"
}

@test "killed and started again with more room: connections live on" {
	director_down
	roomy 1024
	talk a $A 7000
	carried a
	crash
	roomy 4096
	carried a
	is "$(status_of .datapath.taken_over)" 1
}

@test "a silent connection ends here and in the kernel" {
	one
	adm --set 2 0 0
	talk a $A 7000
	carried a
	await 5 known_are 1
	heard a still
	await 10 listed_are TCP 0
	known_are 0
}

@test "killed and started again: connections live on and are known again" {
	local service="{ protocol = \"tcp\"; address = \"$A\"; port = 7000; method = \"dr\";
		servers = ( { address = \"10.1.0.11\"; } ); }"

	director_down
	director "$service"
	talk a $A 7000
	carried a
	crash
	heard a "nobody is there"
	heard a "still nobody"
	director "$service"
	heard a "somebody is there"
	is "$(status_of .datapath.taken_over)" 1
	is "$(listed "TCP .* ESTABLISHED +$CLIENT:.* 10.1.0.11:7000")" 1
	carried a
	crash
	director # with nothing
	run on dir nft list table netdev nfvs # whose servers are not ours any more
	is $status 1
}

@test "fragments, and packets whose time to live ends" {
	serve -u $A:7 -g 10.1.0.11
	is "$(on client python3 "$LAB_SRC/client.py" echo 400 3 $A 7 | tally)" "400:3"
	is "$(on client python3 "$LAB_SRC/client.py" echo 4000 5 $A 7 | tally)" "4000:5"
	serve -u $A:53 -g 10.1.0.11
	is "$(probe client error ttl=2 $A 53)" "11 0 0 $A"
}

@test "100 MB both ways" {
	serve -t $A:80 -g 10.1.0.11
	big_both_ways client $A rs1
}

@test "a narrower way to the servers: the daemon sends" {
	local before

	one
	on dir ip route add 10.1.0.11 dev eth0 mtu 1400
	sleep 2.5
	talk a $A 7000
	heard a one
	before=$(queued)
	heard a two
	queued_less "$before" 1 && return 1
	on dir ip route del 10.1.0.11
	sleep 2.5
	talk b $A 7000
	carried b
}
