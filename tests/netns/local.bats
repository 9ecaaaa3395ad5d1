#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The director as a real server and as a client; several virtual addresses before the same servers;
# cache_bypass.
#
#     client .2 ------ 10.1.0.0/24 ------ .1 eth0  dir  eth1 .1 ------ 10.2.0.0/24 ===+======+
#                                          |                                          |      |
#                                          |  nginx and udp_server.py as "dir"    rs1 .11  rs2 .12
#                                          | eth2 .1
#                                          `-------- 10.3.0.0/24 -------- origin .11
#
#     IPv6 likewise: 10.N.0.0/24 is fd00:N::/64
#
# VIPs on the director: 10.1.0.100, 10.1.0.101, fd00:1::100, fd00:1::101. The servers' gateway is the
# director (for NAT). rs1 and rs2 are prepared for direct routing too, of 10.1.0.100 and of
# 10.2.0.100, which the director itself has not. origin is what a cache stands for.
#
# A program on the director asks a VIP that the director has from that very address. So a client on
# the director needs for NAT a VIP that the servers have not, and for DR one that the director has
# not, lest one of them gets packets from itself.

load common
load topology

VIP2_6=fd00:1::101
APART=10.2.0.100 APART6=fd00:2::100

network() {
	local ns

	lab_bare
	lab_switch lan
	for ns in client dir rs1 rs2 origin; do
		lab_namespace $ns
	done
	lab_link client eth0 dir eth0
	lab_link origin eth0 dir eth2
	lab_address client eth0 10.1.0.2/24 fd00:1::2/64
	lab_address dir eth0 10.1.0.1/24 fd00:1::1/64 $VIP/32 $VIP2/32 $VIP6/128 $VIP2_6/128
	lab_address dir eth2 10.3.0.1/24 fd00:3::1/64
	lab_address origin eth0 10.3.0.11/24 fd00:3::11/64
	lab_plug dir eth1 lan 10.2.0.1/24 fd00:2::1/64
	lab_plug rs1 eth0 lan 10.2.0.11/24 fd00:2::11/64
	lab_plug rs2 eth0 lan 10.2.0.12/24 fd00:2::12/64
	lab_default client 10.1.0.1 fd00:1::1
	lab_default origin 10.3.0.1 fd00:3::1
	lab_default rs1 10.2.0.1 fd00:2::1
	lab_default rs2 10.2.0.1 fd00:2::1
}

setup_file() {
	local ns

	network
	for ns in rs1 rs2; do
		realserver $ns up --method dr --vip $VIP --vip $VIP6 --vip $APART --vip $APART6
	done
	servers_up dir rs1 rs2 origin
	big_file
	director_file
}

teardown_file() {
	lab_down
}

setup() {
	adm -C
}

teardown() {
	stop_spawned seen closed client eth0 eth1 eth2 lo origin
	lab_report
}

own() {
	on dir python3 "$LAB_SRC/client.py" "$@"
}

@test "a server that is the director itself: NAT to another port, IPv4 and IPv6" {
	adm -A -t $VIP:80 -s rr
	adm -a -t $VIP:80 -r 10.2.0.1:8080 -m
	adm -A -t "[$VIP6]:80" -s rr
	adm -a -t "[$VIP6]:80" -r '[fd00:2::1]:8081' -m
	is "$(fetch client 2 http://$VIP/ | sort -u)" "dir 8080 10.1.0.2"
	is "$(fetch client 2 "http://[$VIP6]/" | sort -u)" "dir 8081 fd00:1::2"
	has "$(adm -Ln)" '10.2.0.1:8080 +Masq +1 +0 +2'
	big_both_ways client $VIP dir
	big_both_ways client "[$VIP6]" dir
}

@test "a server that is the director itself: NAT, UDP, large datagrams too" {
	adm -A -u $VIP:5353 -s rr
	adm -a -u $VIP:5353 -r 10.2.0.1:53 -m
	adm -A -u "[$VIP6]:77" -s rr
	adm -a -u "[$VIP6]:77" -r '[fd00:2::1]:7' -m
	is "$(client udp 2 $VIP 5353 | sort -u)" "dir 10.1.0.2"
	is "$(client echo 4000 5 $VIP6 77 | tally)" "4000:5"
}

@test "a server that is the director itself: its closed port is told as the virtual one" {
	adm -A -u $VIP:5353 -s rr
	adm -a -u $VIP:5353 -r 10.2.0.1:9998 -m
	is "$(probe client error $VIP 5353)" "3 3 0 $VIP"
}

@test "a server that is the director itself: DR, beside others" {
	serve -t $VIP:80 -g 10.1.0.1 10.2.0.11
	serve -t "[$VIP6]:80" -g fd00:1::1 fd00:2::11
	serve -u $VIP:53 -g 10.1.0.1 10.2.0.11
	# rs1 answers by its gateway, the director, who is a router as well.
	on dir sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
		for dev in all eth1; do echo 0 >/proc/sys/net/ipv4/conf/$dev/rp_filter; done
		echo 1 >/proc/sys/net/ipv4/conf/eth1/accept_local'
	is "$(fetch client 4 http://$VIP/ | tally)" "dir:2 rs1:2"
	is "$(fetch client 4 "http://[$VIP6]/" | tally)" "dir:2 rs1:2"
	is "$(client udp 4 $VIP 53 | tally)" "dir:2 rs1:2"
	on dir sh -c 'echo 0 >/proc/sys/net/ipv4/conf/eth1/accept_local
		for dev in all eth1; do echo 1 >/proc/sys/net/ipv4/conf/$dev/rp_filter; done'
	adm -C
	serve -t $VIP:80 -g 10.1.0.1
	serve -t "[$VIP6]:80" -g fd00:1::1
	serve -u "[$VIP6]:53" -g fd00:1::1
	is "$(client udp 2 $VIP6 53 | tally)" "dir:2"
	big_both_ways client $VIP dir
	big_both_ways client "[$VIP6]" dir
}

@test "a server that is the director itself: TUN, delivered as it is" {
	serve -t $VIP:8080 -i 10.2.0.1
	serve -t "[$VIP6]:8080" "-i --tun-type gre" fd00:2::1
	serve -u $VIP:7 "-i --tun-type gue --tun-port 6080" 10.2.0.1
	is "$(fetch client 2 http://$VIP:8080/ | sort -u)" "dir 8080 10.1.0.2"
	is "$(fetch client 2 "http://[$VIP6]:8080/" | sort -u)" "dir 8080 fd00:1::2"
	is "$(client echo 4000 5 $VIP 7 | tally)" "4000:5"
	big_both_ways client $VIP:8080 dir
	big_both_ways client "[$VIP6]:8080" dir
}

# way VIP CLIENT PORT: who sends what to whom, as docs/methods.md has it; nothing but this is seen at any
# interface of the director.
way() {
	local port=$3 where

	capture client client eth0 tcp
	capture eth0 dir eth0 tcp
	capture eth1 dir eth1 tcp
	capture lo dir lo tcp
	fetch client 1 "http://$(bracket "$1")/" --local-port $port
	for where in client eth0; do
		hop $where "$(mac client eth0)" "$(mac dir eth0)" "$2.$port" "$1.80"
		hop $where "$(mac dir eth0)" "$(mac client eth0)" "$1.80" "$2.$port"
	done
	hops_only client eth0
	is "$(captured eth1 .; captured lo .)" "" "elsewhere"
}

@test "a server that is the director itself: MAC, address and port at each hop, NAT and DR" {
	adm -A -t $VIP:80 -s rr
	adm -a -t $VIP:80 -r 10.2.0.1:8080 -m
	adm -A -t "[$VIP6]:80" -s rr
	adm -a -t "[$VIP6]:80" -r '[fd00:2::1]:8081' -m
	is "$(way $VIP 10.1.0.2 40001)" "dir 8080 10.1.0.2"
	is "$(way $VIP6 fd00:1::2 40002)" "dir 8081 fd00:1::2"
	adm -C
	serve -t $VIP:80 -g 10.1.0.1
	serve -t "[$VIP6]:80" -i fd00:1::1
	is "$(way $VIP 10.1.0.2 40003)" "dir 80 10.1.0.2"
	is "$(way $VIP6 fd00:1::2 40004)" "dir 80 fd00:1::2"
}

@test "a server that is the director itself: short connections, up to 1,000 a second" {
	adm -A -t $VIP2:8081 -s rr
	adm -a -t $VIP2:8081 -r 10.2.0.1:8080 -m
	short_connections client $VIP2 8081 30
}

@test "several virtual addresses, the same servers: each client is answered by whom it asked" {
	local vip

	for vip in $VIP $VIP2; do
		adm -A -t $vip:80 -s rr
		adm -A -u $vip:53 -s rr
		for server in 10.2.0.11 10.2.0.12; do
			adm -a -t $vip:80 -r $server:8080 -m
			adm -a -u $vip:53 -r $server -m
		done
	done
	for vip in $VIP6 $VIP2_6; do
		adm -A -t "[$vip]:80" -s rr
		adm -a -t "[$vip]:80" -r '[fd00:2::11]:8080' -m
		adm -a -t "[$vip]:80" -r '[fd00:2::12]:8080' -m
	done
	for vip in $VIP $VIP2 "[$VIP6]" "[$VIP2_6]"; do
		is "$(fetch client 6 http://$vip/ | tally)" "rs1:3 rs2:3" "$vip"
	done
	is "$(client udp 4 $VIP 53 | tally)" "rs1:2 rs2:2"
	is "$(client udp 4 $VIP2 53 | tally)" "rs1:2 rs2:2"
	# From one port, one after the other: to the server it is the same connection again.
	adm -d -t $VIP:80 -r 10.2.0.12:8080
	adm -d -t $VIP2:80 -r 10.2.0.12:8080
	for vip in $VIP $VIP2 $VIP $VIP2; do
		is "$(client again 41000 $vip 80)" "rs1 8080 10.1.0.2" "$vip"
	done
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m
	adm -a -t $VIP2:80 -r 10.2.0.12:8080 -m
	# Both at once, over connections that live side by side.
	is "$(fetch client 20 http://$VIP/ --next -sS http://$VIP2/ -Z | wc -l)" 21
}

@test "a client on the director, NAT, IPv4 and IPv6" {
	service -t $VIP2:80 rr 8080 1 1
	service -t "[$VIP2_6]:80" rr 8080 1 1
	service -u $VIP2:53 rr 53 1 1
	is "$(fetch dir 4 http://$VIP2/ | tally)" "rs1:2 rs2:2"
	is "$(fetch dir 4 "http://[$VIP2_6]/" | tally)" "rs1:2 rs2:2"
	is "$(own udp 4 $VIP2 53 | tally)" "rs1:2 rs2:2"
	adm -C
	service -t $VIP2:80 rr 8080 1
	big_both_ways dir $VIP2 rs1
}

@test "a client on the director, DR, IPv4 and IPv6" {
	serve -t $APART:80 -g 10.2.0.11 10.2.0.12
	serve -t "[$APART6]:80" -g fd00:2::11 fd00:2::12
	serve -u $APART:53 -g 10.2.0.11 10.2.0.12
	capture seen rs1 eth0 tcp and dst port 80
	is "$(fetch dir 4 http://$APART/ | sort | uniq -c | awk '{ print $1, $2, $4 }' | paste -sd ' ')" \
		"2 rs1 10.2.0.1 2 rs2 10.2.0.1"
	awaits seen " 10\.2\.0\.1\.[0-9]+ > $APART\.80: "
	is "$(fetch dir 4 "http://[$APART6]/" | tally)" "rs1:2 rs2:2"
	is "$(own udp 4 $APART 53 | tally)" "rs1:2 rs2:2"
	adm -C
	serve -t $APART:80 -g 10.2.0.11
	big_both_ways dir $APART rs1
}

# The kernel takes the address that is asked for as the source, and the servers have it too; and an
# answer from there is a martian of IPv4 here.
@test "a client on the director, DR, of an address that both have: it cannot be, and is noted" {
	local how

	serve -t $VIP:80 -g 10.2.0.11 10.2.0.12
	serve -t "[$VIP6]:80" -g fd00:2::11 fd00:2::12
	has "$(adm check)" "^note: programs on this machine that ask virtual address [0-9a-f.:]* \(and 1 more\) get no answer "
	for how in $VIP "[$VIP6]" "$VIP --interface 10.2.0.1"; do
		# shellcheck disable=SC2086 # options behind the address
		run on dir curl -gsS --max-time 1 http://$how
		is "$status" 28 "$how: $output"
	done
	is "$(fetch dir 2 "http://[$VIP6]/" --interface fd00:2::1 | tally)" "rs1:1 rs2:1"
}

@test "a client on the director, its own server" {
	adm -A -t $VIP:80 -s rr
	adm -a -t $VIP:80 -r 10.2.0.1:8080 -m
	has "$(fetch dir 1 http://$VIP/)" '^dir 8080 '
	adm -C
	serve -t $VIP:80 -g 10.1.0.1
	has "$(fetch dir 1 http://$VIP/)" '^dir 80 '
}

@test "a client on the director is refused where there is no server" {
	adm -A -t $VIP:80 -s rr
	adm -A -u $VIP:53 -s rr
	adm -A -t "[$VIP6]:80" -s rr
	own refused tcp $VIP 80
	own refused udp $VIP 53
	own refused tcp $VIP6 80
}

@test "a client on the director hears of a closed port of its server" {
	service -u $VIP2:9999 rr 9998 1
	own refused udp $VIP2 9999
}

# The director with other settings: other NAME DIRECTOR-KEYS SERVICES
other() {
	director_down
	director_up "$(conf "$1" <<<"director = { workers = 2; $2 }; services = ( $3 );")"
}

# What nfvsd sends there comes back by the loopback: once.
@test "a server that is the director itself: FULLNAT" {
	other own.conf 'local_addresses = [ "10.2.0.1", "fd00:2::1" ];' "
		{ protocol = \"tcp\"; address = \"$VIP\"; port = 80; method = \"fullnat\";
		  servers = ( { address = \"10.2.0.1\"; port = 8080; } ); },
		{ protocol = \"udp\"; address = \"$VIP6\"; port = 5353; method = \"fullnat\";
		  servers = ( { address = \"fd00:2::1\"; port = 53; } ); }" || {
		grep -q 'needs nft_dup' "$LAB_DIR/nfvsd.log" && skip "no nft_dup_ipv4 in this kernel"
		return 1
	}
	is "$(fetch client 2 http://$VIP/ | sort -u)" "dir 8080 10.2.0.1"
	is "$(client udp 2 $VIP6 5353 | sort -u)" "dir fd00:2::1"
	big_both_ways client $VIP dir
	is "$(on dir awk '$1 == "lo:" { print ($3 < 1000000) }' /proc/net/dev)" 1 "packets that went round"
}

@test "a client on the director, FULLNAT" {
	other fullnat.conf 'local_addresses = [ "10.2.0.1", "fd00:2::1" ]; local_ports = "20000-20999";' "
		{ protocol = \"tcp\"; address = \"$VIP\"; port = 80; method = \"fullnat\"; scheduler = \"rr\";
		  servers = ( { address = \"10.2.0.11\"; port = 8080; }, { address = \"10.2.0.12\"; port = 8080; } ); },
		{ protocol = \"udp\"; address = \"$VIP6\"; port = 53; method = \"fullnat\";
		  servers = ( { address = \"fd00:2::11\"; } ); }" || {
		grep -q 'needs nft_dup' "$LAB_DIR/nfvsd.log" && skip "no nft_dup_ipv4 in this kernel"
		return 1
	}
	capture seen rs1 eth0 tcp and dst port 8080
	is "$(fetch dir 4 http://$VIP/ | sort | uniq -c | awk '{ print $1, $2, $4 }' | paste -sd ' ')" \
		"2 rs1 10.2.0.1 2 rs2 10.2.0.1"
	awaits seen '10\.2\.0\.1\.20[0-9]{3} > 10\.2\.0\.11\.8080: '
	is "$(own udp 2 $VIP6 53 | sort -u)" "rs1 fd00:2::1"
	big_from dir $VIP
}

# A cluster of caches: marked are requests to anybody's port 80.
mark_requests() {
	on dir nft -f - <<-END
		table inet lab {
			chain requests {
				type filter hook prerouting priority mangle
				iifname "eth0" tcp dport 80 meta mark set 7
			}
		}
	END
}

# bypassed ORIGIN CLIENT PORT: it gets there unchanged, and the answer back, as docs/methods.md has it
bypassed() {
	local port=$3

	capture eth0 dir eth0 tcp
	capture eth2 dir eth2 tcp
	is "$(fetch client 1 "http://$(bracket "$1")/" --local-port $port)" "origin 80 $2"
	hop eth0 "$(mac client eth0)" "$(mac dir eth0)" "$2.$port" "$1.80"
	hop eth2 "$(mac dir eth2)" "$(mac origin eth0)" "$2.$port" "$1.80"
	hop eth2 "$(mac origin eth0)" "$(mac dir eth2)" "$1.80" "$2.$port"
	hop eth0 "$(mac dir eth0)" "$(mac client eth0)" "$1.80" "$2.$port"
	hops_only eth0 eth2
}

@test "cache_bypass: without a server the client reaches whom it asked for" {
	other bypass.conf 'cache_bypass = true;' ''
	is "$(on dir cat /proc/sys/net/ipv{4,6}/conf/all/forwarding | paste -sd ' ')" "0 0"
	mark_requests
	adm -A -f 7 -s rr
	adm -A -f 7 -6 -s rr
	is "$(on dir cat /proc/sys/net/ipv{4,6}/conf/all/forwarding | paste -sd ' ')" "1 1"
	bypassed 10.3.0.11 10.1.0.2 40005
	bypassed fd00:3::11 fd00:1::2 40006
	has "$(adm -Lcn)" '10.3.0.11:80'
	client refused tcp $VIP 80 # asked for is the director itself: not to be bypassed
	# With a server it is the cache that answers; what was bypassed stays so.
	spawn seen client python3 "$LAB_SRC/client.py" live 10.3.0.11 80
	await 5 test -s "$LAB_DIR/seen.log"
	adm -a -f 7 -r 10.2.0.11:80 -m
	is "$(fetch client 1 http://10.3.0.11/)" "rs1 80 10.1.0.2"
	stop seen
	is "$(sort -u "$LAB_DIR/seen.log")" "origin 80 10.1.0.2"
}

@test "without cache_bypass it is refused" {
	other refuse.conf '' ''
	adm -A -f 7 -s rr
	client refused tcp 10.3.0.11 80
	on dir nft delete table inet lab
}

@test "a client in the network of its NAT server: a warning, once, and no redirects" {
	local told="NAT server 10.2.0.11:8080 and a client of it are in one network"

	adm -A -t $VIP2:80 -s rr
	adm -a -t $VIP2:80 -r 10.2.0.11:8080 -m
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,eth1}/send_redirects | paste -sd ' ')" "0 0"
	fetch client 1 http://$VIP2/
	sleep 1.5
	is "$(grep -c "$told" "$LAB_DIR/nfvsd.log")" 0 "of a client elsewhere"
	for _ in 1 2; do
		run on rs2 curl -s --max-time 1 http://$VIP2/
	done
	await 5 grep -q "$told" "$LAB_DIR/nfvsd.log"
	sleep 1.5
	is "$(grep -c "$told" "$LAB_DIR/nfvsd.log")" 1
}
