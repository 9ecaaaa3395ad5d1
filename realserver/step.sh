# shellcheck shell=sh disable=SC3043,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The steps: which are wanted (plan), how each is done (step_*) and undone (undo_*). A step is
# journalled before it is done. Undoing fails only if it should be tried again.

# --- which -------------------------------------------------------------------------------------

outer_of() {
	case $outer in
	ipv4) echo 4 ;;
	ipv6) echo 6 ;;
	*) family "$1" ;;
	esac
}

# The device that unwraps packets for a virtual address. All but those of gre:csum are the kernel's
# own, that take what no other tunnel does.
tunnel_of() {
	case $tunnel-$(outer_of "$1")-$(family "$1") in
	gre:csum-4-*) echo nfvs-gre ;;
	gre:csum-6-*) echo nfvs-gre6 ;;
	gre-4-*) echo gre0 ;;
	gre-6-*) echo ip6gre0 ;;
	*-4-4) echo tunl0 ;;
	*-4-6) echo sit0 ;;
	*) echo ip6tnl0 ;;
	esac
}

# Its kind, and what ip link add has to be told. A device of its own for checksums: gre drops what
# has one if it expects none, and gre0 could not be changed back.
kind_of() {
	case $1 in
	tunl0) echo ipip ;;
	sit0) echo sit ;;
	ip6tnl0) echo ip6tnl ;;
	gre0) echo gre ;;
	ip6gre0) echo ip6gre ;;
	nfvs-gre) echo "gre dev ${devs%% *} icsum" ;;
	nfvs-gre6) echo "ip6gre dev ${devs%% *} icsum" ;;
	esac
}

want() {
	listed "$*" "$WANT" || WANT=$WANT$*$NL
}

plan_tunnel() {
	local vip dev

	for vip in $vips; do
		dev=$(tunnel_of "$vip")
		want made "$dev" "$(kind_of "$dev")"
		[ "$(family "$vip")" = 6 ] || want set "$dev" rp_filter tunnel
		[ "$dev$(family "$vip")" != ip6tnl04 ] || want mode "$dev" any
		case $tunnel in
		gue:*) want fou "${tunnel#gue:}" "$(outer_of "$vip")" ;;
		esac
		want link "$dev"
	done
}

# Settings first: an address is never there before ARP is quiet.
plan() {
	local vip dev place=lo

	WANT=
	if [ "$vips4" ]; then
		for dev in all $devs; do
			want set "$dev" arp_ignore ignore
			want set "$dev" arp_announce announce
		done
	fi
	[ "$method" = dr ] || plan_tunnel
	for vip in $vips; do
		[ "$method" = dr ] || place=$(tunnel_of "$vip")
		want addr "$(host "$vip")" "$place"
	done
}

# --- done --------------------------------------------------------------------------------------

# What a setting has to be: target DEVICE RULE NOW
#   ignore    1, but a stricter 2 or 8 stays
#   tunnel    a strict rp_filter would drop all that is unwrapped. The greater of all and the device
#             counts, and to lower all would open the other interfaces: over an all of 1, loose
target() {
	case $2-$3-$(value all rp_filter) in
	ignore-[128]-* | tunnel-*-2) echo "$3" ;;
	ignore-*) echo 1 ;;
	announce-*) echo 2 ;;
	tunnel-*-0) echo 0 ;;
	tunnel-*) echo 2 ;;
	esac
}

# put DEVICE SETTING VALUE
put() {
	{ echo "$3" >"$CONF/$1/$2"; } 2>/dev/null && return
	say "cannot set $2 of $1 to $3"
	return 1
}

step_set() {
	local now to

	now=$(value "$1" "$2") || { say "cannot read $2 of $1"; return 1; }
	to=$(target "$1" "$3" "$now")
	[ "$now" != "$to" ] || return 0
	journal set "$1" "$2" "$now" "$to" && put "$1" "$2" "$to"
}

# Asking for a device of a kind loads its module, and that may bring the very device: then it is
# there although ip failed, and not ours.
step_made() {
	local dev=$1 kind=$2 out

	if exists "$dev"; then
		listed "made $dev" "$JOURNAL" && ! listed "made $*" "$JOURNAL" || return 0
		say "$dev is there for other options: first \`down'"
		return 1
	fi
	journal made "$@" || return
	shift 2
	out=$(ip link add name "$dev" type "$kind" "$@" 2>&1) && return
	forget "made $dev"
	state_write || return
	exists "$dev" && return
	say "no $dev: this kernel knows no $kind tunnels ($(echo "$out" | head -n 1))"
	return 1
}

step_mode() {
	local now

	now=$(mode_of "$1")
	[ "$now" != any ] || return 0
	journal mode "$1" "$now" && run_ip -6 tunnel change "$1" mode any
}

step_fou() {
	if ! ip fou show >/dev/null 2>&1 && ! modprobe fou 2>/dev/null; then
		say "no gue: this kernel lacks fou, or modprobe cannot load it"
		return 1
	fi
	fou_listens "$1" "$2" && return
	journal fou "$1" "$2" && run_ip "-$2" fou add port "$1" gue
}

step_link() {
	! flagged "$1" UP || return 0
	journal link "$1" && run_ip link set dev "$1" up
}

# An IPv6 address is never chosen as a source by itself once it is deprecated; IPv4 has no such
# thing, and prefers the addresses of the interface that it sends through.
step_addr() {
	local place

	if places "${1%/*}" | grep -qx "$2 ${1#*/}"; then
		return
	fi
	flagged "$2" UP || { say "$2 is down"; return 1; }
	journal addr "$1" "$2" || return
	case $1 in
	*:*) run_ip -6 addr add "$1" dev "$2" nodad preferred_lft 0 ;;
	*) run_ip addr add "$1" dev "$2" ;;
	esac
}

step() {
	local what=$1

	shift
	"step_$what" "$@"
}

# --- undone ------------------------------------------------------------------------------------

undo_set() {
	local now

	if ! now=$(value "$1" "$2"); then
		say "$1 is gone, and $2 with it"
	elif [ "$now" = "$4" ]; then
		put "$1" "$2" "$3"
	elif [ "$now" != "$3" ]; then
		say "$2 of $1 is $now now, not the $4 that was set here: left alone"
	fi
}

undo_made() {
	! exists "$1" || run_ip link del dev "$1"
}

undo_mode() {
	! exists "$1" || [ "$(mode_of "$1")" != any ] || run_ip -6 tunnel change "$1" mode "$2"
}

undo_fou() {
	! fou_listens "$1" "$2" || run_ip "-$2" fou del port "$1"
}

# The kernel's own addresses (fe80::, and ::192.0.2.1 on sit0) come and go with the device.
undo_link() {
	local other

	exists "$1" || return 0
	other=$(ip -o addr show dev "$1" | grep -Ev 'inet6 (fe80:|::)' | head -n 1)
	if [ "$other" ]; then
		say "$1 has another address now: left up"
		return
	fi
	run_ip link set dev "$1" down
}

undo_addr() {
	if places "${1%/*}" | grep -qx "$2 ${1#*/}"; then
		run_ip addr del "$1" dev "$2"
	else
		say "${1%/*} is no longer on $2"
	fi
}

undo() {
	local what=$1

	shift
	"undo_$what" "$@"
}
