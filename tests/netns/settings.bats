#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# nfvsadm set, and what the settings of IPVS do to packets; timeouts of a service.

load common

setup_file() {
	lab_file
	director_file
}

teardown_file() {
	lab_down
}

# Without connections of the test before.
setup() {
	adm set expire_nodest_conn 1
	adm -C
	await 3 conns_are 0
	adm set expire_nodest_conn 0
}

teardown() {
	local name

	stop_spawned live
	for name in expire_nodest_conn expire_quiescent_template sloppy_tcp schedule_icmp drop_entry \
		drop_packet secure_tcp nat_icmp_send; do
		adm set $name 0
	done
	adm set am_droprate 10
	adm set amemthresh 1024
	lab_report
}

# The value that a setting has now.
value() {
	adm set --json "$1" | jq '.[0].value'
}

value_is() {
	[[ $(value "$1") == "$2" ]]
}

crafted() {
	on client python3 "$LAB_SRC/crafted.py" "$@"
}

# Packets that were dropped for this reason.
dropped() {
	adm status --json | jq ".drops.$1"
}

conns() {
	adm -Lcn | tail -n +3
}

conns_are() {
	[[ $(conns | wc -l) == "$1" ]]
}

# Says this, to the letter, and ends with status 2: says TEXT ARGUMENT...
says() {
	local text=$1 out rc=0

	shift
	out=$(adm set "$@" 2>&1) || rc=$?
	has "$out" "$text"
	is $rc 2 "exit status"
}

@test "set: all settings with their defaults and bounds" {
	local all

	all=$(adm set)
	has "$all" '^setting +value +default +range$'
	has "$all" '^conn_reuse_mode +1 +1 +0\.\.2147483647$'
	has "$all" '^drop_entry +0 +0 +0\.\.3$'
	has "$all" '^pmtu_disc +1 +1 +0\.\.1$'
	is "$(adm set --json | jq -c 'map(select(.value != .default))')" "[]"
	is "$(adm set --json am_droprate | jq -c '.[]')" \
		'{"name":"am_droprate","value":10,"default":10,"min":0,"max":2147483647}'
}

@test "set: changes one, and refuses what cannot be" {
	adm set sloppy_tcp true
	is "$(value sloppy_tcp)" 1
	has "$(adm set sloppy_tcp)" '^sloppy_tcp +1 +0 '
	adm set sloppy_tcp 0
	is "$(value sloppy_tcp)" 0
	adm set amemthresh 0x10
	is "$(value amemthresh)" 16
	says 'sloppy_tcp: 2 is not in 0 \.\. 1$' sloppy_tcp 2
	says "^nfvsadm: sloppy_tcp: 'x' is no value: wanted a number \(0 \.\. 1\), true or false$" sloppy_tcp x
	says "^nfvsadm: drop_entry: '-1' is no value: wanted a number \(0 \.\. 3\)" drop_entry -1
	says "^nfvsadm: drop_entry: '' is no value" drop_entry ''
	says "'1x' is no value" sloppy_tcp 1x
	says 'no setting sloppy_tpc; did you mean sloppy_tcp\?$' sloppy_tpc 1
	says 'no setting sloppy_tpc; did you mean sloppy_tcp\?$' sloppy_tpc
	says 'no setting conntrack: Packets of services bypass conntrack' conntrack 1
	says 'workers cannot be changed at run time$' workers 3
	says 'system cannot be changed at run time$' system check
	says '^Usage: nfvsadm set ' sloppy_tcp 1 2
	says "unexpected '2'$" sloppy_tcp 1 2
	says '^Usage: nfvsadm set ' --json sloppy_tcp 1
	says '^Usage: nfvsadm set ' --jsn
	says "unexpected '--jsn'$" --jsn
	is "$(value sloppy_tcp)" 0
}

@test "a reload keeps what was set, unless the file changed it" {
	adm set am_droprate 7
	adm set amemthresh 99
	conf empty.conf <<<'director = { workers = 2; amemthresh = 98; }; timeouts = { close = 8; };' >/dev/null
	adm --set 1000 0 0
	reload
	is "$(value am_droprate) $(value amemthresh)" "7 98"
	is "$(adm -L --timeout)" "Timeout (tcp tcpfin udp): 1000 120 300"
	conf empty.conf <<<'director = { workers = 2; };' >/dev/null
	reload
	is "$(value am_droprate) $(value amemthresh)" "7 1024"
	adm --set 900 0 0
}

@test "expire_nodest_conn: connections end with their server, in the background too" {
	service -t $VIP:80 rr 8080 1
	spawn live client python3 "$LAB_SRC/client.py" live $VIP 80
	await 5 test -s "$LAB_DIR/live.log"
	crafted syns 5 10.1.0.2 $VIP 80
	await 5 conns_are 6
	adm -d -t $VIP:80 -r 10.2.0.11:8080
	sleep 0.5
	is "$(conns | wc -l)" 6 "without it they wait for their server"
	adm -a -t $VIP:80 -r 10.2.0.11:8080 -m
	adm set expire_nodest_conn 1
	adm -d -t $VIP:80 -r 10.2.0.11:8080
	await 3 conns_are 0
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m
	is "$(fetch client 1 http://$VIP/ | awk '{ print $1 }')" rs2
}

@test "expire_quiescent_template: a drained server loses its persistent clients" {
	service_options='-p 300' service -t $VIP:80 rr 8080 1
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:2"
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 0
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:2"
	adm set expire_quiescent_template 1
	is "$(fetch client 2 http://$VIP/ | tally)" "rs2:2"
}

@test "sloppy_tcp: a packet from the middle starts a connection" {
	service -t $VIP:80 rr 8080 1
	crafted tcp A 10.1.0.2 7000 $VIP 80
	sleep 0.2
	is "$(conns)" ""
	adm set sloppy_tcp 1
	crafted tcp A 10.1.0.2 7001 $VIP 80
	await 3 conns_are 1
	has "$(conns)" '10\.1\.0\.2:7001 '
}

@test "schedule_icmp: an error about a service's packet finds a server" {
	service -t $VIP:80 rr 8080 1
	crafted unreachable 10.1.0.3 $VIP 80 10.1.0.2 7000
	sleep 0.2
	is "$(conns)" ""
	adm set schedule_icmp 1
	spawn seen rs1 timeout 5 tcpdump -lni eth0 -c 1 icmp
	await 5 grep -q listening "$LAB_DIR/seen.log"
	crafted unreachable 10.1.0.3 $VIP 80 10.1.0.2 7000
	has "$(conns)" 'NONE +10\.1\.0\.2:7000 '
	await 5 grep -q '10\.1\.0\.3 > 10\.2\.0\.11: ICMP host' "$LAB_DIR/seen.log"
}

# Were it not told, the packet would go on to the client, who has no such port.
@test "nat_icmp_send: a server is told that nobody waits for its packet" {
	local at_server="on rs1 python3 $LAB_SRC/probe.py error from=5500"

	service -u $VIP:5500 rr 5500 1
	is "$($at_server 10.1.0.2 5501)" "3 3 0 10.1.0.2"
	adm set nat_icmp_send 1
	is "$($at_server 10.1.0.2 5501)" "3 3 0 10.2.0.1"
	is "$(dropped no_client)" 1
	is "$(on rs1 python3 "$LAB_SRC/probe.py" error from=5502 10.1.0.2 5501)" "3 3 0 10.1.0.2"
}

@test "nat_icmp_send: IPv6" {
	local at_server="on rs1 python3 $LAB_SRC/probe.py error from=5500"

	service -u "[$VIP6]:5500" rr 5500 1
	is "$($at_server fd00:1::2 5501)" "1 4 0 fd00:1::2"
	adm set nat_icmp_send 1
	is "$($at_server fd00:1::2 5501)" "1 4 0 fd00:2::1"
}

@test "drop_packet: one new connection in N is dropped" {
	local before

	service -t $VIP:80 rr 8080 1
	before=$(dropped drop_packet)
	crafted syns 20 10.1.0.2 $VIP 80
	await 5 conns_are 20
	adm set am_droprate 4
	adm set drop_packet 3
	sleep 1.2
	crafted syns 40 10.1.0.3 $VIP 80
	await 5 conns_are 50
	is $(($(dropped drop_packet) - before)) 10
}

@test "modes follow the memory: 1 becomes 2 while it is short" {
	adm set drop_entry 1
	adm set drop_packet 1
	adm set secure_tcp 1
	sleep 1.2
	is "$(value drop_entry) $(value drop_packet) $(value secure_tcp)" "1 1 1"
	adm set amemthresh 2147483647
	await 3 value_is drop_entry 2
	is "$(value drop_packet) $(value secure_tcp)" "2 2"
	adm set amemthresh 0
	await 3 value_is drop_entry 1
	is "$(value drop_packet) $(value secure_tcp)" "1 1"
}

@test "drop_entry: half-open connections go, others stay" {
	service -t $VIP:80 rr 8080 1
	spawn live client python3 "$LAB_SRC/client.py" live $VIP 80
	await 5 test -s "$LAB_DIR/live.log"
	service -t $VIP2:80 rr 8080
	adm -a -t $VIP2:80 -r 10.2.0.99:8080 -m
	crafted syns 1600 10.1.0.2 $VIP2 80
	await 10 conns_are 1601
	adm set drop_entry 3
	sleep 2.5
	((drops = 1601 - $(conns | wc -l)))
	# 1/32 a second: 50, then as many of those that are left.
	((drops >= 40 && drops <= 200)) || { echo "$drops in 2.5 s"; return 1; }
	has "$(conns)" "ESTABLISHED +10\.1\.0\.2:[0-9]+ +$VIP:80 "
	is "$(sort -u "$LAB_DIR/live.log" | wc -l)" 1
}

@test "secure_tcp: clients are served as before" {
	service -t $VIP:80 rr 8080 1 1
	adm set secure_tcp 3
	sleep 1.2
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:2 rs2:2"
	# This one never answers, so the client alone decides.
	adm -A -t $VIP2:80 -s rr
	adm -a -t $VIP2:80 -r 10.2.0.99:8080 -m
	crafted syns 1 10.1.0.2 $VIP2 80
	crafted tcp A 10.1.0.2 10000 $VIP2 80
	has "$(conns)" 'SYN_RECV +10\.1\.0\.2:10000 '
	adm set secure_tcp 0
	sleep 1.2
	crafted tcp A 10.1.0.2 10000 $VIP2 80
	has "$(conns)" 'ESTABLISHED +10\.1\.0\.2:10000 '
}

@test "timeouts of a service, and of all" {
	director_down
	director_up "$(conf timeouts.conf <<-END
		director = { workers = 2; };
		timeouts = { time_wait = 77; close = 78; };
		services = (
		  { protocol = "tcp"; address = "$VIP"; port = 80; timeouts = { syn_recv = 4; };
		    servers = ( { address = "10.2.0.99"; } ); },
		  { protocol = "tcp"; address = "$VIP2"; port = 80;
		    servers = ( { address = "10.2.0.99"; } ); } );
	END
	)"
	crafted syns 1 10.1.0.2 $VIP2 80 # lives for 60 s
	crafted syns 1 10.1.0.2 $VIP 80
	is "$(conns | wc -l)" 2
	await 12 conns_are 1
	has "$(conns)" "$VIP2:80"
	adm -E -t $VIP:80 -s rr # has no word for them: they stay
	crafted syns 1 10.1.0.2 $VIP 80
	is "$(conns | wc -l)" 2
	await 12 conns_are 1
	is "$("$NFVSD" -t -c "$LAB_DIR/timeouts.conf" 2>&1)" ""
}
