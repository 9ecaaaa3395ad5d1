#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Listing, killing and draining connections: who is selected, and what both of their ends see of it.
#
# The lab of lab.bash; the real servers have the virtual addresses too, and reach the client through
# the director, which forwards but does not look at what DR servers answer.

load common
load topology

setup_file() {
	local ns

	lab_file
	for ns in rs1 rs2; do
		realserver $ns up --method dr --vip $VIP --vip $VIP2 --vip $VIP6
	done
	lab_forwarding dir
	on dir sh -c 'for dev in all br-s; do echo 0 >/proc/sys/net/ipv4/conf/$dev/rp_filter; done'
	director_up "$(conf drain.conf <<-END
		director = { workers = 2; local_addresses = [ "10.2.0.1", "fd00:2::1" ]; };
		services = ( { name = "web"; protocol = "tcp"; address = "$VIP"; port = 7000; scheduler = "wrr";
		  method = "nat"; servers = ( { address = "10.2.0.11"; weight = 3; }, { address = "10.2.0.12"; } ); } );
	END
	)"
}

teardown_file() {
	lab_down
}

setup() {
	local ns

	for ns in rs1 rs2; do
		spawn quiet-$ns $ns python3 "$LAB_SRC/ends.py" serve 7000 quiet
	done
	for ns in rs1 rs2; do
		await 10 grep -q ready "$LAB_DIR/quiet-$ns.log"
	done
}

teardown() {
	local vip

	stop_spawned a b c drain quiet-rs1 quiet-rs2 blast-rs1 blast-rs2
	adm kill --all --quietly
	for vip in -t\ {$VIP2,"[$VIP6]"}:700{0,1} "-t $VIP:7001" "-u $VIP:53"; do
		# shellcheck disable=SC2086 # an option and its value
		adm -D $vip 2>/dev/null || true
	done
	adm undrain --name web 10.2.0.11 2>/dev/null || true
	lab_report
}

# Servers that send without end, at port 7001: blasts NS...
blasts() {
	local ns

	for ns; do
		spawn blast-$ns $ns python3 "$LAB_SRC/ends.py" serve 7001 blast
		await 10 grep -q ready "$LAB_DIR/blast-$ns.log"
	done
}

# Connections that are kept: conns NAME COUNT HOST PORT quiet|read|chat [SOURCE]
conns() {
	spawn "$1" client python3 "$LAB_SRC/ends.py" connect "${@:2}"
	await 10 grep -q up "$LAB_DIR/$1.log" || { cat "$LAB_DIR/$1.log"; return 1; }
}

# The clocks of all ends of connections start.
told() {
	local file

	for file in "$LAB_DIR"/{a,b,c,quiet-rs1,quiet-rs2,blast-rs1,blast-rs2}.pid; do
		[[ ! -e $file ]] || kill -s USR1 "$(<"$file")" 2>/dev/null || true
	done
}

# How many ends that NAME's log tells of were resets: resets NAME
resets() {
	grep -c '^reset' "$LAB_DIR/$1.log" || true
}

resets_are() {
	[[ $(resets "$1") = "$2" ]]
}

# COUNT ends of NAME report ECONNRESET, each within a second (outside the emulator), and none ends
# otherwise: reset_soon NAME COUNT
reset_soon() {
	await 3 resets_are "$1" "$2" || { head "$LAB_DIR/$1.log"; return 1; }
	is "$(grep -Evc '^(up|ready|reset)' "$LAB_DIR/$1.log")" 0 "other ends in $1"
	[[ ${NFVS_VM_GUEST:-} ]] || is "$(awk '$1 == "reset" && $2 > 1' "$LAB_DIR/$1.log")" "" "slow in $1"
}

# A service with one server, rs1: one OPTION VIRTUAL PORT
one() {
	local server=10.2.0.11

	[[ $2 != *:* ]] || server='[fd00:2::11]'
	adm -A -t "$(bracket "$2"):$3" -s rr
	adm -a -t "$(bracket "$2"):$3" -r "$server:$3" $1
}

# What kill and drain have sent so far, and what they could not send.
resets_told() {
	adm status | awk '/^resets by kill and drain:/ { sent = $6; unsent = $8 }
		END { print sent + 0, unsent + 0 }'
}

# kill, with connections that are silent, that chat, and to which the server sends at full speed.
killed_by_method() {
	local option=$1 vip=$2 before

	before=$(resets_told)
	blasts rs1
	one "$option" "$vip" 7001
	one "$option" "$vip" 7000
	conns a 3 "$vip" 7000 quiet
	conns b 2 "$vip" 7000 chat
	conns c 2 "$vip" 7001 read
	told
	is "$(adm kill --service tcp "$(bracket "$vip"):7000")" "5 connections ended"
	is "$(adm kill --service tcp "$(bracket "$vip"):7001")" "2 connections ended"
	reset_soon a 3
	reset_soon b 2
	reset_soon c 2
	reset_soon quiet-rs1 5
	reset_soon blast-rs1 2
	is "$(resets_told)" "$((${before% *} + 14)) 0" "one to each end"
	is "$(adm connections --server "$([[ $vip = *:* ]] && echo fd00:2::11 || echo 10.2.0.11)" \
		--state ESTABLISHED | wc -l)" 1
}

@test "kill, NAT: both ends see a reset, whatever was going on" {
	killed_by_method -m $VIP2
}

@test "kill, NAT, IPv6" {
	killed_by_method -m $VIP6
}

@test "kill, DR" {
	killed_by_method -g $VIP2
}

@test "kill, DR, IPv6" {
	killed_by_method -g $VIP6
}

@test "kill, FULLNAT" {
	killed_by_method --fullnat $VIP2
}

@test "kill, FULLNAT, IPv6" {
	killed_by_method --fullnat $VIP6
}

@test "a client that was killed can come again from the same port" {
	on client socat -u -T 1 /dev/null "TCP:$VIP:7000,sourceport=40000,reuseaddr" &
	wait $!
	conns a 1 $VIP 7000 quiet
	adm kill --all
	is "$(on client socat -t 1 - "TCP:$VIP:7000,sourceport=40000,reuseaddr" <<<hello)" hello
}

@test "kill demands a filter or --all, and not both" {
	run adm kill
	is "$status" 2
	has "$output" 'Say --all'
	run adm kill --all --state ESTABLISHED
	is "$status" 2
	run adm kill --state NONSENSE
	is "$status" 2
	has "$output" "'NONSENSE' is no state"
}

# says PATTERN WORD...: nfvsadm refuses that, and says so
says() {
	run adm "${@:2}"
	is "$status" 2 "$*"
	has "$output" "$1"
}

@test "a condition twice, and what is none, end nothing" {
	local word

	conns a 2 $VIP 7000 quiet
	for word in kill connections; do
		says "--client is there twice" $word --client 10.1.0.2 --client 10.1.0.3
		says "--server is there twice" $word --server 10.2.0.11 --server 10.2.0.12
		says "--state is there twice" $word --state CLOSE --state ESTABLISHED
		says "--name is there twice" $word --name web --name web
		says "--service is there twice" $word --service tcp $VIP:1 --service tcp $VIP:7000
		says "'>1': there is a bound with > already" $word --age '>2' --age '>1'
		says "'<1': there is a bound with < already" $word --idle '<2' --idle '>0' --idle '<1'
		says "unexpected '--clinet'" $word --clinet 10.1.0.2
		says "^Usage: nfvsadm $word .*--name NAME" $word --state ESTABLISHED 10.1.0.2
	done
	says "unexpected 'soon'" drain --name web 10.2.0.11 soon
	says "unexpected '--now'" undrain --name web 10.2.0.11 --now
	says "unexpected 'marks'" explain tcp 10.1.0.2:1 $VIP:7000 marks 1
	says "unexpected '2'" explain tcp 10.1.0.2:1 $VIP:7000 mark 1 2
	says "unexpected '--all'" status --all
	says "unexpected '2'" status --json 2
	is "$(adm kill --age '<1h' --age '>0')" "2 connections ended"
}

@test "every word of nfvsadm is in the manual's synopsis" {
	local word synopsis

	synopsis=$(sed '/^\.SH DESCRIPTION/,$d' "$LAB_TOP/docs/nfvsadm.8")
	for word in $("$NFVSADM" help | awk '/^  [a-z]/ { print $1 }'); do
		has "$synopsis" "^\.BR? \"?nfvsadm $word([\" ]|$)"
	done
}

@test "kill --quietly forgets, and tells nobody" {
	conns a 2 $VIP 7000 quiet
	is "$(adm kill --quietly --all)" "2 connections ended"
	sleep 0.5
	is "$(resets a)" 0
	is "$(adm connections | wc -l)" 1
}

@test "curl's download is reset" {
	spawn b client curl -sS --http0.9 -o /dev/null "http://$VIP:7000/" # the server echoes the request: never ends
	await 5 sh -c "'$NFVSADM' connections --state ESTABLISHED | grep -q $VIP:7000"
	is "$(adm kill --state established)" "1 connection ended"
	is "$(finish b; echo $?)" 56 "curl's status"
	has "$(<"$LAB_DIR/b.log")" 'reset by peer'
}

@test "filters: client, network, port, service, server, state, age, idle" {
	local port

	adm -A -u $VIP:53 -s rr
	adm -a -u $VIP:53 -r 10.2.0.11 -m
	conns a 2 $VIP 7000 quiet
	conns b 2 $VIP 7000 quiet 10.1.0.3
	on client socat -t 2 - "UDP4:$VIP:53" <<<who
	is "$(adm connections | wc -l)" 6
	is "$(adm connections --client 10.1.0.3 | grep -c 10.1.0.3)" 2
	is "$(adm connections --client 10.1.0.0/31 | wc -l)" 1
	is "$(adm connections --client 10.1.0.2/31 | wc -l)" 6
	port=$(adm connections --json --client 10.1.0.3 | jq -s '.[0].sport')
	is "$(adm connections --client "10.1.0.3:$port" | wc -l)" 2
	is "$(adm connections --service udp $VIP:53 | grep -c '^udp ')" 1
	is "$(adm connections --name web | wc -l)" 5
	is "$(adm connections --server 10.2.0.12 | wc -l)" 2
	is "$(adm connections --server 10.2.0.11:7000 | grep -c '^tcp ')" 3
	is "$(adm connections --state established | wc -l)" 5
	is "$(adm connections --age '<60s' | wc -l)" 6
	is "$(adm connections --age '>60s' | wc -l)" 1
	sleep 2.2
	is "$(adm connections --idle '>1s' --state ESTABLISHED | wc -l)" 5
	is "$(adm connections --json --name web --server 10.2.0.12 |
		jq -r '.server + " " + (.dport | tostring) + " " + .state')" "10.2.0.12 7000 ESTABLISHED"
	run adm connections --name nobody
	is "$status $output" "2 nfvsadm: no service has the name nobody"
	is "$(adm kill --client 10.1.0.3)" "2 connections ended"
	await 3 resets_are b 2
	is "$(resets a)" 0
}

# --- drain ---

@test "drain: nothing new, the rest may end; undrain gives the weight back" {
	conns a 4 $VIP 7000 quiet
	adm drain --name web 10.2.0.11 --no-wait
	is "$(adm connections --server 10.2.0.11 --state established | wc -l)" 4
	has "$(adm status)" '10\.2\.0\.11:7000: 3 active and 0 inactive connections'
	conns b 3 $VIP 7000 quiet
	is "$(adm connections --server 10.2.0.11 --state established | wc -l)" 4
	reload
	has "$(adm -Ln)" '10\.2\.0\.11:7000 +Masq +0 '
	is "$(adm status --json | jq -r '.drains[0] | .state, .weight' | paste -sd ' ')" "draining 3"
	adm undrain --name web 10.2.0.11:7000
	has "$(adm -Ln)" '10\.2\.0\.11:7000 +Masq +3 '
	is "$(adm status --json | jq '.drains | length')" 0
	is "$(resets a)" 0
	run adm undrain --name web 10.2.0.11
	is "$status $output" "2 nfvsadm: this server is not drained"
}

@test "drain ends when the connections have ended by themselves" {
	conns a 4 $VIP 7000 quiet
	spawn drain dir "$NFVSADM" drain tcp $VIP:7000 10.2.0.11
	sleep 0.5
	running drain
	stop a || true
	finish drain
	has "$(<"$LAB_DIR/drain.log")" 'drained by themselves'
}

@test "drain --deadline --then reset" {
	conns a 4 $VIP 7000 quiet
	told
	has "$(adm drain tcp $VIP:7000 10.2.0.11:7000 --deadline 1)" '3 were ended at the deadline \(reset\)'
	await 3 resets_are a 3
	await 3 resets_are quiet-rs1 3
	is "$(resets quiet-rs2)" 0
	is "$(awk '$1 == "reset" && $2 < 0.9' "$LAB_DIR/a.log")" "" "before the deadline"
}

@test "drain --deadline --then expire" {
	conns a 4 $VIP 7000 quiet
	has "$(adm drain tcp $VIP:7000 10.2.0.11 --deadline 1s --then expire)" '0 active.* 3 were ended at the deadline \(expire\)'
	is "$(resets a)" 0
	is "$(adm connections --server 10.2.0.11 | wc -l)" 1
}

@test "drain --deadline --then keep" {
	conns a 4 $VIP 7000 chat
	has "$(adm drain tcp $VIP:7000 10.2.0.11 --deadline 1 --then keep)" '3 active.*they are kept'
	sleep 0.5
	is "$(resets a)" 0
	is "$(adm connections --server 10.2.0.11 --state ESTABLISHED | wc -l)" 4
}

@test "an interrupted drain goes on; a weight, or removal, ends it" {
	conns a 4 $VIP 7000 quiet
	spawn drain dir "$NFVSADM" drain tcp $VIP:7000 10.2.0.11
	sleep 0.5
	is "$(stop drain INT; echo $?)" 130 "status"
	has "$(<"$LAB_DIR/drain.log")" 'the drain goes on'
	is "$(adm status --json | jq -r '.drains[0].state')" draining
	spawn drain dir "$NFVSADM" drain tcp $VIP:7000 10.2.0.11
	sleep 0.5
	adm -e -t $VIP:7000 -r 10.2.0.11 -m -w 3
	is "$(finish drain; echo $?)" 2 "status"
	has "$(<"$LAB_DIR/nfvsd.log")" 'was given a weight'
	adm drain tcp $VIP:7000 10.2.0.11 --no-wait
	adm -d -t $VIP:7000 -r 10.2.0.11
	await 3 grep -q 'the server was removed' "$LAB_DIR/nfvsd.log"
	adm -a -t $VIP:7000 -r 10.2.0.11 -m -w 3
	conns b 4 $VIP 7000 quiet
	is "$(adm connections --server 10.2.0.11 --state ESTABLISHED --age '<60' | wc -l)" 7
}

@test "a persistent client moves to another server" {
	local first second

	blasts rs1 rs2
	adm -A -t $VIP:7001 -s rr -p 600
	adm -a -t $VIP:7001 -r 10.2.0.11 -m
	adm -a -t $VIP:7001 -r 10.2.0.12 -m
	conns a 1 $VIP 7001 read
	first=$(adm connections --json --service tcp $VIP:7001 --state ESTABLISHED | jq -r .server)
	conns b 1 $VIP 7001 read
	is "$(adm connections --server "$first" --service tcp $VIP:7001 --state ESTABLISHED | wc -l)" 3
	is "$(adm connections --state template | grep -c TEMPLATE)" 1
	adm drain tcp $VIP:7001 "$first" --no-wait
	conns c 1 $VIP 7001 read
	second=$([[ $first = 10.2.0.11 ]] && echo 10.2.0.12 || echo 10.2.0.11)
	is "$(adm connections --server "$second" --service tcp $VIP:7001 --state ESTABLISHED | wc -l)" 2
	is "$(adm connections --server "$first" --service tcp $VIP:7001 --state ESTABLISHED | wc -l)" 3
}

@test "what drain refuses" {
	run adm drain tcp $VIP:7999 10.2.0.11
	is "$status $output" "2 nfvsadm: no service tcp $VIP:7999"
	run adm drain --name web 10.2.0.13
	is "$status $output" "2 nfvsadm: the service has no server 10.2.0.13"
	run adm drain --name web 10.2.0.11 --then reset
	is "$status" 2
	run adm drain --name web
	is "$status" 2
}
