#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the kernel carries while the daemon does not look: it is dead, hears nothing of a connection for
# longer than that may be idle, or had the connection itself for a while.

load common
load topology
load flow

# --- without a daemon ---

web() {
	fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"wrr\"; $1" 8080 "${@:2}"
}

# Where the connections of NAME are, by the daemon's list, as tally has them.
servers_listed() {
	adm connections --json --state established --service tcp $VIP:80 | jq -r .server |
		sed 's/10.2.0.1/rs/' | tally
}

# servers_listed_are TALLY
servers_listed_are() {
	[[ $(servers_listed) = "$1" ]]
}

@test "killed, and started again: no request fails, no connection is lost" {
	local chains seen count rs

	director "$(web '' 3 2 1)"
	chains=$(base_chains)
	has "$chains" '"nfvs"'
	spawn live client python3 "$LAB_SRC/client.py" live $VIP 80
	await 5 grep -q rs "$LAB_DIR/live.log"
	unfailing http://$VIP/ crash
	# Its weights, in sixteenths.
	is "$(fetch client 32 http://$VIP/ | tally)" "rs1:16 rs2:10 rs3:6"
	hold a 8 $VIP 80 >/dev/null
	seen=$({ grep -h '^rs' "$LAB_DIR/a.log"; head -n 1 "$LAB_DIR/live.log"; } | tally)
	count=$(wc -l <"$LAB_DIR/live.log")
	unfailing http://$VIP/ director "$(web '' 3 2 1)"
	is "$(base_chains)" "$chains"
	await 5 servers_listed_are "$seen" || { servers_listed; echo "$seen"; return 1; }
	for rs in 1 2 3; do
		count_of=$(sed -n "s/.*rs$rs:\([0-9]*\).*/\1/p" <<<"$seen")
		has "$(conns_of 10.2.0.1$rs:8080)" "^${count_of:-0} [0-9]+\$"
	done
	(($(status_of .datapath.taken_over) >= 9))
	has "$(adm status)" 'connections taken over: [1-9]'
	has "$(<"$LAB_DIR/nfvsd.log")" ' connections taken over from the kernel'
	await 5 sh -c "[ \$(wc -l <'$LAB_DIR/live.log') -gt $((count + 50)) ]"
	running live
	is "$(tally <"$LAB_DIR/live.log" | wc -w)" 1
	seen=$(queued)
	count=$(wc -l <"$LAB_DIR/live.log")
	await 5 sh -c "[ \$(wc -l <'$LAB_DIR/live.log') -gt $((count + 50)) ]"
	queued_less "$seen" 5
	stop live # with status 0: no request failed
}

@test "killed, and started again: its connections can be ended, and are told" {
	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)"
	talk a $VIP 7000
	carried a
	crash
	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)"
	carried a
	is "$(adm kill --all)" "1 connection ended"
	await 2 grep -q 'Connection reset by peer' "$LAB_DIR/a.log"
}

@test "killed: a weight that was changed before counts" {
	director "$(web '' 1 1 1)"
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 0
	adm -e -t $VIP:80 -r 10.2.0.13:8080 -m -w 3
	crash
	is "$(fetch client 32 http://$VIP/ | tally)" "rs2:8 rs3:24"
}

@test "killed: a persistent client stays with one server" {
	local address

	director "$(web 'persistent = 300;' 1 1 1)"
	crash
	for address in 10.1.0.2 10.1.0.3; do
		has "$(fetch client 12 http://$VIP/ --interface $address | tally)" '^rs[123]:12$'
	done
}

# --- a daemon that is there and does not come to it ---

# A director whose queues hold little, and that stands still with those for first packets full:
# crowded SERVICES [PORT]
crowded() {
	director_up "$(conf flow.conf <<<"director = { workers = 2; datapath = \"auto\"; queue_length = 64; };
		services = ( $1 );")"
	signal nfvsd STOP
	on client python3 -c "from scapy.all import IP, TCP, send
send([IP(src='10.1.0.3', dst='$VIP') / TCP(sport=port, dport=${2:-80}, flags='S')
      for port in range(20000, 20400)], verbose=0)"
}

# What the kernel dropped because a queue was full.
dropped() {
	on dir awk '{ n += $6 } END { print n + 0 }' /proc/net/netfilter/nfnetlink_queue
}

@test "a full queue: new connections take the compiled schedule, and are known afterwards" {
	local before server

	crowded "$(web '' 1 1)"
	is "$(fetch client 10 http://$VIP/ --max-time 2 | tally)" "rs1:5 rs2:5"
	hold a 6 $VIP 80 >/dev/null
	is "$(dropped)" 0
	signal nfvsd CONT
	before=$(grep -h '^rs' "$LAB_DIR/a.log" | tally)
	await 5 servers_listed_are "$before" || { servers_listed; echo "$before"; return 1; }
	(($(status_of .datapath.fallback) >= 16))
	has "$(adm status)" 'past a full queue: [1-9]'
	for server in 1 2; do
		has "$(adm -Ln --stats --exact)" "10.2.0.1$server:8080 +[1-9]"
	done
	is "$(adm -Ln --stats --exact | awk '/^TCP/ { print $3 }')" \
		"$(adm -Ln --stats --exact | awk '/->/ { n += $3 } END { print n }')"
}

@test "a full queue: datagrams, IPv6 and a firewall mark" {
	local group="fwmark = 7; match = ( { address = \"$VIP\"; protocol = \"tcp\"; ports = \"8080\"; },
		{ address = \"$VIP\"; protocol = \"udp\"; ports = \"53\"; } ); scheduler = \"rr\";"

	crowded "{ $group servers = ( { address = \"10.2.0.11\"; }, { address = \"10.2.0.12\"; } ); },
		{ protocol = \"tcp\"; address = \"$VIP6\"; port = 80;
		servers = ( { address = \"fd00:2::11\"; port = 8080; }, { address = \"fd00:2::12\"; port = 8080; } ); }" 8080
	has "$(client udp_same 20 $VIP 53 | tally)" '^rs[12]:20$'
	is "$(fetch client 4 "http://[$VIP6]/" --max-time 2 | tally)" "rs1:2 rs2:2"
	signal nfvsd CONT
	await 5 listed_are "UDP .* 10.1.0.2:.* 10.1.0.100:53 +10.2.0.1[12]:53" 1
	await 5 listed_are "TCP .*fd00:2::1[12].:8080" 4
}

# An answer came though no client asked, or the other way round: no end hears of the other's death.
@test "a full queue: what does not begin a connection waits or is dropped, and nobody is reset" {
	local port

	crowded "$(web '' 1 1), $(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)"
	signal nfvsd CONT
	talk a $VIP 7000
	carried a
	signal nfvsd STOP
	port=$(on client ss -Htn dst $VIP dport = 7000 | awk '{ sub(/.*:/, "", $4); print $4 }')
	# Conntrack makes nothing of it, and of one it does not know.
	spawn b client timeout 20 tcpdump -B 32768 -nli eth0 "tcp[tcpflags] & tcp-rst != 0"
	await 10 grep -q listening "$LAB_DIR/b.log"
	on client python3 -c "from scapy.all import IP, TCP, send
for i in range(100):
    send([IP(dst='$VIP') / TCP(sport=$port, dport=7000, flags='A', seq=5, ack=5),
          IP(dst='$VIP') / TCP(sport=9, dport=7000, flags='A', seq=5, ack=5)], verbose=0)"
	heard a "and goes on"
	signal nfvsd CONT
	heard a "and on"
	stop b || true
	is "$(grep -c "$VIP.7000 > 10.1.0.2.$port" "$LAB_DIR/b.log")" 0
}

@test "a full queue: a persistent client waits for the daemon, which knows its server" {
	crowded "$(web 'persistent = 300;' 1 1 1)"
	on client curl -sS --max-time 1 http://$VIP/ && return 1
	signal nfvsd CONT
	await 5 on client curl -sS --max-time 1 http://$VIP/
	is "$(status_of .datapath.fallback)" 0
}

@test "a full queue: what the daemon itself forwards is dropped, beside what goes on" {
	crowded "$(web '' 1 1), { protocol = \"tcp\"; address = \"$VIP\"; port = 81; datapath = \"packet\";
		servers = ( { address = \"10.2.0.11\"; port = 8080; } ); }"
	on client python3 -c "from scapy.all import IP, TCP, send
send([IP(src='10.1.0.3', dst='$VIP') / TCP(sport=port, dport=81, flags='S')
      for port in range(20000, 20400)], verbose=0)"
	on client curl -sS --max-time 1 http://$VIP:81/ && return 1
	(($(dropped) > 0))
	is "$(fetch client 4 http://$VIP/ --max-time 2 | tally)" "rs1:2 rs2:2"
	signal nfvsd CONT
	await 5 on client curl -sS --max-time 1 http://$VIP:81/
}

# --- time ---

@test "a connection that only the kernel sees is not idle" {
	local before

	director
	service -t $VIP:7000 rr 7000 1
	adm --set 3 0 0
	spawn a client python3 "$LAB_SRC/ends.py" connect 1 $VIP 7000 chat
	await 10 grep -q up "$LAB_DIR/a.log"
	await 5 listed_are "ESTABLISHED" 1
	before=$(queued)
	sleep 7
	is "$(listed "TCP 00:0[0-3] +ESTABLISHED .* 10.2.0.11:7000")" 1
	running a
	is "$(<"$LAB_DIR/a.log")" up
	queued_less "$before" 3
	await 5 conns_are 10.2.0.11:7000 "1 0"
}

@test "a silent connection ends here and in the kernel" {
	local before start

	director
	service -t $VIP:7000 rr 7000 1
	adm --set 3 0 0
	talk a $VIP 7000
	carried a
	start=${EPOCHREALTIME/./}
	heard a last
	await 10 listed_are "TCP" 0
	((${EPOCHREALTIME/./} - start > 2900000))
	[[ ${NFVS_VM_GUEST:-} ]] || ((${EPOCHREALTIME/./} - start < 8000000))
	before=$(on dir nft list set ip nfvs flows_in)
	has "$before" 'counter packets [1-9]'
	say a late
	unanswered a late
	is "$(on dir nft list set ip nfvs flows_in)" "$before"
}

# --- from one datapath to the other ---

@test "a service that changes its datapath, and back, keeps its connections" {
	local before

	director
	service -t $VIP:7000 rr 7000 1
	talk a $VIP 7000
	carried a
	adm -a -t $VIP:7000 -r 10.2.0.13:7000 -g -w 0
	is "$(status_of '.datapath.packet[0].because')" "not all servers have the methods nat and fullnat, or all dr"
	before=$(queued)
	heard a "to the daemon"
	talk b $VIP 7000
	heard b "with the daemon"
	queued_less "$before" 6 && return 1
	adm -d -t $VIP:7000 -r 10.2.0.13:7000
	is "$(status_of .datapath.flow)" 1
	# Conntrack may make nothing of packets behind those that it did not see; the daemon does.
	heard a "a is back"
	heard b "b is there"
	is "$(listed "ESTABLISHED .* 10.2.0.11:7000")" 2
}

# The load has that part of the big file, in percent: load_has PERCENT
load_has() {
	(($(stat -c %s "$LAB_DIR/got") * 100 >= $(stat -c %s "$LAB_DIR/files/big") * $1))
}

queued_more() {
	! queued_less "$@"
}

@test "a download goes on while its service changes its datapath, and back" {
	local before knob=/proc/sys/net/ipv4/tcp_rmem room

	[[ ! ${LAB_BRIEF:-} ]] || skip "the big file is too small to be watched: at full length only"
	director
	service -t $VIP:80 rr 8080 1
	room=$(on client cat $knob)
	on client sh -c "echo 4096 16384 32768 >$knob" # or all is there before it is read
	spawn load client curl -sS --limit-rate $(($(stat -c %s "$LAB_DIR/files/big") / 15)) \
		--max-time 60 -o "$LAB_DIR/got" http://$VIP/big
	await 20 load_has 5
	before=$(queued)
	adm -a -t $VIP:80 -r 10.2.0.13:80 -g -w 0
	await 20 queued_more "$before" 20
	adm -d -t $VIP:80 -r 10.2.0.13:80
	finish load
	on client sh -c "echo $room >$knob"
	is "$(sha256sum <"$LAB_DIR/got")" "$(<"$LAB_DIR/files/big.sha256")"
}

# --- room for connections ---

@test "conntrack nearly full: a warning, once" {
	local knob=/proc/sys/net/netfilter/nf_conntrack_max most

	director
	service -t $VIP:80 rr 8080 1
	fetch client 3 http://$VIP/ >/dev/null
	(($(status_of .datapath.conntrack_entries) >= 3))
	most=$(status_of .datapath.conntrack_max)
	is "$(on dir cat $knob)" "$most"
	[[ ${NFVS_VM_GUEST:-} ]] || skip "nf_conntrack_max is the whole machine's: tried in the vm only"
	echo 100 >$knob
	fetch client 60 http://$VIP/ >/dev/null
	sleep 2.5
	is "$(grep -c 'conntrack has' "$LAB_DIR/nfvsd.log")" 0
	fetch client 25 http://$VIP/ >/dev/null
	await 5 grep -q 'conntrack has .* of at most 100 entries' "$LAB_DIR/nfvsd.log"
	sleep 2.5
	echo "$most" >$knob
	is "$(grep -c 'conntrack has' "$LAB_DIR/nfvsd.log")" 1
}

# More than COUNT connections were scheduled by the rules, and this is one: by_rules URL COUNT
by_rules() {
	fetch client 1 "$1" >/dev/null && (($(status_of .schedule.connections) > $2))
}

refused() {
	! fetch client 1 "$1" >/dev/null 2>"$LAB_DIR/refused" &&
		grep -Eq 'Connection refused|Failed to connect to .* after [0-9]{1,3} ms' "$LAB_DIR/refused"
}

# Room for one more, and that one is refused.
nearly_full_refused() {
	echo $(($(status_of .datapath.conntrack_entries) + 1)) >/proc/sys/net/netfilter/nf_conntrack_max
	sleep 0.5
	refused "$1"
}

@test "conntrack full: what is new is refused and counted, what is there goes on" {
	local knob=/proc/sys/net/netfilter/nf_conntrack_max most done=0

	[[ ${NFVS_VM_GUEST:-} ]] || skip "nf_conntrack_max is the whole machine's: tried in the vm only"
	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1),
		$(fixed "protocol = \"tcp\"; address = \"$VIP2\"; port = 80; scheduler = \"rr\"; schedule = \"kernel\";" 8080 1)"
	service -t $VIP:80 rr 8080 1
	talk a $VIP 7000
	carried a
	fetch client 1 http://$VIP2/ >/dev/null
	is "$(status_of .schedule.connections)" 1
	most=$(<$knob)
	echo 100 >$knob
	while ((done < 150)) && ! refused http://$VIP/; do
		((++done))
	done
	((done > 50 && done < 100))
	(($(status_of .drops.conntrack_full) >= 1))
	# Also those that the rules schedule: the daemon does, for that.
	await 5 refused http://$VIP2/
	has "$(adm status)" 'conntrack is full: nfvsd chooses meanwhile'
	carried a
	has "$(<"$LAB_DIR/nfvsd.log")" 'conntrack is full: new connections'
	echo "$most" >$knob
	await 5 fetch client 1 http://$VIP/ >/dev/null
	done=$(status_of .schedule.connections)
	await 5 by_rules http://$VIP2/ "$done"
	is "$(grep -c 'conntrack is full' "$LAB_DIR/nfvsd.log")" 1
	# And if the daemon dies then, they have what all others have.
	await 5 nearly_full_refused http://$VIP2/
	crash
	echo "$most" >$knob
	has "$(fetch client 1 http://$VIP2/)" '^rs1'
}

@test "conntrack's size by the configuration, and put back" {
	local knob=/proc/sys/net/netfilter/nf_conntrack_max before

	[[ ${NFVS_VM_GUEST:-} ]] || skip "nf_conntrack_max is the whole machine's: tried in the vm only"
	before=$(<$knob)
	director_up "$(conf flow.conf <<<"director = { datapath = \"auto\"; conntrack_max = 54321; };
		services = ( $(web '' 1) );")"
	has "$(<"$LAB_DIR/nfvsd.log")" 'nf_conntrack_max.* cannot be set to 54321: .*; director.conntrack_max says so'
	director_down
	# Not in a network namespace: where the machine itself is the director.
	"$NFVSD" -c "$LAB_DIR/flow.conf" -s "$LAB_DIR/own.sock" >"$LAB_DIR/own.log" 2>&1 3>&- &
	await 10 grep -q ready "$LAB_DIR/own.log"
	is "$(<$knob)" 54321
	kill $!
	wait $!
	is "$(<$knob)" "$before"
	has "$(<"$LAB_DIR/own.log")" "nf_conntrack_max put back to $before"
}
