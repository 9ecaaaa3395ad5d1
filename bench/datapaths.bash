# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The ways from the client to the real server that are measured side by side: the columns of
# bench/run. To be sourced after tests/netns/lab.bash. All lead to the same services of the same one
# server, rs1; all but direct are reached at the virtual address.
#
# A row of the table is a name and a kind with its arguments. A kind KIND is these functions, of
# which only the first two are needed:
#   KIND_up ARGS...      sets it up on the director; its output tells why it failed
#   KIND_down            takes all of it down again, also when KIND_up failed half way
#   KIND_missing ARGS... prints why it cannot run here; nothing if it can
#   KIND_target SERVICE  prints the address and port that clients use; nothing if it cannot do that
#   KIND_counters        prints how many packets it has handled, with how many system calls

datapaths=(
	"direct   direct"
	"numgen   numgen"
	"nftlb    nftlb"
	"haproxy  haproxy"
	"ipvs     ipvs"
	"nfvs-1   nfvs packet 1"
	"flow-1   nfvs flow 1"
	"offload-1  offloaded flow 1"
	"kernel-1  scheduled flow 1"
	"dr-direct  routed"
	"dr-ipvs    ipvsdr"
	"dr-nfvs-1  nfvsdr packet 1"
	"dr-flow-1  nfvsdr flow 1"
)
(($(nproc) == 1)) || datapaths+=("nfvs-$(nproc)   nfvs packet $(nproc)" "flow-$(nproc)   nfvs flow $(nproc)")

# name, protocol, port at the virtual address, port at the server
services=(
	"web    tcp  80    8080"
	"bulk   tcp  5201  5202"
	"flood  udp  9000  9001"
)
used=("${services[@]}")
RIP=10.2.0.11
CLIENTS=10.16.0.0/12 # from where bench/flows sends
START_SECONDS=10     # until a balancer is ready: of an idle machine
UDP_TIMEOUT=86400    # no flow is to end while it is measured
declare -A interfaces=([c0]=10.1.0.1/24 [s1]=10.2.0.1/24) # of the director

# datapath NAME FUNCTION [ARGS]: calls a function of the datapath's kind, or the default for it.
datapath() {
	local row name kind args

	for row in "${datapaths[@]}"; do
		read -r name kind args <<<"$row"
		[[ $name == "$1" ]] || continue
		declare -F "${kind}_$2" >/dev/null || kind=default
		# shellcheck disable=SC2086 # several words are several arguments
		"${kind}_$2" "${@:3}" $args
		return
	done
	return 1
}

datapath_names() {
	printf '%s\n' "${datapaths[@]%% *}"
}

# each_service FUNCTION [SEPARATOR]: calls it with each service's name, protocol, port and server's
# port, and prints the separator in between.
each_service() {
	local row between=

	for row in "${services[@]}"; do
		printf %s "$between"
		# shellcheck disable=SC2086 # the fields of a row
		"$1" $row
		between=${2:-}
	done
}

# use_services NAME...: no other of the three. fill_services COUNT: beside them others of the same
# server that nobody uses, until there are so many. They come first, in files as well as in rules.
use_services() {
	local row kept=()

	for row in "${used[@]}"; do
		[[ " $* " != *" ${row%% *} "* ]] || kept+=("$row")
	done
	used=("${kept[@]}")
}

fill_services() {
	local i others=$(($1 - ${#used[@]}))

	services=()
	for ((i = 0; i < others; i++)); do
		services+=("other$i  tcp  $((10000 + i))  $((10000 + i))")
	done
	services+=("${used[@]}")
}

default_missing() { :; }
default_counters() { :; }
default_target() {
	service_target "$1" "$VIP" 3
}

# service_target SERVICE ADDRESS FIELD: the address, and the port which is that field of the row.
service_target() {
	printf '%s\n' "${services[@]}" | awk -v name="$1" -v address="$2" -v field="$3" \
		'$1 == name { print address, $field }'
}

# The director's two interfaces, with their addresses: move_interface NAME FROM TO
move_interface() {
	on "$2" ip link set "$1" netns "$LAB-$3" && interface_up "$3" "$1"
}

interface_up() {
	on "$1" ip link set "$2" up && lab_address "$1" "$2" "${interfaces[$2]}" || return
	[[ $2 != c0 ]] || on "$1" ip route add $CLIENTS via 10.1.0.2
}

needs_program() {
	command -v "$1" >/dev/null || echo "$1 is not installed (make deps-bench)"
}

# --- no balancer: the client sends to the server's own address, the director routes --------------
direct_up() { :; }
direct_down() { :; }
direct_target() {
	service_target "$1" $RIP 4
}

# --- what one writes by hand: conntrack, DNAT to a server chosen by numgen -----------------------
numgen_rule() {
	echo "ip daddr $VIP $2 dport $3 dnat ip addr . port to numgen inc mod 1 map { 0 : $RIP . $4 }"
}

numgen_up() {
	on dir nft -f - <<-EOF
		table ip balance {
			chain prerouting {
				type nat hook prerouting priority dstnat;
				$(each_service numgen_rule)
			}
		}
	EOF
}

numgen_down() {
	on dir nft delete table ip balance
} 2>/dev/null

# --- nftlb: its daemon stays, as in production; packets meet only the rules that it made ----------
nftlb_missing() {
	needs_program nftlb
}

nftlb_farm() {
	echo "{ \"name\": \"$1\", \"family\": \"ipv4\", \"protocol\": \"$2\", \"mode\": \"dnat\"," \
		"\"scheduler\": \"rr\", \"virtual-addr\": \"$VIP\", \"virtual-ports\": \"$3\"," \
		"\"state\": \"up\", \"backends\": [ { \"name\": \"rs1\", \"ip-addr\": \"$RIP\"," \
		"\"port\": \"$4\", \"weight\": \"1\", \"state\": \"up\" } ] }"
}

nftlb_up() {
	echo "{ \"farms\": [ $(each_service nftlb_farm ,) ] }" >"$LAB_DIR/nftlb.json"
	spawn nftlb dir nftlb -H 127.0.0.1 -c "$LAB_DIR/nftlb.json"
	await $((START_SECONDS + ${#services[@]} / 50)) nftlb_ready || { cat "$LAB_DIR/nftlb.log" && false; }
}

nftlb_ready() {
	on dir nft list table ip nftlb | grep -q "dnat ip .*$RIP . ${services[-1]##* }"
}

nftlb_down() {
	running nftlb && stop nftlb
	on dir nft flush ruleset
	return 0
} 2>/dev/null

# --- HAProxy in TCP mode, a thread a CPU as it does by itself. It ends connections, so the director
# has to have the virtual address -------------------------------------------------------------------
haproxy_missing() {
	needs_program haproxy
}

haproxy_target() {
	[[ $1 == flood ]] || default_target "$1"
}

haproxy_listen() {
	[[ $2 == tcp ]] || return 0
	printf '%s\n' "listen $1" "bind $VIP:$3 backlog 4096" "server rs1 $RIP:$4"
}

haproxy_up() {
	lab_address dir lo "$VIP/32"
	cat >"$LAB_DIR/haproxy.cfg" <<-EOF
		global
			maxconn 4096
		defaults
			mode tcp
			option splice-auto
			timeout connect 5s
			timeout client 60s
			timeout server 60s
		$(each_service haproxy_listen)
	EOF
	spawn haproxy dir haproxy -db -f "$LAB_DIR/haproxy.cfg"
	await $((START_SECONDS + ${#services[@]} / 50)) haproxy_ready || { cat "$LAB_DIR/haproxy.log" && false; }
}

haproxy_ready() {
	on dir ss -Hltn 'sport = 80' | grep -q LISTEN
}

haproxy_down() {
	running haproxy && stop haproxy
	on dir ip addr del "$VIP/32" dev lo
	return 0
} 2>/dev/null

# --- IPVS, NAT. Its hooks stay in a namespace that has ever had a service, and look every packet up;
# so it gets a director of its own, which then takes its connections with it. Its table of connections
# gets its size when the module is loaded (IPVS_TAB_BITS: another than the kernel's own, 12) ---------
ipvs_missing() {
	local why

	why=$(needs_program ipvsadm)
	if [[ ! $why ]]; then
		modprobe -q ip_vs ${IPVS_TAB_BITS:+"conn_tab_bits=$IPVS_TAB_BITS"}
		modprobe -q ip_vs_wlc
		[[ -e /proc/net/ip_vs ]] || why="this kernel has no ip_vs (tests/vm/run bench/run)"
	fi
	echo "$why"
} 2>/dev/null

ipvs_service() {
	printf -- '-%c %s\n' A "-${2:0:1} $VIP:$3 -s wlc" a "-${2:0:1} $VIP:$3 -r $RIP:$4 -m"
}

# ipvs_start FUNCTION: with the services that it prints for ipvsadm -R
ipvs_start() {
	lab_namespace ipvs &&
		lab_forwarding ipvs &&
		move_interface c0 dir ipvs &&
		move_interface s1 dir ipvs &&
		lab_address ipvs lo "$VIP/32" &&
		each_service "$1" | on ipvs ipvsadm -R &&
		on ipvs ipvsadm --set 0 0 $UDP_TIMEOUT
}

ipvs_up() {
	ipvs_start ipvs_service
}

ipvs_down() {
	move_interface c0 ipvs dir
	move_interface s1 ipvs dir
	ip netns del "$LAB-ipvs"
	return 0
} 2>/dev/null

# --- nfvs: nfvs DATAPATH WORKERS ------------------------------------------------------------------
nfvs_missing() {
	[[ -x $NFVSD && -x $NFVSADM ]] || echo "$NFVSD is not built (make)"
}

nfvs_service() {
	echo "{ name = \"$1\"; protocol = \"$2\"; address = \"$VIP\"; port = $3; scheduler = \"${scheduler:-wlc}\";" \
		"${nfvs_more:-} servers = ( { address = \"$RIP\"; port = $4; } ); }"
}

# nfvs_file FUNCTION DATAPATH WORKERS: with the services that it prints
nfvs_file() {
	cat >"$LAB_DIR/nfvs.conf" <<-EOF
		director = { workers = $3; datapath = "$2"; flowtable = ${flowtable:-false}; };
		timeouts = { udp = $UDP_TIMEOUT; };
		services = ( $(each_service "$1" ,) );
	EOF
}

nfvs_start() {
	nfvs_file "$@"
	director_up "$LAB_DIR/nfvs.conf" $((START_SECONDS + ${#services[@]} / 50)) 2>&1
}

nfvs_up() {
	nfvs_start nfvs_service "$@"
}

nfvs_down() {
	director_down
} 2>/dev/null

nfvs_counters() {
	adm status --json | python3 -c '
import json, sys
queues = json.load(sys.stdin)["queues"]
print(*(sum(queue.get(key, 0) for queue in queues) for key in ("packets", "syscalls")))'
}

# --- nfvs, and established connections go on by the kernel's flowtable -----------------------------
offloaded_missing() {
	nfvs_missing
}

offloaded_up() {
	local flowtable=true

	nfvs_up "$@" || return
	adm status | grep -q '^ *in the flowtable: ' || {
		adm status | grep 'no flowtable'
		return 1
	}
}

offloaded_down() {
	nfvs_down
}

offloaded_counters() {
	nfvs_counters
}

# --- nfvs, and the kernel alone chooses the server ------------------------------------------------
scheduled_missing() {
	nfvs_missing
}

scheduled_up() {
	local scheduler=rr nfvs_more='schedule = "kernel";'

	nfvs_up "$@"
}

scheduled_down() {
	nfvs_down
}

scheduled_counters() {
	nfvs_counters
}

# --- direct routing: the server has the virtual address too, listens at its own ports there, and
# answers the client by a link between the two. All of them are compared with each other only --------
back_up() {
	ip link add b0 netns "$LAB-client" type veth peer name b1 netns "$LAB-rs1" &&
		on client ip link set b0 up &&
		on rs1 ip link set b1 up &&
		lab_address client b0 10.4.0.1/24 &&
		lab_address rs1 b1 10.4.0.2/24 &&
		on rs1 ip route add 10.1.0.2 via 10.4.0.1 &&
		on rs1 ip route add $CLIENTS via 10.4.0.1 &&
		lab_address rs1 lo "$VIP/32" &&
		back_checked 0
}

# Requests come by another way than answers go: is that checked?
back_checked() {
	local ns

	for ns in client rs1; do
		on $ns sh -c 'for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo '"$1"' >$file; done'
	done
}

back_down() {
	back_checked 1
	on client ip link del b0
	on rs1 ip addr del "$VIP/32" dev lo
	return 0
} 2>/dev/null

dr_target() {
	service_target "$1" "$VIP" 4
}

# No balancer, the director routes.
routed_up() {
	back_up && on dir ip route add "$VIP" via $RIP
}

routed_down() {
	on dir ip route del "$VIP"
	back_down
} 2>/dev/null

routed_target() {
	dr_target "$1"
}

ipvsdr_missing() {
	ipvs_missing
}

ipvsdr_service() {
	printf -- '-%c %s\n' A "-${2:0:1} $VIP:$4 -s wlc" a "-${2:0:1} $VIP:$4 -r $RIP -g"
}

ipvsdr_up() {
	back_up && ipvs_start ipvsdr_service
}

ipvsdr_down() {
	ipvs_down
	back_down
}

ipvsdr_target() {
	dr_target "$1"
}

nfvsdr_missing() {
	nfvs_missing
}

nfvsdr_service() {
	echo "{ name = \"$1\"; protocol = \"$2\"; address = \"$VIP\"; port = $4; scheduler = \"wlc\";" \
		"method = \"dr\"; servers = ( { address = \"$RIP\"; } ); }"
}

nfvsdr_up() {
	back_up && lab_address dir lo "$VIP/32" && nfvs_start nfvsdr_service "$@"
}

nfvsdr_down() {
	director_down
	on dir ip addr del "$VIP/32" dev lo
	back_down
} 2>/dev/null

nfvsdr_target() {
	dr_target "$1"
}

nfvsdr_counters() {
	nfvs_counters
}
