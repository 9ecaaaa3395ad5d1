#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What nfvsd itself does with many services and servers: how long it takes to start, to reload and
# to list, and its memory. No packets: bench/scale.c has those. "make bench-scale" calls it.
# Usage: bench/scale.sh [SERVICES [SERVERS_EACH [own|same]]]   (as root, or it takes a namespace of its own)

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$top/tests/netns/lab.bash"
lab_enter "$@" || exit 1

# Another network namespace, so that nothing of the machine's is touched.
if [[ ${SCALE_INSIDE:-} != 1 ]]; then
	SCALE_INSIDE=1 exec unshare -n "$BASH" "$0" "$@"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/nfvs-scale.XXXXXX") || exit 1
export NFVS_SOCKET=$work/sock
daemon=

stop() {
	[[ ! $daemon ]] || kill "$daemon" 2>/dev/null
	wait
	daemon=
}
trap 'stop; rm -rf "$work"' EXIT

# A configuration: conf SERVICES SERVERS_EACH own|same WEIGHT. All services may have the same servers.
conf() {
	awk -v services="$1" -v each="$2" -v same="$3" -v weight="$4" '
	function addr(net, n) {
		return net "." int(n / 65536) "." int(n / 256) % 256 "." n % 256
	}
	BEGIN {
		print "director = { workers = 1; system = \"check\"; };"
		print "services = ("
		for (s = 0; s < services; s++) {
			printf "%s{ name = \"s%d\"; protocol = \"tcp\"; address = \"%s\"; port = 80;\n",
				s ? "," : "", s, addr(11, s + 1)
			print " scheduler = \"wlc\"; method = \"nat\"; servers = ("
			for (i = 0; i < each; i++)
				printf "%s{ address = \"%s\"; port = 8080; weight = %d; }\n",
					i ? "," : "", addr(12, (same == "same" ? 0 : s * each) + i + 1), weight
			print "); }"
		}
		print ");"
	}' >"$work/conf"
}

# Seconds that a command takes, or "failed": seconds COMMAND...
seconds() {
	local begin=${EPOCHREALTIME/./} took

	if ! "$@" >"$work/out" 2>&1; then
		tail -n 3 "$work/out" >&2
		echo failed
		return
	fi
	took=$((${EPOCHREALTIME/./} - begin))
	printf '%d.%02d' $((took / 1000000)) $((took / 10000 % 100))
}

ready() {
	until grep -q "$1" "$work/log"; do
		kill -0 "$daemon" 2>/dev/null || return 1
		((SECONDS < 600)) || return 1
		sleep 0.01
	done
}

start() {
	"$NFVSD" -c "$work/conf" -s "$NFVS_SOCKET" >"$work/log" 2>&1 &
	daemon=$!
	ready 'ready$' || { tail -n 3 "$work/log" && return 1; }
}

reload() {
	: >"$work/log"
	kill -HUP "$daemon"
	ready 'reload' && ! grep -q failed "$work/log"
}

megabytes() {
	awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$daemon/status"
}

measure() {
	local check begin same changed list one memory

	conf "$1" "$2" "$3" 1
	check=$(seconds "$NFVSD" -t -c "$work/conf")
	local from=${EPOCHREALTIME/./}
	start || return 1
	begin=$(((${EPOCHREALTIME/./} - from) / 1000))
	memory=$(megabytes)
	list=$(seconds "$NFVSADM" -Ln)
	one=$(seconds "$NFVSADM" -Ln -t 11.0.0.1:80)
	from=${EPOCHREALTIME/./}
	reload || return 1
	same=$(((${EPOCHREALTIME/./} - from) / 1000))
	conf "$1" "$2" "$3" 2
	from=${EPOCHREALTIME/./}
	reload || return 1
	changed=$(((${EPOCHREALTIME/./} - from) / 1000))
	printf '%8d %8d %5s %9s %8d ms %8d ms %8d ms %8s s %8s s %6s MB %6s MB\n' "$1" $(($1 * $2)) "$3" \
		"$check s" "$begin" "$same" "$changed" "$list" "$one" "$memory" "$(megabytes)"
	stop
}

printf '%8s %8s %5s %9s %11s %11s %11s %10s %10s %9s %9s\n' services servers are 'nfvsd -t' start \
	'same again' 'all weights' '-Ln' 'one of it' started reloaded
if (($#)); then
	measure "$1" "${2:-10}" "${3:-own}"
else
	measure 100 10 own
	measure 1000 10 own
	measure 10000 10 own
	measure 10000 10 same
	measure 1 100000 own
fi
