#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# nfvsadm check: each problem is provoked, named in a line, and no longer named once its own advice
# is followed.
#
#     router .254 ---.            10.1.0.0/24            .--- other .50
#                    ===+============+===========+======== lan
#                       |            |           |
#                  .1 eth0 dir    rs1 .11     rs2 .12
#                  .1 eth1
#                       |
#                       ============+======== back    10.2.0.0/24
#                                   |
#                               rs3 .13 .254
#
#     IPv6 likewise: 10.N.0.0/24 is fd00:N::/64
#
# The virtual addresses 10.1.0.100 and fd00:1::100 are on eth0 of the director. Its default route is
# by the router, and it changes no setting itself.

load common
load topology

VIP6=fd00:1::100

network() {
	local ns

	lab_bare
	lab_switch lan
	lab_switch back
	for ns in dir router other rs1 rs2 rs3; do
		lab_namespace $ns
	done
	lab_plug dir eth0 lan
	lab_plug dir eth1 back
	for ns in router other rs1 rs2; do
		lab_plug $ns eth0 lan
	done
	lab_plug rs3 eth0 back
}

# addresses NS DEV ADDRESS...: these and no others
addresses() {
	on "$1" ip addr flush dev "$2" scope global
	lab_address "$@"
}

# Everything as it is drawn, whatever a test has left.
restore() {
	local ns name

	for ns in dir rs1 rs2; do
		on $ns ip addr flush dev lo scope global
	done
	addresses dir eth0 10.1.0.1/24 fd00:1::1/64 $VIP/32 $VIP6/128
	addresses dir eth1 10.2.0.1/24 fd00:2::1/64
	addresses router eth0 10.1.0.254/24 fd00:1::254/64
	addresses other eth0 10.1.0.50/24 fd00:1::50/64
	addresses rs1 eth0 10.1.0.11/24 fd00:1::11/64
	addresses rs2 eth0 10.1.0.12/24 fd00:1::12/64
	addresses rs3 eth0 10.2.0.13/24 10.2.0.254/24 fd00:2::13/64 fd00:2::254/64
	on dir ip route flush proto boot
	on dir ip -6 route flush proto boot
	lab_default dir 10.1.0.254 fd00:1::254
	set_in dir ipv4/ip_forward 0
	set_in dir ipv6/conf/all/forwarding 0
	set_in dir ipv4/conf/all/arp_ignore 0
	for name in all eth0 eth1; do
		set_in dir ipv4/conf/$name/send_redirects 1
		set_in dir ipv4/conf/$name/rp_filter 1
	done
	on dir ip link set eth1 mtu 1500
	on back ip link set dir-eth1 mtu 1500
}

setup_file() {
	network
	director_up "$(conf check.conf <<'END'
director = { workers = 1; system = "check"; local_addresses = [ "10.2.0.1", "10.2.0.2", "fd00:2::2" ]; };
END
	)"
}

teardown_file() {
	lab_down
}

setup() {
	adm -C
	restore
}

teardown() {
	lab_report
}

# set_in NS SETTING VALUE
set_in() {
	on "$1" sh -c "echo $3 >/proc/sys/net/$2"
}

# It finds exactly this problem and ends so: problem PATTERN
problem() {
	run adm check
	is "$status" 1 "$output"
	has "$output" "^problem: $1"
	is "$(grep -c ^problem: <<<"$output")" 1 "$output"
}

# It finds none; what hints it has are in $output.
fine() {
	run adm check
	is "$status" 0 "$output"
	not grep -E '^(problem|not asked): ' <<<"$output"
}

# Nothing at all to be said, but for what DR and TUN cannot do.
silent() {
	fine
	output=$(grep -v '^note: ' <<<"$output") || true
	is "$output" ""
}

# The advice of the line that matches: advice PATTERN
advice() {
	sed -n "/$1/s/.*; fix: //p" <<<"$output"
}

# ... is a command for the director, and helps: follow PATTERN
follow() {
	local command

	command=$(advice "$1")
	[[ $command ]]
	# shellcheck disable=SC2086 # its words
	on dir $command
}

not() {
	! "$@"
}

direct() {
	serve -t "${1:-$VIP}:80" -g "${@:2}"
}

@test "nothing to say of what is right; -v says what was looked at, --json has all" {
	silent
	direct $VIP 10.1.0.11 10.1.0.12
	direct "[$VIP6]" fd00:1::11
	silent
	run adm check -v
	is "$status" 0
	has "$output" "^ok: real server 10.1.0.11 \(dr\) is in a network of eth0$"
	has "$output" "^ok: real server fd00:1::11 is there on eth0$"
	has "$output" "^ok: no other machine answers ARP for $VIP on eth0$"
	has "$output" "^ok: no other machine answers neighbour solicitations for $VIP6 on eth0$"
	has "$output" "^ok: virtual address $VIP is on this machine, and neighbours on eth0 are told$"
	is "$(adm check --verbose)" "$output"
	is "$(adm check --json | jq -c '[.problems, (.findings | length), (.findings | map(.kind) | unique)]')" \
		"[0,$(wc -l <<<"$output"),[\"note\",\"ok\"]]"
}

@test "programs on a director that has the virtual address, as servers of dr and tun do" {
	local told="^note: programs on this machine that ask virtual address"

	direct $VIP 10.1.0.11
	fine
	has "$output" "$told $VIP get no answer from its dr and tun servers, "
	is "${#lines[@]}" 1
	direct "[$VIP6]" fd00:1::11
	fine
	has "$output" "$told [0-9a-f.:]+ \\(and 1 more\\) get no answer "
	is "${#lines[@]}" 1
	adm -C
	direct $VIP 10.1.0.1 # itself
	fine
	is "$output" ""
	adm -C
	serve -t $VIP:80 --fullnat 10.2.0.13
	serve -t $VIP:81 -m 10.2.0.13
	run adm check
	not grep "$told" <<<"$output"
	adm -C
	serve -t 10.9.0.100:80 -g 10.1.0.11 # it has not itself
	fine
	not grep "$told" <<<"$output"
}

@test "a real server that answers ARP, or neighbour solicitations, for the virtual address" {
	direct $VIP 10.1.0.11 10.1.0.12
	on rs2 ip addr add $VIP/32 dev eth0
	problem "real server 10.1.0.12 \(dr\) answers ARP for the virtual address $VIP on eth0: "
	is "$(advice .)" "on the server, nfvs-realserver up --method dr --vip $VIP"
	is "$(adm check --json | jq -c '.problems, (.findings[] | select(.kind == "problem") | [.question, .fix])')" \
		"1"$'\n'"[\"arp\",\"$(advice .)\"]"
	on rs2 ip addr del $VIP/32 dev eth0
	realserver rs2 up --method dr --vip $VIP --dev eth0
	silent
	realserver rs2 down

	direct "[$VIP6]" fd00:1::11
	on rs1 ip addr add $VIP6/128 dev eth0 nodad
	problem "real server fd00:1::11 \(dr\) answers neighbour solicitations for the virtual address $VIP6 on eth0: "
	on rs1 ip addr del $VIP6/128 dev eth0
	silent
}

@test "a real server of a tunnel that answers ARP for the virtual address" {
	serve -t $VIP:80 -i 10.1.0.12
	on rs2 ip addr add $VIP/32 dev eth0
	problem "real server 10.1.0.12 \(tun\) answers ARP for the virtual address $VIP on eth0: "
	is "$(advice 'answers ARP')" "on the server, nfvs-realserver up --method tun --vip $VIP"
	on rs2 ip addr del $VIP/32 dev eth0
	fine
}

@test "a NAT server that has the virtual address, on a wire that is not its" {
	serve -t 10.2.0.100:80 -m 10.2.0.13
	set_in dir ipv4/ip_forward 1
	on dir ip addr add 10.2.0.100/32 dev eth1
	on rs3 ip addr add 10.2.0.100/32 dev eth0
	for name in all eth1; do
		set_in dir ipv4/conf/$name/send_redirects 0
	done
	problem "real server 10.2.0.13 \(nat\) answers ARP for the virtual address 10.2.0.100 on eth1: "
	is "$(advice 'answers ARP')" "on the server, remove 10.2.0.100, which it has no need of"
	on rs3 ip addr del 10.2.0.100/32 dev eth0
	fine
}

@test "the virtual address on another machine as well, or instead" {
	direct $VIP 10.1.0.11
	on other ip addr add $VIP/32 dev eth0
	problem "another machine \($(mac other eth0)\) answers ARP for the virtual address $VIP on eth0, and it is on this one too; fix: remove $VIP from one of the two$"
	on dir ip addr del $VIP/32 dev eth0
	problem "another machine \($(mac other eth0)\) answers ARP for the virtual address $VIP on eth0, and it is not on this one: .* active director$"
	on other ip addr del $VIP/32 dev eth0
	on dir ip addr add $VIP/32 dev eth0
	silent
	adm -C
	direct "[$VIP6]" fd00:1::11
	on other ip addr add $VIP6/128 dev eth0 nodad
	problem "another machine \($(mac other eth0)\) answers neighbour solicitations for the virtual address $VIP6 on eth0, and it is on this one too"
	on other ip addr del $VIP6/128 dev eth0
	silent
}

@test "the virtual address on a stranger where only servers are, is a hint" {
	direct $VIP 10.2.0.99
	on rs3 ip addr add $VIP/32 dev eth0
	fine
	has "$output" "^hint: another machine \($(mac rs3 eth0)\) answers ARP for the virtual address $VIP on eth1, and it is on this one too; fix: remove $VIP from one of the two$"
	on rs3 ip addr del $VIP/32 dev eth0
	fine
	not grep 'another machine' <<<"$output"
}

@test "another interface of the director on the same wire is not another machine" {
	direct $VIP 10.1.0.11
	lab_plug dir eth2 lan
	set_in dir ipv4/conf/eth2/arp_ignore 0
	silent
	on dir ip link del eth2
}

@test "the virtual address nowhere, on lo, or told of to nobody" {
	direct $VIP 10.1.0.11
	on dir ip addr del $VIP/32 dev eth0
	problem "virtual address $VIP is on no interface, neighbours on eth0 who ask for it get no answer, "
	is "$(advice .)" "ip addr add $VIP/32 dev eth0"
	on dir ip addr add $VIP/32 dev lo
	silent
	set_in dir ipv4/conf/all/arp_ignore 1
	problem "virtual address $VIP is on this machine, but neighbours on eth0 who ask for it get no answer, "
	follow .
	silent
	set_in dir ipv4/conf/all/arp_ignore 0
	on dir ip addr del $VIP/32 dev lo

	direct "[$VIP6]" fd00:1::11
	on dir ip addr del $VIP6/128 dev eth0
	problem "virtual address $VIP6 is on no interface, "
	on dir ip addr add $VIP6/128 dev lo
	problem "virtual address $VIP6 is on this machine, but neighbours on eth0 who ask for it get no answer, "
	on dir ip addr del $VIP6/128 dev lo
	run adm check
	follow .
	silent
}

@test "a virtual address that is only routed here: told from its packets" {
	serve -u 10.9.0.100:80 -g 10.1.0.11
	fine
	has "$output" "^hint: virtual address 10.9.0.100 is in no network of this machine: .* no packet for it has come yet$"
	serve -u 10.1.0.101:80 -g 10.1.0.11
	problem "virtual address 10.1.0.101 is on no interface"
	for vip in 10.9.0.100 10.1.0.101; do
		on other ip route add $vip via 10.1.0.1
		on other sh -c "echo | socat -u - udp:$vip:80"
	done
	await 5 silent
	has "$(adm check -v)" "^ok: virtual address 10.1.0.101 is routed to this machine: packets for it have come$"
	on other ip route flush via 10.1.0.1
}

@test "the addresses of a firewall-mark group are looked at like any" {
	cat >"$LAB_DIR/group.conf" <<'END'
director = { workers = 1; system = "check"; local_addresses = [ "10.2.0.1", "10.2.0.2", "fd00:2::2" ]; };
services = ( { name = "shop"; fwmark = 7; scheduler = "rr"; method = "dr";
	match = ( { address = "10.1.0.102"; protocol = "tcp"; ports = "80,443"; } );
	servers = ( { address = "10.1.0.11"; } ); } );
END
	cp "$LAB_DIR/check.conf" "$LAB_DIR/check.before"
	cp "$LAB_DIR/group.conf" "$LAB_DIR/check.conf"
	reload
	problem "virtual address 10.1.0.102 is on no interface"
	follow .
	silent
	on dir ip addr del 10.1.0.102/32 dev eth0
	cp "$LAB_DIR/check.before" "$LAB_DIR/check.conf"
	reload
}

@test "no route to a server; a DR server behind a gateway" {
	on dir ip route del default
	direct $VIP 10.4.0.11
	problem "there is no route to real server 10.4.0.11: Network is unreachable; fix: ip route add 10.4.0.11 via GATEWAY$"
	on dir ip route add 10.4.0.11 via 10.2.0.254
	problem "real server 10.4.0.11 \(dr\) is not in a network of this machine: the way to it is by gateway 10.2.0.254 on eth1, "
	adm -d -t $VIP:80 -r 10.4.0.11
	adm -a -t $VIP:80 -r 10.4.0.11 -i
	fine
	on dir ip route del 10.4.0.11
	on dir ip route add unreachable 10.4.0.11
	problem "there is no route to real server 10.4.0.11: No route to host"
	on dir ip route del unreachable 10.4.0.11
	on dir ip route add default via 10.1.0.254

	adm -C
	on dir ip -6 route del default
	direct "[$VIP6]" fd00:4::11
	problem "there is no route to real server fd00:4::11: Network is unreachable"
	on dir ip route add default via fd00:1::254
	problem "real server fd00:4::11 \(dr\) is not in a network of this machine: the way to it is by gateway fd00:1::254 on eth0, "
}

@test "a server that does not answer at all is a hint" {
	direct $VIP 10.1.0.99
	direct "[$VIP6]" fd00:1::99
	fine
	has "$output" "^hint: real server 10.1.0.99 does not answer ARP on eth0: it is down, or not there$"
	has "$output" "^hint: real server fd00:1::99 does not answer neighbour solicitations on eth0: "
}

@test "NAT needs forwarding, of all and of the interfaces" {
	serve -t $VIP:80 -m 10.2.0.13
	problem "net/ipv4/ip_forward is 0, but packets of NAT servers are forwarded by the kernel; fix: "
	follow .
	silent
	set_in dir ipv4/conf/eth1/forwarding 0
	problem "net/ipv4/conf/eth1/forwarding is 0, but "
	follow .
	silent
	set_in dir ipv4/conf/eth0/forwarding 0
	problem "net/ipv4/conf/eth0/forwarding is 0, but "
	follow .
	set_in dir ipv4/ip_forward 0
	adm -C

	serve -t "[$VIP6]:80" -m fd00:2::13
	problem "net/ipv6/conf/all/forwarding is 0, but "
	follow .
	silent
	set_in dir ipv6/conf/all/forwarding 0
	adm -C

	direct $VIP 10.1.0.11
	serve -t $VIP:81 --fullnat 10.2.0.13
	run adm check
	not grep forward <<<"$output"
}

@test "cache_bypass needs forwarding, for groups of the family" {
	adm -A -f 7 -s rr
	silent
	adm set cache_bypass true
	problem "net/ipv4/ip_forward is 0, but what cache_bypass lets go where it was sent is forwarded by the kernel; fix: "
	follow .
	silent
	adm -C
	adm -A -f 7 -6 -s rr
	problem "net/ipv6/conf/all/forwarding is 0, but what cache_bypass "
	follow .
	silent
	adm set cache_bypass false
	adm -C
}

@test "a NAT server where clients come from: no redirects" {
	set_in dir ipv4/ip_forward 1
	serve -t $VIP:80 -m 10.2.0.13
	silent
	serve -t $VIP:81 -m 10.1.0.11
	run adm check
	is "$status" 1
	is "$(grep -c '^problem: net/ipv4/conf/[a-z0-9]*/send_redirects is 1, but clients' <<<"$output")" 2 "$output"
	follow conf.all.send
	problem "net/ipv4/conf/eth0/send_redirects is 1, "
	follow conf.eth0.send
	silent
}

@test "rp_filter and the answers of a NAT server that come by another way" {
	set_in dir ipv4/ip_forward 1
	on dir ip route add 10.2.0.13 via 10.1.0.254
	serve -t $VIP:80 -m 10.2.0.13
	problem "NAT server 10.2.0.13 is a neighbour on eth1, but the way to it is by eth0: rp_filter drops what it answers there; fix: "
	follow .
	silent
	set_in dir ipv4/conf/eth1/rp_filter 0
	problem "NAT server 10.2.0.13 is a neighbour on eth1" # that of all still counts
	set_in dir ipv4/conf/eth1/rp_filter 1
	on dir ip route del 10.2.0.13
	silent
}

@test "rp_filter and requests that may come by another way" {
	set_in dir ipv4/ip_forward 1
	on dir ip addr add 10.2.0.100/32 dev eth1
	serve -t 10.2.0.100:80 -g 10.2.0.13
	silent # DR takes the packet before
	adm -C
	serve -t 10.2.0.100:80 -m 10.1.0.11
	for name in all eth0; do
		set_in dir ipv4/conf/$name/send_redirects 0
	done
	fine
	has "$output" "^hint: requests to 10.2.0.100 from other networks may come by eth1, but the default route is by eth0: then rp_filter drops them; fix: "
	follow .
	silent
}

@test "a local address of fullnat that is on no interface" {
	direct $VIP 10.1.0.11
	silent # nobody needs it
	serve -t $VIP:81 --fullnat 10.2.0.13
	problem "10.2.0.2 of director.local_addresses is on no interface: "
	follow .
	silent
	serve -t "[$VIP6]:81" --fullnat fd00:2::13
	problem "fd00:2::2 of director.local_addresses is on no interface: "
	follow .
	silent
}

@test "a tunnel that takes less than 1500 bytes is a hint" {
	serve -t $VIP:80 -i 10.2.0.13
	fine
	has "$output" "^hint: the way to real server 10.2.0.13 \(tun\) has MTU 1500: packets of more than 1480 bytes do not fit into its tunnel, .*; fix: MTU 1520 along the way to it and on eth1, "
	for ns_dev in dir:eth1 back:dir-eth1; do
		on "${ns_dev%:*}" ip link set "${ns_dev#*:}" mtu 1520
	done
	silent
	on dir ip route add 10.2.0.13 dev eth1 mtu 1400
	fine
	has "$output" "has MTU 1400: packets of more than 1380 bytes"
	on dir ip route del 10.2.0.13
}

@test "a server that is the director needs the virtual address there too" {
	serve -t 10.9.0.100:80 -g 10.1.0.1
	problem "real server 10.1.0.1 \(dr\) is this machine, but the virtual address 10.9.0.100 is not on it, "
	follow 'is this machine'
	fine
	on dir ip addr del 10.9.0.100/32 dev lo
	adm -C
	serve -t 10.9.0.100:80 -m 10.1.0.1 # it gets packets for 10.1.0.1
	fine
	has "$(adm check -v)" "^ok: real server 10.1.0.1 is this machine$"
}

@test "it disturbs nobody: no cache learns of it, and it takes about a second" {
	direct $VIP 10.1.0.11
	direct "[$VIP6]" fd00:1::11
	on other ip neigh flush all
	on rs1 ip neigh flush all
	on other ip addr add $VIP/32 dev eth0
	capture wire router eth0 arp
	start=${EPOCHREALTIME/./}
	problem "another machine"
	(((${EPOCHREALTIME/./} - start) < 3000000))
	on other ip addr del $VIP/32 dev eth0
	is "$(on other ip -4 neigh)" ""
	is "$(on rs1 ip -4 neigh)" ""
	await 5 packets_have wire "who-has $VIP"
	is "$(captured wire 'who-has' | grep -cv 'tell 0\.0\.0\.0')" 0
}

@test "more neighbours than can be asked at once are said to be left out" {
	on dir ip addr add 10.8.0.1/16 dev eth1
	{
		echo "-A -t $VIP:80 -s rr"
		seq -f "-a -t $VIP:80 -g -r 10.8.1.%g" 0 255
		seq -f "-a -t $VIP:80 -g -r 10.8.2.%g" 0 255
		seq -f "-a -t $VIP:80 -g -r 10.8.3.%g" 0 9
	} | adm -R
	run adm check
	is "$status" 0
	has "$output" "^not asked: neighbours about [0-9]+ more addresses: at most 512 at a time$"
}

@test "without CAP_NET_RAW it says what it could not ask, and asks the rest" {
	direct $VIP 10.4.0.11
	run on dir setpriv --bounding-set -net_raw --inh-caps -net_raw "$NFVSADM" check
	is "$status" 1
	has "$output" "^problem: real server 10.4.0.11 \(dr\) is not in a network"
	has "$output" "^not asked: whether servers and other machines on eth0 answer ARP for virtual addresses: Operation not permitted; fix: run this as root \(it needs CAP_NET_RAW\)$"
}

@test "mistakes: another namespace, no daemon, words that are none" {
	run on other "$NFVSADM" check
	is "$status" 2
	has "$output" "nfvsd is in another network namespace: nsenter -n -t $(<"$LAB_DIR/nfvsd.pid") nfvsadm check"
	run adm check --all
	is "$status" 2
	has "$output" "^Usage: nfvsadm check \[-v\|--verbose\] \[--json\]"
	NFVS_SOCKET=$LAB_DIR/none run adm check
	is "$status" 2
}
