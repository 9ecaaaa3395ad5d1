#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The situation of the kernel's own selftest of IPVS (tools/testing/selftests/net/netfilter/ipvs.sh): 32
# random bytes go one way, and nothing is prepared on the director but what nfvsd sets up itself.
#
#        client                          director                      server
#     br0 10.0.0.2 -+- veth01 --- veth10 10.0.0.1
#                   |             lo     207.175.44.110:8080 (the virtual address)
#                   |             veth12 172.16.0.1 ------------ veth21 172.16.0.2:8080
#                   `- veth02 ---------------------------------- veth20 10.0.0.3   (not for NAT)
#
# With DR and TUN the server answers by veth20; as in the original its rp_filter lets requests in by
# veth21, and the director does not forward.

load common
load topology

VIRTUAL=207.175.44.110

setup_file() {
	lab_bare
	lab_namespace client
	lab_namespace dir
	lab_namespace server
	lab_link client veth01 dir veth10
	lab_link client veth02 server veth20
	lab_link dir veth12 server veth21
	on client ip link add br0 type bridge
	on client ip link set br0 up
	on client ip link set veth01 master br0
	on client ip link set veth02 master br0
	lab_address client br0 10.0.0.2/24
	lab_address dir veth10 10.0.0.1/24
	lab_address dir veth12 172.16.0.1/24
	lab_address server veth21 172.16.0.2/24
	lab_address server veth20 10.0.0.3/24
	on client ip route add $VIRTUAL via 10.0.0.1 dev br0
	on dir ip addr add $VIRTUAL/32 dev lo
	head -c 32 /dev/urandom >"$LAB_DIR/sent"
}

teardown_file() {
	lab_down
}

teardown() {
	stop_spawned server nfvsd
	lab_report
}

# The bytes arrive, and the director still forwards what it forwarded: sent METHOD FORWARDING
sent() {
	director_up "$(conf "$1.conf" <<-END
		services = ( { protocol = "tcp"; address = "$VIRTUAL"; port = 8080; scheduler = "rr";
		  method = "$1"; servers = ( { address = "172.16.0.2"; port = 8080; } ); } );
	END
	)"
	spawn server server socat -u -4 TCP-LISTEN:8080,reuseaddr STDOUT
	await 5 on server sh -c 'ss -ltn | grep -q :8080'
	on client socat -u -4 STDIN TCP:$VIRTUAL:8080 <"$LAB_DIR/sent"
	finish server
	cmp "$LAB_DIR/sent" "$LAB_DIR/server.log"
	is "$(on dir cat /proc/sys/net/ipv4/ip_forward)" "$2" ip_forward
}

lenient() {
	on server sh -c 'for i in all default veth21; do
		echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done'
}

@test "DR" {
	lenient
	realserver server up --method dr --vip $VIRTUAL --dev veth21
	sent dr 0
	realserver server down
}

@test "TUN" {
	local said

	lenient
	said=$(realserver server up --method tun --vip $VIRTUAL --dev veth21 2>&1) || {
		[[ $said != *'this kernel'* ]] || skip "$said"
		echo "$said"
		return 1
	}
	sent tun 0
	realserver server down
}

@test "NAT" {
	on server ip link del veth20
	on server ip route add default via 172.16.0.1 dev veth21
	sent nat 1
}
