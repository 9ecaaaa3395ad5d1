#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Connections that the daemon decides and the kernel carries: which, what is known of them, their ends.

load common
load topology
load flow

# --- which services ---

@test "status says which services are carried, and why others are not" {
	local said reason

	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 81; datapath = \"packet\";" 8080 1)"
	service -t $VIP:80 rr 8080 1 1
	service_options=-o service -u $VIP:53 rr 53 1
	service -u $VIP:54 rr 53 1
	service -t $VIP:21 rr 8080 1
	adm -A -t $VIP:82 -s rr
	adm -a -t $VIP:82 -r 10.2.0.11:82 -i
	said=$(adm status)
	has "$said" '^datapath +flow \(the kernel carries\): 2 services; packet \(nfvsd carries\): 4$'
	for reason in "tcp $VIP:81, because the configuration says so" \
		"udp $VIP:53, because it is a one-packet service" "tcp $VIP:21, because FTP" \
		"tcp $VIP:82, because not all servers have the methods nat and fullnat, or all dr"; do
		has "$said" "^ +packet: ${reason//./\\.}\$"
	done
	is "$(status_of '.datapath | "\(.flow) \(.packet | length)"')" "2 4"
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:1 rs2:1"
	is "$(fetch client 2 http://$VIP:81/ | tally)" "rs1:2"
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

# One datagram from port 5401, and who answered
from_there() {
	on client socat -T 2 - "UDP4:$VIP:53,sourceport=5401" <<<hello
}

@test "a flow that conntrack knows from before its service was: the daemon carries it" {
	director
	service -u $VIP:9 rr 53 1
	is "$(from_there)" "" # refused, and remembered
	service -u $VIP:53 rr 53 1
	has "$(from_there)" '^rs1'
	has "$(from_there)" '^rs1'
	is "$(listed "UDP .*:5401 .* 10.2.0.11:53")" 1
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

@test "kill: the client is told at once, and the kernel carries it no more" {
	local before

	director
	service -t $VIP:7000 rr 7000 1
	talk a $VIP 7000
	carried a
	await 5 listed_are ESTABLISHED 1
	is "$(adm kill --all)" "1 connection ended"
	await 1 ended_by_reset a
	await 5 conns_are 10.2.0.11:7000 "0 1"
	is "$(listed ESTABLISHED)" 0
	# Who is not told goes on sending, in vain.
	talk b $VIP 7000
	carried b
	await 5 listed_are ESTABLISHED 1
	is "$(adm kill --quietly --state established)" "1 connection ended"
	sleep 0.3 # the kernel forgets it within 100 ms
	before=$(on dir nft list set ip nfvs flows_in)
	say b anybody
	unanswered b anybody
	is "$(on dir nft list set ip nfvs flows_in)" "$before"
	is "$(listed ESTABLISHED)" 0
}

@test "a removed server: silence; when it is back its connections go on" {
	director
	service -t $VIP:7000 rr 7000 1
	talk a $VIP 7000
	carried a
	adm -d -t $VIP:7000 -r 10.2.0.11:7000
	say a hello
	unanswered a hello
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
	drained_meanwhile b c
	await 1 ended_by_reset a
	((${EPOCHREALTIME/./} - start > 2000000))
	carried b
	carried c
}

# --- ICMP and fragments ---

@test "ICMP errors about carried flows reach the other end" {
	lab_far
	await 15 server_ready rs4
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
