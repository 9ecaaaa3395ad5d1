# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What bench/run measures: the rows of its tables. To be sourced after bench/datapaths.bash. A
# measure NAME is a function measure_NAME ADDRESS PORT; it loads a datapath for $seconds seconds and
# prints lines "METRIC VALUE". bench/run sets seconds and bench (this folder).
# shellcheck disable=SC2034,SC2154

# name, service that it uses
measures=(
	"keepalive  web"
	"connect    web"
	"bulk       bulk"
	"latency    web"
	"udp        flood"
)
CONNECTIONS=64
LATENCY_RATE=1000 # requests/s: a fraction of what any of the datapaths can do
UDP_FLOWS=64
patience=0 # seconds that a command may take beyond the time that it measures

# Before they begin: flows that stay while all of the above is measured, and what each of them took
# to begin, its answer included. fill ADDRESS PORT FLOWS prints lines as a measure does.
fill() {
	local answered seconds_taken passes patience=$((60 + $3 / 100))

	with_cpu "$B/bench/flows" begin "$1" "$2" "$3" || return
	read -r _ _ _ answered _ passes _ seconds_taken <<<"$output"
	if ((answered < $3)); then
		echo "bench: $answered of $3 flows were answered, in $passes passes" >&2
		return 1
	fi
	echo "flow $(divide "$3" "$seconds_taken")"
	echo "flow_cpu $(divide "$busy" "$3")"
}

# In a guest of tests/vm/run that is not accelerated: a thirtieth of a machine, and as slow to start
# a program.
emulated() {
	[[ ${NFVS_VM_GUEST:-} && ${NFVS_VM_ACCEL:-tcg} != kvm ]]
}

# And its time is the number of instructions that it executed.
counted() {
	emulated && [[ ${NFVS_VM_ACCEL:-} == icount ]]
}

# The first that starts waits for the kernel's modules.
! emulated || CONNECTIONS=16 LATENCY_RATE=50 START_SECONDS=60

# Runs a command on the client and sets $output to what it prints and $busy to the microseconds that all CPUs
# together were not idle meanwhile. The whole machine, because a packet is forwarded wherever a
# softirq happens to run; less what the hypervisor gave to others.
with_cpu() {
	local from=${EPOCHREALTIME/./} idle status

	idle=$(idle_ticks)
	output=$(on client timeout --foreground $((patience + seconds + 10)) "$@")
	status=$?
	idle=$(($(idle_ticks) - idle))
	busy=$(((${EPOCHREALTIME/./} - from) * $(nproc) - idle * (1000000 / $(getconf CLK_TCK))))
	return $status
}

# Of /proc/stat: idle, waiting for a disk, stolen.
idle_ticks() {
	local idle iowait steal

	read -r _ _ _ _ idle iowait _ _ steal _ </proc/stat
	echo $((idle + iowait + steal))
}

# A division with six digits behind the point: shell arithmetic has none.
divide() {
	awk -v a="$1" -v b="$2" 'BEGIN { if (b == 0) exit 1; printf "%.6f\n", a / b }'
}

# load THREADS CONNECTIONS URL [WRK OPTIONS]: sets $requests, $bytes, $us, $errors and $busy.
load() {
	local threads=$1 connections=$2 url=$3

	shift 3
	with_cpu wrk -t "$threads" -c "$connections" -d "${seconds}s" --timeout 5s \
		-s "$bench/wrk.lua" "$@" "$url" || return
	read -r _ requests _ bytes _ us _ errors < <(grep '^requests ' <<<"$output") &&
		((requests))
}

# A rate per second of $requests, what one cost, and how many failed.
load_metrics() {
	echo "$1 $(divide "$requests"000000 "$us")"
	echo "$1_cpu $(divide "$busy" "$requests")"
	echo "$1_errors $errors"
}

measure_keepalive() {
	load "$(nproc)" $CONNECTIONS "http://$1:$2/" && load_metrics keepalive
}

measure_connect() {
	load "$(nproc)" $CONNECTIONS "http://$1:$2/" -H 'Connection: close' && load_metrics connect
}

# Megabytes (10^6) per second that the client received over four connections.
measure_bulk() {
	with_cpu iperf3 -c "$1" -p "$2" -R -P 4 -t "$seconds" -J || return
	read -r bytes us < <(python3 -c '
import json, sys
received = json.load(sys.stdin)["end"]["sum_received"]
print(int(received["bytes"]), int(received["seconds"] * 1e6))' <<<"$output") && ((bytes)) || return
	echo "bulk $(divide "$bytes" "$us")"
	echo "bulk_cpu $(divide "$busy"000000 "$bytes")"
}

measure_latency() {
	local p50 p90 p99

	with_cpu "$B/bench/latency" "$1" "$2" $LATENCY_RATE "$seconds" || return
	read -r _ requests _ p50 _ p90 _ p99 _ <<<"$output"
	echo "latency_p50 $p50"
	echo "latency_p90 $p90"
	echo "latency_p99 $p99"
	echo "latency_cpu $(divide "$busy" "$requests")"
}

# One way: what arrives at the server is counted and dropped by the first rule that it meets there,
# which costs less than a socket would. The source stays on the last CPU.
measure_udp() {
	local sent failed seconds_taken arrived

	on rs1 nft -f - <<-EOF
		table ip sink {
			counter arrived { }
			chain prerouting {
				type filter hook prerouting priority raw
				udp dport 9001 counter name arrived drop
			}
		}
	EOF
	with_cpu "$B/bench/udp_flood" "$1" "$2" $UDP_FLOWS "$seconds" $(($(nproc) - 1))
	arrived=$(on rs1 nft list counter ip sink arrived | awk '/packets/ { print $2 }')
	on rs1 nft delete table ip sink
	read -r _ sent _ failed _ seconds_taken <<<"$output" && ((arrived)) || return
	echo "udp $(divide "$arrived" "$seconds_taken")"
	echo "udp_offered $(divide "$sent" "$seconds_taken")"
	echo "udp_cpu $(divide "$busy" "$arrived")"
	echo "udp_errors $failed"
}
