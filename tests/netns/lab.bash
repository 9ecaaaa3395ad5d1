# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The network laboratory of the end-to-end tests, the demo and whoever needs it: network namespaces
# joined by veth pairs, with real servers in them. To be sourced.
#
#                    10.1.0.0/24, fd00:1::/64      10.2.0.0/24, fd00:2::/64
#     client .2 .3 ------------------- .1  dir  .1 ------------------- rs1 .11, rs2 .12, rs3 .13
#                                      nfvsd                           nginx, udp_server.py
#     with lab_far also, behind links of MTU 1280:
#     far 10.3.0.2 ---- crouter .254 --'        `-- srouter .254 ---- rs4 10.4.0.11
#
# The client routes the virtual addresses 10.1.0.100, 10.1.0.101 and fd00:1::100 through the
# director. Names carry the pid of the run, so several runs can go on side by side. Works as root,
# and in a user namespace (lab_enter). All that is started is remembered in $LAB_DIR and ended by
# lab_down, by pid.

# Debian's own programs first, and quickly found: python3 may otherwise be a wrapper in shell.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

LAB_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_TOP=$(cd "$LAB_SRC/../.." && pwd)
B=${B:-build}
[[ $B = /* ]] || B=$LAB_TOP/$B
NFVSD=${NFVSD:-$B/nfvsd}
NFVSADM=${NFVSADM:-$B/nfvsadm}
export LAB_SRC LAB_TOP B NFVSD NFVSADM

VIP=10.1.0.100
VIP2=10.1.0.101
VIP6=fd00:1::100

# Why the lab cannot run here; prints nothing if it can.
lab_missing() {
	local tool missing=()

	for tool in ip nft nginx curl socat python3 setpriv unshare; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	if ((${#missing[@]})); then
		echo "programs missing: ${missing[*]} (make deps)"
	elif ((EUID)) && ! unshare -Urnm true 2>/dev/null; then
		echo "neither root nor allowed to make user namespaces"
	fi
}

# Gives the calling script ($0 with the arguments given) the privileges that the lab needs: if not
# root, it starts anew as root of its own user, network and mount namespace.
lab_enter() {
	local why

	why=$(lab_missing)
	if [[ $why ]]; then
		echo "$0: $why" >&2
		return 1
	fi
	((EUID)) || return 0
	# A mount is private to the namespace; ip(8) keeps its network namespaces in /run/netns.
	# shellcheck disable=SC2016
	exec unshare -Urnm --propagation private bash -c 'mount -t tmpfs tmpfs /run && exec "$@"' \
		lab "$BASH" "$0" "$@"
}

# Waits until a command succeeds: await SECONDS COMMAND... The seconds are those of an idle machine;
# what is waited for in vain is found out three times as late.
await() {
	local end=$((${EPOCHREALTIME/./} + $1 * 3000000))

	shift
	until "$@" >/dev/null 2>&1; do
		if ((${EPOCHREALTIME/./} > end)); then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

# Runs a command in a namespace: on client curl ...
on() {
	ip netns exec "$LAB-$1" "${@:2}"
}

# Starts a command in the background: spawn NAME NAMESPACE COMMAND... Its output goes to
# $LAB_DIR/NAME.log, its exit status to $LAB_DIR/NAME.rc once it ends.
spawn() {
	local name=$1 ns=$2

	shift 2
	rm -f "$LAB_DIR/$name".{pid,rc}
	(
		exec 3>&- 4>&- </dev/null >"$LAB_DIR/$name.log" 2>&1
		trap '' INT # for lab_down to decide
		ip netns exec "$LAB-$ns" "$@" &
		echo $! >"$LAB_DIR/$name.pid"
		rc=0
		wait $! || rc=$? # whatever the caller has said of errexit
		echo $rc >"$LAB_DIR/$name.rc.new"
		mv "$LAB_DIR/$name.rc.new" "$LAB_DIR/$name.rc"
	) 2>/dev/null &
	disown $!
	await 10 test -s "$LAB_DIR/$name.pid"
}

running() {
	[[ -s $LAB_DIR/$1.pid && ! -e $LAB_DIR/$1.rc ]] && kill -0 "$(<"$LAB_DIR/$1.pid")" 2>/dev/null
}

ended() {
	! running "$1"
}

# Sends a signal to what was spawned: signal NAME TERM
signal() {
	kill -s "$2" "$(<"$LAB_DIR/$1.pid")"
}

# Waits for the end of what was spawned and returns its exit status.
finish() {
	await 15 test -e "$LAB_DIR/$1.rc" || return
	return "$(<"$LAB_DIR/$1.rc")"
}

# The same, but ends it: stop NAME [SIGNAL]
stop() {
	# It may end by itself at this very moment.
	running "$1" && signal "$1" "${2:-TERM}" 2>/dev/null || true
	finish "$1"
}

# Ends everything that was spawned, without mercy for what does not end by itself.
lab_stop_all() {
	local file name

	for file in "$LAB_DIR"/*.pid; do
		name=$(basename "$file" .pid)
		running "$name" && signal "$name" TERM
	done
	for file in "$LAB_DIR"/*.pid; do
		name=$(basename "$file" .pid)
		running "$name" || continue
		await 5 ended "$name" || signal "$name" KILL
	done
} 2>/dev/null

lab_namespace() {
	echo "$1" >>"$LAB_DIR/namespaces" # first, in case a signal comes in between
	ip netns add "$LAB-$1"
	on "$1" sh -c '
		for what in all default; do
			echo 0 >/proc/sys/net/ipv6/conf/$what/accept_dad
			echo 0 >/proc/sys/net/ipv6/conf/$what/accept_ra
			echo 1 >/proc/sys/net/ipv4/conf/$what/rp_filter
		done
		echo 0 >/proc/sys/net/ipv4/ip_forward
		ip link set lo up'
}

# A veth pair between two namespaces: lab_link NS1 DEV1 NS2 DEV2
lab_link() {
	ip link add "$2" netns "$LAB-$1" type veth peer name "$4" netns "$LAB-$3"
	on "$1" ip link set "$2" up
	on "$3" ip link set "$4" up
}

# lab_address NS DEV ADDRESS...
lab_address() {
	local address

	for address in "${@:3}"; do
		case $address in
		*:*) on "$1" ip addr add "$address" dev "$2" nodad ;;
		*) on "$1" ip addr add "$address" dev "$2" ;;
		esac
	done
}

lab_forwarding() {
	on "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
}

lab_topology() {
	local i

	lab_namespace dir
	lab_namespace client
	# A bridge is a switch here, not a firewall.
	on dir sh -c 'for call in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do
		[ ! -e $call ] || echo 0 >$call; done'
	on dir ip link add br-c type bridge
	on dir ip link add br-s type bridge
	on dir ip link set br-c up
	on dir ip link set br-s up
	lab_address dir br-c 10.1.0.1/24 fd00:1::1/64
	lab_address dir br-s 10.2.0.1/24 fd00:2::1/64
	lab_link client eth0 dir c0
	on dir ip link set c0 master br-c
	lab_address client eth0 10.1.0.2/24 10.1.0.3/24 fd00:1::2/64
	on client ip addr add fd00:1::3/64 dev eth0 nodad preferred_lft 0 # not unless asked for
	for i in 1 2 3; do
		lab_namespace "rs$i"
		lab_link "rs$i" eth0 dir "s$i"
		on dir ip link set "s$i" master br-s
		lab_address "rs$i" eth0 "10.2.0.1$i/24" "fd00:2::1$i/64"
		on "rs$i" ip route add default via 10.2.0.1
		on "rs$i" ip route add default via fd00:2::1
	done
	on client ip route add default via 10.1.0.1
	on client ip route add default via fd00:1::1
	on client ip route add $VIP via 10.1.0.1
	on client ip route add $VIP2 via 10.1.0.1
	on client ip route add $VIP6 via fd00:1::1
	[[ $1 != lo ]] || lab_address dir lo $VIP/32 $VIP2/32 $VIP6/128
}

lab_settings() {
	local san=log_path=$LAB_DIR/sanitizer:print_stacktrace=1

	NFVS_SOCKET=$LAB_DIR/nfvsd.sock
	export LAB LAB_DIR NFVS_SOCKET
	export ASAN_OPTIONS=$san UBSAN_OPTIONS=$san
	unset JOURNAL_STREAM NOTIFY_SOCKET
}

# A lab without namespaces, for who makes them. Exports LAB (prefix of the namespaces) and LAB_DIR
# (files of this run).
lab_bare() {
	local why

	why=$(lab_missing)
	if [[ $why ]]; then
		echo "no lab: $why" >&2
		return 1
	fi
	if ((EUID)); then
		echo "no lab: be root, or start this through tests/run-check" >&2
		return 1
	fi
	LAB=nfvs-$$
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/nfvs-lab.XXXXXX")
	lab_settings
	chmod 755 "$LAB_DIR"
	echo "$LAB" >"$LAB_DIR/name"
	: >"$LAB_DIR/namespaces"
}

# Builds the lab: lab_up [lo|route]. lo: the director has the virtual addresses itself; route: it
# is only routed to.
lab_up() {
	lab_bare && lab_topology "${1:-route}"
}

# Takes everything down; returns 0. Safe to call twice, or when lab_up failed half way.
lab_down() {
	local ns

	[[ ${LAB_DIR:-} && -d $LAB_DIR ]] || return 0
	lab_stop_all
	while read -r ns; do
		ip netns del "$LAB-$ns" 2>/dev/null
	done <"$LAB_DIR/namespaces"
	rm -rf "$LAB_DIR"
	return 0
}

# Takes down what labs left in folder $1 when their run was broken off.
lab_clean() {
	local dir

	for dir in "$1"/nfvs-lab.*; do
		[[ -e $dir/name ]] && LAB_DIR=$dir LAB=$(<"$dir/name") lab_down
	done
	return 0
}

# The client and the server behind routers whose outer links have a small MTU on one end only, so
# that full-sized packets get as far as the router and are refused there.
lab_far() {
	lab_namespace crouter
	lab_namespace far
	lab_link crouter inner dir c1
	on dir ip link set c1 master br-c
	lab_link crouter outer far eth0
	lab_address crouter inner 10.1.0.254/24 fd00:1::254/64
	lab_address crouter outer 10.3.0.1/24 fd00:3::1/64
	lab_address far eth0 10.3.0.2/24 fd00:3::2/64
	on crouter ip route add default via 10.1.0.1
	on crouter ip route add default via fd00:1::1
	on crouter ip route add $VIP via 10.1.0.1
	on crouter ip route add $VIP6 via fd00:1::1
	on far ip route add default via 10.3.0.1
	on far ip route add default via fd00:3::1
	on dir ip route add 10.3.0.0/24 via 10.1.0.254
	on dir ip route add fd00:3::/64 via fd00:1::254

	lab_namespace srouter
	lab_namespace rs4
	lab_link srouter inner dir s4
	on dir ip link set s4 master br-s
	lab_link srouter outer rs4 eth0
	lab_address srouter inner 10.2.0.254/24 fd00:2::254/64
	lab_address srouter outer 10.4.0.1/24 fd00:4::1/64
	lab_address rs4 eth0 10.4.0.11/24 fd00:4::11/64
	on srouter ip route add default via 10.2.0.1
	on srouter ip route add default via fd00:2::1
	on rs4 ip route add default via 10.4.0.1
	on rs4 ip route add default via fd00:4::1
	on dir ip route add 10.4.0.0/24 via 10.2.0.254
	on dir ip route add fd00:4::/64 via fd00:2::254

	lab_forwarding crouter
	lab_forwarding srouter
	on crouter ip link set outer mtu 1280
	on srouter ip link set outer mtu 1280
	server_up rs4
}

# nginx and the UDP server on one real server.
server_up() {
	local dir=$LAB_DIR/$1.d

	mkdir -p "$dir/www" "$dir/tmp"
	sed -e "s|@NAME@|$1|g" -e "s|@DIR@|$dir|g" -e "s|@FILES@|$LAB_DIR/files|g" \
		"$LAB_SRC/nginx.conf.in" >"$dir/nginx.conf"
	spawn "$1-nginx" "$1" nginx -e "$dir/error.log" -c "$dir/nginx.conf"
	spawn "$1-udp" "$1" python3 "$LAB_SRC/udp_server.py" "$1"
}

server_ready() {
	on "$1" curl -sf -o /dev/null --max-time 1 http://127.0.0.1:8080/ &&
		grep -q ready "$LAB_DIR/$1-udp.log"
}

# Both on each of these, ready: servers_up [NS...]
servers_up() {
	local ns

	(($#)) || set -- rs1 rs2 rs3
	mkdir -p "$LAB_DIR/files"
	for ns; do
		server_up "$ns"
	done
	for ns; do
		await 15 server_ready "$ns" || return
	done
}

# The file that the servers have under /big: $LAB_BIG (100) MB that no repetition can hide an error in.
big_file() {
	head -c "${LAB_BIG:-100}M" /dev/urandom >"$LAB_DIR/files/big"
	sha256sum <"$LAB_DIR/files/big" >"$LAB_DIR/files/big.sha256"
}

# Starts nfvsd in the director's namespace and waits until it is ready: director_up FILE [SECONDS]
director_up() {
	spawn nfvsd dir "$NFVSD" -c "$1" -s "$NFVS_SOCKET"
	if ! await "${2:-10}" director_settled || ! director_ready; then
		cat "$LAB_DIR/nfvsd.log" >&2
		return 1
	fi
}

director_ready() {
	grep -q '^nfvsd: ready' "$LAB_DIR/nfvsd.log"
}

director_settled() {
	director_ready || [[ -e $LAB_DIR/nfvsd.rc ]]
}

director_down() {
	if running nfvsd; then
		stop nfvsd TERM
	fi
}

# SIGHUP, and the wait for its end in the log: reload [TEXT THAT THE LOG THEN SHOWS]
reload() {
	local lines

	lines=$(wc -l <"$LAB_DIR/nfvsd.log")
	signal nfvsd HUP
	await 10 logged_since "$lines" "${1:-reloaded}"
}

logged_since() {
	tail -n "+$(($1 + 1))" "$LAB_DIR/nfvsd.log" | grep -q -- "$2"
}

adm() {
	on dir "$NFVSADM" "$@"
}

# GETs, each over a connection of its own: fetch NS TIMES URL [CURL OPTIONS]
fetch() {
	local ns=$1 times=$2 url=$3 urls=() i

	shift 3
	for ((i = 0; i < times; i++)); do
		urls+=("$url")
	done
	on "$ns" curl -g -sS --max-time 10 -H 'Connection: close' "$@" "${urls[@]}"
}

client() {
	on client python3 "$LAB_SRC/client.py" "$@"
}

# "rs1 ..." lines to "rs1:6 rs2:4 rs3:2"
tally() {
	awk '{ n[$1]++ } END { for (name in n) print name ":" n[name] }' | sort | paste -sd ' '
}

# A load of requests, each a connection of its own, until load_stop: load_start NAME URL
load_start() {
	spawn "$1" client curl -sS --max-time 5 -H 'Connection: close' -o /dev/null \
		-w '%{stderr}%{http_code} %{num_connects} %{errormsg}\n' "$2?[1-10000000]"
}

load_count() {
	grep -c '^200 1 ' "$LAB_DIR/$1.log"
}

load_reached() {
	(($(load_count "$1") >= $2))
}

# Waits until the load made that many more requests: load_more NAME REQUESTS
load_more() {
	await 20 load_reached "$1" $(($(load_count "$1") + $2))
}

# Ends the load and prints the lines of requests that failed, at most ten. The last line may be one
# that the end cut off.
load_stop() {
	stop "$1" TERM || true
	[[ -z $(tail -c 1 "$LAB_DIR/$1.log") ]] || sed -i '$d' "$LAB_DIR/$1.log"
	grep -v '^200 1 ' "$LAB_DIR/$1.log" | head
	return 0
}
