#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# FULLNAT connections that the kernel carries: whom the servers take for their client, what the daemon
# knows of it, and who goes on with the connections when the kernel does not.

load common
load topology
load flow

# shellcheck disable=SC2034
director_keys='local_addresses = [ "10.2.0.1", "10.2.0.3", "fd00:2::1" ];' service_method=--fullnat

setup_file() {
	flow_file
	on dir ip addr add 10.2.0.3/24 dev br-s
}

# A service of the file by fullnat, to rs1, rs2 ...: full "KEYS" PORT-OF-SERVERS WEIGHT...
full() {
	fixed "method = \"fullnat\"; $1" "${@:2}"
}

# What servers took for their clients, from standard input: addresses and how often.
clients_seen() {
	awk '{ print $3 }' | sort | uniq -c | awk '{ print $2 ":" $1 }' | paste -sd ' '
}

# One for echoes at port 7000, to which NAME talks: echo_service NAME
echo_service() {
	service -t $VIP:7000 rr 7000 1
	talk "$1" $VIP 7000
}

# The local endpoint by which a connection to port 7000 of rs1 comes to it.
endpoint() {
	on rs1 ss -Htn sport = :7000 | awk '{ gsub(/\[::ffff:|\]/, "", $5); print $5 }' | paste -sd ' '
}

# --- whom the servers see ---

@test "the kernel carries it, from all local addresses and their ports, IPv4 and IPv6" {
	local before

	director
	service -t $VIP:80 rr 8080 1 1
	service -t "[$VIP6]:80" rr 8080 1
	is "$(status_of '.datapath | "\(.flow) \(.packet | length)"')" "2 0"
	fetch client 8 http://$VIP/ >"$LAB_DIR/got"
	is "$(tally <"$LAB_DIR/got")" "rs1:4 rs2:4"
	is "$(clients_seen <"$LAB_DIR/got")" "10.2.0.1:4 10.2.0.3:4"
	is "$(fetch client 4 "http://[$VIP6]/" | clients_seen)" "fd00:2::1:4"
	has "$(adm -Ln)" "-> 10.2.0.11:8080 +FullNat"
	echo_service a
	before=$(queued)
	carried a
	has "$(endpoint)" '^10\.2\.0\.[13]:[0-9]+$'
	(($(endpoint | cut -d : -f 2) >= 32768))
	queued_less "$before" 5
}

@test "UDP, IPv4 and IPv6" {
	local before

	director
	service -u $VIP:53 rr 53 1
	service -u "[$VIP6]:53" rr 53 1
	before=$(queued)
	client udp_same 20 $VIP 53 >"$LAB_DIR/got"
	is "$(tally <"$LAB_DIR/got")" "rs1:20"
	queued_less "$before" 5
	has "$(client udp 4 $VIP 53 | sort -u | paste -sd ' ')" '^rs1 10.2.0.1 rs1 10.2.0.3$'
	is "$(client udp 4 $VIP6 53 | sort -u)" "rs1 fd00:2::1"
}

@test "servers of both methods in one service" {
	director
	service -t $VIP:80 rr 8080 1
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m
	is "$(status_of .datapath.flow)" 1
	fetch client 4 http://$VIP/ >"$LAB_DIR/got"
	has "$(sort -u "$LAB_DIR/got" | paste -sd ' ')" '^rs1 8080 10.2.0.1 rs1 8080 10.2.0.3 rs2 8080 10.1.0.2$'
}

@test "clients on the director, and a server that is the director" {
	director
	service -t $VIP:80 rr 8080 1
	has "$(on dir curl -sS --max-time 5 http://$VIP/)" '^rs1 8080 10.2.0.[13]$'
	adm -A -t $VIP:7001 -s rr
	adm -a -t $VIP:7001 -r 10.2.0.1:7001 --fullnat
	spawn first dir socat TCP-LISTEN:7001,bind=10.2.0.1,fork 'SYSTEM:echo $SOCAT_PEERADDR'
	await 5 on dir sh -c 'ss -ltn | grep -q :7001'
	has "$(on client socat -t 5 - TCP:$VIP:7001)" '^10.2.0.[13]$'
	is "$(status_of .datapath.flow)" 2
}

# --- what is known of it ---

@test "states, counters and the same counts as by the daemon" {
	local path got

	for path in auto packet; do
		director "$(full "protocol = \"tcp\"; address = \"$VIP\"; port = 80; datapath = \"$path\"; scheduler = \"rr\";" 8080 1 1)"
		is "$(fetch client 10 http://$VIP/ | tally)" "rs1:5 rs2:5"
		await 5 listed_are TIME_WAIT 10
		await 5 conns_are 10.2.0.11:8080 "0 5"
		sleep 1.2
		# Connections, and packets and bytes of either direction, but for what depends on timing.
		got[${#got[@]}]=$(adm -Ln --stats --exact | awk '$2 == "10.2.0.11:8080" { print $3, ($4 >= 25), ($5 >= 20), ($6 > 1000), ($7 > 1000) }')
		director_down
	done
	is "${got[0]}" "5 1 1 1 1"
	is "${got[1]}" "${got[0]}"
	director
	service -t $VIP:80 rr 8080 1
	hold a 3 $VIP 80
	await 5 conns_are 10.2.0.11:8080 "3 0"
	is "$(listed "TCP 1[45]:.* ESTABLISHED .* $VIP:80 +10.2.0.11:8080")" 3
	is "$(status_of .datapath.copies_lost)" 0
}

@test "scheduled by the kernel: no packet comes to a queue, and all is known" {
	local before

	director "$(full "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"rr\"; schedule = \"kernel\";" 8080 1 1)"
	before=$(queued)
	fetch client 8 http://$VIP/ >"$LAB_DIR/got"
	is "$(tally <"$LAB_DIR/got")" "rs1:4 rs2:4"
	is "$(clients_seen <"$LAB_DIR/got")" "10.2.0.1:4 10.2.0.3:4"
	await 5 listed_are TIME_WAIT 8
	is "$(queued)" "$before"
	is "$(status_of '"\(.schedule.kernel) \(.schedule.connections)"')" "1 8"
}

# --- ending connections ---

@test "kill: both ends are told at once" {
	director
	echo_service a
	carried a
	await 5 listed_are ESTABLISHED 1
	is "$(adm kill --all)" "1 connection ended"
	await 1 grep -q 'Connection reset by peer' "$LAB_DIR/a.log"
	await 2 eval '[[ ! $(endpoint) ]]' # the server's end is gone as well
	is "$(listed ESTABLISHED)" 0
}

@test "a removed server: silence; when it is back its connections go on" {
	local was

	director_keys+=" flowtable = false;" # what leaves that goes on by the daemon
	director
	echo_service a
	carried a
	was=$(endpoint)
	adm -d -t $VIP:7000 -r 10.2.0.11:7000
	say a hello
	unanswered a hello
	running a
	adm -a -t $VIP:7000 -r 10.2.0.11:7000 --fullnat
	await 10 answered a hello # sent again by TCP
	carried a
	is "$(endpoint)" "$was"
}

@test "drain with a deadline" {
	director
	echo_service a
	carried a
	drained_meanwhile b c
	await 1 grep -q 'Connection reset by peer' "$LAB_DIR/a.log"
	carried b
	carried c
}

# --- who goes on with them ---

@test "killed, and started again: no request fails, and its connections can be ended" {
	local web echo

	web=$(full "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"rr\";" 8080 1 1)
	echo=$(full "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)
	director "$web, $echo"
	talk a $VIP 7000
	carried a
	unfailing http://$VIP/ crash
	fetch client 16 http://$VIP/ >"$LAB_DIR/got"
	is "$(tally <"$LAB_DIR/got")" "rs1:8 rs2:8"
	is "$(clients_seen <"$LAB_DIR/got")" "10.2.0.1:8 10.2.0.3:8"
	carried_alone a
	unfailing http://$VIP/ director "$web, $echo"
	(($(status_of .datapath.taken_over) >= 1))
	carried a
	is "$(adm kill --service tcp $VIP:7000)" "1 connection ended"
	await 2 grep -q 'Connection reset by peer' "$LAB_DIR/a.log"
	await 2 eval '[[ ! $(endpoint) ]]'
}

# There is no daemon to say how many packets it had: carried_alone NAME
carried_alone() {
	heard "$1" "$1 goes on"
}

@test "started again with other local addresses: what is new has these, the rest goes on" {
	local web was

	web=$(full "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)
	director "$web"
	talk a $VIP 7000
	carried a
	was=$(endpoint)
	crash
	director_keys='local_addresses = [ "10.2.0.1" ]; flow_ports = "50000-50999";' director "$web"
	carried a
	is "$(endpoint)" "$was"
	talk b $VIP 7000
	carried b
	has "$(endpoint)" '10\.2\.0\.1:50[0-9]{3}'
	is "$(adm kill --all)" "2 connections ended"
	await 2 eval '[[ ! $(endpoint) ]]'
}

@test "a service that changes its datapath, and back, keeps its connections" {
	local before was

	director
	echo_service a
	carried a
	was=$(endpoint)
	adm -a -t $VIP:7000 -r 10.2.0.13:7000 -g -w 0
	is "$(status_of '.datapath.packet[0].because')" \
		"not all servers have the methods nat and fullnat, or all dr"
	before=$(queued)
	heard a "to the daemon"
	talk b $VIP 7000
	heard b "with the daemon"
	queued_less "$before" 6 && return 1
	is "$(endpoint | tr ' ' '\n' | grep -cxF "$was")" 1
	adm -d -t $VIP:7000 -r 10.2.0.13:7000
	is "$(status_of .datapath.flow)" 1
	heard a "a is back"
	heard b "b is there"
	talk c $VIP 7000
	carried c
	is "$(listed "ESTABLISHED .* 10.2.0.11:7000")" 3
}

@test "a UDP flow that conntrack has forgotten keeps its endpoint" {
	director
	service -u $VIP:53 rr 53 1
	spawn first dir timeout 60 tcpdump -B 4096 -lnni br-s udp and dst port 53
	await 10 grep -q listening "$LAB_DIR/first.log"
	on client sh -c "echo one | socat -t 1 - UDP4:$VIP:53,sourceport=5353"
	await 5 listed_are ' UDP ' 1
	on dir conntrack -D -p udp --orig-port-dst 53 >/dev/null 2>&1
	on client sh -c "echo two | socat -t 1 - UDP4:$VIP:53,sourceport=5353" | grep -q rs1
	stop first || true
	is "$(grep -o '10\.2\.0\.[13]\.[0-9]* > 10.2.0.11.53' "$LAB_DIR/first.log" | sort | uniq -c | awk '{ print $1 }')" 2
}

# --- errors, fragments, size ---

@test "ICMP errors and fragments" {
	director
	service -u $VIP:9999 rr 9998 1
	service -u $VIP:7 rr 7 1
	service -u "[$VIP6]:7" rr 7 1
	client refused udp $VIP 9999
	is "$(client echo 60000 10 $VIP 7 | tally)" "60000:10"
	is "$(client echo 4000 10 $VIP6 7 | tally)" "4000:10"
}

@test "ten ports: the eleventh connection is refused and counted, the ten go on" {
	director_keys='local_addresses = [ "10.2.0.1" ]; flow_ports = "50000-50009";' director
	service -t $VIP:80 rr 8080 1
	is "$(hold a 10 $VIP 80)" "rs1:10"
	is "$(status_of .drops.no_local_port)" 0
	client refused tcp $VIP 80
	is "$(status_of .drops.no_local_port)" 1
	await 5 conns_are 10.2.0.11:8080 "10 0"
}

# --- where it is not possible ---

@test "ranges of ports that overlap: the daemon carries, and says why" {
	director_keys='local_addresses = [ "10.2.0.1" ]; local_ports = "1024-40000";' director
	service -t $VIP:80 rr 8080 1
	is "$(status_of '.datapath.packet[0].because')" "director.flow_ports and local_ports overlap"
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:2"
}
