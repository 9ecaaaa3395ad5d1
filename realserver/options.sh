# shellcheck shell=sh disable=SC3043,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The options of up and check: to method, vips, vips4, devs, tunnel, outer, directors, verbose.

add_vip() {
	local vip

	vip=$(address "$1") || die 2 "not an address: $1"
	case $vip in
	0.* | 127.* | 22[4-9].* | 2[345]?.* | ::* | ff??:* | fe[89ab]?:*)
		die 2 "cannot be a virtual address: $1"
		;;
	esac
	case " $vips " in
	*" $vip "*) return ;;
	esac
	vips="$vips${vips:+ }$vip"
	[ "$(family "$vip")" = 6 ] || vips4="$vips4${vips4:+ }$vip"
}

add_dev() {
	case $1 in
	lo | all | default | . | .. | */* | '' | ????????????????*)
		die 2 "not an interface that ARP is heard on: $1"
		;;
	esac
	case " $devs " in
	*" $1 "*) ;;
	*) devs="$devs${devs:+ }$1" ;;
	esac
}

add_tunnel() {
	tunnel=$1
	case $1 in
	ipip | gre | gre:csum) return ;;
	gue:0* | gue:*[!0-9]* | gue: | gue:??????*) ;;
	gue:*) [ "${1#gue:}" -gt 65535 ] || return 0 ;;
	esac
	die 2 "--tunnel: not ipip, gue:PORT, gre or gre:csum: $1"
}

# option COMMAND NAME VALUE
option() {
	case $1$2 in
	check--director)
		directors="$directors $(address "$3")" || die 2 "not an address: $3"
		return
		;;
	*--director) die 2 "--director is an option of check" ;;
	esac
	case $2 in
	--method) method=$3 ;;
	--vip) add_vip "$3" ;;
	--dev) add_dev "$3" ;;
	--tunnel) add_tunnel "$3" ;;
	--outer) outer=$3 ;;
	esac
	given=1
}

parse() {
	local command=$1

	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--*=*)
			local name=${1%%=*} text=${1#*=}
			shift
			set -- "$name" "$text" "$@"
			;;
		esac
		case $command$1 in
		check-v | check--verbose) verbose=1 && shift ;;
		up--method | up--vip | up--dev | up--tunnel | up--outer | up--director | check--method | \
			check--vip | check--dev | check--tunnel | check--outer | check--director)
			[ $# -gt 1 ] || die 2 "$1 needs a value"
			option "$command" "$1" "$2"
			shift 2
			;;
		*) die 2 "$command: unknown option or word: $1 (nfvs-realserver --help)" ;;
		esac
	done
}

# Do the options fit together? Fills in what is not given.
settle() {
	case $method in
	dr) [ ! "$tunnel$outer" ] || die 2 "--tunnel and --outer are for --method tun" ;;
	tun) tunnel=${tunnel:-ipip} ;;
	'') die 2 "--method dr or tun is needed" ;;
	*) die 2 "--method: neither dr nor tun: $method" ;;
	esac
	case $outer in
	'' | ipv4 | ipv6) ;;
	*) die 2 "--outer: neither ipv4 nor ipv6: $outer" ;;
	esac
	[ "$vips" ] || die 2 "--vip is needed"
	if [ ! "$devs" ] && { [ "$vips4" ] || [ "$tunnel" = gre:csum ]; }; then
		devs=$(default_route 4 dev | head -n 1)
		devs=${devs:-$(default_route 6 dev | head -n 1)}
		[ "$devs" ] || die 1 "there is no default route: name the interface with --dev"
	fi
}

options() {
	local word

	printf %s "--method $method${tunnel:+ --tunnel $tunnel}${outer:+ --outer $outer}"
	for word in $devs; do
		printf ' --dev %s' "$word"
	done
	for word in $vips; do
		printf ' --vip %s' "$word"
	done
}
