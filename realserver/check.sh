# shellcheck shell=sh disable=SC3043,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: a line for each problem on standard output; with -v one for each thing that is right.

problem() {
	problems=1
	echo "$*"
}

right() {
	[ ! "$verbose" ] || echo "ok: $*"
}

# check_place VIP DEVICE LENGTH
check_place() {
	local asks=ARP

	[ "$(family "$1")" = 4 ] || asks="neighbour solicitations"
	if ! quiet "$2"; then
		problem "$1: would answer $asks for it: it is on $2, and belongs on lo"
	elif [ "$1/$3" != "$(host "$1")" ]; then
		problem "$1: its whole network /$3 is taken for local: $2 has to have it as $(host "$1")"
	elif ! flagged "$2" UP; then
		problem "$1: $2, which it is on, is down"
	else
		right "$(host "$1") is on $2"
	fi
}

check_vip() {
	local all line proxy

	all=$(places "$1")
	[ "$all" ] || problem "$1: missing: it is on no interface"
	each "check_place $1" "$all"
	[ "$(family "$1")" = 6 ] || return 0
	proxy=$(ip -6 neigh show proxy 2>/dev/null | grep "^$1 " | head -n 1)
	if [ "$proxy" ]; then
		proxy=${proxy#*dev }
		problem "$1: would answer neighbour solicitations for it: ${proxy%% *} is its proxy"
	fi
}

# Values that the kernel knows no meaning for count as 0 there.
check_arp() {
	local now own

	if ! exists "$1"; then
		problem "$1: no such device"
		return
	fi
	now=$(effective "$1" arp_ignore)
	own="all $(value all arp_ignore), $1 $(value "$1" arp_ignore)"
	case $now in
	[128]) right "$1: answers no ARP for addresses of others: arp_ignore $now" ;;
	*) problem "$1: would answer ARP for $vips4: arp_ignore is $now ($own), not 1" ;;
	esac
	now=$(effective "$1" arp_announce)
	own="all $(value all arp_announce), $1 $(value "$1" arp_announce)"
	case $now in
	2) right "$1: asks with its own address: arp_announce 2" ;;
	*) problem "$1: may ask by ARP with $vips4 as the source: arp_announce is $now ($own), not 2" ;;
	esac
}

check_filter() {
	local now own

	now=$(effective "$1" rp_filter)
	own="all $(value all rp_filter), $1 $(value "$1" rp_filter)"
	if [ "$now" = 1 ]; then
		problem "$1: rp_filter drops what is unwrapped: it is 1 ($own), not 0 or 2"
	elif [ "$now" = 2 ] && [ ! "$(ip -o -4 addr show dev "$1")" ]; then
		problem "$1: rp_filter drops what is unwrapped: 2 ($own) needs an address on $1"
	else
		right "$1: rp_filter lets pass what is unwrapped: $now"
	fi
}

check_tunnel() {
	if ! exists "$1"; then
		problem "$1: the tunnel device is missing"
	elif ! flagged "$1" UP; then
		problem "$1: the tunnel device is down"
	else
		right "$1 is up"
	fi
}

# The steps that are wanted of a tunnel tell what to look at.
check_step() {
	case $1-$2-${3:-} in
	made-*) check_tunnel "$2" ;;
	set-*-rp_filter) ! exists "$2" || check_filter "$2" ;;
	mode-*)
		! exists "$2" || [ "$(mode_of "$2")" = any ] ||
			problem "$2: drops IPv4 in IPv6: its mode is $(mode_of "$2"), not any"
		;;
	fou-*)
		if ! ip fou show >/dev/null 2>&1 && [ "$(id -u)" != 0 ]; then
			problem "UDP port $2: only root can see whether gue is received"
		elif fou_listens "$2" "$3"; then
			right "gue is received on UDP port $2, IPv$3"
		else
			problem "UDP port $2: gue is not received, IPv$3"
		fi
		;;
	esac
}

check_director() {
	local gateway

	for gateway in $(default_route "$(family "$1")" via); do
		if [ "$gateway" = "$1" ]; then
			problem "$1: the default gateway is the director: replies must not go through it"
			return
		fi
	done
	right "the default gateway is not $1"
}

check() {
	local one problems=''

	if [ "$given" ]; then
		settle
	elif state_read; then
		parse check $OPTIONS
	else
		die 1 "not up: there is no $STATE (to check without it: --method and --vip)"
	fi
	for one in $vips; do
		check_vip "$one"
	done
	if [ "$vips4" ]; then
		for one in $devs; do
			check_arp "$one"
		done
	fi
	if [ "$method" = tun ]; then
		plan
		each check_step "$WANT"
	fi
	for one in $directors; do
		check_director "$one"
	done
	if [ "$verbose" ] && [ ! "$directors" ]; then
		echo "not asked: whether the default gateway is the director (name it with --director)"
	fi
	[ ! "$problems" ]
}
