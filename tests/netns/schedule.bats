#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Which server gets a connection: schedulers, persistence, firewall-mark groups.

load common

setup_file() {
	lab_file
	director_file
}

teardown_file() {
	lab_down
}

# Nothing of the test before: a server that comes back brings its connections and templates along.
setup() {
	adm kill --quietly --all
	adm kill --state TEMPLATE
	adm -C
}

teardown() {
	stop_spawned hold1 hold2 hold3
	lab_report
}

@test "rr: in turn, the newest server first, whatever the weight" {
	service -t $VIP:80 rr 8080 1 5 1
	is "$(fetch client 7 http://$VIP/ | awk '{ printf "%s ", $1 }')" \
		"rs3 rs2 rs1 rs3 rs2 rs1 rs3 "
}

@test "rr: a server of weight 0 gets nothing" {
	service -t $VIP:80 rr 8080 1 0 1
	is "$(fetch client 6 http://$VIP/ | tally)" "rs1:3 rs3:3"
}

@test "wrr: exactly by weight" {
	service -t $VIP:80 wrr 8080 3 2 1
	is "$(fetch client 12 http://$VIP/ | tally)" "rs1:6 rs2:4 rs3:2"
	is "$(fetch client 60 http://$VIP/ | tally)" "rs1:30 rs2:20 rs3:10"
}

@test "wrr: a changed weight counts from the next connection on" {
	service -t $VIP:80 wrr 8080 3 2 1
	fetch client 2 http://$VIP/
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 1
	adm -e -t $VIP:80 -r 10.2.0.12:8080 -m -w 1
	is "$(fetch client 12 http://$VIP/ | tally)" "rs1:4 rs2:4 rs3:4"
}

@test "lc: where the fewest connections are open" {
	adm -A -t $VIP:80 -s lc
	adm -a -t $VIP:80 -r 10.2.0.11:8080 -m
	is "$(hold hold1 4 $VIP 80)" "rs1:4"
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m
	adm -a -t $VIP:80 -r 10.2.0.13:8080 -m
	is "$(hold hold2 8 $VIP 80)" "rs2:4 rs3:4"
	is "$(hold hold3 3 $VIP 80)" "rs1:1 rs2:1 rs3:1"
}

@test "wlc: open connections in proportion to the weights" {
	service -t $VIP:80 wlc 8080 3 1
	is "$(hold hold1 8 $VIP 80)" "rs1:6 rs2:2"
}

@test "the listing counts active and closed connections, and -Lcn shows them" {
	# A port of its own: servers that come back, come back with their connections.
	service -t $VIP:90 rr 8080 1
	hold hold1 3 $VIP 90
	fetch client 2 http://$VIP:90/
	has "$(adm -Ln)" "^TCP  $VIP:90 rr\$"
	has "$(adm -Ln)" '^  -> 10\.2\.0\.11:8080               Masq    1      3          2         $'
	is "$(adm -Lcn | grep -c '^TCP 1[45]:[0-9][0-9]  ESTABLISHED 10\.1\.0\.2:.* 10\.1\.0\.100:90 .* 10\.2\.0\.11:8080')" 3
	is "$(adm -Lcn | grep -c "TIME_WAIT .* $VIP:90 ")" 2
}

@test "a connection stays with its server, packet after packet" {
	service -t $VIP:80 rr 8080 1 1 1
	is "$(client keepalive 200 $VIP 80 | tally)" "rs3:200"
	is "$(client keepalive 200 $VIP 80 | tally)" "rs2:200"
}

@test "persistent: a client stays with its server, another gets the next" {
	service_options="-p 300"
	service -t $VIP:80 rr 8080 1 1 1
	is "$(fetch client 6 http://$VIP/ | tally)" "rs3:6"
	is "$(fetch client 6 http://$VIP/ --interface 10.1.0.3 | tally)" "rs2:6"
	has "$(adm -Ln)" "^TCP  $VIP:80 rr persistent 300\$"
}

@test "persistent with a netmask: a whole network stays with one server" {
	service_options="-p 300 -M 255.255.255.0"
	service -t $VIP:80 rr 8080 1 1 1
	is "$(fetch client 3 http://$VIP/ | tally)" "rs3:3"
	is "$(fetch client 3 http://$VIP/ --interface 10.1.0.3 | tally)" "rs3:3"
}

@test "persistent with port 0: one server for all ports, each kept" {
	service_options="-p"
	service -t $VIP:0 rr 0 1 1 1
	is "$(fetch client 1 http://$VIP:80/; fetch client 1 http://$VIP:8081/)" \
		"$(printf 'rs3 %d 10.1.0.2\n' 80 8081)"
}

@test "firewall mark set by somebody else's rule: two ports, one group" {
	on dir nft -f - <<-END
		table ip marks {
			chain prerouting {
				type filter hook prerouting priority -250;
				ip daddr $VIP2 tcp dport { 80, 443 } meta mark set 7
			}
		}
	END
	service_options="-p 300"
	service -f 7 rr 0 1 1 1
	is "$(fetch client 2 http://$VIP2:80/; fetch client 2 http://$VIP2:443/)" \
		"$(printf 'rs3 %d 10.1.0.2\n' 80 80 443 443)"
	is "$(fetch client 1 http://$VIP2:443/ --interface 10.1.0.3 | tally)" "rs2:1"
	on dir nft delete table ip marks
}

@test "udp: every new flow in turn, a flow stays" {
	service -u $VIP:53 rr 53 1 1 1
	is "$(client udp 9 $VIP 53 | tally)" "rs1:3 rs2:3 rs3:3"
	is "$(client udp_same 20 $VIP 53 | tally)" "rs3:20"
}

@test "udp: persistence" {
	service_options="-p 300"
	service -u $VIP:53 rr 53 1 1 1
	is "$(client udp 6 $VIP 53 | tally)" "rs3:6"
}

@test "ipv6: rr over tcp and udp" {
	service -t "[$VIP6]:80" rr 8080 1 1 1
	service -u "[$VIP6]:53" rr 53 1 1 1
	is "$(fetch client 9 "http://[$VIP6]/" | tally)" "rs1:3 rs2:3 rs3:3"
	is "$(client udp 9 $VIP6 53 | tally)" "rs1:3 rs2:3 rs3:3"
}

@test "a drained server keeps its connections and gets no new ones" {
	service -t $VIP:80 rr 8080 1 1
	is "$(hold hold1 4 $VIP 80)" "rs1:2 rs2:2"
	spawn hold2 client python3 "$LAB_SRC/client.py" live $VIP 80
	await 5 grep -q '^rs' "$LAB_DIR/hold2.log"
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 0
	adm -e -t $VIP:80 -r 10.2.0.12:8080 -m -w 0
	client refused tcp $VIP 80
	is "$(stop hold2; echo $?)" 0
}

# No connection is active: what ended one has passed the director, too.
idle() {
	! adm -Ln | grep -qE '^  -> .* [1-9][0-9]* +[0-9]+ *$'
}

# The server that explain names for the next connection of each way to choose is the one that then
# answers: three times in a row, the client's port as explain was told; after two of them a server is
# quiesced. Text and JSON say the same.
foretold() {
	local scheduler=$1 port said json got i

	shift
	service_options="$*"
	adm -C
	service -t $VIP:80 "$scheduler" 8080 1 2 3
	for i in 1 2 3; do
		((i != 3)) || adm -e -t $VIP:80 -r 10.2.0.13:8080 -m -w 0
		await 5 idle
		port=$((20000 + ++foretold_ports)) # of its own: no connection is known
		said=$(adm explain tcp 10.1.0.2:$port $VIP:80 | sed -n '
			s/^decision .*it goes to 10\.2\.0\.1\([123]\):8080: .*/rs\1:1/p
			s/^decision .*refused with ICMP port unreachable: no server is usable$/refused/p')
		json=$(adm explain --json tcp 10.1.0.2:$port $VIP:80 | jq -r '
			if .decision == "refused" then "refused"
			elif .port == 8080 then (.server.address | sub("10.2.0.1"; "rs")) + ":1"
			else . end')
		got=$(fetch client 1 http://$VIP/ --local-port $port 2>&1 | tally)
		[[ $got == rs* ]] || got=refused
		is "$scheduler $*: $got" "$scheduler $*: $said"
		is "$scheduler $*, JSON: $json" "$scheduler $*, JSON: $said"
	done
	service_options=
}
foretold_ports=0

@test "explain names the server that the next connection reaches, whatever the scheduler" {
	local scheduler

	for scheduler in rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos p2c maglev wrr-smooth; do
		foretold $scheduler
	done
	foretold sh -b sh-port
	foretold sh -b sh-fallback,sh-port
	foretold mh -b mh-port
	foretold mh -b mh-port,mh-fallback
	foretold maglev -b maglev-port
	foretold wrr -b flag-1,flag-3
	foretold p2c -p 300
}

@test "a scheduler and its flags from the file: shown, and heeded" {
	local file

	director_down
	file=$(conf flags.conf <<-END
		services = (
		  { protocol = "tcp"; address = "$VIP"; port = 80;
		    scheduler = "sh"; scheduler_flags = "sh-fallback, sh-port";
		    servers = ( { address = "10.2.0.11"; port = 8080; weight = 0; },
		                { address = "10.2.0.12"; port = 8080; } ); } );
	END
	)
	director_up "$file"
	has "$(adm -Ln)" "^TCP  $VIP:80 sh \(sh-fallback,sh-port\)\$"
	# Half of the ports belong to the one that is quiesced.
	is "$(fetch client 20 http://$VIP/ | tally)" "rs2:20"
	sed -i 's/sh-fallback, //' "$file"
	reload
	has "$(adm -Ln)" "^TCP  $VIP:80 sh \(sh-port\)\$"
	director_down
	director_file
}

@test "explain shows what the scheduler goes by, and changes nothing" {
	service -t $VIP:80 rr 8080 1 1 1
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '^it goes by  chosen last: none$'
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '^decision    it goes to 10\.2\.0\.13:8080: the sch'
	is "$(fetch client 1 http://$VIP/ | tally)" "rs3:1"
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '^it goes by  chosen last: 10\.2\.0\.13:8080$'
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '^> 10\.2\.0\.12:8080  *nat  *1  *0  *0$'
	adm -E -t $VIP:80 -s sh -b sh-port
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '^scheduler   sh \(sh-port\)$'
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '^  *slots: 256$'
	is "$(adm explain --json tcp 10.1.0.2:5555 $VIP:80 | jq .facts.slots)" 256
}

@test "explain tells why a server or nobody gets it" {
	adm -A -t $VIP:80 -s wlc
	adm -a -t $VIP:80 -r 10.2.0.11:8080 -m -x 1
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m -w 0
	is "$(hold hold1 1 $VIP 80)" "rs1:1"
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '^decision .* refused with ICMP .*: no server is usable$'
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '10\.2\.0\.11:8080 .* 1  *0  *257  overloaded: nothing new'
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" '10\.2\.0\.12:8080 .* weight 0: nothing new'
}

@test "explain knows the client's server by persistence" {
	service_options="-p 300"
	service -t $VIP:80 rr 8080 1 1 1
	fetch client 1 http://$VIP/
	has "$(adm explain tcp 10.1.0.2:5555 $VIP:80)" \
		'^decision    it goes to 10\.2\.0\.13:8080: the persistence of client 10\.1\.0\.2 \('
	has "$(adm explain tcp 10.1.0.3:5555 $VIP:80)" \
		'^decision    it goes to 10\.2\.0\.12:8080: the scheduler'
}
