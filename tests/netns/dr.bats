#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Direct routing: the request comes to the server as the client sent it, and the answer goes past the
# director.
#
#     client .2 ---- 10.9.0.0/24 ---- .1 router .254 ---- 10.5.0.0/24 ----.
#                                         .254                            |
#                                          |                              |
#     ===+=====================+===========+=+============+===  lan       |
#        |                     |             |            |               |
#       near .2          .1 eth0 dir     rs1 .11      rs2 .12             |
#                        .1 eth1  `---------------------------------------'
#
#     lan is 10.1.0.0/24; all networks have IPv6 likewise, 10.N.0.0/24 is fd00:N::/64
#
#     (a) one segment      VIP 10.1.0.100 and real servers in the lan, behind the router
#     (b) several          VIP 10.5.0.100 elsewhere; the router is in both networks
#         on one wire      VIP 10.6.0.100, of a network that shares the lan; the router is in both
#     (c) the VIP's place  eth0, lo, one end of a veth pair, or none (only routed to)
#     (d) a client in the same segment: near
#
# The director's default route is 10.1.0.254 by eth0. It never forwards (ip_forward is 0) and
# rp_filter is strict everywhere, but for the router's leg in the lan: there it gets answers from
# 10.5.0.100, which (b) cannot do without.

load common
load topology

A=10.1.0.100 A6=fd00:1::100
B_VIP=10.5.0.100 B_VIP6=fd00:5::100
C=10.6.0.100 C6=fd00:6::100
AWAY=10.1.0.101 AWAY6=fd00:1::101 # the router knows the way to them; (c)
CLIENT=10.9.0.2 CLIENT6=fd00:9::2

network() {
	local ns vip

	lab_bare
	lab_switch lan
	for ns in client router dir near rs1 rs2; do
		lab_namespace $ns
	done
	client_behind_router
	lab_plug router lan lan 10.1.0.254/24 10.6.0.254/24 fd00:1::254/64 fd00:6::254/64
	lab_link dir eth1 router vip
	lab_address router vip 10.5.0.254/24 fd00:5::254/64
	lab_plug dir eth0 lan 10.1.0.1/24 fd00:1::1/64 $A/32 $A6/128 $C/32 $C6/128
	lab_address dir eth1 10.5.0.1/24 fd00:5::1/64 $B_VIP/32 $B_VIP6/128
	lab_plug near eth0 lan 10.1.0.2/24 fd00:1::2/64
	lab_plug rs1 eth0 lan 10.1.0.11/24 fd00:1::11/64
	lab_plug rs2 eth0 lan 10.1.0.12/24 fd00:1::12/64
	for ns in dir near rs1 rs2; do
		lab_default $ns 10.1.0.254 fd00:1::254
	done
	on router sh -c 'for dev in all lan; do echo 0 >/proc/sys/net/ipv4/conf/$dev/rp_filter; done'
	on router ip route add $AWAY via 10.1.0.1
	on router ip route add $AWAY6 via fd00:1::1
}

setup_file() {
	local ns vips=()

	network
	for vip in $A $A6 $B_VIP $B_VIP6 $C $C6 $AWAY $AWAY6; do
		vips+=(--vip $vip)
	done
	for ns in rs1 rs2; do
		realserver $ns up --method dr "${vips[@]}"
	done
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
	stop_spawned client server eth0 eth1 other dump blind1 blind2
	lab_report
}

both() {
	serve "$1" "$2" -g 10.1.0.11 10.1.0.12
}

both6() {
	serve "$1" "$2" -g fd00:1::11 fd00:1::12
}

# way CLIENT ADDRESS VIP SERVER [INTERFACE]: who sends what to whom at each hop, as docs/methods.md has
# it; the request comes to the director by INTERFACE. The server gets the very packets, and nothing
# that it says comes to the director.
way() {
	local port=$((40000 + BATS_TEST_NUMBER)) in=${5:-eth0} client from to

	client=$(mac "$1" eth0)
	from=$client to=$client
	if [[ $1 == client ]]; then
		from=$(mac router "$([[ $in == eth1 ]] && echo vip || echo lan)")
		to=$(mac router lan)
		capture client client eth0 tcp and port 80
	fi
	serve -t "$(bracket "$3"):80" -g "$4"
	capture server rs1 eth0 tcp and port 80
	capture eth0 dir eth0 tcp and port 80
	capture eth1 dir eth1 tcp and port 80
	is "$(fetch "$1" 1 "http://$(bracket "$3")/" --local-port $port)" "rs1 80 $2"
	hop "$in" "$from" "$(mac dir $in)" "$2.$port" "$3.80"
	hop eth0 "$(mac dir eth0)" "$(mac rs1 eth0)" "$2.$port" "$3.80"
	hop server "$(mac dir eth0)" "$(mac rs1 eth0)" "$2.$port" "$3.80"
	hop server "$(mac rs1 eth0)" "$to" "$3.80" "$2.$port"
	awaits server "$(mac dir eth0) > .*Flags \\[F"
	if [[ $1 == client ]]; then
		hop client "$client" "$(mac router wan)" "$2.$port" "$3.80"
		hop client "$(mac router wan)" "$client" "$3.80" "$2.$port"
		hops_only client
	fi
	hops_only server "$in"
	[[ $in == eth1 ]] || is "$(captured eth1 .)" "" "at eth1 of the director"
}

@test "(a) one segment, IPv4" { way client $CLIENT $A 10.1.0.11; }
@test "(a) one segment, IPv6" { way client $CLIENT6 $A6 fd00:1::11; }
@test "(b) several segments, IPv4" { way client $CLIENT $B_VIP 10.1.0.11 eth1; }
@test "(b) several segments, IPv6" { way client $CLIENT6 $B_VIP6 fd00:1::11 eth1; }
@test "(b) two networks on one wire, IPv4" { way client $CLIENT $C 10.1.0.11; }
@test "(b) two networks on one wire, IPv6" { way client $CLIENT6 $C6 fd00:1::11; }
@test "(d) a client in the same segment, IPv4" { way near 10.1.0.2 $A 10.1.0.11; }
@test "(d) a client in the same segment, IPv6" { way near fd00:1::2 $A6 fd00:1::11; }

@test "(c) the virtual address on no interface, on lo, on a veth" {
	local dev

	on dir ip link add spare0 type veth peer name spare1
	on dir ip link set spare0 up
	on dir ip link set spare1 up
	both -t $AWAY:80
	both6 -t "[$AWAY6]:80"
	for dev in none lo spare0; do
		[[ $dev == none ]] || lab_address dir $dev $AWAY/32 $AWAY6/128
		is "$(fetch client 4 http://$AWAY/ | tally)" "rs1:2 rs2:2" $dev
		is "$(fetch client 4 "http://[$AWAY6]/" | tally)" "rs1:2 rs2:2" $dev
		[[ $dev == none ]] || on dir ip addr flush dev $dev to $AWAY/32
		[[ $dev == none ]] || on dir ip addr del $AWAY6/128 dev $dev
	done
	on dir ip link del spare0
}

@test "UDP: the server answers from the virtual address, IPv4 and IPv6" {
	local vip

	for vip in $A $B_VIP; do
		both -u $vip:53
		is "$(probe_udp client 4 $vip | tally)" "rs1:2 rs2:2"
	done
	both6 -u "[$A6]:53"
	is "$(probe_udp client 4 $A6 | tally)" "rs1:2 rs2:2"
	is "$(probe_udp near 4 $A6 | tally)" "rs1:2 rs2:2"
}

# The client's socket is connected: an answer from elsewhere would not be one.
probe_udp() {
	on "$1" python3 "$LAB_SRC/client.py" udp "$2" "$3" 53
}

# who CLIENT VIP PORT...: the server of each, one after the other
who() {
	local port

	for port in "${@:3}"; do
		fetch "$1" 1 "http://$(bracket "$2"):$port/" | cut -d ' ' -f 1
	done | paste -sd ' '
}

# stays VIP PORT...: a client has one server at all these ports, whatever it asks, and the next client
# the other.
stays() {
	local first other

	first=$(who client "$1" "$2")
	[[ $first == rs1 ]] && other=rs2 || other=rs1
	is "$(who client "$@" "${@:2}")" "$(printf '%s\n' "${@:2}" "${@:2}" | sed "s/.*/$first/" | paste -sd ' ')"
	is "$(who near "$@")" "$(printf '%s\n' "${@:2}" | sed "s/.*/$other/" | paste -sd ' ')"
	is "$(who client "$1" "$2")" "$first"
}

# persistent SERVICE-OPTIONS... -- SERVER...
persistent() {
	local service=() server

	while [[ $1 != -- ]]; do
		service+=("$1")
		shift
	done
	adm -A "${service[@]}" -s rr -p 60
	for server in "${@:2}"; do
		adm -a "${service[@]}" -r "$server" -g
	done
}

@test "persistence, of a port and of all ports, IPv4 and IPv6" {
	persistent -t $A:80 -- 10.1.0.11 10.1.0.12
	persistent -t "[$A6]:80" -- fd00:1::11 fd00:1::12
	stays $A 80
	stays $A6 80
	adm -C
	persistent -t $A:0 -- 10.1.0.11 10.1.0.12
	persistent -t "[$A6]:0" -- fd00:1::11 fd00:1::12
	stays $A 80 443 8080
	stays $A6 80 443 8080
}

# Marked by somebody else's rules; the group's ports and no other.
@test "a firewall mark over two ports, in turn and with persistence, IPv4 and IPv6" {
	on dir nft -f - <<-END
		table inet lab {
			chain marks {
				type filter hook prerouting priority -250
				ip daddr $A tcp dport { 80, 443 } meta mark set 7
				ip6 daddr $A6 tcp dport { 80, 443 } meta mark set 7
			}
		}
	END
	adm -A -f 7 -s rr
	adm -a -f 7 -r 10.1.0.11 -g
	adm -a -f 7 -r 10.1.0.12 -g
	has "$(who client $A 80 443 80 443)" '^(rs1 rs2 rs1 rs2|rs2 rs1 rs2 rs1)$'
	adm -C
	persistent -f 7 -- 10.1.0.11 10.1.0.12
	persistent -f 7 -6 -- fd00:1::11 fd00:1::12
	stays $A 80 443
	stays $A6 443 80
	client refused tcp $A 8080 # of nobody on the director
	on dir nft delete table inet lab
}

@test "100 MB both ways, IPv4" {
	serve -t $A:80 -g 10.1.0.11
	big_both_ways client $A rs1
}

@test "100 MB both ways, IPv6" {
	serve -t "[$A6]:80" -g fd00:1::11
	big_both_ways client "[$A6]" rs1
}

# Two clients at once, so that fragments of both are under way.
fragments() {
	local client

	for client in client near; do
		spawn "echo-$client" $client python3 "$LAB_SRC/client.py" echo 4000 20 "$1" 7
	done
	for client in client near; do
		finish "echo-$client"
		is "$(tally <"$LAB_DIR/echo-$client.log")" "4000:20"
	done
}

@test "datagrams of 4000 bytes: all fragments to one server, IPv4" {
	both -u $A:7
	capture server rs1 eth0 src net 10.9.0.0/24 and udp
	capture other rs2 eth0 src net 10.9.0.0/24 and udp
	fragments $A
	# The later fragments of a datagram are not with another server than the first.
	one_server "$CLIENT\\."
}

@test "datagrams of 4000 bytes: all fragments to one server, IPv6" {
	both6 -u "[$A6]:7"
	capture server rs1 eth0 src net fd00:9::/64 and ip6 proto 44
	capture other rs2 eth0 src net fd00:9::/64 and ip6 proto 44
	fragments $A6
	one_server
}

seen_by_both() {
	(($({ packets server; packets other; } | wc -l) >= $1))
}

# One socket is one flow: a server saw its 20 datagrams, each cut in three, the other none of it.
one_server() {
	local first second

	await 10 seen_by_both 60 || true
	first=$(captured server 'flags \[(\+|none)\]|frag' | wc -l)
	second=$(captured other . | wc -l)
	((first)) || { first=$second; second=0; }
	is "$first $second" "60 0"
}

# closed VIP
closed() {
	local i

	for i in 1 2; do
		spawn blind$i rs$i python3 "$LAB_SRC/late_answer.py" 5400 "$1"
		await 5 grep -q ready "$LAB_DIR/blind$i.log"
	done
	for i in 1 2; do
		on client socat -u - "UDP:$(bracket "$1"):5400,sourceport=540$i" <<<hello
	done
	for i in 1 2; do
		finish blind$i || { cat "$LAB_DIR/blind$i.log"; return 1; }
	done
}

@test "a closed UDP port of the client: its server hears it, IPv4" {
	both -u $A:5400
	closed $A
}

@test "a closed UDP port of the client: its server hears it, IPv6" {
	both6 -u "[$A6]:5400"
	closed $A6
}

@test "frag-needed about answers comes to the server that sent them, IPv4 and IPv6" {
	serve -t $A:80 -g 10.1.0.12
	serve -t "[$A6]:80" -g fd00:1::12
	on router ip link set wan mtu 1280
	big_from client $A
	big_from client "[$A6]"
	on router ip link set wan mtu 1500
	has "$(on rs2 ip route get $CLIENT from $A)" 'mtu 1280'
	has "$(on rs2 ip route get $CLIENT6 from $A6)" 'mtu 1280'
	on rs2 sh -c 'ip route flush cache; ip -6 route flush cache'
}

@test "a packet whose time to live ends at the director" {
	both -u $A:53
	both6 -u "[$A6]:53"
	is "$(probe near error ttl=1 $A 53)" "11 0 0 $A"
	is "$(probe near error ttl=1 $A6 53)" "3 0 0 $A6"
	is "$(probe client error ttl=2 $A 53)" "11 0 0 $A"
	is "$(probe client error ttl=2 $A6 53)" "3 0 0 $A6"
}

@test "TTL and hop limit are one less at the server" {
	both -u $A:53
	both6 -u "[$A6]:53"
	capture server rs1 eth0 udp and dst port 53
	capture other rs2 eth0 udp and dst port 53
	probe_udp near 2 $A
	probe_udp near 2 $A6
	awaits server 'ttl 63,.*> 10.1.0.100.53'
	awaits other 'ttl 63,.*> 10.1.0.100.53'
	awaits server 'hlim 63,.*> fd00:1::100.53'
}

# (b) only: where the request came in, it would not have passed.
@test "the way to the server is narrower: the client is told, or the packet is cut" {
	serve -u $B_VIP:7 -g 10.1.0.12
	serve -u "[$B_VIP6]:7" -g fd00:1::12
	serve -t $B_VIP:80 -g 10.1.0.12
	on dir ip link set eth0 mtu 1400
	sleep 1.2 # what is known of a route is asked anew
	is "$(probe client error size=1472 df $B_VIP 7)" "3 4 1400 $B_VIP"
	is "$(probe client error size=1452 df $B_VIP6 7)" "2 0 1400 $B_VIP6"
	is "$(client echo 4000 5 $B_VIP 7 | tally)" "4000:5"
	on client ip route flush cache
	big_to client $B_VIP rs2
	on dir ip link set eth0 mtu 1500
	on client sh -c 'ip route flush cache; ip -6 route flush cache'
}

@test "a server that is not there: host unreachable, the others go on" {
	serve -u $A:53 -g 172.16.0.1
	on dir ip route add unreachable 172.16.0.0/16
	is "$(probe client error $A 53)" "3 1 0 $A"
	on dir ip route del unreachable 172.16.0.0/16
	serve -t $A:80 -g 10.1.0.11
	is "$(fetch client 1 http://$A/)" "rs1 80 $CLIENT"
}

@test "no server: port unreachable" {
	adm -A -t $A:80 -s rr
	adm -A -u "[$A6]:53" -s rr
	client refused tcp $A 80
	client refused udp $A6 53
}

@test "another port than the service's: an error in the file, the service's port in ipvsadm's words" {
	local file

	file=$(conf port.conf <<-END
		services = ( { protocol = "tcp"; address = "$A"; port = 80; method = "dr";
			servers = ( { address = "10.1.0.11"; port = 8080; } ); } );
	END
	)
	run "$NFVSD" -t -c "$file"
	is $status 1
	has "$output" 'port.conf:[0-9]+: .*method dr leaves the packet as it is'
	adm -A -t $A:80 -s rr
	adm -a -t $A:80 -r 10.1.0.11:8080 -g
	has "$(adm -Ln)" '-> 10.1.0.11:80 +Route'
	is "$(fetch client 1 http://$A/)" "rs1 80 $CLIENT"
}

# What the director's kernel has for them: lines of rules, policy rules, routes.
held() {
	on dir sh -c 'nft list ruleset 2>/dev/null; ip rule; ip -6 rule; ip route show table all type unicast' | wc -l
}

# All of them are rs1. What a packet costs, with so many and with two: bench/servers.sh
@test "200 servers: each has its part, and the kernel has no more rules and routes than with two" {
	local before

	seq -f 'addr add 10.7.0.%g/32 dev eth0' 200 | on rs1 ip -batch -
	on dir ip route add 10.7.0.0/24 dev eth0
	serve -u $A:53 -g 10.7.0.1 10.7.0.2
	is "$(probe_udp client 2 $A | tally)" "rs1:2"
	before=$(held)
	seq -f "-a -u $A:53 -r 10.7.0.%g -g" 3 200 | adm -R
	is "$(probe_udp client 400 $A | tally)" "rs1:400"
	is "$(adm -Ln --stats | grep -cE -- '-> 10\.7\.0\.[0-9]+:53 +[1-9]')" 200
	is "$(held)" "$before"
	on dir ip route del 10.7.0.0/24
	on rs1 ip addr flush dev eth0 to 10.7.0.0/24
}

@test "short connections, up to 1,000 a second" {
	both -t $A:8081
	short_connections client $A 8081 30
}

@test "no setting of the director was touched" {
	is "$(sysctl_of dir ipv4/ip_forward)" 0
	is "$(sysctl_of dir ipv6/conf/all/forwarding)" 0
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,eth0,eth1}/rp_filter | paste -sd ' ')" "1 1 1"
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,eth0,eth1}/accept_local | paste -sd ' ')" "0 0 0"
	is "$(on dir ip rule | wc -l)" 3
	is "$(grep ' set from ' "$LAB_DIR/nfvsd.log" || true)" ""
}
