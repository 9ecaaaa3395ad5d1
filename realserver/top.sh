#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Prepares a real server for direct routing or tunnelling, and says what is wrong with one. Needs
# ip(8) and /proc/sys, and modprobe(8) for gue.
#
# The one idea: `up` is a list of wanted steps (plan). What is not so already is written to the
# state file, with what it was before, and only then done; so `down`, which walks that list
# backwards, also undoes an `up` that was killed. `up` once more does the steps that are missing and
# undoes those that are wanted no longer.
#
# Steps, in WANT:                              as JOURNAL, and the state file, remember them:
#     set DEVICE SETTING RULE                  set DEVICE SETTING OLD NEW
#     made DEVICE KIND [ARGUMENTS]             the same: the device is ours
#     mode DEVICE any                          mode DEVICE OLD
#     fou PORT FAMILY                          the same: the receiver is ours
#     link DEVICE                              the same: it was down
#     addr ADDRESS/LENGTH DEVICE               the same: it was not there

# shellcheck disable=SC3043 # local: every sh of a server has it
# shellcheck disable=SC2086 # lists are split into their words on purpose, and set -f

set -fu
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin
umask 022

CONF=/proc/sys/net/ipv4/conf
NL='
'
WORDS=' 	'$NL

usage() {
	cat <<-'END'
		nfvs-realserver up --method dr|tun --vip ADDRESS [--vip ADDRESS]... [--dev INTERFACE]...
		                   [--tunnel ipip|gue:PORT|gre|gre:csum] [--outer ipv4|ipv6]
		nfvs-realserver down
		nfvs-realserver check [the options of up] [--director ADDRESS]... [-v]

		up      puts the virtual addresses where nobody is told of them by ARP, and for tun
		        readies the tunnel device; once more with others: adds and removes to match
		down    undoes exactly that
		check   explains each problem in a line; without options, of what up remembered

		  --method    dr: direct routing, tun: tunnelling
		  --vip       a virtual address, IPv4 or IPv6
		  --dev       where ARP has to be quiet (the interface of the default route)
		  --tunnel    what the director wraps packets in (ipip)
		  --outer     family of the packet around (that of the virtual address)
		  --director  the director's address: it must not be the default gateway
		  -v          check: what is right, too

		Exit status: 0 fine, 1 problems, 2 wrong usage. $NFVS_REALSERVER_STATE names the state
		file (/run/nfvs-realserver/state).
	END
}

say() {
	echo "nfvs-realserver: $*" >&2
}

# die STATUS TEXT
die() {
	say "$2"
	exit "$1"
}

# --- lists -------------------------------------------------------------------------------------

# Calls a function with the words of each line: each FUNCTION LINES; ends when it fails.
each() {
	local line IFS=$NL

	for line in $2; do
		IFS=$WORDS
		$1 $line || return
	done
}

reverse() {
	local line lines='' IFS=$NL

	for line in $1; do
		lines=$line$NL$lines
	done
	echo "$lines"
}

# The first words of a step, which tell it from others.
key() {
	case $1 in
	set | addr | fou) echo "$1 $2 $3" ;;
	*) echo "$1 $2" ;;
	esac
}

# Is there a line that begins with these words: listed WORDS LINES
listed() {
	local line IFS=$NL

	for line in $2; do
		case "$line " in
		"$1 "*) return 0 ;;
		esac
	done
	return 1
}
