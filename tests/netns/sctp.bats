#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SCTP: associations of the kernel's own, through every method that rewrites; and where it has none,
# chunks one by one.

load common

CLIENT=10.1.0.2 CLIENT6=fd00:1::2

setup_file() {
	lab_up
	modprobe -q sctp || true
	KERNEL=$(sctp dir missing)
	export KERNEL
	director_file
}

teardown_file() {
	lab_down
}

setup() {
	adm -C
	case $BATS_TEST_DESCRIPTION in
	chunks*) [[ $KERNEL ]] || skip "the kernel has SCTP: whole associations instead" ;;
	*) [[ ! $KERNEL ]] || skip "no SCTP in this kernel: $KERNEL" ;;
	esac
}

teardown() {
	stop_spawned hold rs1-sctp rs2-sctp rs1-raw || true
	lab_report
}

sctp() {
	on "$1" python3 "$LAB_SRC/sctp.py" "${@:2}"
}

# Servers at port 9000 of rs1 and rs2: servers ADDRESS-OF-RS1 ADDRESS-OF-RS2
servers() {
	local i

	for i in 1 2; do
		spawn rs$i-sctp rs$i python3 "$LAB_SRC/sctp.py" server rs$i "${!i}" 9000
		await 5 grep -q ready "$LAB_DIR/rs$i-sctp.log"
	done
}

# An association that stays, from this port: hold_from PORT [ADDRESS]; prints the greeting.
hold_from() {
	spawn hold client python3 "$LAB_SRC/sctp.py" hold $CLIENT "$1" "${2:-$VIP}" 3868
	await 10 test -s "$LAB_DIR/hold.log"
	cat "$LAB_DIR/hold.log"
}

# The state of the connection from this port: state PORT
state() {
	adm -Lcn | awk -v source="$CLIENT:$1" '$1 == "SCTP" && $4 == source { print $3 }'
}

state_is() {
	[[ $(state "$1") == "$2" ]]
}

# Active and inactive connections of rs1: counts
counts() {
	adm -Ln | awk '$2 ~ /^10\.2\.0\.11:/ { print $5, $6 }'
}

@test "1 MB both ways and compared, NAT, IPv4" {
	servers 10.2.0.11 10.2.0.12
	service --sctp-service $VIP:3868 rr 9000 1 1
	is "$(sctp client talk 1000000 $CLIENT $VIP 3868)" "rs2 $CLIENT 1000000"
	is "$(sctp client talk 1000000 $CLIENT $VIP 3868)" "rs1 $CLIENT 1000000"
}

@test "1 MB both ways and compared, NAT, IPv6" {
	servers fd00:2::11 fd00:2::12
	service --sctp-service "[$VIP6]:3868" rr 9000 1 1
	is "$(sctp client talk 1000000 $CLIENT6 $VIP6 3868)" "rs2 $CLIENT6 1000000"
	is "$(sctp client talk 1000000 $CLIENT6 $VIP6 3868)" "rs1 $CLIENT6 1000000"
}

@test "the same with checksums made by the sender" {
	local ns

	for ns in client rs1 rs2; do
		on $ns ethtool -K eth0 tx off gso off || skip "ethtool cannot switch offloads off"
	done
	servers 10.2.0.11 10.2.0.12
	service --sctp-service $VIP:3868 rr 9000 1 1
	is "$(sctp client talk 1000000 $CLIENT $VIP 3868)" "rs2 $CLIENT 1000000"
	for ns in client rs1 rs2; do
		on $ns ethtool -K eth0 tx on gso on
	done
}

@test "states, timers and counts go with the association" {
	# at an address of its own: a server that comes back would still have its earlier connections
	servers 10.2.0.11 10.2.0.12
	service --sctp-service $VIP2:3868 rr 9000 1
	is "$(hold_from 4001 $VIP2)" "rs1 $CLIENT"
	has "$(adm -Lcn)" "^SCTP 1[45]:[0-9]+ +ESTABLISHED $CLIENT:4001 +$VIP2:3868 +10.2.0.11:9000"
	is "$(counts)" "1 0"
	has "$(adm -Ln)" "^SCTP $VIP2:3868 rr"
	stop hold TERM
	await 5 state_is 4001 CLOSED
	is "$(counts)" "0 1"
}

@test "an abort closes it, and its port begins anew at the next server" {
	servers 10.2.0.11 10.2.0.12
	service --sctp-service $VIP:3868 rr 9000 1 1
	is "$(hold_from 4002)" "rs2 $CLIENT"
	stop hold INT
	await 5 state_is 4002 CLOSED
	is "$(hold_from 4002)" "rs1 $CLIENT"
	is "$(state 4002)" ESTABLISHED
	stop hold
}

@test "persistence: the same server again" {
	servers 10.2.0.11 10.2.0.12
	service_options="-p 60" service --sctp-service $VIP:3868 rr 9000 1 1
	is "$(for i in 1 2 3; do sctp client talk 1000 $CLIENT $VIP 3868; done | sort -u)" \
		"rs2 $CLIENT 1000"
}

@test "no server: refused" {
	service --sctp-service $VIP:3868 rr 9000 0
	is "$(sctp client refused $CLIENT 4003 $VIP 3868)" refused
	is "$(state 4003)" ""
}

@test "nobody listens on the server: refused" {
	service --sctp-service $VIP:3868 rr 9001 1
	is "$(sctp client refused $CLIENT 4004 $VIP 3868)" refused
	is "$(state 4004)" REJECTED
}

raw_server() {
	spawn rs1-raw rs1 python3 "$LAB_SRC/sctp.py" raw_server "$1" 9000
	await 5 grep -q ready "$LAB_DIR/rs1-raw.log"
}

@test "chunks through NAT, with their states, IPv4" {
	local at=(sctp client raw_client $CLIENT 4000 $VIP 3868)

	raw_server 10.2.0.11
	service --sctp-service $VIP:3868 rr 9000 1
	is "$("${at[@]}" INIT)" INIT_ACK
	is "$(state 4000)" C-SENT
	is "$("${at[@]}" COOKIE_ECHO)" COOKIE_ACK
	is "$(state 4000)" ESTABLISHED
	is "$(counts)" "1 0"
	is "$("${at[@]}" DATA DATA | tally)" SACK:2
	is "$("${at[@]}" SHUTDOWN SHUTDOWN_COMPLETE)" SHUTDOWN_ACK
	await 5 state_is 4000 CLOSED
	is "$(counts)" "0 1"
	is "$("${at[@]}" INIT)" INIT_ACK
	is "$(state 4000)" C-SENT
	"${at[@]}" ABORT
	await 5 state_is 4000 CLOSED
	is "$(grep -v ready "$LAB_DIR/rs1-raw.log" | sort -u | awk '{ print $1, $2 }' | uniq)" \
		"$CLIENT 4000"
}

@test "chunks through NAT, IPv6" {
	raw_server fd00:2::11
	service --sctp-service "[$VIP6]:3868" rr 9000 1
	is "$(sctp client raw_client $CLIENT6 4000 $VIP6 3868 INIT COOKIE_ECHO DATA SHUTDOWN | paste -sd ' ')" \
		"INIT_ACK COOKIE_ACK SACK SHUTDOWN_ACK"
	has "$(adm -Lcn)" "^SCTP 01:0[01] +S-ACK-SENT +\[$CLIENT6\]:4000 +\[$VIP6\]:3868 +\[fd00:2::11\]:9000"
}

@test "chunks that start nothing" {
	service --sctp-service $VIP:3868 rr 9000 1
	sctp client raw_client $CLIENT 4008 $VIP 3868 ABORT COOKIE_ACK SHUTDOWN_COMPLETE INIT_ACK
	sctp client raw_client $CLIENT 4009 $VIP 3868 INIT &
	await 5 state_is 4009 INIT1
	wait
	sleep 0.1
	is "$(state 4008)" ""
}

@test "FULLNAT, and a group of two protocols" {
	director_down
	conf full.conf >/dev/null <<-EOF
		director = { workers = 2; local_addresses = [ "10.2.0.1" ]; };
		services = (
		  { name = "full"; protocol = "sctp"; address = "$VIP"; port = 3868; method = "fullnat";
		    servers = ( { address = "10.2.0.11"; port = 9000; } ); },
		  { name = "group"; fwmark = 5; family = "ipv4";
		    match = ( { address = "$VIP2"; protocol = "sctp"; ports = "9000,3868"; },
		              { address = "$VIP2"; protocol = "tcp"; ports = "9000"; } );
		    servers = ( { address = "10.2.0.12"; } ); }
		);
	EOF
	director_up "$LAB_DIR/full.conf"
	servers 10.2.0.11 10.2.0.12
	is "$(sctp client talk 1000000 $CLIENT $VIP 3868)" "rs1 10.2.0.1 1000000"
	is "$(sctp client talk 1000 $CLIENT $VIP2 9000)" "rs2 $CLIENT 1000"
	has "$(adm explain sctp $CLIENT:4000 $VIP2:9000)" "its group has sctp $VIP2 port"
	has "$(adm explain sctp $CLIENT:4000 $VIP:3868)" "10.2.0.11"
}
