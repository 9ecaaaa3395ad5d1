# shellcheck shell=sh disable=SC3043,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the system says of devices, addresses, routes and settings; nothing is changed.

# Runs ip(8); what it said becomes one line of ours.
run_ip() {
	local out

	out=$(ip "$@" 2>&1) && return
	say "ip $*: $(echo "$out" | head -n 1)"
	return 1
}

exists() {
	ip link show dev "$1" >/dev/null 2>&1
}

# flagged DEVICE FLAG
flagged() {
	local flags

	flags=$(ip -o link show dev "$1" 2>/dev/null)
	flags=${flags#*<}
	case ,${flags%%>*}, in
	*,"$2",*) return 0 ;;
	esac
	return 1
}

# Nobody on the wire is told what addresses such a device has.
quiet() {
	[ "$1" = lo ] || flagged "$1" NOARP
}

# Where an address is, a line each: DEVICE LENGTH
places() {
	local dev cidr

	ip -o "-$(family "$1")" addr show to "$1" 2>/dev/null | while read -r _ dev _ cidr _; do
		case $cidr in
		*/*) echo "$dev ${cidr#*/}" ;;
		*)
			cidr=$(host "$1") # one with a peer
			echo "$dev ${cidr#*/}"
			;;
		esac
	done
}

# value DEVICE SETTING (not by read: that takes a byte at a time, and the kernel gives only the first)
value() {
	cat "$CONF/$1/$2" 2>/dev/null
}

# What counts on an interface is the greater of its own value and that of all.
effective() {
	local all own

	all=$(value all "$2")
	own=$(value "$1" "$2")
	[ "${all:-0}" -gt "${own:-0}" ] && own=$all
	echo "${own:-0}"
}

# What follows a word in the default routes: default_route FAMILY WORD
default_route() {
	local word take=''

	for word in $(ip "-$1" route show default 2>/dev/null); do
		[ ! "$take" ] || echo "$word"
		take=
		[ "$word" != "$2" ] || take=1
	done
}

fou_listens() {
	local port="port $1 gue"

	[ "$2" = 4 ] || port="$port -6"
	ip fou show 2>/dev/null | sed 's/ *$//' | grep -qx "$port"
}

# The mode of ip6tnl0, in the words that change takes.
mode_of() {
	case $(ip -6 tunnel show "$1" 2>/dev/null) in
	*': any/ipv6 '*) echo any ;;
	*': ip/ipv6 '*) echo ipip6 ;;
	*) echo ip6ip6 ;;
	esac
}
