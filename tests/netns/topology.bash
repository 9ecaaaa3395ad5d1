# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the files about forwarding methods share, beside common.bash: networks made of switches,
# prepared real servers, and captures. Each file draws its own network. To be loaded after common.

export LAB_BIG=${LAB_BIG:-${NFVS_VM_GUEST:+20}}

# A switch, in a namespace of its own: lab_switch NAME
lab_switch() {
	lab_namespace "$1"
	on "$1" sh -c 'for call in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do
		[ ! -e $call ] || echo 0 >$call; done
		ip link add br0 type bridge && ip link set br0 up'
}

# A machine's interface on a switch: lab_plug NS DEV SWITCH ADDRESS...
lab_plug() {
	lab_link "$1" "$2" "$3" "$1-$2"
	on "$3" ip link set "$1-$2" master br0
	lab_address "$1" "$2" "${@:4}"
}

# lab_default NS GATEWAY...
lab_default() {
	local gateway

	for gateway in "${@:2}"; do
		on "$1" ip route add default via "$gateway"
	done
}

# A service with these servers, at its own port: serve -t ADDRESS:PORT "-g" SERVER...
serve() {
	local server

	adm -A "$1" "$2" -s rr
	for server in "${@:4}"; do
		# shellcheck disable=SC2086 # several options
		adm -a "$1" "$2" -r "$(bracket "$server"):${2##*:}" $3
	done
}

# ADDRESS as it is written before a port.
bracket() {
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

mac() {
	on "$1" cat "/sys/class/net/$2/address"
}

# Runs nfvs-realserver in a namespace, which then has a state file of its own.
realserver() {
	on "$1" env NFVS_REALSERVER_STATE="$LAB_DIR/$1.state" "$B/nfvs-realserver" "${@:2}"
}

probe() {
	on "$1" python3 "$LAB_SRC/probe.py" "${@:2}"
}

# A client .2 in 10.9.0.0/24, whose router .1 is, and likewise in fd00:9::/64; the namespaces are there.
client_behind_router() {
	lab_forwarding router
	lab_link client eth0 router wan
	lab_address client eth0 10.9.0.2/24 fd00:9::2/64
	lab_address router wan 10.9.0.1/24 fd00:9::1/64
	lab_default client 10.9.0.1 fd00:9::1
}

# Watches an interface: capture NAME NS DEV EXPRESSION...; a line for each packet. Its buffer has
# room for 64 KiB a packet: the usual 2 MiB overflow after 32.
capture() {
	rm -f "$LAB_DIR/$1.hops"
	spawn "$1" "$2" tcpdump -Z root -B 32768 -lnn -e -vv --immediate-mode -i "$3" "${@:4}"
	await 5 grep -q 'listening on' "$LAB_DIR/$1.log"
}

# What it saw so far, each packet a line.
packets() {
	awk '/^[0-9][0-9]:/ { if (line) print line; line = $0 }
		/^[ \t]/ { sub(/^[ \t]+/, " "); line = line $0 }
		END { if (line) print line }' "$LAB_DIR/$1.log"
}

packets_have() {
	packets "$1" | grep -E -- "$2"
}

# Waits until it saw a packet like that: awaits NAME PATTERN
awaits() {
	await 3 packets_have "$1" "$2" || { packets "$1"; return 1; }
}

# Ends it, and prints the packets that are, or with -v are not, like that: captured NAME [-v] PATTERN
captured() {
	stop "$1" || true
	packets "$1" | grep -E "${@:2}" || true
}

# A row of the tables in docs/methods.md; waits for a packet like that:
# hop CAPTURE MAC-FROM MAC-TO FROM TO [FROM-INSIDE TO-INSIDE], addresses with their ports
hop() {
	local pattern="$2 > $3, .* $4 > $5: "

	[[ ! ${6:-} ]] || pattern+=".* $6 > $7: "
	pattern=${pattern//./\\.}
	pattern=${pattern//\\.\*/.*}
	echo "$pattern" >>"$LAB_DIR/$1.hops"
	awaits "$1" "$pattern"
}

# Ends captures, and fails if any saw a packet that is in none of its rows: hops_only CAPTURE...
hops_only() {
	local name

	for name; do
		is "$(captured "$name" -vf "$LAB_DIR/$name.hops")" "" "other packets at $name"
	done
}

# The big file from http://ADDRESS: big_from CLIENT ADDRESS
big_from() {
	is "$(on "$1" curl -gsS --max-time 60 "http://$2/big" | sha256sum)" \
		"$(<"$LAB_DIR/files/big.sha256")" "from $2"
}

# To it, whose only server is NS: big_to CLIENT ADDRESS NS
big_to() {
	on "$1" curl -gsS --max-time 60 -T "$LAB_DIR/files/big" "http://$2/upload/big"
	is "$(sha256sum <"$LAB_DIR/$3.d/www/upload/big")" "$(<"$LAB_DIR/files/big.sha256")" "to $2"
	rm "$LAB_DIR/$3.d/www/upload/big"
}

big_both_ways() {
	big_from "$1" "$2"
	big_to "$@"
}

# Short connections, up to 1,000 a second: none fails, and outside the emulator there are at least 200
# a second. short_connections CLIENT HOST PORT [SECONDS]
#
# HOST and PORT are to be of no other test in the file. A client soon uses its ports again, and what it
# had from one of them with a server of DR or TUN that is gone since then ("nfvsadm -C") stands for two
# minutes (FIN_WAIT), in which such packets are dropped, as by IPVS: see expire_nodest_conn.
short_connections() {
	local seconds=${4:-10} least=200 said

	[[ ! ${NFVS_VM_GUEST:-} ]] || seconds=10 least=1
	seconds=${NFVS_LOAD_SECONDS:-$seconds}
	said=$(probe "$1" load "$seconds" 1000 "$2" "$3")
	has "$said" '^[0-9]+ done, 0 failed' || { adm status --json | jq -c .drops; return 1; }
	((${said%% *} >= seconds * least)) || { echo "too few: $said in $seconds s"; return 1; }
	echo "# ${said//$'\n'/; } in $seconds s" >&3
}

sysctl_of() {
	on "$1" cat "/proc/sys/net/$2"
}
