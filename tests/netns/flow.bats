#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Connections that the daemon decides and the kernel carries: who has them, what is known of them, and
# what becomes of them when servers, the datapath or the daemon go and come.
#
# Each test has a director of its own. That a connection is carried shows in the queues' counters,
# which do not grow with it; what is to be true soon, because copies of packets are late, is awaited.

load common
load topology

setup_file() {
	local ns

	lab_file
	lab_far
	big_file
	await 15 server_ready rs4
	for ns in rs1 rs2; do
		spawn echo-$ns $ns python3 "$LAB_SRC/ends.py" serve 7000 quiet
		await 10 grep -q ready "$LAB_DIR/echo-$ns.log"
	done
}

teardown_file() {
	lab_down
}

teardown() {
	stop_spawned a b c load live drain blind first
	running nfvsd || director
	adm kill --all --quietly # in the kernel too
	director_down
	lab_report
}

# A director with these services in its file: director [SERVICES]
director() {
	director_up "$(conf flow.conf <<<"director = { workers = 2; }; ${1:+services = ( $1 );}")"
}

# A service of the file: fixed "KEYS" PORT-OF-SERVERS WEIGHT...
fixed() {
	local text="{ $1 servers = (" i=0 weight

	for weight in "${@:3}"; do
		((i++ == 0)) || text+=,
		text+=" { address = \"10.2.0.1$i\"; port = $2; weight = $weight; }"
	done
	echo "$text ); }"
}

# Packets that the queues have had.
queued() {
	adm status --json | jq '[.queues[].packets // 0] | add'
}

# That many more since BEFORE: queued_less BEFORE COUNT
queued_less() {
	local now

	now=$(queued)
	(($now - $1 < $2)) || { echo "$(($now - $1)) packets came to the queues"; return 1; }
}

# ActiveConn and InActConn of a server: conns_of SERVER:PORT
conns_of() {
	adm -Ln | awk -v server="$1" '$2 == server { print $5, $6 }'
}

# conns_are SERVER:PORT "ACTIVE INACTIVE"
conns_are() {
	[[ $(conns_of "$1") = "$2" ]]
}

# How many connections are listed like that: listed PATTERN
listed() {
	adm -Lcn | grep -Ec -- "$1" || true
}

listed_are() {
	[[ $(listed "$1") = "$2" ]]
}

# A TCP connection that the test talks on by say, and whose answers are its log: talk NAME HOST PORT
declare -A mouths
talk() {
	local mouth

	rm -f "$LAB_DIR/$1.in"
	mkfifo "$LAB_DIR/$1.in"
	exec {mouth}<>"$LAB_DIR/$1.in" # for both, so that neither waits for the other, or ends with it
	mouths[$1]=$mouth
	spawn "$1" client socat -t 100 "OPEN:$LAB_DIR/$1.in,rdonly!!STDOUT" "TCP:$2:$3"
}

say() {
	echo "$2" >&"${mouths[$1]}"
}

answered() {
	grep -aqx -- "$2" "$LAB_DIR/$1.log"
}

# The other end echoes: heard NAME TEXT
heard() {
	say "$1" "$2"
	await 5 answered "$1" "$2" || { cat "$LAB_DIR/$1.log"; return 1; }
}

# The same 30 times, and the daemon sees none of it; talks NAME
carried() {
	local before i

	heard "$1" "$1 begins"
	before=$(queued)
	for i in {1..30}; do
		heard "$1" "$1 $before $i"
	done
	queued_less "$before" 5
}

# A number of status --json: status_of PATH
status_of() {
	adm status --json | jq -r "$1"
}

# Ends the daemon as a crash would.
crash() {
	stop nfvsd KILL || true
	! running nfvsd
}

base_chains() {
	on dir nft -j list ruleset |
		jq -c '.nftables[].chain | select(.hook) | [.family, .table, .name, .hook, .handle]'
}

# --- which services ---

@test "status says which services are carried, and why others are not" {
	local said reason

	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 81; datapath = \"packet\";" 8080 1)"
	service -t $VIP:80 rr 8080 1 1
	service_options=-o service -u $VIP:53 rr 53 1
	service -u $VIP:54 rr 53 1
	service -t $VIP:21 rr 8080 1
	adm -A -t $VIP:82 -s rr
	adm -a -t $VIP:82 -r 10.2.0.11:82 -g
	said=$(adm status)
	has "$said" '^datapath +flow \(the kernel carries\): 2 services; packet \(nfvsd carries\): 4$'
	for reason in "tcp $VIP:81, because the configuration says so" \
		"udp $VIP:53, because it is a one-packet service" "tcp $VIP:21, because FTP" \
		"tcp $VIP:82, because not all servers have the method nat"; do
		has "$said" "^ +packet: ${reason//./\\.}\$"
	done
	is "$(status_of '.datapath | "\(.flow) \(.packet | length)"')" "2 4"
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:1 rs2:1"
	is "$(fetch client 2 http://$VIP:81/ | tally)" "rs1:2"
	is "$(client udp 2 $VIP 53 | tally)" "rs1:2"
}

# --- what is known of what the kernel carries ---

# Packets and bytes of a chain that counts at the client: client_counts CHAIN
client_counts() {
	on client nft -j list chain ip count "$1" |
		jq -r '.nftables[].rule.expr[]?.counter | select(.) | "\(.packets) \(.bytes)"'
}

# Conns, packets and bytes of a server's line: stats_of SERVER:PORT
stats_of() {
	adm -Ln --stats --exact | awk -v server="$1" '$2 == server { print $3, $4, $6, $5, $7 }'
}

stats_are() {
	[[ $(stats_of "$1") = "$2" ]]
}

@test "a keep-alive connection passes the daemon by, and all of it is counted" {
	local before in out

	director
	service -t $VIP:80 rr 8080 1
	on client nft -f - <<-END
		table ip count {
			chain out { type filter hook postrouting priority 0; ip daddr $VIP counter; }
			chain in { type filter hook prerouting priority 0; ip saddr $VIP counter; }
		}
	END
	before=$(queued)
	is "$(client keepalive 50 $VIP 80 | tally)" "rs1:50"
	await 5 listed_are TIME_WAIT 1
	queued_less "$before" 5
	in=$(client_counts out) out=$(client_counts in)
	((${in% *} > 50 && ${out% *} > 50))
	await 5 stats_are 10.2.0.11:8080 "1 $in $out" || { stats_of 10.2.0.11:8080; echo "1 $in $out"; return 1; }
	has "$(adm -Ln --stats --exact)" "^TCP +$VIP:80 +1 +${in% *} +${out% *} +${in#* } +${out#* }\$"
	adm -Z
	is "$(stats_of 10.2.0.11:8080)" "0 0 0 0 0"
	on client nft delete table ip count
	# From there on it counts again.
	fetch client 1 http://$VIP/
	has "$(stats_of 10.2.0.11:8080)" '^1 [1-9]'
}

@test "a connection's states are followed by copies, TCP" {
	director
	service -t $VIP:80 rr 8080 1
	hold a 1 $VIP 80
	await 5 listed_are "TCP 1[45]:.* ESTABLISHED .* $VIP:80 +10.2.0.11:8080" 1
	await 5 conns_are 10.2.0.11:8080 "1 0"
	stop a || true
	await 5 listed_are "TCP 0[12]:.* TIME_WAIT .* $VIP:80 +10.2.0.11:8080" 1
	await 5 conns_are 10.2.0.11:8080 "0 1"
	is "$(listed ESTABLISHED)" 0
	# The server closes, the client does not.
	spawn first rs1 socat TCP-LISTEN:9001 EXEC:true
	await 5 on rs1 sh -c 'ss -ltn | grep -q :9001'
	service -t $VIP:9001 rr 9001 1
	talk a $VIP 9001
	await 5 listed_are "FIN_WAIT .* $VIP:9001 +10.2.0.11:9001" 1
	running a
	(($(status_of .datapath.copies) >= 6))
	is "$(status_of .datapath.copies_lost)" 0
}

@test "a UDP flow is decided once, and listed" {
	local before

	director
	service -u $VIP:53 rr 53 1 1
	before=$(queued)
	has "$(client udp_same 20 $VIP 53 | tally)" '^rs[12]:20$'
	queued_less "$before" 5
	is "$(listed "UDP 0[45]:.* UDP .* $VIP:53 +10.2.0.1[12]:53")" 1
	is "$(client udp 4 $VIP 53 | tally)" "rs1:2 rs2:2"
	is "$(listed ' UDP ')" 5
}

@test "lc knows how many connections are open" {
	director
	service -t $VIP:80 lc 8080 1
	is "$(hold a 10 $VIP 80)" "rs1:10"
	await 5 conns_are 10.2.0.11:8080 "10 0"
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m
	# 256 for an open one, 1 for another; each is known to be over when the next begins.
	is "$(fetch client 20 http://$VIP/ --rate 20/s | tally)" "rs2:20"
	await 5 conns_are 10.2.0.12:8080 "0 20"
	stop a || true
	await 5 conns_are 10.2.0.11:8080 "0 10"
	is "$(fetch client 8 http://$VIP/ --rate 20/s | tally)" "rs1:8"
}

# --- persistence, groups, IPv6 ---

@test "persistence" {
	director
	service_options='-p 300' service -t $VIP:80 rr 8080 1 1 1
	has "$(fetch client 6 http://$VIP/ --interface 10.1.0.2 | tally)" '^rs[123]:6$'
	has "$(fetch client 6 http://$VIP/ --interface 10.1.0.3 | tally)" '^rs[123]:6$'
	is "$(adm connections --json --state template | jq -sr 'map(.server) | unique | length')" 2
	is "$(status_of .datapath.flow)" 1
}

# A group of two TCP ports and one of UDP: group ADDRESS CLIENT SERVERS-NET
group() {
	local address=$1 at

	at=$(bracket "$address")
	director "{ fwmark = 9; scheduler = \"rr\"; persistent = 300;
		match = ( { address = \"$address\"; protocol = \"tcp\"; ports = \"8080-8081\"; },
			  { address = \"$address\"; protocol = \"udp\"; ports = \"53\"; } );
		servers = ( { address = \"$2\"; }, { address = \"$3\"; } ); }"
	is "$(status_of .datapath.flow)" 1
	before=$(queued)
	client keepalive 20 "$address" 8080 >"$LAB_DIR/got"
	queued_less "$before" 5
	fetch client 3 "http://$at:8081/" >>"$LAB_DIR/got"
	client udp 3 "$address" 53 >>"$LAB_DIR/got"
	has "$(tally <"$LAB_DIR/got")" '^rs[12]:26$'
	is "$(awk '{ print $NF }' "$LAB_DIR/got" | sort -u)" "$4"
	is "$(adm connections --json | jq -sr 'map(select(.sport > 0)) | length')" 7
}

@test "a persistent group of ports, TCP and UDP, IPv4" { group $VIP 10.2.0.11 10.2.0.12 10.1.0.2; }
@test "a persistent group of ports, TCP and UDP, IPv6" { group $VIP6 fd00:2::11 fd00:2::12 fd00:1::2; }

# --- ending connections ---

ended_by_reset() {
	grep -q 'Connection reset by peer' "$LAB_DIR/$1.log"
}

@test "kill: the client is told at once, and the kernel carries it no more" {
	local before

	director
	service -t $VIP:7000 rr 7000 1
	talk a $VIP 7000
	carried a
	await 5 listed_are ESTABLISHED 1
	is "$(adm kill --all)" "1 connection ended"
	await 1 ended_by_reset a
	is "$(listed TCP)" 0
	# Who is not told goes on sending, in vain.
	talk b $VIP 7000
	carried b
	await 5 listed_are ESTABLISHED 1
	is "$(adm kill --quietly --all)" "1 connection ended"
	before=$(on dir nft list set ip nfvs flows_in)
	say b anybody
	sleep 1
	! answered b anybody
	is "$(on dir nft list set ip nfvs flows_in)" "$before"
	is "$(listed TCP)" 0
}

@test "a removed server: silence; when it is back its connections go on" {
	director
	service -t $VIP:7000 rr 7000 1
	talk a $VIP 7000
	carried a
	adm -d -t $VIP:7000 -r 10.2.0.11:7000
	say a hello
	sleep 1
	! answered a hello
	running a
	(($(status_of .drops.server_gone) > 0))
	adm -a -t $VIP:7000 -r 10.2.0.11:7000 -m
	await 10 answered a hello # sent again by TCP
	carried a
	is "$(listed "ESTABLISHED .* 10.2.0.11:7000")" 1
}

@test "drain with a deadline" {
	local start=${EPOCHREALTIME/./}

	director
	service -t $VIP:7000 rr 7000 1
	talk a $VIP 7000
	carried a
	adm -a -t $VIP:7000 -r 10.2.0.12:7000 -m
	spawn drain dir "$NFVSADM" drain tcp $VIP:7000 10.2.0.11 --deadline 2s --then reset
	await 5 sh -c "'$NFVSADM' status --json | jq -e '.drains | length == 1'"
	talk b $VIP 7000
	carried b
	talk c $VIP 7000
	carried c
	is "$(listed "ESTABLISHED .* 10.2.0.12:7000")" 2
	finish drain
	has "$(<"$LAB_DIR/drain.log")" '1 .*ended at the deadline \(reset\)'
	await 1 ended_by_reset a
	((${EPOCHREALTIME/./} - start > 2000000))
	carried b
	carried c
}

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
	load_start load http://$VIP/
	load_more load 50
	crash
	load_more load 50
	is "$(load_stop load)" ""
	# Its weights, in sixteenths.
	is "$(fetch client 32 http://$VIP/ | tally)" "rs1:16 rs2:10 rs3:6"
	hold a 8 $VIP 80 >/dev/null
	seen=$({ grep -h '^rs' "$LAB_DIR/a.log"; head -n 1 "$LAB_DIR/live.log"; } | tally)
	count=$(wc -l <"$LAB_DIR/live.log")
	load_start load http://$VIP/
	load_more load 50
	director "$(web '' 3 2 1)"
	load_more load 50
	is "$(load_stop load)" ""
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
	before=$(on dir nft list set ip nfvs flows_in)
	await 10 listed_are "TCP" 0
	((${EPOCHREALTIME/./} - start > 2900000))
	[[ ${NFVS_VM_GUEST:-} ]] || ((${EPOCHREALTIME/./} - start < 8000000))
	before=$(on dir nft list set ip nfvs flows_in)
	has "$before" 'counter packets [1-9]'
	say a late
	sleep 1
	! answered a late
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
	is "$(status_of '.datapath.packet[0].because')" "not all servers have the method nat"
	before=$(queued)
	heard a "to the daemon"
	talk b $VIP 7000
	heard b "with the daemon"
	! queued_less "$before" 6
	# More than a window, so that conntrack has lost the thread.
	big_talk a
	adm -d -t $VIP:7000 -r 10.2.0.13:7000
	is "$(status_of .datapath.flow)" 1
	carried a
	carried b
	is "$(listed "ESTABLISHED .* 10.2.0.11:7000")" 2
}

# Says, and hears, eight million bytes: big_talk NAME
big_talk() {
	head -c 8000000 /dev/zero | tr '\0' "x" >&"${mouths[$1]}"
	say "$1" " and that is all"
	await 10 grep -aq "x and that is all" "$LAB_DIR/$1.log"
}

# --- ICMP and fragments ---

@test "ICMP errors about carried flows reach the other end" {
	director
	service -u $VIP:9999 rr 9998 1
	client refused udp $VIP 9999
	service -t $VIP:80 rr 8080 1
	is "$(on far curl -sS --max-time 60 http://$VIP/big | sha256sum)" "$(<"$LAB_DIR/files/big.sha256")"
	has "$(on rs1 ip route get 10.3.0.2)" 'mtu 1280'
	spawn blind rs1 python3 "$LAB_SRC/late_answer.py" 5400
	await 5 grep -q ready "$LAB_DIR/blind.log"
	service -u $VIP:5400 rr 5400 1
	on client socat -u - "UDP4:$VIP:5400,sourceport=5401" <<<hello
	finish blind || { cat "$LAB_DIR/blind.log"; return 1; }
	is "$(status_of .datapath.flow)" 3
}

@test "fragments of large datagrams" {
	local before

	director
	service -u $VIP:7 rr 7 1
	service -u "[$VIP6]:7" rr 7 1
	before=$(queued)
	is "$(client echo 60000 10 $VIP 7 | tally)" "60000:10"
	is "$(client echo 4000 10 $VIP6 7 | tally)" "4000:10"
	queued_less "$before" 12
}
