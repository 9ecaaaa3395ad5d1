#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# nfvs-realserver: what it sets is what keeps a neighbour from hearing of the virtual address, and all
# of it is undone.
#
#     peer  eth0 10.1.0.2, fd00:1::2 ------------- eth0 10.1.0.11, fd00:1::11  rs
#
# The virtual addresses are in this network, so that the peer, client and director at once, asks
# for them itself.

load common

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
	export NFVS_REALSERVER_STATE=$LAB_DIR/state/file
	for kind in ipip sit ip6tnl gre ip6gre; do # asking for one loads its module
		on rs ip link add probe type $kind 2>/dev/null && on rs ip link del probe
	done
	for dev in tunl0 sit0 ip6tnl0 gre0 ip6gre0; do # has a queue once it was up, and keeps that
		on rs ip link set $dev up 2>/dev/null && on rs ip link set $dev down
	done
	on rs modprobe fou 2>/dev/null || true
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

# All that could be changed. setting all.* aside, a device has its settings as long as it is there.
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

# The address that the real server's ARP requests bear while it sends as the virtual one.
asks_as() {
	spawn dump peer tcpdump -lni eth0 -c 1 arp and arp[6:2] = 1 and ether src \
		"$(on rs cat /sys/class/net/eth0/address)"
	await 5 grep -q listening "$LAB_DIR/dump.log"
	on rs ip neigh flush dev eth0
	on rs ping -c 1 -W 1 -I $VIP 10.1.0.2 >/dev/null || true
	finish dump
	sed -n 's/.* tell \([0-9.]*\),.*/\1/p' "$LAB_DIR/dump.log"
}

@test "dr, IPv4: the peer hears ARP for the address before, not after; down restores all" {
	on rs ip addr add $VIP/32 dev lo
	answered $VIP
	is "$(asks_as)" $VIP
	on rs ip addr del $VIP/32 dev lo

	is "$(rs up --method dr --vip $VIP)" "up: dr: $VIP on lo; ARP quiet on eth0"
	! answered $VIP
	answered 10.1.0.11
	is "$(asks_as)" 10.1.0.11
	served $VIP
	is "$(get all arp_ignore)$(get eth0 arp_ignore) $(get all arp_announce)$(get eth0 arp_announce)" "11 22"
	is "$(diff "$LAB_DIR/clean" <(state_of_system) | grep -c '^[<>]')" 10 "nothing but this"
	rs check
	is "$(rs down)" "down: as before \`up --method dr --dev eth0 --vip $VIP'"
	same
	[[ ! -e $NFVS_REALSERVER_STATE ]]
}

@test "dr, IPv6: an address on lo is not told of; it is deprecated, and serves" {
	on rs ip addr add $FREE6/128 dev eth0 nodad
	answered $FREE6
	on rs ip addr del $FREE6/128 dev eth0
	rs up --method dr --vip FD00:1:0:0::101
	! answered $FREE6
	served $FREE6
	has "$(on rs ip -6 addr show dev lo to $FREE6)" "$FREE6/128 scope global .*deprecated"
	has "$(on rs ip -6 route get fd00:1::2)" "src fd00:1::11"
	is "$(get all arp_ignore)" 0 "ARP is of no concern"
	rs check
	on rs sh -c 'for f in forwarding proxy_ndp; do echo 1 >/proc/sys/net/ipv6/conf/all/$f; done'
	on rs ip neigh add proxy $FREE6 dev eth0
	answered $FREE6
	problem "^$FREE6: would answer neighbour solicitations for it: eth0 is its proxy"
	on rs ip neigh del proxy $FREE6 dev eth0
	on rs sh -c 'for f in forwarding proxy_ndp; do echo 0 >/proc/sys/net/ipv6/conf/all/$f; done'
	rs check
	rs down
}

@test "up twice changes nothing; with others it adds and removes" {
	rs up --method dr --vip $VIP --vip $VIP6
	file=$(stat -c '%i %y' "$NFVS_REALSERVER_STATE")
	state_of_system >"$LAB_DIR/system.before"
	has "$(rs up --method dr --vip $VIP --vip $VIP6)" "^already up: "
	is "$(stat -c '%i %y' "$NFVS_REALSERVER_STATE")" "$file" "not even written"
	diff "$LAB_DIR/system.before" <(state_of_system)
	has "$(rs up --method dr --vip $VIP --vip $VIP2)" "^up: dr: $VIP on lo, $VIP2 on lo;"
	has "$(on rs ip addr show dev lo)" "$VIP2/32"
	! on rs ip addr | grep -F $VIP6
	rs up --method dr --vip $VIP6
	! on rs ip addr | grep -F 10.1.0.10
	is "$(get all arp_ignore) $(get eth0 arp_announce)" "0 0" "no longer wanted"
	rs down
}

@test "up again repairs what was lost" {
	rs up --method dr --vip $VIP --vip $VIP6
	set_all all arp_ignore 0
	on rs ip addr del $VIP/32 dev lo
	has "$(rs up --method dr --vip $VIP --vip $VIP6)" "^up: "
	rs check
	rs down
	same
}

@test "what was there before stays: an address, a stricter setting" {
	on rs ip addr add $VIP/32 dev lo
	set_all eth0 arp_ignore 2
	set_all all arp_announce 1
	rs up --method dr --vip $VIP
	is "$(get eth0 arp_ignore) $(get all arp_announce)" "2 2"
	rs down
	is "$(get eth0 arp_ignore) $(get all arp_announce)" "2 1"
	on rs ip addr del $VIP/32 dev lo
}

@test "what somebody else changed meanwhile is left alone, and said" {
	rs up --method dr --vip $VIP
	set_all eth0 arp_ignore 8
	on rs ip addr del $VIP/32 dev lo
	run rs down
	is "$status" 0
	has "$output" "arp_ignore of eth0 is 8 now, not the 1 that was set here: left alone"
	has "$output" "$VIP is no longer on lo"
	is "$(get eth0 arp_ignore) $(get all arp_ignore)" "8 0"
}

@test "up that fails half way puts everything back" {
	on rs sh -c 'echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6'
	state_of_system >"$LAB_DIR/system.before"
	run rs up --method dr --vip $VIP --vip $VIP6
	is "$status" 1
	has "$output" "ip -6 addr add $VIP6/128"
	diff "$LAB_DIR/system.before" <(state_of_system)
	[[ ! -e $NFVS_REALSERVER_STATE ]]

	rs up --method dr --vip $VIP
	cp "$NFVS_REALSERVER_STATE" "$LAB_DIR/state.before"
	state_of_system >"$LAB_DIR/system.before"
	run rs up --method dr --vip $VIP2 --vip $VIP6
	is "$status" 1
	diff "$LAB_DIR/system.before" <(state_of_system)
	cmp "$NFVS_REALSERVER_STATE" "$LAB_DIR/state.before"
	rs down
	on rs sh -c 'echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6'
	on rs ip addr add ::1/128 dev lo 2>/dev/null || true
}

# A program of this name before the real one, that does as told and passes on: wrapper NAME
wrapper() {
	mkdir -p "$LAB_DIR/bin"
	{
		echo "#!/bin/sh"
		cat
		echo "exec $(command -v "$1") \"\$@\""
	} >"$LAB_DIR/bin/$1"
	chmod 755 "$LAB_DIR/bin/$1"
}

@test "killed between any two steps, down undoes what was done" {
	local n

	# shellcheck disable=SC2016
	wrapper mv <<-'END'
		n=$(($(cat "$COUNT") - 1))
		echo $n >"$COUNT"
		[ $n != 0 ] || [ "$WHEN" != before ] || { kill -9 $PPID; exit 1; }
		[ $n != 0 ] || [ "$WHEN" != after ] || { /bin/mv "$@"; kill -9 $PPID; exit 1; }
	END
	for when in before after; do
		for ((n = 1; n < 20; n++)); do
			echo $n >"$LAB_DIR/count"
			run on rs env PATH="$LAB_DIR/bin:$PATH" COUNT="$LAB_DIR/count" WHEN=$when \
				"$RS" up --method dr --vip $VIP --vip $VIP6
			((status)) || break
			is "$status" 137
			rs down >/dev/null 2>&1
			same
		done
		((n == 8)) # four settings, two addresses, the whole
		rs down
		same
	done
	rm -r "$LAB_DIR/bin"
}

@test "ended by a signal, up puts everything back" {
	# shellcheck disable=SC2016
	wrapper ip <<-'END'
		case "$*" in *"addr add fd00"*) kill -TERM $PPID ;; esac
	END
	run on rs env PATH="$LAB_DIR/bin:$PATH" "$RS" up --method dr --vip $VIP --vip $VIP6
	is "$status" 1
	rm -r "$LAB_DIR/bin"
	same
	[[ ! -e $NFVS_REALSERVER_STATE && ! -e $NFVS_REALSERVER_STATE.lock ]]
}

@test "check: each problem of dr, in a line, until it is put right" {
	local dr=(--method dr --vip "$VIP")

	problem "not up: there is no $NFVS_REALSERVER_STATE"
	rs up "${dr[@]}"
	is "$(rs check)" ""
	is "$(rs check -v --director 10.1.0.3 | grep -vc '^ok: ')" 0
	is "$(rs check -v --director 10.1.0.3 | grep -c '^ok: ')" 4

	set_all all arp_ignore 0
	rs check # eth0's own is enough
	set_all eth0 arp_ignore 0
	answered $VIP
	problem "^eth0: would answer ARP for $VIP: arp_ignore is 0 \(all 0, eth0 0\), not 1"
	set_all eth0 arp_ignore 3
	answered $VIP
	problem "arp_ignore is 3"
	set_all eth0 arp_ignore 1
	set_all all arp_ignore 1

	set_all all arp_announce 1
	set_all eth0 arp_announce 0
	problem "^eth0: may ask by ARP with $VIP as the source: arp_announce is 1 \(all 1, eth0 0\), not 2"
	set_all all arp_announce 2
	set_all eth0 arp_announce 2

	problem "^10.1.0.2: the default gateway is the director" --director 10.1.0.2
	problem "^fd00:1::2: the default gateway is the director" --director fd00:1::2

	on rs ip addr add $VIP/32 dev eth0
	answered $VIP
	problem "^$VIP: would answer ARP for it: it is on eth0, and belongs on lo"
	on rs ip addr del $VIP/32 dev eth0
	on rs ip addr del $VIP/32 dev lo
	problem "^$VIP: missing: it is on no interface"
	on rs ip addr add $VIP/24 dev lo
	problem "^$VIP: its whole network /24 is taken for local: lo has to have it as $VIP/32"
	on rs ip addr del $VIP/24 dev lo
	on rs ip addr add $VIP/32 dev lo
	rs check "${dr[@]}" --dev eth0
	problem "^nope: no such device" "${dr[@]}" --dev nope
	problem "^$VIP2: missing" --method dr --vip $VIP2
	rs down
}

# A wrong call: status and message. refused STATUS PATTERN ARGUMENTS...
refused() {
	run rs "${@:3}"
	is "$status" "$1" "$output"
	is "${#lines[@]}" 1 "$output"
	has "$output" "^nfvs-realserver: $2"
}

@test "wrong calls are refused, and nothing is changed" {
	refused 2 "up, down or check\?"
	refused 2 "unknown command: upp" upp
	refused 2 "up: unknown option or word: --vipp" up --vipp 10.1.0.100
	refused 2 "--vip needs a value" up --method dr --vip
	refused 2 "--vip is needed" up --method=dr
	refused 2 "--method dr or tun is needed" up --vip $VIP
	refused 2 "--method: neither dr nor tun: nat" up --method nat --vip $VIP
	refused 2 "--tunnel and --outer are for --method tun" up --method dr --vip $VIP --tunnel gre
	refused 2 "--tunnel: not ipip, gue:PORT" up --method tun --vip $VIP --tunnel gue:66000
	refused 2 "--tunnel: not ipip, gue:PORT" up --method tun --vip $VIP --tunnel gue
	refused 2 "--outer: neither ipv4 nor ipv6: 4" up --method tun --vip $VIP --outer 4
	refused 2 "--director is an option of check" up --method dr --vip $VIP --director 10.1.0.2
	refused 2 "down takes no options" down --vip $VIP
	for bad in 10.1.0 10.1.0.256 10.1.0.01 10.1.0.100/32 fd00::1::2 fd00:::1 1:2:3:4:5:6:7 fd00::12345 x ''; do
		refused 2 "not an address: $bad" up --method dr --vip "$bad"
	done
	for bad in 127.0.0.2 224.0.0.18 ::1 ff02::12 fe80::1 0.0.0.0; do
		refused 2 "cannot be a virtual address: $bad" up --method dr --vip $bad
	done
	refused 1 "no such device: eth7" up --method dr --vip $VIP --dev eth7
	refused 2 "not an interface that ARP is heard on: lo" up --method dr --vip $VIP --dev lo
	refused 1 "10.1.0.11 is on eth0, which answers for it" up --method dr --vip 10.1.0.11
	on rs ip addr add $VIP/24 dev lo
	refused 1 "$VIP/24 is on lo: its whole network is taken for local" up --method dr --vip $VIP
	on rs ip addr del $VIP/24 dev lo
	run on rs setpriv --reuid 65534 "$RS" up --method dr --vip $VIP
	is "$status $output" "1 nfvs-realserver: up: only root can do this"
	on rs ip route del default
	on rs ip -6 route del default
	refused 1 "there is no default route: name the interface with --dev" up --method dr --vip $VIP
	on rs ip route add default via 10.1.0.2
	on rs ip route add default via fd00:1::2
	same
	is "$(rs down)" "already down"
	has "$(rs --help)" "nfvs-realserver check"
}

@test "each network namespace has a state of its own" {
	unset NFVS_REALSERVER_STATE
	rs up --method dr --vip $VIP
	[[ -e /run/nfvs-realserver/state.$LAB-rs ]]
	run on peer "$RS" check
	has "$output" "not up: there is no /run/nfvs-realserver/state.$LAB-peer"
	run on peer env NFVS_REALSERVER_STATE="/run/nfvs-realserver/state.$LAB-rs" "$RS" down
	is "$status" 1
	has "$output" "is of another network namespace"
	rs down
	[[ ! -e /run/nfvs-realserver/state.$LAB-rs ]]
}

needs_tunnels() {
	on rs ip link show tunl0 >/dev/null 2>&1 || skip "this kernel has no ipip, gre and fou"
}

# The director's side: a packet of an address in a tunnel. unwrapped VIP TYPE OPTIONS...
unwrapped() {
	local vip=$1 source=10.1.0.2 rc=0

	shift
	[[ $vip != *:* ]] || source=fd00:1::2
	on peer ip link add tunnel type "$@"
	on peer ip link set tunnel up
	on peer ip route replace "$vip" dev tunnel src $source
	on peer ping -c 1 -W 2 "$vip" >/dev/null || rc=1
	on peer ip link del tunnel
	return $rc
}

# tun TUNNEL OUTER DEVICE4 DEVICE6 KIND4 KIND6 [MORE FOR THE DIRECTOR'S SIDE]
tun() {
	local way=(local 10.1.0.2 remote 10.1.0.11)

	[[ $2 == ipv4 ]] || way=(local fd00:1::2 remote fd00:1::11)
	rs up --method tun --tunnel "$1" --outer "$2" --vip $VIP --vip $VIP6
	has "$(on rs ip addr show dev "$3")" "$VIP/32"
	has "$(on rs ip addr show dev "$4")" "$VIP6/128"
	rs check
	! answered $VIP
	! answered $VIP6
	unwrapped $VIP "$5" "${way[@]}" "${@:7}"
	unwrapped $VIP6 "$6" "${way[@]}" "${@:7}"
	has "$(rs up --method tun --tunnel "$1" --outer "$2" --vip $VIP --vip $VIP6)" "^already up"
	rs down
	same
}

@test "tun: ipip, in IPv4 and in IPv6" {
	needs_tunnels
	tun ipip ipv4 tunl0 sit0 ipip sit
	tun ipip ipv6 ip6tnl0 ip6tnl0 "ip6tnl" ip6tnl mode any
}

@test "tun: gue, in IPv4 and in IPv6, with and without checksums" {
	local gue=(encap gue encap-sport auto encap-dport 5555)

	needs_tunnels
	tun gue:5555 ipv4 tunl0 sit0 ipip sit "${gue[@]}"
	tun gue:5555 ipv4 tunl0 sit0 ipip sit "${gue[@]}" encap-csum encap-remcsum
	tun gue:5555 ipv6 ip6tnl0 ip6tnl0 ip6tnl ip6tnl mode any "${gue[@]}"
	tun gue:5555 ipv6 ip6tnl0 ip6tnl0 ip6tnl ip6tnl mode any "${gue[@]}" encap-csum
}

@test "tun: gre, in IPv4 and in IPv6, with and without checksums" {
	needs_tunnels
	tun gre ipv4 gre0 gre0 gre gre
	tun gre ipv6 ip6gre0 ip6gre0 ip6gre ip6gre
	tun gre:csum ipv4 nfvs-gre nfvs-gre gre gre ocsum
	tun gre:csum ipv6 nfvs-gre6 nfvs-gre6 ip6gre ip6gre ocsum
}

@test "tun: rp_filter is off, or loose where all has it on; all is left" {
	needs_tunnels
	rs up --method tun --vip $VIP
	is "$(get all rp_filter) $(get tunl0 rp_filter)" "1 2"
	unwrapped $VIP ipip local 10.1.0.2 remote 10.1.0.11
	rs down
	set_all all rp_filter 0
	rs up --method tun --vip $VIP
	is "$(get all rp_filter) $(get tunl0 rp_filter)" "0 0"
	unwrapped $VIP ipip local 10.1.0.2 remote 10.1.0.11
	rs down
	set_all all rp_filter 1
}

@test "tun: from one method and tunnel to another" {
	needs_tunnels
	rs up --method dr --vip $VIP
	rs up --method tun --vip $VIP
	is "$(on rs ip -o addr show to $VIP | awk '{ print $2 }')" tunl0
	rs up --method tun --tunnel gre --vip $VIP
	is "$(on rs ip -o addr show to $VIP | awk '{ print $2 }')" gre0
	! on rs ip link show tunl0 | grep -q ',UP'
	rs check
	rs down
	same
}

@test "tun: check, each problem in a line, until it is put right" {
	needs_tunnels
	rs up --method tun --tunnel gue:5555 --vip $VIP
	is "$(rs check)" ""
	is "$(rs check -v | grep -c '^ok: ')" 6
	set_all tunl0 rp_filter 0
	! unwrapped $VIP ipip local 10.1.0.2 remote 10.1.0.11
	problem "^tunl0: rp_filter drops what is unwrapped: it is 1 \(all 1, tunl0 0\), not 0 or 2"
	set_all tunl0 rp_filter 2
	on rs ip addr del $VIP/32 dev tunl0
	on rs ip addr add $VIP/32 dev lo
	! unwrapped $VIP ipip local 10.1.0.2 remote 10.1.0.11
	problem "^tunl0: rp_filter drops what is unwrapped: 2 \(all 1, tunl0 2\) needs an address on tunl0"
	on rs ip addr del $VIP/32 dev lo
	on rs ip addr add $VIP/32 dev tunl0
	on rs ip fou del port 5555
	problem "^UDP port 5555: gue is not received, IPv4"
	on rs ip fou add port 5555 gue
	on rs ip link set tunl0 down
	run rs check
	has "$output" "^tunl0: the tunnel device is down"
	on rs ip link set tunl0 up
	rs check
	run rs check --method tun --tunnel gre:csum --vip $VIP
	has "$output" "^nfvs-gre: the tunnel device is missing"
	rs down
}

@test "tun: check says that ip6tnl0 drops IPv4" {
	needs_tunnels
	rs up --method tun --outer ipv6 --vip $VIP
	on rs ip -6 tunnel change ip6tnl0 mode ip6ip6
	! unwrapped $VIP ip6tnl local fd00:1::2 remote fd00:1::11 mode any
	problem "^ip6tnl0: drops IPv4 in IPv6: its mode is ip6ip6, not any"
	rs down
}

@test "tun: a kernel without tunnels is told of, and nothing is left" {
	! on rs ip link show tunl0 >/dev/null 2>&1 || skip "this kernel has ipip"
	refused 1 "no tunl0: this kernel knows no ipip tunnels" up --method tun --vip $VIP
	refused 1 "no gre0: this kernel knows no gre tunnels" up --method tun --tunnel gre --vip $VIP
	same
	problem "^tunl0: the tunnel device is missing" --method tun --vip 10.1.0.11 || has "$output" missing
}
