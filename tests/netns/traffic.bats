#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What arrives is what was sent: ports, addresses, large transfers, large and segmented datagrams.

load common
load topology

setup_file() {
	lab_file "${LAB_VIP:-route}"
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
	stop_spawned client server
	lab_report
}

# Uploads the big file and compares what the server has on its disk.
upload() {
	on client curl -gsS --max-time 60 -T "$LAB_DIR/files/big" "$1/upload/$2"
	is "$(sha256sum <"$LAB_DIR/rs1.d/www/upload/$2")" "$(<"$LAB_DIR/files/big.sha256")" "$1 $2"
	rm "$LAB_DIR/rs1.d/www/upload/$2"
}

download() {
	is "$(on "$1" curl -gsS --max-time 60 "$2/big" | sha256sum)" \
		"$(<"$LAB_DIR/files/big.sha256")" "$2"
}

@test "ports are mapped and the server sees the client's address" {
	service -t $VIP:80 rr 8080 1
	service -t $VIP:8443 rr 443 1
	service -t "[$VIP6]:80" rr 8081 1
	is "$(fetch client 1 http://$VIP/)" "rs1 8080 10.1.0.2"
	is "$(fetch client 1 http://$VIP:8443/)" "rs1 443 10.1.0.2"
	is "$(fetch client 1 "http://[$VIP6]/")" "rs1 8081 fd00:1::2"
}

@test "the client sees only the virtual address" {
	service -t $VIP:80 rr 8080 1
	service -u $VIP:5353 rr 53 1
	is "$(fetch client 1 http://$VIP/ -o /dev/null -w '%{remote_ip}:%{remote_port}')" "$VIP:80"
	is "$(on client socat -t 2 - "UDP4:$VIP:5353" <<<who)" "rs1 10.1.0.2"
	is "$(on client socat -t 2 - "UDP4-DATAGRAM:$VIP:5353" <<<who)" "rs1 10.1.0.2"
}

# way CLIENT VIP SERVER: who sends what to whom at each hop, as docs/methods.md has it. The director
# is the servers' gateway, and the client's router.
way() {
	local port=$((40000 + BATS_TEST_NUMBER))

	service -t "$(bracket "$2"):80" rr 8080 1
	capture client client eth0 tcp
	capture server rs1 eth0 tcp
	is "$(fetch client 1 "http://$(bracket "$2")/" --local-port $port)" "rs1 8080 $1"
	hop client "$(mac client eth0)" "$(mac dir br-c)" "$1.$port" "$2.80"
	hop server "$(mac dir br-s)" "$(mac rs1 eth0)" "$1.$port" "$3.8080"
	hop server "$(mac rs1 eth0)" "$(mac dir br-s)" "$3.8080" "$1.$port"
	hop client "$(mac dir br-c)" "$(mac client eth0)" "$2.80" "$1.$port"
	hops_only client server
}

@test "MAC, address and port at each hop, IPv4" { way 10.1.0.2 $VIP 10.2.0.11; }
@test "MAC, address and port at each hop, IPv6" { way fd00:1::2 $VIP6 fd00:2::11; }

@test "a half-closed connection goes on in the other direction" {
	spawn both rs1 socat TCP-LISTEN:9001 SYSTEM:'wc -c'
	service -t $VIP:9001 rr 9001 1
	await 5 on rs1 sh -c 'ss -ltn | grep -q :9001'
	is "$(head -c 1000000 /dev/zero | on client socat -t 10 - "TCP:$VIP:9001")" 1000000
	finish both
}

@test "100 MB from the server, IPv4" {
	service -t $VIP:80 rr 8080 1
	download client http://$VIP
}

@test "100 MB to the server, IPv4" {
	service -t $VIP:80 rr 8080 1
	upload http://$VIP v4
}

@test "100 MB from the server, IPv6" {
	service -t "[$VIP6]:80" rr 8080 1
	download client "http://[$VIP6]"
}

@test "100 MB to the server, IPv6" {
	service -t "[$VIP6]:80" rr 8080 1
	upload "http://[$VIP6]" v6
}

@test "100 MB without segmentation offload at the ends" {
	local ns

	for ns in client rs1; do
		on $ns ethtool -K eth0 tso off gso off gro off tx off rx off ||
			skip "ethtool cannot switch offloads off"
	done
	service -t $VIP:80 rr 8080 1
	download client http://$VIP
	upload http://$VIP plain
	for ns in client rs1; do
		on $ns ethtool -K eth0 tso on gso on tx on rx on
	done
}

@test "datagrams of 4000 bytes both ways, IPv4" {
	service -u $VIP:7 rr 7 1 1 1
	is "$(client echo 4000 20 $VIP 7 | tally)" "4000:20"
	is "$(client echo 60000 3 $VIP 7 | tally)" "60000:3"
}

@test "datagrams of 4000 bytes both ways, IPv6" {
	service -u "[$VIP6]:7" rr 7 1 1 1
	is "$(client echo 4000 20 $VIP6 7 | tally)" "4000:20"
	is "$(client echo 60000 3 $VIP6 7 | tally)" "60000:3"
}

@test "datagrams of every small size" {
	service -u $VIP:7 rr 7 1
	service -u "[$VIP6]:7" rr 7 1
	local size

	for size in 0 1 2 3 4 5 7 8 9 100 1471 1472; do
		is "$(client echo $size 1 $VIP 7)" $size
		is "$(client echo $size 1 $VIP6 7)" $size
	done
}

@test "UDP segmentation offload from the client" {
	service -u $VIP:7 rr 7 1
	service -u "[$VIP6]:7" rr 7 1
	is "$(client gso_send 60 $VIP 7)" 60
	is "$(client gso_send 60 $VIP6 7)" 60
}

@test "UDP segmentation offload from the server" {
	service -u $VIP:5300 rr 5300 1
	service -u "[$VIP6]:5300" rr 5300 1
	is "$(client gso_receive 60 $VIP 5300)" 60
	is "$(client gso_receive 60 $VIP6 5300)" 60
}

@test "other traffic through the director is left alone" {
	service -t $VIP:80 rr 8080 1 1 1
	service -t "[$VIP6]:80" rr 8080 1
	is "$(fetch client 1 http://10.2.0.12:8081/)" "rs2 8081 10.1.0.2"
	is "$(fetch client 1 http://10.2.0.12:8080/)" "rs2 8080 10.1.0.2"
	is "$(fetch client 1 'http://[fd00:2::13]:8081/')" "rs3 8081 fd00:1::2"
	is "$(client udp 1 10.2.0.11 53)" "rs1 10.1.0.2"
	on client ping -c 1 -W 2 10.2.0.11
}

@test "both workers carry connections of one client" {
	local before after

	queues() { on dir awk '$1 < 2 { print $8 }' /proc/net/netfilter/nfnetlink_queue; }
	service -t $VIP:80 rr 8080 1 1 1
	before=($(queues))
	fetch client 60 http://$VIP/ >/dev/null
	after=($(queues))
	echo "before: ${before[*]}; after: ${after[*]}"
	((after[0] - before[0] > 10 && after[1] - before[1] > 10)) # a packet for each connection
}

@test "short connections, up to 1,000 a second" {
	service -t $VIP:80 rr 8080 1 1 1
	short_connections client $VIP 80 30
}
