#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# nfvs-realserver with tunnels: what the director wraps is unwrapped, and all is undone. Mostly for the
# kernel of tests/vm.

load common
load realserver

setup() {
	if [[ $BATS_TEST_DESCRIPTION == without:* ]]; then
		! tunnels || skip "this kernel has ipip"
	else
		tunnels || skip "this kernel has no ipip, gre and fou"
	fi
}

tunnels() {
	on rs ip link show tunl0 >/dev/null 2>&1
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

# ready TUNNEL OUTER DEVICE4 DEVICE6; sets way, for the director's side
ready() {
	way=(local 10.1.0.2 remote 10.1.0.11)
	[[ $2 == ipv4 ]] || way=(local fd00:1::2 remote fd00:1::11)
	rs up --method tun --tunnel "$1" --outer "$2" --vip $VIP --vip $VIP6
	has "$(on rs ip addr show dev "$3")" "$VIP/32"
	has "$(on rs ip addr show dev "$4")" "$VIP6/128"
	rs check
}

finished() {
	rs down
	same
}

@test "ipip, in IPv4 and in IPv6; once more changes nothing" {
	ready ipip ipv4 tunl0 sit0
	not answered $VIP
	unwrapped $VIP ipip "${way[@]}"
	unwrapped $VIP6 sit "${way[@]}"
	has "$(rs up --method tun --outer ipv4 --vip $VIP --vip $VIP6)" "^already up"
	finished
	ready ipip ipv6 ip6tnl0 ip6tnl0
	unwrapped $VIP ip6tnl mode any "${way[@]}"
	unwrapped $VIP6 ip6tnl mode any "${way[@]}"
	finished
}

@test "gue, in IPv4 and in IPv6, with and without checksums" {
	local gue=(encap gue encap-sport auto encap-dport 5555)

	ready gue:5555 ipv4 tunl0 sit0
	unwrapped $VIP ipip "${way[@]}" "${gue[@]}"
	unwrapped $VIP ipip "${way[@]}" "${gue[@]}" encap-csum encap-remcsum
	unwrapped $VIP6 sit "${way[@]}" "${gue[@]}"
	finished
	ready gue:5555 ipv6 ip6tnl0 ip6tnl0
	unwrapped $VIP ip6tnl mode any "${way[@]}" "${gue[@]}"
	unwrapped $VIP6 ip6tnl mode any "${way[@]}" "${gue[@]}" encap-csum
	finished
}

@test "gre, in IPv4 and in IPv6, with and without checksums" {
	ready gre ipv4 gre0 gre0
	unwrapped $VIP gre "${way[@]}"
	unwrapped $VIP6 gre "${way[@]}"
	not unwrapped $VIP gre "${way[@]}" ocsum
	finished
	ready gre ipv6 ip6gre0 ip6gre0
	unwrapped $VIP6 ip6gre "${way[@]}"
	finished
	ready gre:csum ipv4 nfvs-gre nfvs-gre
	unwrapped $VIP gre "${way[@]}" ocsum
	finished
	ready gre:csum ipv6 nfvs-gre6 nfvs-gre6
	unwrapped $VIP6 ip6gre "${way[@]}" ocsum
	finished
}

@test "rp_filter is off, or loose where all has it on; all is left" {
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

@test "from one method and tunnel to another" {
	rs up --method dr --vip $VIP
	rs up --method tun --vip $VIP
	is "$(on rs ip -o addr show to $VIP | awk '{ print $2 }')" tunl0
	rs up --method tun --tunnel gre --vip $VIP
	is "$(on rs ip -o addr show to $VIP | awk '{ print $2 }')" gre0
	not grep ',UP' <<<"$(on rs ip link show tunl0)"
	rs check
	rs down
	same
}

@test "check, each problem in a line, until it is put right" {
	rs up --method tun --tunnel gue:5555 --vip $VIP
	is "$(rs check)" ""
	is "$(rs check -v | grep -c '^ok: ')" 6
	set_all tunl0 rp_filter 0
	not unwrapped $VIP ipip local 10.1.0.2 remote 10.1.0.11
	problem "^tunl0: rp_filter drops what is unwrapped: it is 1 \(all 1, tunl0 0\), not 0 or 2"
	set_all tunl0 rp_filter 2
	on rs ip addr del $VIP/32 dev tunl0
	on rs ip addr add $VIP/32 dev lo
	not unwrapped $VIP ipip local 10.1.0.2 remote 10.1.0.11
	problem "^tunl0: rp_filter drops what is unwrapped: 2 \(all 1, tunl0 2\) needs an address on tunl0"
	on rs ip addr del $VIP/32 dev lo
	on rs ip addr add $VIP/32 dev tunl0
	on rs ip fou del port 5555
	problem "^UDP port 5555: gue is not received, IPv4"
	on rs ip fou add port 5555 gue
	# Whether others than root see it is the kernel's to say; none is told that it is not received.
	run on rs setpriv --reuid 65534 "$RS" check --method tun --tunnel gue:5555 --vip $VIP
	has "${output:-nothing}" "^(nothing|UDP port 5555: only root can see whether gue is received)$"
	on rs ip link set tunl0 down
	run rs check
	has "$output" "^tunl0: the tunnel device is down"
	on rs ip link set tunl0 up
	rs check
	run rs check --method tun --tunnel gre:csum --vip $VIP
	has "$output" "^nfvs-gre: the tunnel device is missing"
	rs down
}

@test "check says that ip6tnl0 drops IPv4" {
	rs up --method tun --outer ipv6 --vip $VIP
	on rs ip -6 tunnel change ip6tnl0 mode ip6ip6
	not unwrapped $VIP ip6tnl local fd00:1::2 remote fd00:1::11 mode any
	problem "^ip6tnl0: drops IPv4 in IPv6: its mode is ip6ip6, not any"
	rs down
}

@test "without: a kernel without tunnels is told of, and nothing is left" {
	refused 1 "no tunl0: this kernel knows no ipip tunnels" up --method tun --vip $VIP
	refused 1 "no gre0: this kernel knows no gre tunnels" up --method tun --tunnel gre --vip $VIP
	same
	run rs check --method tun --vip $VIP
	is "$status" 1
	has "$output" "^tunl0: the tunnel device is missing"
}
