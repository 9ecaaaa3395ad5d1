#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A director that learns its default route of IPv6 from a router keeps it when it begins to forward.
#
#     router eth0 ------- fe80::/64 ------- eth0 dir eth1 .1 --- fd00:2::/64 --- .11 eth0 rs1
#
# The router advertises itself when it is told to. accept_ra is 1 on eth0 of the director.

load common
load topology

LOST="net/ipv6/conf/eth0/accept_ra is 1, but with forwarding of IPv6 router advertisements are ignored, and the default route that came by one is lost"

setup() {
	local ns

	lab_bare
	for ns in router dir rs1; do
		lab_namespace $ns
	done
	lab_link router eth0 dir eth0
	lab_link dir eth1 rs1 eth0
	lab_address dir eth1 fd00:2::1/64
	lab_address rs1 eth0 fd00:2::11/64
	on dir sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_ra'
	await 5 advertised 600
}

teardown() {
	lab_report
	lab_down
}

# advertised SECONDS: the director knows the way for that long, or a little less
advertised() {
	on router python3 "$LAB_SRC/advertise.py" eth0 "$1"
	sleep 0.05
	on dir ip -6 route show default | grep -qE "via fe80::.* dev eth0 proto ra .*expires ($1|$(($1 - 1)))sec"
}

known() {
	on dir ip -6 route show default | grep -q 'dev eth0 proto ra'
}

not() {
	! "$@"
}

nat() {
	serve -t '[fd00:9::100]:80' -m fd00:2::11
}

# director manage|check
director() {
	director_up "$(conf uplink.conf <<<"director = { workers = 1; system = \"$1\"; };")"
}

@test "managed: advertisements are heeded on, and all is put back" {
	director manage
	adm -A -t '[fd00:9::100]:80'
	is "$(sysctl_of dir ipv6/conf/eth0/accept_ra)" 1 "without a NAT server"
	adm -a -t '[fd00:9::100]:80' -r '[fd00:2::11]:80' -m
	is "$(sysctl_of dir ipv6/conf/all/forwarding)" 1
	is "$(sysctl_of dir ipv6/conf/eth0/accept_ra)" 2
	is "$(sysctl_of dir ipv6/conf/eth1/accept_ra)" 0
	has "$(<"$LAB_DIR/nfvsd.log")" 'net/ipv6/conf/eth0/accept_ra set from 1 to 2: with forwarding of IPv6'
	known
	await 5 advertised 1200
	is "$(adm check | grep accept_ra)" ""
	director_down
	is "$(sysctl_of dir ipv6/conf/all/forwarding)" 0
	is "$(sysctl_of dir ipv6/conf/eth0/accept_ra)" 1
	has "$(<"$LAB_DIR/nfvsd.log")" 'net/ipv6/conf/eth0/accept_ra put back to 1'
	known
}

@test "checked: nfvsd and nfvsadm check name the interface and the command, which helps" {
	director check
	nat
	has "$(<"$LAB_DIR/nfvsd.log")" "$LOST; set it with: sysctl -w net/ipv6/conf/eth0/accept_ra=2\$"
	is "$(sysctl_of dir ipv6/conf/eth0/accept_ra)" 1
	run adm check
	is "$status" 1
	is "${lines[0]}" "problem: $LOST; fix: sysctl -w net/ipv6/conf/eth0/accept_ra=2"
	# All that it says, in its order.
	sed -n 's/^problem: .*; fix: sysctl/sysctl/p' <<<"$output" >"$LAB_DIR/advice"
	on dir sh -e "$LAB_DIR/advice" >/dev/null
	is "$(sysctl_of dir ipv6/conf/all/forwarding)" 1
	known
	await 5 advertised 1200
	not grep accept_ra <<<"$(adm check)"
}

@test "checked: unheeded, the default route is lost" {
	director check
	nat
	on dir sysctl -qw net/ipv6/conf/all/forwarding=1
	not known
	not advertised 600
}

@test "a machine that forwards already, whatever its services" {
	on dir sysctl -qw net/ipv6/conf/all/forwarding=1
	on dir ip -6 route add default via fe80::1 dev eth0 proto ra
	director check
	run adm check
	is "$output" "problem: $LOST; fix: sysctl -w net/ipv6/conf/eth0/accept_ra=2"
	on dir sysctl -qw net/ipv6/conf/eth0/accept_ra=2
	is "$(adm check)" ""
	# Of a program of the system, which keeps it up itself.
	on dir sysctl -qw net/ipv6/conf/eth0/accept_ra=0
	is "$(adm check)" ""
}
