# shellcheck shell=sh disable=SC3043,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Addresses: their families, and the one way to write each.

family() {
	case $1 in
	*:*) echo 6 ;;
	*) echo 4 ;;
	esac
}

# With the length that stands for the address alone.
host() {
	case $1 in
	*:*) echo "$1/128" ;;
	*) echo "$1/32" ;;
	esac
}

ipv4() {
	local part IFS=.

	case $1 in
	*[!0-9.]* | *..* | .* | *.) return 1 ;;
	esac
	set -- $1
	[ $# = 4 ] || return 1
	for part; do
		case $part in
		0?* | ????*) return 1 ;;
		esac
		[ "$part" -le 255 ] || return 1
	done
	echo "$*"
}

# As the kernel writes it, so that texts can be compared.
ipv6() {
	local left=$1 right='' gap='' group text=: run=:0:0:0:0:0:0:0:0: IFS=:

	case $1 in
	*[!0-9a-fA-F:]* | *:::* | *::*::*) return 1 ;;
	*::*) left=${1%%::*} right=${1#*::} gap=: ;;
	esac
	case $left$NL$right in
	:* | *:"$NL"* | *"$NL":* | *:) return 1 ;;
	esac
	set -- $left $right
	[ $# = 8 ] || { [ "$gap" ] && [ $# -lt 8 ]; } || return 1
	if [ "$gap" ]; then
		gap=
		while [ $((${#gap} / 2 + $#)) -lt 8 ]; do
			gap=${gap}0:
		done
		set -- $left $gap $right
	fi
	for group; do
		[ ${#group} -le 4 ] || return 1
		text=$text$(printf %x "0x$group"):
	done
	while [ ${#run} -gt 3 ]; do
		case $text in
		*"$run"*)
			text=${text%%"$run"*}::${text#*"$run"}
			break
			;;
		esac
		run=${run#:0}
	done
	case $text in ::*) ;; :*) text=${text#:} ;; esac
	case $text in *::) ;; *:) text=${text%:} ;; esac
	echo "$text"
}

address() {
	"ipv$(family "$1")" "$1"
}
