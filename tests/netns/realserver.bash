# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of nfvs-realserver share. To be loaded after common.
#
#     peer  eth0 10.1.0.2, fd00:1::2 ------------- eth0 10.1.0.11, fd00:1::11  rs
#
# The virtual addresses are in this network, so that the peer, client and director at once, asks
# for them itself.

RS=$B/nfvs-realserver
FREE6=fd00:1::101

setup_file() {
	lab_bare
	lab_namespace peer
	lab_namespace rs
	lab_link peer eth0 rs eth0
	lab_address peer eth0 10.1.0.2/24 fd00:1::2/64
	lab_address rs eth0 10.1.0.11/24 fd00:1::11/64
	on rs ip route add default via 10.1.0.2
	on rs ip route add default via fd00:1::2
	# What it sends through a tunnel is answered without one.
	on peer sh -c 'for dev in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$dev/rp_filter; done'
	export NFVS_REALSERVER_STATE=$LAB_DIR/state/file
	for kind in ipip sit ip6tnl gre ip6gre; do # asking for one loads its module
		on rs ip link add probe type $kind 2>/dev/null && on rs ip link del probe
	done
	for dev in tunl0 sit0 ip6tnl0 gre0 ip6gre0; do # has a queue once it was up, and keeps that
		on rs ip link set $dev up 2>/dev/null && on rs ip link set $dev down
	done
	on rs modprobe -a fou fou6 2>/dev/null || true # fou6 for the peer, to send
	await 5 settled
	state_of_system >"$LAB_DIR/clean"
}

teardown_file() {
	lab_down
}

# Every test leaves the real server as it found it.
teardown() {
	stop_spawned dump
	on rs sh -c 'for dev in all eth0; do for set in arp_ignore arp_announce; do
		echo 0 >/proc/sys/net/ipv4/conf/$dev/$set; done; done
		echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6'
	rs down >/dev/null 2>&1 || true
	[[ -z ${BATS_TEST_COMPLETED:-} ]] || same
}

settled() {
	! on rs ip addr | grep -q tentative
}

rs() {
	on rs "$RS" "$@"
}

# All that could be changed.
state_of_system() {
	on rs sh -c 'cd /proc/sys/net; grep -r . ipv4/conf ipv6/conf 2>/dev/null | grep -v stable_secret |
		sort; ip addr; ip -6 route; ip route; ip fou show 2>/dev/null; ip -6 tunnel show 2>/dev/null' |
		sed 's/ *permaddr.*//'
}

same() {
	diff "$LAB_DIR/clean" <(state_of_system)
}

set_all() {
	on rs sh -c 'echo "$3" >"/proc/sys/net/ipv4/conf/$1/$2"' sh "$@"
}

get() {
	on rs cat "/proc/sys/net/ipv4/conf/$1/$2"
}

# Plain "!" would not end a test.
not() {
	! "$@"
}

# Does the peer hear where an address is?
answered() {
	on peer ip neigh flush dev eth0
	on peer ping -c 1 -W 1 "$1" >/dev/null || true
	on peer ip neigh show "$1" dev eth0 | grep -q lladdr
}

# Sent to the real server as the director does, does it answer as the virtual address?
served() {
	on peer ip neigh replace "$1" dev eth0 lladdr "$(on rs cat /sys/class/net/eth0/address)"
	on peer ping -c 1 -W 2 "$1" >/dev/null
	on peer ip neigh del "$1" dev eth0
}

# check says this of these options, and nothing else: problem PATTERN OPTIONS...
problem() {
	local pattern=$1

	shift
	run rs check "$@"
	is "$status" 1 "$output"
	is "${#lines[@]}" 1 "$output"
	has "$output" "$pattern"
}

# A wrong call: status and message. refused STATUS PATTERN ARGUMENTS...
refused() {
	run rs "${@:3}"
	is "$status" "$1" "$output"
	is "${#lines[@]}" 1 "$output"
	has "$output" "^nfvs-realserver: $2"
}
