#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# nfvs-realserver: what it sets is what keeps a neighbour from hearing of the virtual address, and all
# of it is undone.

load common
load realserver

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
	not answered $VIP
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
	not answered $FREE6
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
	not grep -F $VIP6 <<<"$(on rs ip addr)"
	rs up --method dr --vip $VIP6
	not grep -F 10.1.0.10 <<<"$(on rs ip addr)"
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
	on rs ip addr add ::1/128 dev lo 2>/dev/null || true # gone, depending on the kernel
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
	is "$(rs check -v | grep -v '^ok: ')" \
		"not asked: whether the default gateway is the director (name it with --director)"

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
	on rs ip addr add $VIP/32 dev lo
	on rs ip link set lo down
	problem "^$VIP: lo, which it is on, is down"
	on rs ip link set lo up
	on rs ip addr del $VIP/32 dev lo
	on rs ip addr add $VIP/24 dev lo
	problem "^$VIP: its whole network /24 is taken for local: lo has to have it as $VIP/32"
	on rs ip addr del $VIP/24 dev lo
	on rs ip addr add $VIP/32 dev lo
	rs check "${dr[@]}" --dev eth0
	problem "^nope: no such device" "${dr[@]}" --dev nope
	problem "^$VIP2: missing" --method dr --vip $VIP2
	rs down
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
