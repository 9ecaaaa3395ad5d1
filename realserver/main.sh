# shellcheck shell=sh disable=SC3043,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The state file, the commands up and down, and the beginning.

# --- the state file ----------------------------------------------------------------------------

# Each network namespace that ip(8) named has one of its own.
state_path() {
	local name

	STATE=${NFVS_REALSERVER_STATE:-}
	[ ! "$STATE" ] || return 0
	name=$(ip netns identify $$ 2>/dev/null)
	STATE=/run/nfvs-realserver/state${name:+.$name}
}

# Into OPTIONS and JOURNAL; fails if there is none.
state_read() {
	local word rest

	OPTIONS='' JOURNAL=''
	[ -e "$STATE" ] || return 1
	while read -r word rest; do
		case $word in
		netns)
			[ "$rest" = "$(readlink /proc/self/ns/net)" ] ||
				die 1 "$STATE is of another network namespace; remove it if that is gone"
			;;
		options) OPTIONS=$rest ;;
		set | made | mode | fou | link | addr) JOURNAL="$JOURNAL$word $rest$NL" ;;
		*) die 1 "$STATE: not a state file of nfvs-realserver: $word" ;;
		esac
	done <"$STATE"
}

# There is a whole file at each moment.
state_write() {
	{
		mkdir -p "$(dirname "$STATE")" &&
			printf 'netns %s\noptions %s\n%s' "$(readlink /proc/self/ns/net)" "$OPTIONS" \
				"$JOURNAL" >"$STATE.new" &&
			mv -f "$STATE.new" "$STATE"
	} 2>/dev/null && return
	say "cannot write $STATE"
	return 1
}

# Drops the steps of these words.
forget() {
	local line left='' IFS=$NL

	for line in $JOURNAL; do
		listed "$1" "$line" || left=$left$line$NL
	done
	JOURNAL=$left
}

# Remembers a step, in place of an earlier one of the same key.
journal() {
	changed=1
	forget "$(key "$@")"
	JOURNAL=$JOURNAL$*$NL
	state_write
}

# One at a time: a link is made or not, and names the process that holds it.
lock() {
	local holder

	mkdir -p "$(dirname "$STATE")" 2>/dev/null
	until ln -s $$ "$STATE.lock" 2>/dev/null; do
		holder=$(readlink "$STATE.lock") || die 1 "cannot write $STATE.lock"
		! kill -0 "$holder" 2>/dev/null || die 1 "process $holder is at it already ($STATE.lock)"
		rm -f "$STATE.lock"
	done
	trap 'rm -f "$STATE.lock"' EXIT
}

# --- up and down -------------------------------------------------------------------------------

# Undoes a step; what could not be undone stays remembered.
unless_kept() {
	undo "$@" && forget "$*"
	return 0
}

undo_new() {
	listed "$*" "$BEFORE" || unless_kept "$@"
}

undo_unwanted() {
	listed "$(key "$@")" "$WANT" && return
	changed=1
	unless_kept "$@"
}

# Back to what it was before this run.
roll_back() {
	local line IFS=$NL

	trap '' INT TERM HUP
	each undo_new "$(reverse "$JOURNAL")"
	for line in $BEFORE; do
		listed "$line" "$JOURNAL" || JOURNAL=$JOURNAL$line$NL
	done
	OPTIONS=$BEFORE_OPTIONS
	if [ "$OPTIONS$JOURNAL" ]; then
		state_write
	else
		rm -f "$STATE"
	fi
	exit 1
}

# What cannot go well is refused before anything is done.
up_possible() {
	local vip dev

	[ ! "$vips4" ] || for dev in $devs; do
		exists "$dev" || die 1 "no such device: $dev"
	done
	for vip in $vips; do
		each "refuse_place $vip" "$(places "$vip")"
	done
}

refuse_place() {
	quiet "$2" || die 1 "$1 is on $2, which answers for it: take it away there first"
	[ "$1/$3" = "$(host "$1")" ] ||
		die 1 "$1/$3 is on $2: its whole network is taken for local; take it away there first"
}

up_report() {
	local what=up vip dev where=''

	[ "$changed" ] || what="already up"
	for vip in $vips; do
		dev=lo
		[ "$method" = dr ] || dev=$(tunnel_of "$vip")
		where="$where${where:+, }$vip on $dev"
	done
	echo "$what: $method${tunnel:+ ($tunnel)}: $where${vips4:+; ARP quiet on $devs}"
}

up() {
	local changed=''

	settle
	[ "$(id -u)" = 0 ] || die 1 "up: only root can do this"
	up_possible
	lock
	state_read
	BEFORE=$JOURNAL BEFORE_OPTIONS=$OPTIONS
	OPTIONS=$(options)
	[ "$OPTIONS" = "$BEFORE_OPTIONS" ] || changed=1
	plan
	trap roll_back INT TERM HUP
	each step "$WANT" || roll_back
	trap '' INT TERM HUP
	each undo_unwanted "$(reverse "$JOURNAL")"
	[ ! "$changed" ] || state_write || exit 1
	up_report
}

down() {
	[ "$(id -u)" = 0 ] || die 1 "down: only root can do this"
	lock
	if ! state_read; then
		echo "already down"
		return
	fi
	trap '' INT TERM HUP
	each unless_kept "$(reverse "$JOURNAL")"
	if [ "$JOURNAL" ]; then
		state_write
		die 1 "not all could be undone: $STATE has the rest"
	fi
	rm -f "$STATE" || exit 1
	echo "down: as before \`up $OPTIONS'"
}

main() {
	method='' vips='' vips4='' devs='' tunnel='' outer='' directors='' verbose='' given=''
	case ${1:-} in
	up | check) parse "$@" ;;
	down) [ $# = 1 ] || die 2 "down takes no options" ;;
	-h | --help)
		usage
		return
		;;
	--version)
		echo "nfvs-realserver @VERSION@"
		return
		;;
	'') die 2 "up, down or check? (nfvs-realserver --help)" ;;
	*) die 2 "unknown command: $1 (nfvs-realserver --help)" ;;
	esac
	command -v ip >/dev/null || die 1 "ip is missing (package iproute2)"
	state_path
	"$1"
}

main "$@"
