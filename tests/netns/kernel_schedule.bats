#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Services whose servers the rules choose, in turns: whom, and that the daemon knows of all of it.

load common
load topology
load flow

# A service that the rules schedule: turns "KEYS" PORT-OF-SERVERS WEIGHT...
turns() {
	fixed "schedule = \"kernel\"; $1" "${@:2}"
}

# Of the servers' names, one a line, their numbers in order: order
order() {
	sed 's/^rs\([0-9]*\).*/\1/' | tr -d '\n'
}

# Whom so many requests reach, one after the other: whom N URL
whom() {
	fetch client "$1" "$2" | order
}

# Connections, and those of them that the rules scheduled.
scheduled() {
	status_of '"\(.schedule.kernel) \(.schedule.connections)"'
}

# No packet more than before came to a queue: none_queued BEFORE
none_queued() {
	is "$(queued)" "$1"
}

# --- whom ---

@test "rr and wrr: the same turns as IPVS, and no packet comes to a queue" {
	local before

	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"rr\";" 8080 1 1 1),
		$(turns "protocol = \"tcp\"; address = \"$VIP2\"; port = 80; scheduler = \"wrr\";" 8080 3 2 1),
		$(turns "protocol = \"udp\"; address = \"$VIP\"; port = 53; scheduler = \"wrr\";" 53 200 100)"
	has "$(adm status)" '^schedule +kernel: 3 services, connections so far: 0$'
	before=$(queued)
	is "$(whom 7 http://$VIP/)" 3213213
	is "$(whom 12 http://$VIP2/)" 121321121321
	is "$(client udp 6 $VIP 53 | order)" 121121
	await 5 listed_are TIME_WAIT 19
	is "$(listed 'UDP ')" 6
	is "$(scheduled)" "3 25"
	is "$(status_of .datapath.fallback)" 0
	none_queued "$before"
	conns_are 10.2.0.11:53 "0 4"
	conns_are 10.2.0.12:53 "0 2"
	has "$(adm -Ln --stats --exact)" "^TCP +$VIP:80 +7 +[1-9]"
	has "$(adm -Ln --stats --exact)" "^TCP +$VIP2:80 +12 +[1-9]"
	has "$(adm -Ln --stats --exact)" "^UDP +$VIP:53 +6 +6 +6 "
}

@test "rr and wrr, IPv6" {
	local six

	six() {
		echo "{ schedule = \"kernel\"; address = \"$VIP6\"; $1
			servers = ( { address = \"fd00:2::11\"; port = $2; weight = 2; },
				    { address = \"fd00:2::12\"; port = $2; weight = 1; } ); }"
	}
	director "$(six 'protocol = "tcp"; port = 80; scheduler = "rr";' 8080),
		$(six 'protocol = "tcp"; port = 81; scheduler = "wrr";' 8080),
		$(six 'protocol = "udp"; port = 53; scheduler = "rr";' 53)"
	is "$(whom 5 "http://[$VIP6]/")" 21212
	is "$(whom 6 "http://[$VIP6]:81/")" 121121
	is "$(client udp 4 $VIP6 53 | order)" 2121
	await 5 listed_are "TIME_WAIT .*fd00:2::1[12].*8080" 11
	is "$(scheduled)" "3 15"
	none_queued 0
}

# What a group of firewall mark 9 reaches.
@test "a group by firewall mark" {
	director "{ fwmark = 9; scheduler = \"rr\"; schedule = \"kernel\";
		match = ( { address = \"$VIP\"; protocol = \"tcp\"; ports = \"8080-8081\"; } );
		servers = ( { address = \"10.2.0.11\"; }, { address = \"10.2.0.12\"; } ); }"
	is "$(whom 3 http://$VIP:8080/)" 212
	is "$(whom 3 http://$VIP:8081/)" 121
	await 5 listed_are "TIME_WAIT .* $VIP:808[01] " 6
	has "$(adm -Ln --stats --exact)" '^FWM +9 +6 '
	none_queued 0
}

@test "somebody else's mark of a packet stays" {
	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"rr\";" 8080 1 1)"
	on dir nft -f - <<-END
		table ip other {
			chain give {
				type filter hook prerouting priority -150;
				tcp dport 80 meta mark set 0x5
			}
			chain take {
				type filter hook forward priority 0;
				ip daddr 10.2.0.0/24 tcp flags & (syn | ack) == syn meta mark == 0x5 counter
			}
		}
	END
	is "$(whom 4 http://$VIP/)" 2121
	has "$(on dir nft list table ip other)" 'counter packets 4 '
	on dir nft delete table ip other
	await 5 listed_are TIME_WAIT 4
	is "$(scheduled)" "1 4"
	none_queued 0
}

# --- changes ---

@test "weights and servers that change" {
	local before bases

	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"wrr\";" 8080 1 1 1)"
	bases=$(base_chains)
	is "$(whom 4 http://$VIP/)" 3213
	# Another number of turns begins anew, the same goes on.
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 2
	is "$(whom 5 http://$VIP/)" 13211
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 1
	adm -e -t $VIP:80 -r 10.2.0.12:8080 -m -w 0
	is "$(whom 3 http://$VIP/)" 313
	adm -d -t $VIP:80 -r 10.2.0.13:8080
	is "$(whom 2 http://$VIP/)" 11
	adm -a -t $VIP:80 -r 10.2.0.13:8080 -m
	is "$(whom 4 http://$VIP/)" 3131
	none_queued 0
	# Nobody: the daemon says so.
	before=$(scheduled)
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 0
	adm -e -t $VIP:80 -r 10.2.0.13:8080 -m -w 0
	client refused tcp $VIP 80
	(($(status_of .drops.no_server) > 0))
	is "$(scheduled)" "$before"
	adm -e -t $VIP:80 -r 10.2.0.12:8080 -m -w 7
	is "$(whom 2 http://$VIP/)" 22
	is "$(base_chains)" "$bases"
	# Services come and go.
	adm -D -t $VIP:80
	is "$(on dir nft list table ip nfvs | grep -c 'chain turns')" 0
	is "$(scheduled | cut -d' ' -f1)" 0
}

@test "what the rules cannot do is refused, or is the daemon's" {
	local at="-t $VIP:80" before row why

	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"wrr\";" 8080 1 1),
		$(fixed "protocol = \"tcp\"; address = \"$VIP2\"; port = 80; scheduler = \"lc\"; schedule = \"auto\";" 8080 1)"
	before=$(adm -Sn)
	for row in "-E $at -s lc|its scheduler is neither rr nor wrr" "-E $at -s wrr -p 60|it is persistent" \
		"-e $at -r 10.2.0.11:8080 -m -x 5|a server has a threshold \(upper\)" \
		"-e $at -r 10.2.0.11:8080 -m -w 2999|wrr takes 3000 turns here, the kernel's schedule has 256" \
		"-a $at -r 10.2.0.13:80 -g|.*not all servers have the methods nat and fullnat.*"; do
		why=${row#*|}
		# shellcheck disable=SC2086 # words
		run adm ${row%%|*}
		((status != 0))
		has "$output" "schedule kernel is not possible: $why\$"
	done
	is "$(adm -Sn)" "$before"
	has "$(adm status)" "^ +nfvsd: tcp ${VIP2//./\\.}:80, because its scheduler is neither rr nor wrr\$"
	is "$(whom 2 http://$VIP/)" 21
	is "$(whom 2 http://$VIP2/)" 11
	is "$(scheduled)" "1 2"
	has "$(adm explain tcp 10.1.0.2:999 $VIP:80)" 'the rules choose the server whose turn it is'
	is "$(adm explain --json tcp 10.1.0.2:999 $VIP:80 | jq '.facts')" null # the daemon has no turn here
	# With auto the daemon takes over.
	on dir sed -i 's/schedule = "kernel"/schedule = "auto"/' "$LAB_DIR/flow.conf"
	reload
	adm -e $at -r 10.2.0.11:8080 -m -x 5
	is "$(scheduled | cut -d' ' -f1)" 0
	has "$(adm status)" 'because a server has a threshold \(upper\)$'
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:2 rs2:2"
	is "$(scheduled)" "0 2"
	adm -e $at -r 10.2.0.11:8080 -m -x 0
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:2 rs2:2"
	is "$(scheduled)" "1 6"
}

@test "of the director: what nfvsadm makes and cannot be, nfvsd schedules, and the log says so" {
	director_up "$(conf flow.conf <<<"director = { datapath = \"auto\"; schedule = \"kernel\"; };")"
	adm -A -t $VIP:80 -s lc
	adm -a -t $VIP:80 -r 10.2.0.11:8080 -m
	is "$(whom 2 http://$VIP/)" 11
	is "$(scheduled)" "0 0"
	is "$(grep -c "tcp ${VIP//./\\.}:80: schedule is kernel, but nfvsd chooses, because its scheduler is neither" \
		"$LAB_DIR/nfvsd.log")" 1
	adm -E -t $VIP:80 -s rr
	is "$(whom 2 http://$VIP/)" 11
	is "$(scheduled)" "1 2"
}

@test "a drain is taken back once the weight from before fits again" {
	local at="-t $VIP:80"

	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"wrr\";" 8080 7 1)"
	adm drain tcp $VIP:80 10.2.0.11 --no-wait
	# shellcheck disable=SC2086 # words
	adm -e $at -r 10.2.0.12:8080 -m -w 300
	run adm undrain tcp $VIP:80 10.2.0.11
	((status != 0))
	has "$output" "wrr takes 307 turns here"
	is "$(status_of '.drains | length')" 1
	# shellcheck disable=SC2086 # words
	adm -e $at -r 10.2.0.12:8080 -m -w 1
	adm undrain tcp $VIP:80 10.2.0.11
	is "$(status_of '.drains | length')" 0
	is "$(fetch client 8 http://$VIP/ | tally)" "rs1:7 rs2:1"
}

# --- what the daemon does with them ---

@test "counted while they last, killed and drained" {
	local before

	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 7000; scheduler = \"rr\";" 7000 1)"
	talk a $VIP 7000
	carried a
	await 5 listed_are "TCP 1[45]:.* ESTABLISHED .* $VIP:7000 +10.2.0.11:7000" 1
	conns_are 10.2.0.11:7000 "1 0"
	none_queued 0
	is "$(adm kill --all)" "1 connection ended"
	await 1 grep -q 'Connection reset by peer' "$LAB_DIR/a.log"
	await 5 conns_are 10.2.0.11:7000 "0 1"
	talk b $VIP 7000
	carried b
	drained_meanwhile c d
	carried c
	carried d
}

@test "a removed server: silence; when it is back its connections go on" {
	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 7000; scheduler = \"rr\";" 7000 1)"
	talk a $VIP 7000
	carried a
	adm -d -t $VIP:7000 -r 10.2.0.11:7000
	say a hello
	unanswered a hello
	adm -a -t $VIP:7000 -r 10.2.0.11:7000 -m
	await 10 answered a hello
	carried a
	is "$(listed "ESTABLISHED .* 10.2.0.11:7000")" 1
}

@test "a port used again is scheduled again" {
	local i

	director "$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 7000; scheduler = \"rr\";" 7000 1 1)"
	for i in 1 2 3; do
		on client socat -t 1 - "TCP:$VIP:7000,sourceport=5555,reuseaddr" <<<"hello $i"
		await 5 listed_are "TIME_WAIT .*:5555 " 1
		on client ss -KHt state all "( sport = 5555 )" >/dev/null
	done
	is "$(status_of .schedule.connections)" 3
	is "$(listed ':5555 ')" 1
}

@test "killed and started again: turns go on, and all of it is known" {
	local services

	services="$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"rr\";" 8080 1 1 1),
		$(turns "protocol = \"tcp\"; address = \"$VIP\"; port = 7000; scheduler = \"rr\";" 7000 1)"
	director "$services"
	is "$(whom 2 http://$VIP/)" 32
	talk a $VIP 7000
	carried a
	crash
	is "$(whom 5 http://$VIP/)" 13213
	talk b $VIP 7000
	heard b "who is there"
	heard a "and you"
	director "$services"
	await 10 grep -q 'taken over from the kernel' "$LAB_DIR/nfvsd.log"
	await 5 conns_are 10.2.0.11:7000 "2 0"
	await 5 listed_are ESTABLISHED 2
	is "$(listed "TIME_WAIT .* $VIP:80 ")" 7
	carried a
	carried b
	is "$(whom 3 http://$VIP/)" 321
	none_queued 0
}
