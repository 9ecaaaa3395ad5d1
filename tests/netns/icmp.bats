#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# ICMP errors: translated in both directions, and made where there is no server.

load common

setup_file() {
	lab_file
	lab_far
	await 10 server_ready rs4
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
	lab_report
}

@test "a closed UDP port of the server: the client hears it from the virtual address, IPv4" {
	service -u $VIP:9999 rr 9998 1
	client refused udp $VIP 9999
}

@test "a closed UDP port of the server: the client hears it from the virtual address, IPv6" {
	service -u "[$VIP6]:9999" rr 9998 1
	client refused udp $VIP6 9999
}

@test "no server: port unreachable at once, tcp and udp, IPv4" {
	service -t $VIP:80 rr 8080 0 0
	service -u $VIP:53 rr 53
	client refused tcp $VIP 80
	client refused udp $VIP 53
}

@test "no server: port unreachable at once, tcp and udp, IPv6" {
	service -t "[$VIP6]:80" rr 8080 0 0
	service -u "[$VIP6]:53" rr 53
	client refused tcp $VIP6 80
	client refused udp $VIP6 53
}

@test "no server, address on the director: port unreachable as well" {
	on dir ip addr add 10.1.0.102/32 dev lo
	on client ip route add 10.1.0.102 via 10.1.0.1
	service -t 10.1.0.102:80 rr 8080 0
	client refused tcp 10.1.0.102 80
	adm -e -t 10.1.0.102:80 -r 10.2.0.11:8080 -m -w 1
	is "$(fetch client 1 http://10.1.0.102/)" "rs1 8080 10.1.0.2"
	on client ip route del 10.1.0.102
	on dir ip addr del 10.1.0.102/32 dev lo
}

# Towards the server: a router on the client's side cannot pass the answers.
@test "frag-needed about answers reaches the server, IPv4" {
	service -t $VIP:80 rr 8080 1
	is "$(on far curl -sS --max-time 60 http://$VIP/big | sha256sum)" "$(<"$LAB_DIR/files/big.sha256")"
	has "$(on rs1 ip route get 10.3.0.2)" 'mtu 1280'
}

@test "packet-too-big about answers reaches the server, IPv6" {
	service -t "[$VIP6]:80" rr 8080 1
	is "$(on far curl -gsS --max-time 60 "http://[$VIP6]/big" | sha256sum)" \
		"$(<"$LAB_DIR/files/big.sha256")"
	has "$(on rs1 ip route get fd00:3::2)" 'mtu 1280'
}

# Towards the client: a router on the server's side cannot pass the requests.
@test "frag-needed about requests reaches the client, IPv4" {
	adm -A -t $VIP:80 -s rr
	adm -a -t $VIP:80 -r 10.4.0.11:8080 -m
	on client curl -sS --max-time 60 -T "$LAB_DIR/files/big" http://$VIP/upload/far4
	is "$(sha256sum <"$LAB_DIR/rs4.d/www/upload/far4")" "$(<"$LAB_DIR/files/big.sha256")"
	has "$(on client ip route get $VIP)" 'mtu 1280'
}

@test "packet-too-big about requests reaches the client, IPv6" {
	adm -A -t "[$VIP6]:80" -s rr
	adm -a -t "[$VIP6]:80" -r '[fd00:4::11]:8080' -m
	on client curl -gsS --max-time 60 -T "$LAB_DIR/files/big" "http://[$VIP6]/upload/far6"
	is "$(sha256sum <"$LAB_DIR/rs4.d/www/upload/far6")" "$(<"$LAB_DIR/files/big.sha256")"
	has "$(on client ip route get $VIP6)" 'mtu 1280'
}

@test "a closed UDP port of the client: the server hears it" {
	spawn blind rs1 python3 "$LAB_SRC/late_answer.py" 5400
	await 5 grep -q ready "$LAB_DIR/blind.log"
	service -u $VIP:5400 rr 5400 1
	on client socat -u - "UDP4:$VIP:5400,sourceport=5401" <<<hello
	finish blind || { cat "$LAB_DIR/blind.log"; return 1; }
}

# The link behind the director itself is the narrow one.
@test "frag-needed by the director about requests names the virtual address, IPv4" {
	on client ip route flush cache
	on dir ip link set br-s mtu 1400
	adm -A -t $VIP:80 -s rr
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m
	on client curl -sS --max-time 20 -T "$LAB_DIR/files/big" http://$VIP/upload/narrow
	on dir ip link set br-s mtu 1500
	is "$(sha256sum <"$LAB_DIR/rs2.d/www/upload/narrow")" "$(<"$LAB_DIR/files/big.sha256")"
}
