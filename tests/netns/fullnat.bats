#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# FULLNAT: the server is asked by the director's own address, so it may be anywhere and answers by
# whatever gateway it has.
#
#     client .2 -- 10.9.0.0/24 -- .1 router .254 -- 10.1.0.0/24 -- .1 eth0  dir
#                                                                  .1 .2 eth1
#                                                                     |
#                                                                10.2.0.0/24
#                                                                     |
#     rs1 .11, rs2 .12 ====== 10.4.0.0/24 ====== .1 lan  gateway  .254 uplink
#
#     IPv6 likewise: 10.N.0.0/24 is fd00:N::/64
#
# The VIPs 10.1.0.100, 10.1.0.101, fd00:1::100 and fd00:1::101 are on the director, the local addresses are 10.2.0.1, 10.2.0.2
# and fd00:2::1. The gateway of the servers knows no way to the client. The director never forwards
# (ip_forward is 0), and rp_filter is strict everywhere.

load common
load topology

CLIENT=10.9.0.2 CLIENT6=fd00:9::2
VIP2_6=fd00:1::101

network() {
	local ns

	lab_bare
	lab_switch lan
	for ns in client router dir gateway rs1 rs2; do
		lab_namespace $ns
	done
	lab_forwarding router
	lab_forwarding gateway
	lab_link client eth0 router wan
	lab_link router inner dir eth0
	lab_link dir eth1 gateway uplink
	lab_address client eth0 $CLIENT/24 $CLIENT6/64
	lab_address router wan 10.9.0.1/24 fd00:9::1/64
	lab_address router inner 10.1.0.254/24 fd00:1::254/64
	lab_address dir eth0 10.1.0.1/24 fd00:1::1/64 $VIP/32 $VIP2/32 $VIP6/128 $VIP2_6/128
	lab_address dir eth1 10.2.0.1/24 10.2.0.2/24 fd00:2::1/64
	lab_address gateway uplink 10.2.0.254/24 fd00:2::254/64
	lab_plug gateway lan lan 10.4.0.1/24 fd00:4::1/64
	lab_plug rs1 eth0 lan 10.4.0.11/24 fd00:4::11/64
	lab_plug rs2 eth0 lan 10.4.0.12/24 fd00:4::12/64
	lab_default client 10.9.0.1 fd00:9::1
	lab_default dir 10.1.0.254 fd00:1::254
	on dir ip route add 10.4.0.0/24 via 10.2.0.254
	on dir ip route add fd00:4::/64 via fd00:2::254
	for ns in rs1 rs2; do
		lab_default $ns 10.4.0.1 fd00:4::1
	done
}

# A service with the servers rs1 or both: virtual PROTOCOL ADDRESS PORT SERVER-PORT rs1|both
virtual() {
	local net=10.4.0.1 servers

	[[ $2 != *:* ]] || net=fd00:4::1
	servers="{ address = \"${net}1\"; port = $4; }"
	[[ $5 != both ]] || servers+=", { address = \"${net}2\"; port = $4; }"
	printf '{ protocol = "%s"; address = "%s"; port = %s; scheduler = "rr"; method = "fullnat";
		servers = ( %s ); },\n' "$1" "$2" "$3" "$servers"
}

# file NAME DIRECTOR-KEYS; the services from standard input, each with a comma behind it.
file() {
	local services

	services=$(cat)
	conf "$1" <<-END
		director = { workers = 2; local_addresses = [ "10.2.0.1", "10.2.0.2", "fd00:2::1" ]; };
		timeouts = { udp = 2; };
		services = ( ${services%,} );
	END
	[[ ! $2 ]] || sed -i "1s/.*/director = { workers = 2; $2 };/" "$LAB_DIR/$1"
}

all_services() {
	local vip

	for vip in $VIP $VIP6; do
		virtual tcp $vip 80 8080 rs1
		virtual tcp $vip 81 8080 both
		virtual udp $vip 53 53 both
		virtual udp $vip 7 7 both
		virtual udp $vip 9999 9998 rs1
		virtual udp $vip 5400 5401 rs1
	done
}

setup_file() {
	network
	servers_up rs1 rs2
	big_file
	if ! director_up "$(all_services | file all.conf '')"; then
		! grep -q 'needs nft_dup' "$LAB_DIR/nfvsd.log" || skip "no nft_dup_ipv4 in this kernel"
		return 1
	fi
}

teardown_file() {
	lab_down
}

teardown() {
	stop_spawned client eth0 eth1 server blind held live
	lab_report
}

# way VIP CLIENT LOCAL-PATTERN SERVER: who sends what to whom at each hop, as docs/methods.md has it.
way() {
	local port=$((40000 + BATS_TEST_NUMBER)) local="$3.*"

	capture client client eth0 tcp and port 80
	capture eth0 dir eth0 tcp and port 80
	capture eth1 dir eth1 tcp and port 8080
	capture server rs1 eth0 tcp and port 8080
	has "$(fetch client 1 "http://$(bracket "$1")/" --local-port $port)" "^rs1 8080 $3\$"
	hop client "$(mac client eth0)" "$(mac router wan)" "$2.$port" "$1.80"
	hop eth0 "$(mac router inner)" "$(mac dir eth0)" "$2.$port" "$1.80"
	hop eth1 "$(mac dir eth1)" "$(mac gateway uplink)" "$local" "$4.8080"
	hop server "$(mac gateway lan)" "$(mac rs1 eth0)" "$local" "$4.8080"
	hop server "$(mac rs1 eth0)" "$(mac gateway lan)" "$4.8080" "$local"
	hop eth1 "$(mac gateway uplink)" "$(mac dir eth1)" "$4.8080" "$local"
	hop eth0 "$(mac dir eth0)" "$(mac router inner)" "$1.80" "$2.$port"
	hop client "$(mac router wan)" "$(mac client eth0)" "$1.80" "$2.$port"
	hops_only client eth0 eth1 server
}

@test "a server elsewhere, without a special gateway, IPv4" { way $VIP $CLIENT '10.2.0.[12]' 10.4.0.11; }
@test "a server elsewhere, without a special gateway, IPv6" { way $VIP6 $CLIENT6 fd00:2::1 fd00:4::11; }

@test "all local addresses are used, and all servers" {
	is "$(fetch client 8 http://$VIP:81/ | tally)" "rs1:4 rs2:4"
	is "$(fetch client 4 http://$VIP/ | sort | uniq -c | awk '{ print $1, $4 }' | paste -sd ' ')" \
		"2 10.2.0.1 2 10.2.0.2"
	has "$(adm -Ln)" "-> 10.4.0.11:8080 +FullNat"
}

@test "UDP, IPv4 and IPv6" {
	is "$(client udp 4 $VIP 53 | tally)" "rs1:2 rs2:2"
	is "$(client udp 4 $VIP6 53 | sort -u | paste -sd ' ')" "rs1 fd00:2::1 rs2 fd00:2::1"
}

@test "100 MB both ways, IPv4" { big_both_ways client $VIP rs1; }
@test "100 MB both ways, IPv6" { big_both_ways client "[$VIP6]" rs1; }

@test "datagrams of 4000 bytes both ways, IPv4 and IPv6" {
	is "$(client echo 4000 20 $VIP 7 | tally)" "4000:20"
	is "$(client echo 4000 20 $VIP6 7 | tally)" "4000:20"
	is "$(client echo 60000 2 $VIP 7 | tally)" "60000:2"
}

@test "a closed UDP port of the server: the client hears it from the virtual address" {
	client refused udp $VIP 9999
	client refused udp $VIP6 9999
	is "$(probe client error $VIP 9999)" "3 3 0 $VIP"
	is "$(probe client error $VIP6 9999)" "1 4 0 $VIP6"
}

# closed VIP ANY: the server answers a client that is gone.
closed() {
	spawn blind rs1 python3 "$LAB_SRC/late_answer.py" 5401 "$2"
	await 5 grep -q ready "$LAB_DIR/blind.log"
	on client socat -u - "UDP:$(bracket "$1"):5400,sourceport=5402" <<<hello
	finish blind || { cat "$LAB_DIR/blind.log"; return 1; }
}

@test "a closed UDP port of the client: the server hears it, IPv4" { closed $VIP 0.0.0.0; }
@test "a closed UDP port of the client: the server hears it, IPv6" { closed $VIP6 ::; }

forget_routes() {
	on "$1" sh -c 'ip route flush cache; ip -6 route flush cache'
}

# On this end of a link alone: what comes in would not be cut. narrow NS DEV MTU COMMAND...
narrow() {
	local rc=0

	on "$1" ip link set "$2" mtu "$3"
	"${@:4}" || rc=$?
	on "$1" ip link set "$2" mtu 1500
	return $rc
}

@test "a narrow way to the client: the server is told" {
	narrow router wan 1280 big_from client $VIP
	narrow router wan 1280 big_from client "[$VIP6]"
	has "$(on rs1 ip route get 10.2.0.1; on rs1 ip route get 10.2.0.2)" 'mtu 1280'
	has "$(on rs1 ip route get fd00:2::1)" 'mtu 1280'
	forget_routes rs1
}

@test "a narrow way to the server: the client is told" {
	narrow gateway lan 1280 big_to client $VIP rs1
	narrow gateway lan 1280 big_to client "[$VIP6]" rs1
	has "$(on client ip route get $VIP)" 'mtu 1280'
	has "$(on client ip route get $VIP6)" 'mtu 1280'
	forget_routes client
	forget_routes dir
}

@test "the director's own link is the narrow one: the client is told" {
	narrow dir eth1 1400 big_to client $VIP rs1
	narrow dir eth1 1400 big_to client "[$VIP6]" rs1
	has "$(on client ip route get $VIP)" 'mtu 1400'
	has "$(on client ip route get $VIP6)" 'mtu 1400'
	forget_routes client
	forget_routes dir
}

@test "a packet whose time to live ends at the director" {
	is "$(probe client error ttl=2 $VIP 53)" "11 0 0 $VIP"
	is "$(probe client error ttl=2 $VIP6 53)" "3 0 0 $VIP6"
}

@test "short connections, up to 1,000 a second" {
	short_connections client $VIP 81 30
}

@test "no setting of the director was touched" {
	is "$(sysctl_of dir ipv4/ip_forward)" 0
	is "$(sysctl_of dir ipv6/conf/all/forwarding)" 0
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,eth0,eth1}/rp_filter | paste -sd ' ')" "1 1 1"
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,eth0,eth1}/accept_local | paste -sd ' ')" "0 0 0"
	is "$(on dir ip rule | wc -l)" 3
	is "$(grep ' set from ' "$LAB_DIR/nfvsd.log" || true)" ""
}

# The director of these has groups of two ports: 10.1.0.101 and fd00:1::101, with persistence and, at
# 8080 and 8081, in turn.
groups() {
	director_down
	director_up "$(conf groups.conf <<-END
		director = { workers = 2; local_addresses = [ "10.2.0.1", "10.2.0.2", "fd00:2::1" ]; };
		services = (
		  { fwmark = 7; scheduler = "rr"; method = "fullnat"; persistent = 60;
		    match = ( { address = "$VIP2"; protocol = "tcp"; ports = "80,443"; } );
		    servers = ( { address = "10.4.0.11"; }, { address = "10.4.0.12"; } ); },
		  { fwmark = 8; scheduler = "rr"; method = "fullnat"; persistent = 60; family = "ipv6";
		    match = ( { address = "$VIP2_6"; protocol = "tcp"; ports = "80,443"; } );
		    servers = ( { address = "fd00:4::11"; }, { address = "fd00:4::12"; } ); },
		  { fwmark = 9; scheduler = "rr"; method = "fullnat";
		    match = ( { address = "$VIP2"; protocol = "tcp"; ports = "8080-8081"; } );
		    servers = ( { address = "10.4.0.11"; }, { address = "10.4.0.12"; } ); } );
	END
	)"
}

# who VIP PORT...: the server of each, one after the other, and the ports that they were asked at
who() {
	local port

	for port in "${@:2}"; do
		fetch client 1 "http://$(bracket "$1"):$port/" --interface "$from" | cut -d ' ' -f 1,2
	done | paste -sd ' '
}

no_local_port() {
	adm status --json | jq .drops.no_local_port
}

# The director of the tests that follow has ten local endpoints to each server and port.
ten() {
	director_down
	director_up "$({
		virtual tcp $VIP 80 8080 rs1
		virtual tcp $VIP 81 8081 rs1
		virtual udp $VIP 53 53 rs1
	} | file ten.conf 'local_addresses = [ "10.2.0.1" ]; local_ports = "20000-20009";')"
}

@test "groups of two ports, with persistence and in turn, IPv4 and IPv6" {
	local vip from first other

	on client ip addr add 10.9.0.3/24 dev eth0
	on client ip addr add fd00:9::3/64 dev eth0 nodad preferred_lft 0
	groups
	for vip in $VIP2 $VIP2_6; do
		[[ $vip == *:* ]] && from=$CLIENT6 || from=$CLIENT
		first=$(who $vip 80)
		first=${first% *}
		[[ $first == rs1 ]] && other=rs2 || other=rs1
		is "$(who $vip 443 80 443)" "$first 443 $first 80 $first 443"
		from=${from%2}3
		is "$(who $vip 80 443)" "$other 80 $other 443"
	done
	from=$CLIENT
	has "$(who $VIP2 8080 8081 8080)" '^(rs1 8080 rs2 8081 rs1 8080|rs2 8080 rs1 8081 rs2 8080)$'
	client refused tcp $VIP2 8443
}

@test "persistence: a client stays with its server, the next gets the other" {
	local from=$CLIENT first other

	adm -A -t $VIP:80 -s rr -p 60
	adm -a -t $VIP:80 -r 10.4.0.11:8080 --fullnat
	adm -a -t $VIP:80 -r 10.4.0.12:8080 --fullnat
	first=$(who $VIP 80)
	[[ $first == rs1* ]] && other="rs2 8080" || other="rs1 8080"
	is "$(who $VIP 80 80)" "$first $first"
	from=10.9.0.3
	is "$(who $VIP 80 80)" "$other $other"
	on client ip addr flush dev eth0 to 10.9.0.3/32
	on client ip addr del fd00:9::3/64 dev eth0
}

@test "ten ports: the eleventh connection is refused and counted, the ten go on" {
	local before

	ten
	is "$(hold held 9 $VIP 80)" "rs1:9"
	spawn live client python3 "$LAB_SRC/client.py" live $VIP 80
	await 5 test -s "$LAB_DIR/live.log"
	is "$(no_local_port)" 0
	client refused tcp $VIP 80
	is "$(no_local_port)" 1
	before=$(wc -l <"$LAB_DIR/live.log")
	is "$(fetch client 1 http://$VIP:81/)" "rs1 8081 10.2.0.1" # another port of it has its own ten
	await 5 eval "((\$(wc -l <'$LAB_DIR/live.log') > $before + 10))"
	stop live
	is "$(sort -u "$LAB_DIR/live.log")" "rs1 8080 10.2.0.1"
	# Closed, but remembered: until that is over nobody gets their ports.
	stop held || true
	client refused tcp $VIP 80
	is "$(no_local_port)" 2
}

@test "a port comes again when its connection is gone" {
	ten
	capture server rs1 eth0 udp and dst port 53
	is "$(client udp 10 $VIP 53 | tally)" "rs1:10"
	client refused udp $VIP 53
	is "$(no_local_port)" 1
	awaits server '20009 >'
	is "$(packets server | grep -o '10\.2\.0\.1\.[0-9]* >' | sort | uniq -c | awk '{ print $1, $2 }')" \
		"$(printf '1 10.2.0.1.%s\n' {20000..20009})"
	await 5 on client python3 "$LAB_SRC/client.py" udp 1 $VIP 53
}
