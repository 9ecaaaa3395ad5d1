#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Tunnels to servers on other networks, in all their kinds: what is around the client's packet, what
# happens to packets that do not fit, and to what routers inside the way say.
#
#     client .2 -- 10.9.0.0/24 -- .1 router .254 -- 10.1.0.0/24 -- .1 eth0  dir
#                                     .254          10.5.0.0/24 -- .1 eth1 --'
#                                      | middle
#                                 10.6.0.0/24
#                                      | middle
#     rs1 .11 ==== 10.4.0.0/24 ==== .1 lan  far
#     rs2 .12 ====
#
#     IPv6 likewise: 10.N.0.0/24 is fd00:N::/64
#
# The VIPs 10.1.0.100 and fd00:1::100 are on the director, whose way to the server is by eth1, and on
# the server's tunnel device (nfvs-realserver). The answers go by far and router to the client, past
# the director. ip_forward is 0 on the director; rp_filter is strict everywhere but for what
# nfvs-realserver changes on the tunnel device, and on the router, which gets answers from VIPs
# that are elsewhere.

load common
load topology

CLIENT=10.9.0.2 CLIENT6=fd00:9::2
RS=10.4.0.11 RS6=fd00:4::11
RS2=10.4.0.12 RS2_6=fd00:4::12
OTHER=10.9.0.3 OTHER6=fd00:9::3 # the client's second addresses

network() {
	local ns

	lab_bare
	lab_switch lan
	for ns in client router dir far rs1 rs2; do
		lab_namespace $ns
	done
	for ns in router far; do
		lab_forwarding $ns
		on $ns sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
			echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter'
	done
	lab_link client eth0 router wan
	lab_link router inner dir eth0
	lab_link router side dir eth1
	lab_link router middle far middle
	on router sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
	on far sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
	lab_address client eth0 $CLIENT/24 $CLIENT6/64 $OTHER/24
	on client ip addr add $OTHER6/64 dev eth0 nodad preferred_lft 0 # only where it is asked for
	lab_address router wan 10.9.0.1/24 fd00:9::1/64
	lab_address router inner 10.1.0.254/24 fd00:1::254/64
	lab_address router side 10.5.0.254/24 fd00:5::254/64
	lab_address router middle 10.6.0.1/24 fd00:6::1/64
	lab_address dir eth0 10.1.0.1/24 fd00:1::1/64 $VIP/32 $VIP6/128
	lab_address dir eth1 10.5.0.1/24 fd00:5::1/64
	lab_address far middle 10.6.0.2/24 fd00:6::2/64
	lab_plug far lan lan 10.4.0.1/24 fd00:4::1/64
	lab_plug rs1 eth0 lan $RS/24 $RS6/64
	lab_plug rs2 eth0 lan $RS2/24 $RS2_6/64
	lab_default client 10.9.0.1 fd00:9::1
	lab_default dir 10.1.0.254 fd00:1::254
	lab_default far 10.6.0.1 fd00:6::1
	lab_default rs1 10.4.0.1 fd00:4::1
	lab_default rs2 10.4.0.1 fd00:4::1
	on dir ip route add 10.4.0.0/24 via 10.5.0.254
	on dir ip route add fd00:4::/64 via fd00:5::254
	on router ip route add 10.4.0.0/24 via 10.6.0.2
	on router ip route add fd00:4::/64 via fd00:6::2
}

setup_file() {
	network
	servers_up rs1 rs2
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
	stop_spawned client eth0 eth1 server outer answers blind
	realserver rs1 down >/dev/null 2>&1 || true
	realserver rs2 down >/dev/null 2>&1 || true
	lab_report
}

# Makes a server ready, or skips where its kernel cannot: unwraps TUNNEL ipv4|ipv6 VIP [SERVER]
unwraps() {
	local said

	said=$(realserver "${4:-rs1}" up --method tun --tunnel "$1" --outer "$2" --vip "$3" 2>&1) && return
	# shellcheck disable=SC2154 # what nfvs-realserver says of a kernel
	[[ $said != *'this kernel'* ]] || skip "$said"
	echo "$said"
	return 1
}

# Not in the part of "make check" that runs under emulation, where each of these takes its time and
# tests/vm/packets.py compares all their headers with IPVS's: "make vm" has them all.
long_run() {
	[[ ! ${LAB_BRIEF:-} ]] || skip "LAB_BRIEF is set: a brief run"
}

# works TUNNEL "OPTIONS" OUTER VIP PATTERN: TCP and UDP through it, PATTERN at the director's eth1.
works() {
	local server=$RS vip

	[[ $3 == ipv4 ]] || server=$RS6
	vip=$(bracket "$4")
	unwraps "$1" "$3" "$4"
	serve -t "$vip:80" "-i $2" "$server"
	serve -u "$vip:53" "-i $2" "$server"
	serve -u "$vip:7" "-i $2" "$server"
	capture outer dir eth1 "host $server"
	capture answers dir eth0 src port 80
	is "$(fetch client 3 "http://$vip/" | sort -u | cut -d ' ' -f 1,2)" "rs1 80"
	is "$(client udp 2 "$4" 53 | cut -d ' ' -f 1 | tally)" "rs1:2"
	awaits outer "$5"
	is "$(captured answers .)" "" "answers at the director"
	is "$(client echo 4000 5 "$4" 7 | tally)" "4000:5"
	is "$(client echo 1300 5 "$4" 7 | tally)" "1300:5"
	big_both_ways client "$vip" rs1
	forget
}

forget() {
	on client sh -c 'ip route flush cache; ip -6 route flush cache'
	on dir sh -c 'ip route flush cache; ip -6 route flush cache'
}

I4='10\.5\.0\.1 > 10\.4\.0\.11: ' I6='fd00:5::1 > fd00:4::11: '
INNER4="$CLIENT\\.[0-9]+ > $VIP\\.80: " INNER6="$CLIENT6\\.[0-9]+ > $VIP6\\.80: "
# tcpdump shows gue as UDP.
GUE4='10\.5\.0\.1\.[0-9]+ > 10\.4\.0\.11\.6080: ' GUE6='fd00:5::1\.[0-9]+ > fd00:4::11\.6080: '
GUE='--tun-type gue --tun-port 6080'

@test "ipip, IPv4 in IPv4" { works ipip "" ipv4 $VIP "proto IPIP .*$I4.*$INNER4"; }
@test "ipip, IPv6 in IPv4" { long_run && works ipip "" ipv4 $VIP6 "proto IPv6 .*$I4.*$INNER6"; }
@test "ipip, IPv4 in IPv6" { long_run && works ipip "" ipv6 $VIP "$I6.*$INNER4"; }
@test "ipip, IPv6 in IPv6" { works ipip "" ipv6 $VIP6 "$I6.*$INNER6"; }
@test "ipip: short connections" {
	unwraps ipip ipv4 $VIP
	serve -t "$VIP:8080" -i $RS
	short_connections client $VIP 8080 30
}
@test "gue without checksum, IPv4 in IPv4" { long_run && works gue:6080 "$GUE --tun-nocsum" ipv4 $VIP "$GUE4.*no cksum"; }
@test "gue without checksum, IPv6 in IPv4" { long_run && works gue:6080 "$GUE --tun-nocsum" ipv4 $VIP6 "$GUE4.*no cksum"; }
@test "gue with checksum, IPv4 in IPv4" { long_run && works gue:6080 "$GUE --tun-csum" ipv4 $VIP "$GUE4.*udp sum ok"; }
@test "gue with checksum, IPv6 in IPv4" { works gue:6080 "$GUE --tun-csum" ipv4 $VIP6 "$GUE4.*udp sum ok"; }
@test "gue with checksum, IPv4 in IPv6" { long_run && works gue:6080 "$GUE --tun-csum" ipv6 $VIP "$GUE6"; }
@test "gue with checksum, IPv6 in IPv6" { long_run && works gue:6080 "$GUE --tun-csum" ipv6 $VIP6 "$GUE6"; }
@test "gue with remote checksum, IPv4 in IPv4" { works gue:6080 "$GUE --tun-remcsum" ipv4 $VIP "$GUE4"; }
@test "gre, IPv4 in IPv4" { long_run && works gre "--tun-type gre" ipv4 $VIP "proto GRE .*$I4.*$INNER4"; }
@test "gre, IPv6 in IPv4" { long_run && works gre "--tun-type gre" ipv4 $VIP6 "proto GRE .*$I4.*$INNER6"; }
@test "gre, IPv4 in IPv6" { works gre "--tun-type gre" ipv6 $VIP "$I6.*GREv0.*$INNER4"; }
@test "gre, IPv6 in IPv6" { long_run && works gre "--tun-type gre" ipv6 $VIP6 "$I6.*GREv0.*$INNER6"; }
@test "gre with checksum, IPv4 in IPv4" { long_run && works gre:csum "--tun-type gre --tun-csum" ipv4 $VIP "proto GRE .*\\[checksum present\\]"; }
@test "gre with checksum, IPv6 in IPv6" { works gre:csum "--tun-type gre --tun-csum" ipv6 $VIP6 "\\[checksum present\\]"; }

@test "gue: short connections" {
	long_run
	unwraps gue:6080 ipv4 $VIP
	serve -t "$VIP:8081" "-i $GUE" $RS
	short_connections client $VIP 8081 30
}
@test "gre: short connections, IPv6" {
	long_run
	unwraps gre ipv6 $VIP6
	serve -t "[$VIP6]:8081" "-i --tun-type gre" $RS6
	short_connections client $VIP6 8081 30
}

# The server answers a client that is gone, and hears of it through the tunnel: closed VIP
closed() {
	spawn blind rs1 python3 "$LAB_SRC/late_answer.py" 5400 "$1"
	await 5 grep -q ready "$LAB_DIR/blind.log"
	on client socat -u - "UDP:$(bracket "$1"):5400,sourceport=5402" <<<hello
	finish blind || { cat "$LAB_DIR/blind.log"; return 1; }
}

@test "a closed UDP port of the client, and a narrow way to it: the server hears it" {
	unwraps ipip ipv4 $VIP
	serve -u $VIP:5400 -i $RS
	serve -t $VIP:80 -i $RS
	closed $VIP
	on router ip link set wan mtu 1280
	big_from client $VIP
	on router ip link set wan mtu 1500
	has "$(on rs1 ip route get $CLIENT from $VIP)" 'mtu 1280'
	on rs1 ip route flush cache
	realserver rs1 down
	unwraps ipip ipv6 $VIP6
	serve -u "[$VIP6]:5400" -i $RS6
	closed $VIP6
}

# way CLIENT VIP DIP RIP: who sends what to whom at each hop, as docs/methods.md has it.
way() {
	local port=$((40000 + BATS_TEST_NUMBER)) inside

	inside=("$1.$port" "$2.80")
	serve -t "$(bracket "$2"):80" -i "$4"
	capture client client eth0 tcp and port 80
	capture eth0 dir eth0 tcp and port 80
	capture eth1 dir eth1 ip proto 4 or ip6 proto 41
	capture server rs1 eth0 ip proto 4 or ip6 proto 41 or tcp port 80
	is "$(fetch client 1 "http://$(bracket "$2")/" --local-port $port)" "rs1 80 $1"
	hop client "$(mac client eth0)" "$(mac router wan)" "${inside[@]}"
	hop eth0 "$(mac router inner)" "$(mac dir eth0)" "${inside[@]}"
	hop eth1 "$(mac dir eth1)" "$(mac router side)" "$3" "$4" "${inside[@]}"
	hop server "$(mac far lan)" "$(mac rs1 eth0)" "$3" "$4" "${inside[@]}"
	hop server "$(mac rs1 eth0)" "$(mac far lan)" "$2.80" "$1.$port"
	hop client "$(mac router wan)" "$(mac client eth0)" "$2.80" "$1.$port"
	hops_only client eth0 eth1 server
}

@test "MAC, address and port at each hop, IPv4" {
	unwraps ipip ipv4 $VIP
	way $CLIENT $VIP 10.5.0.1 $RS
}

@test "MAC, address and port at each hop, IPv6" {
	unwraps ipip ipv6 $VIP6
	way $CLIENT6 $VIP6 fd00:5::1 $RS6
}

# who FROM VIP PORT...: which servers answer the client at FROM
who() {
	local port

	for port in "${@:3}"; do
		fetch client 1 "http://$(bracket "$2"):$port/" --interface "$1" | cut -d ' ' -f 1
	done | paste -sd ' '
}

# stays FROM OTHER VIP PORT...: a client has one server at all these ports, the next client the other.
stays() {
	local first other

	first=$(who "$1" "$3" "$4")
	[[ $first == rs1 ]] && other=rs2 || other=rs1
	is "$(who "$1" "${@:3}" "${@:4}")" "$(printf '%s\n' "${@:4}" "${@:4}" | sed "s/.*/$first/" | paste -sd ' ')"
	is "$(who "${@:2}")" "$(printf '%s\n' "${@:4}" | sed "s/.*/$other/" | paste -sd ' ')"
	is "$(who "$1" "$3" "$4")" "$first"
}

# sticky FROM OTHER VIP SERVER SERVER: persistence of a port and of all; a mark's in turn, and persistent
sticky() {
	local vip server mark=(-f 7) family=ip outer=ipv4

	vip=$(bracket "$3")
	[[ $3 != *:* ]] || mark=(-f 7 -6) family=ip6 outer=ipv6
	for server in rs1 rs2; do
		unwraps ipip $outer "$3" $server
	done
	both "-p 60" "$4" "$5" -t "$vip:80"
	stays "$1" "$2" "$3" 80
	both "-p 60" "$4" "$5" -t "$vip:0"
	stays "$1" "$2" "$3" 80 443 8080
	on dir nft -f - <<-END
		table inet lab {
			chain marks {
				type filter hook prerouting priority -250
				$family daddr $3 tcp dport { 80, 443 } meta mark set 7
			}
		}
	END
	both "" "$4" "$5" "${mark[@]}"
	has "$(who "$1" "$3" 80 443 80 443)" '^(rs1 rs2 rs1 rs2|rs2 rs1 rs2 rs1)$'
	both "-p 60" "$4" "$5" "${mark[@]}"
	stays "$1" "$2" "$3" 80 443
	client refused tcp "$3" 8080 # of nobody on the director
	on dir nft delete table inet lab
}

# both OPTIONS SERVER SERVER SERVICE...: nothing but this service, of two tunnels
both() {
	local server

	adm -C
	# shellcheck disable=SC2086 # several options, or none
	adm -A "${@:4}" -s rr $1
	for server in "$2" "$3"; do
		adm -a "${@:4}" -r "$server" -i
	done
}

@test "persistence, and a firewall mark over two ports, IPv4" {
	sticky $CLIENT $OTHER $VIP $RS $RS2
}

@test "persistence, and a firewall mark over two ports, IPv6" {
	sticky $CLIENT6 $OTHER6 $VIP6 $RS6 $RS2_6
}

# What follows needs no server that unwraps: the director and the routers are what is looked at.

tunnel() {
	serve -u "$(bracket "$1"):7" "-i ${3:-}" "$2"
}

@test "the outer header: don't fragment, type of service, time to live" {
	tunnel $VIP $RS
	capture outer dir eth1 ip proto 4
	on client socat -u - "UDP4:$VIP:7,tos=0xb8,ttl=40,mtudiscover=2" <<<whole
	awaits outer '\(tos 0xb8, ttl 38, .*flags \[DF\], proto IPIP .*\(tos 0xb8, ttl 38, .*flags \[DF\], proto UDP'
	on client socat -u - "UDP4:$VIP:7,tos=0x03,ttl=41,mtudiscover=0" <<<may-be-cut
	# Congestion is the inner packet's: the outer one starts as capable of telling it.
	awaits outer '\(tos 0x2,ECT\(0\), ttl 39, .*flags \[none\], proto IPIP .*\(tos 0x3,CE, ttl 39, '
}

@test "the outer header: traffic class and hop limit, IPv6" {
	tunnel $VIP6 $RS6
	capture outer dir eth1 ip6 proto 41
	on client socat -u - "UDP6:[$VIP6]:7,ipv6-tclass=0xb8,ipv6-unicast-hops=40" <<<hello
	awaits outer 'class 0xb8, .*hlim 38, next-header IPv6.*class 0xb8, .*hlim 38, next-header UDP'
}

@test "gue: a flow keeps its source port, flows differ in it" {
	local i

	tunnel $VIP $RS "$GUE"
	capture outer dir eth1 udp dst port 6080
	for i in 1 2 3 4 5 6 7 8; do
		on client socat -u - "UDP4:$VIP:7,sourceport=$((7000 + i))" <<<one
	done
	for i in 1 2 3; do
		on client socat -u - "UDP4:$VIP:7,sourceport=7001" <<<again
	done
	await 3 eval '(($(packets outer | wc -l) == 11))'
	i=$(packets outer | grep -oE "10\\.5\\.0\\.1\\.[0-9]+ >" | sort | uniq -c | sort -rn)
	has "$i" '^ +[4-9] '
	(($(wc -l <<<"$i") >= 4)) || { echo "$i"; return 1; }
}

@test "too big for the tunnel: the client is told what is left, IPv4 and IPv6" {
	tunnel $VIP $RS
	tunnel $VIP6 $RS6
	is "$(probe client error size=1472 df $VIP 7)" "3 4 1480 $VIP"
	is "$(probe client error size=1452 df $VIP6 7)" "2 0 1460 $VIP6"
	adm -C
	tunnel $VIP $RS "$GUE"
	tunnel $VIP6 $RS "--tun-type gre --tun-csum"
	is "$(probe client error size=1472 df $VIP 7)" "3 4 1468 $VIP"
	is "$(probe client error size=1452 df $VIP6 7)" "2 0 1472 $VIP6"
}

@test "a packet whose time to live ends at the director" {
	tunnel $VIP $RS
	tunnel $VIP6 $RS
	is "$(probe client error ttl=2 $VIP 7)" "11 0 0 $VIP"
	is "$(probe client error ttl=2 $VIP6 7)" "3 0 0 $VIP6"
}

# A narrow link inside the way: its router tells the director, and the director the client, by the
# very packet; and from then on the director knows.
@test "a narrow link in the tunnel's way: what its router says is told to the client" {
	tunnel $VIP $RS
	on router ip link set middle mtu 1400
	is "$(probe client error size=1440 df $VIP 7)" "3 4 1380 $VIP"
	capture outer dir eth1 ip proto 4
	is "$(probe client error size=1441 df $VIP 7)" "3 4 1380 $VIP"
	is "$(captured outer .)" "" "sent although it is known that it does not fit"
	adm -C
	tunnel $VIP $RS "$GUE"
	is "$(probe client error size=1440 df $VIP 7)" "3 4 1368 $VIP"
	adm -C
	tunnel $VIP $RS "--tun-type gre"
	is "$(probe client error size=1440 df $VIP 7)" "3 4 1376 $VIP"
	adm -C
	tunnel $VIP6 $RS6
	is "$(probe client error size=1392 df $VIP6 7)" "2 0 1360 $VIP6"
	on router ip link set middle mtu 1500
	forget
}

@test "a router in the tunnel's way knows no way on: the client is told" {
	tunnel $VIP $RS
	on router ip route replace unreachable 10.4.0.0/24
	is "$(probe client error $VIP 7)" "3 1 0 $VIP"
	on router ip route replace 10.4.0.0/24 via 10.6.0.2
	on router ip route del unreachable 10.4.0.0/24 2>/dev/null || true
}

@test "no setting of the director was touched" {
	is "$(sysctl_of dir ipv4/ip_forward)" 0
	is "$(sysctl_of dir ipv6/conf/all/forwarding)" 0
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,eth0,eth1}/rp_filter | paste -sd ' ')" "1 1 1"
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,eth0,eth1}/accept_local | paste -sd ' ')" "0 0 0"
	is "$(on dir ip rule | wc -l)" 3
	is "$(grep ' set from ' "$LAB_DIR/nfvsd.log" || true)" ""
}

@test "pmtu_disc = false: the tunnel packet is cut" {
	director_down
	director_up "$(conf cut.conf <<<'director = { workers = 2; pmtu_disc = false; };')"
	tunnel $VIP $RS
	capture outer dir eth1 ip proto 4
	on client python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 3)
s.sendto(bytes(1472), (sys.argv[1], 7))' $VIP
	awaits outer 'offset 0, flags \[\+\], proto IPIP .*length 1500\)'
	awaits outer 'offset 1480, flags \[none\], proto IPIP .*length 40\)'
}

@test "pmtu_disc = false: all of it works" {
	works ipip "" ipv4 $VIP 'flags \[none\], proto IPIP'
}

@test "pmtu_disc = false: all of it works, gre in IPv6 and gue" {
	long_run
	works gre "--tun-type gre" ipv6 $VIP "$I6.*GREv0.*$INNER4"
	adm -C
	realserver rs1 down
	works gue:6080 "$GUE --tun-csum" ipv4 $VIP 'flags \[none\], proto UDP'
}
