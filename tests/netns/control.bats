#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The life of the daemon: start, reload, stop, being killed, and what it says when it cannot.

load common

setup_file() {
	lab_file
}

teardown_file() {
	lab_down
}

setup() {
	is "$(on dir nft list tables)" "" "tables at the start"
}

teardown() {
	stop_spawned load live second nfvsd
	on dir nft flush ruleset
	on dir sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	lab_report
}

# A file with one service, web: web_conf NAME SCHEDULER SERVER... ; a server is "11 3" (.11, weight 3)
web_conf() {
	local name=$1 scheduler=$2 server separator=''

	shift 2
	{
		echo 'director = { workers = 2; };'
		echo 'services = ('
		echo "  { name = \"web\"; protocol = \"tcp\"; address = \"$VIP\"; port = 80;"
		echo "    scheduler = \"$scheduler\"; method = \"nat\"; servers = ("
		for server; do
			echo "      $separator{ address = \"10.2.0.${server% *}\"; port = 8080; weight = ${server#* }; }"
			separator=,
		done
		echo '    ); } );'
	} | conf "$name"
}

# What nfvsd says of a configuration that is not right, and its status: refuses PATTERN <FILE
refuses() {
	local out rc=0

	conf bad.conf >/dev/null
	out=$("$NFVSD" -t -c "$LAB_DIR/bad.conf" 2>&1) || rc=$?
	has "$out" "$1"
	is $rc 1 "exit status"
}

# Nothing of the daemon is left in the director's namespace, nor its socket.
nothing_left() {
	is "$(on dir nft list tables)" "" "tables"
	is "$(on dir cat /proc/net/netfilter/nfnetlink_queue)" "" "queues"
	is "$(on dir cat /proc/sys/net/ipv4/ip_forward)" 0 "ip_forward"
	is "$(ls "$NFVS_SOCKET" 2>&1 | grep -v 'No such')" "" "socket"
}

@test "start: rules, queues, forwarding, socket; SIGTERM removes them all" {
	director_up "$(web_conf web.conf rr '11 1')"
	has "$(on dir nft list tables)" 'table ip nfvs'
	is "$(on dir awk '{ print $1 }' /proc/net/netfilter/nfnetlink_queue | paste -sd ' ')" "0 1 2 3 4"
	is "$(on dir cat /proc/sys/net/ipv4/ip_forward)" 1
	is "$(stat -c %a "$NFVS_SOCKET")" 660
	is "$(fetch client 1 http://$VIP/)" "rs1 8080 10.1.0.2"
	stop nfvsd TERM
	nothing_left
}

# The kernel changes each interface's settings along with ip_forward, and forgets what they were.
@test "what forwarding changes of the interfaces is put back as well" {
	local before settings='cd /proc/sys/net && grep . ipv4/conf/*/forwarding \
		ipv4/conf/*/accept_redirects ipv4/conf/*/send_redirects ipv6/conf/*/forwarding'

	on dir sh -c 'echo 1 >/proc/sys/net/ipv4/conf/br-s/forwarding
		echo 0 >/proc/sys/net/ipv4/conf/all/accept_redirects
		echo 1 >/proc/sys/net/ipv6/conf/br-c/forwarding'
	before=$(on dir sh -c "$settings")
	director_up "$(conf both.conf <<-END
		services = (
		  { protocol = "tcp"; address = "$VIP"; port = 80; servers = ( { address = "10.2.0.11"; } ); },
		  { protocol = "tcp"; address = "$VIP6"; port = 80; servers = ( { address = "fd00:2::11"; } ); } );
	END
	)"
	is "$(on dir cat /proc/sys/net/ipv{4,6}/conf/all/forwarding | paste -sd ' ')" "1 1"
	is "$(on dir cat /proc/sys/net/ipv4/conf/{all,br-s}/send_redirects | paste -sd ' ')" "0 0"
	stop nfvsd
	is "$(on dir sh -c "$settings")" "$before"
	on dir sh -c 'echo 0 >/proc/sys/net/ipv4/conf/br-s/forwarding
		echo 0 >/proc/sys/net/ipv6/conf/br-c/forwarding'
}

@test "SIGINT stops as well" {
	director_up "$(web_conf web.conf rr '11 1')"
	stop nfvsd INT
	nothing_left
}

@test "stop with live connections and under load" {
	director_up "$(web_conf web.conf rr '11 1' '12 1')"
	load_start load http://$VIP/
	load_more load 100
	stop nfvsd TERM
	nothing_left
}

@test "an empty file is valid" {
	director_up "$(conf empty.conf </dev/null)"
	is "$(adm -Ln | wc -l)" 3
	stop nfvsd
	nothing_left
}

@test "reload under load: no request fails, live connections survive" {
	local path

	path=$(web_conf web.conf rr '11 1' '12 1' '13 1')
	director_up "$path"
	load_start load http://$VIP/
	spawn live client python3 "$LAB_SRC/client.py" live $VIP 80
	load_more load 50
	web_conf web.conf wrr '11 3' '13 1' '12 1' >/dev/null
	reload
	load_more load 50
	web_conf web.conf wlc '11 3' '13 1' '12 1' >/dev/null
	reload
	load_more load 50
	web_conf web.conf rr '11 1' '12 1' '13 1' >/dev/null
	reload
	load_more load 50
	is "$(load_stop load)" "" "failed requests"
	stop live
}

@test "reload: added and removed services" {
	director_up "$(web_conf web.conf rr '11 1')"
	conf web.conf <<-END
		director = { workers = 2; };
		services = (
		  { name = "new"; protocol = "tcp"; address = "$VIP2"; port = 81; scheduler = "rr";
		    method = "nat"; servers = ( { address = "10.2.0.12"; port = 8081; } ); } );
	END
	reload
	is "$(fetch client 1 http://$VIP2:81/)" "rs2 8081 10.1.0.2"
	is "$(adm -Ln | grep -c $VIP:80)" 0
}

@test "reload of a bad file changes nothing and says where" {
	local before

	director_up "$(web_conf web.conf wrr '11 3' '12 1')"
	before=$(adm -Ln)
	web_conf web.conf nonsense '11 1' >/dev/null
	reload 'web.conf:[0-9]*: .*nonsense'
	is "$(adm -Ln)" "$before"
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:3 rs2:1"
	echo 'services = (' | conf web.conf
	reload 'web.conf:[0-9]*: '
	rm "$LAB_DIR/web.conf"
	reload 'web.conf: '
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:3 rs2:1"
}

@test "what nfvsadm made survives a reload, and so does a weight that it changed" {
	director_up "$(web_conf web.conf rr '11 1' '12 1')"
	adm -A -t $VIP2:81 -s rr
	adm -a -t $VIP2:81 -r 10.2.0.13:8081 -m
	adm -a -t $VIP:80 -r 10.2.0.13:8080 -m
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 0
	reload
	is "$(fetch client 1 http://$VIP2:81/)" "rs3 8081 10.1.0.2"
	is "$(fetch client 4 http://$VIP/ | tally)" "rs2:2 rs3:2"
}

@test "killed: the next one takes over rules and socket" {
	director_up "$(web_conf web.conf rr '11 1')"
	stop nfvsd KILL || true
	has "$(on dir nft list tables)" 'table ip nfvs'
	director_up "$(web_conf web.conf rr '12 1')"
	is "$(fetch client 2 http://$VIP/ | tally)" "rs2:2"
	is "$(on dir nft list tables | grep -c '^table ip nfvs')" 1
	adm -Ln
	stop nfvsd
	is "$(on dir nft list tables)" "" "tables"
}

# A second nfvsd that must not start: second FILE PATTERN
second() {
	spawn second dir "$NFVSD" -c "$1" -s "$LAB_DIR/second.sock"
	is "$(finish second; echo $?)" 1 "exit status"
	has "$(<"$LAB_DIR/second.log")" "$2"
	has "$(<"$LAB_DIR/second.log")" "pid $(<"$LAB_DIR/nfvsd.pid")[^0-9]"
	is "$(fetch client 1 http://$VIP/)" "rs1 8080 10.1.0.2"
}

@test "a second instance on the same table is refused" {
	local i

	director_up "$(web_conf web.conf rr '11 1')"
	for i in 1 2 3 4; do # the answer must not depend on who asked before
		second "$LAB_DIR/web.conf" "table .*nfvs"
	done
}

@test "a second instance on the same queues is refused" {
	director_up "$(web_conf web.conf rr '11 1')"
	conf second.conf <<-END
		director = { workers = 1; table = "other"; first_queue = 1; };
	END
	second "$LAB_DIR/second.conf" "queue [12] "
}

@test "a second instance beside the first works, with its own table, queues and socket" {
	director_up "$(web_conf web.conf rr '11 1')"
	conf second.conf <<-END
		director = { workers = 1; table = "other"; first_queue = 10; };
		services = ( { protocol = "tcp"; address = "$VIP2"; port = 80; scheduler = "rr";
		  method = "nat"; servers = ( { address = "10.2.0.12"; port = 8080; } ); } );
	END
	spawn second dir "$NFVSD" -c "$LAB_DIR/second.conf" -s "$LAB_DIR/second.sock"
	await 5 grep -q ready "$LAB_DIR/second.log"
	is "$(fetch client 1 http://$VIP/; fetch client 1 http://$VIP2/)" \
		"$(printf 'rs%d 8080 10.1.0.2\n' 1 2)"
	stop second
	is "$(fetch client 1 http://$VIP/)" "rs1 8080 10.1.0.2"
}

@test "a live socket is not taken away from its daemon" {
	director_up "$(web_conf web.conf rr '11 1')"
	conf second.conf <<<'director = { workers = 1; table = "other"; first_queue = 10; };'
	spawn second dir "$NFVSD" -c "$LAB_DIR/second.conf" -s "$NFVS_SOCKET"
	is "$(finish second; echo $?)" 1 "exit status"
	has "$(<"$LAB_DIR/second.log")" "$NFVS_SOCKET"
	adm -Ln
}

@test "without CAP_NET_ADMIN it says so" {
	local path

	path=$(web_conf web.conf rr '11 1')
	spawn nfvsd dir setpriv --bounding-set=-net_admin --inh-caps=-net_admin \
		"$NFVSD" -c "$path" -s "$NFVS_SOCKET"
	is "$(finish nfvsd; echo $?)" 1 "exit status"
	has "$(<"$LAB_DIR/nfvsd.log")" 'not enough privilege.*CAP_NET_ADMIN'
	nothing_left
}

@test "-t: 0 for a good file, without privileges" {
	web_conf web.conf rr '11 1' >/dev/null
	setpriv --bounding-set=-net_admin "$NFVSD" -t -c "$LAB_DIR/web.conf"
}

@test "-t: an unknown scheduler, and the known ones" {
	web_conf web.conf nonsense '11 1' >/dev/null
	refuses 'bad\.conf:[0-9]+: .*nonsense.*rr.*wrr.*lc.*wlc' <"$LAB_DIR/web.conf"
}

@test "-t: a malformed address, with its line" {
	refuses 'bad\.conf:3: .*10\.1\.0\.300' <<-END
		services = (
		  { name = "web"; protocol = "tcp";
		    address = "10.1.0.300";
		    port = 80; scheduler = "rr"; servers = (); } );
	END
}

@test "-t: a malformed port, with its line" {
	refuses 'bad\.conf:3: .*(port|70000)' <<-END
		services = (
		  { name = "web"; protocol = "tcp"; address = "$VIP";
		    port = 70000;
		    scheduler = "rr"; servers = (); } );
	END
}

@test "-t: a service twice" {
	refuses 'bad\.conf:[34]: ' <<-END
		services = (
		  { protocol = "tcp"; address = "$VIP"; port = 80; scheduler = "rr"; servers = (); },
		  { protocol = "tcp"; address = "$VIP"; port = 80; scheduler = "wrr"; servers = (); }
		);
	END
}

@test "-t: an unknown key, with its line" {
	refuses 'bad\.conf:3: .*shceduler' <<-END
		services = (
		  { protocol = "tcp"; address = "$VIP"; port = 80;
		    shceduler = "rr"; servers = (); } );
	END
}

@test "-t: no such file" {
	run "$NFVSD" -t -c "$LAB_DIR/nowhere.conf"
	is "$status" 1
	has "$output" 'nowhere\.conf: No such file'
}

@test "nfvsadm without a daemon names the socket" {
	run adm -Ln
	((status != 0))
	has "$output" "$NFVS_SOCKET"
	run adm status
	((status != 0))
	has "$output" "$NFVS_SOCKET"
}

@test "nfvsadm of somebody without permission names the socket and the reason" {
	director_up "$(web_conf web.conf rr '11 1')"
	setpriv --reuid 65534 true 2>/dev/null || skip "only one user in this namespace"
	install -m 755 "$NFVSADM" "$LAB_DIR/nfvsadm"
	run on dir setpriv --reuid 65534 --regid 65534 --clear-groups "$LAB_DIR/nfvsadm" -Ln
	((status != 0))
	has "$output" '[Pp]ermission denied'
	has "$output" "$NFVS_SOCKET"
}

@test "nfvsadm: mistakes are answered as ipvsadm does, and change nothing" {
	local before

	director_up "$(web_conf web.conf rr '11 1')"
	before=$(adm -Ln)
	run adm -A -t $VIP:80 -s rr
	is "$status $output" "255 Service already exists"
	run adm -A -t $VIP:81 -s nonsense
	is "$status $output" "255 Scheduler or persistence engine not found"
	run adm -A -t $VIP:0 -s rr
	is "$status $output" "2 Zero port specified for non-persistent service"
	run adm -a -t $VIP:81 -r 10.2.0.11:8080 -m
	is "$status $output" "255 Service not defined"
	run adm -a -t $VIP:80 -r 10.2.0.11:8080 -m
	is "$status $output" "255 Destination already exists"
	run adm -D -t $VIP:81
	is "$status $output" "255 No such service"
	run adm -a -t $VIP:80 -r 10.2.0.12:99999 -m
	is "$status $output" "2 illegal real server address[:port] specified"
	run adm -A -f 70000
	is "$status" 255
	has "$output" 'firewall mark 0x11170 has bits of director\.mark_mask'
	is "$(adm -Ln)" "$before"
}

@test "a server drained, removed and added again under load: no request fails" {
	director_up "$(web_conf web.conf wrr '11 3' '12 2' '13 1')"
	load_start load http://$VIP/
	load_more load 50
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 0
	load_more load 50
	adm -d -t $VIP:80 -r 10.2.0.11:8080
	load_more load 50
	adm -a -t $VIP:80 -r 10.2.0.11:8080 -m -w 3
	load_more load 50
	is "$(load_stop load)" "" "failed requests"
	has "$(fetch client 12 http://$VIP/ | tally)" "rs1:6"
}

@test "foreign rules and marks stay as they are" {
	on dir nft -f - <<-END
		table inet admin {
			chain prerouting {
				type filter hook prerouting priority -290;
				ip daddr $VIP meta mark set 0x55
			}
			chain forward {
				type filter hook forward priority 10;
				ip daddr 10.2.0.11 meta mark 0x55 counter
				ip daddr 10.2.0.11 meta mark != 0x55 counter
			}
		}
	END
	director_up "$(web_conf web.conf rr '11 1')"
	fetch client 5 http://$VIP/
	has "$(on dir nft list chain inet admin forward)" 'mark 0x0*55 counter packets [1-9]'
	has "$(on dir nft list chain inet admin forward)" 'mark != 0x0*55 counter packets 0 '
	stop nfvsd
	is "$(on dir nft list tables)" "table inet admin"
}
