#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a packet costs with few servers and with many, by direct routing: small datagrams of so many flows
# that every server has some, through one worker. Rounds alternate, so that what else the machine does
# meets both; prints nfvsd's own CPU time a packet (its kernel part is the sending, where the next hop is
# looked up), and the median of the ratios.
# Usage: bench/servers.sh [FEW [MANY [ROUNDS [SECONDS]]]]    by default 2 200 5 3; as root, or it takes
# a namespace of its own

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$top/tests/netns/lab.bash"
lab_enter "$@" || exit 1
few=${1:-2} many=${2:-200} rounds=${3:-5} seconds=${4:-3}
flows=$((2 * many)) port=9001

network() {
	lab_bare || exit 1
	trap lab_down EXIT
	for ns in client dir rs1; do
		lab_namespace $ns
	done
	lab_link client eth0 dir eth0
	lab_link dir eth1 rs1 eth0
	lab_address client eth0 10.1.0.2/24
	lab_address dir eth0 10.1.0.1/24
	lab_address dir eth1 10.2.0.1/16
	lab_address rs1 eth0 10.2.0.2/16
	seq "$many" | awk '{ print "addr add 10.2." 1 + int($1 / 250) "." 1 + $1 % 250 "/32 dev eth0" }' |
		on rs1 ip -batch -
	on client ip route add "$VIP" via 10.1.0.1
	on rs1 nft -f - <<-END
		table ip sink {
			counter arrived { }
			chain prerouting {
				type filter hook prerouting priority raw
				ip daddr $VIP udp dport $port counter name arrived drop
			}
		}
	END
}

# The service with so many servers: serve COUNT
serve() {
	adm -C
	{
		echo "-A -u $VIP:$port -s rr"
		seq "$1" | awk -v service="$VIP:$port" '{ print "-a -u " service " -g -r 10.2." 1 + int($1 / 250) "." 1 + $1 % 250 }'
	} | adm -R
}

# Ticks that nfvsd ran so far, and packets that arrived so far.
so_far() {
	sed 's/.*) //' "/proc/$(<"$LAB_DIR/nfvsd.pid")/stat" | awk '{ printf "%d ", $12 + $13 }'
	on rs1 nft list counter ip sink arrived | awk '/packets/ { print $2 }'
}

# Microseconds of nfvsd a packet: cost COUNT
cost() {
	local ticks packets ticks_then packets_then

	serve "$1"
	on client "$B/bench/udp_flood" "$VIP" $port $flows 1 0 >/dev/null # neighbours, connections
	read -r ticks packets < <(so_far | paste -sd ' ')
	on client "$B/bench/udp_flood" "$VIP" $port $flows "$seconds" 0 >/dev/null
	sleep 0.2
	read -r ticks_then packets_then < <(so_far | paste -sd ' ')
	used=$(adm -Ln --stats | awk '/-> 10\.2\./ && $3' | wc -l)
	awk -v t=$((ticks_then - ticks)) -v n=$((packets_then - packets)) -v hz="$(getconf CLK_TCK)" \
		-v used="$used" 'BEGIN { if (!n) exit 1; printf "%.3f %d %d\n", t / hz * 1e6 / n, n, used }'
}

network
director_up <(echo 'director = { workers = 1; };') || exit 1
for ((i = 1; i <= rounds; i++)); do
	read -r a packets_a used_a < <(cost "$few")
	read -r b packets_b used_b < <(cost "$many")
	((used_a == few && used_b == many)) || { echo "not all servers were asked"; exit 1; }
	printf 'round %d: %d servers %.2f us/packet (%d packets), %d servers %.2f us/packet (%d packets)\n' \
		"$i" "$few" "$a" "$packets_a" "$many" "$b" "$packets_b"
	ratios+=("$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.3f", b / a }')")
done
echo "ratio, median of the rounds: $(printf '%s\n' "${ratios[@]}" | sort -n |
	awk '{ r[NR] = $1 } END { print r[int((NR + 1) / 2)], "(" r[1] " to " r[NR] ")" }')"
