#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# nfvsadm upgrade: another program takes the daemon's place, with what nfvsadm made; the kernel goes
# on meanwhile. And when it does not: nothing changes.

load common
load topology
load flow

web() {
	fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 80; scheduler = \"wrr\"; $1" 8080 "${@:2}"
}

# Another program, which is as good: other_program; prints its path
other_program() {
	install -m 755 "$NFVSD" "$LAB_DIR/other-nfvsd"
	echo "$LAB_DIR/other-nfvsd"
}

# Which program the daemon is
program() {
	readlink "/proc/$(<"$LAB_DIR/nfvsd.pid")/exe"
}

# A program that is no nfvsd, or a bad one: impostor LINE...
impostor() {
	printf '%s\n' '#!/bin/sh' "$@" >"$LAB_DIR/impostor"
	chmod 755 "$LAB_DIR/impostor"
	echo "$LAB_DIR/impostor"
}

# nfvsadm upgrade, which comes to nothing: not_upgraded PATTERN [PATH]
not_upgraded() {
	local before ready rules

	before=$(adm -S -n)
	ready=$(grep -c '^nfvsd: ready' "$LAB_DIR/nfvsd.log")
	rules=$(on dir nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//')
	run adm upgrade "${@:2}"
	((status != 0))
	has "$output" "$1"
	running nfvsd
	is "$(adm -S -n)" "$before"
	is "$(grep -c '^nfvsd: ready' "$LAB_DIR/nfvsd.log")" "$ready"
	is "$(on dir nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//')" "$rules"
	is "$(program)" "$NFVSD"
}

lines_since() {
	(($(wc -l <"$LAB_DIR/$1.log") > $2))
}

# --- traffic ---

# The download takes 20 s or so.
@test "a download and a keep-alive connection go on, new connections do not fail" {
	local chains count pid other i

	director "$(web '' 3 2 1)"
	chains=$(base_chains)
	has "$chains" '"nfvs"'
	other=$(other_program)
	pid=$(<"$LAB_DIR/nfvsd.pid")
	spawn load client curl -sS --limit-rate $(($(stat -c %s "$LAB_DIR/files/big") / 20)) \
		--max-time 60 -o "$LAB_DIR/got" http://$VIP/big
	spawn live client python3 "$LAB_SRC/client.py" live $VIP 80
	await 5 grep -q rs "$LAB_DIR/live.log"
	load_start first http://$VIP/
	load_more first 50
	is "$(adm upgrade "$other")" "nfvsd $("$NFVSADM" version | cut -d ' ' -f 2)"
	is "$(program)" "$other"
	load_more first 50
	for i in 1 2 3; do # now without a path: from where it was started
		adm upgrade
	done
	load_more first 50
	is "$(load_stop first)" "" "failed requests"
	is "$(program)" "$other"
	is "$(adm status --json | jq .pid)" "$pid"
	is "$(base_chains)" "$chains"
	is "$(grep -c '^nfvsd: ready' "$LAB_DIR/nfvsd.log")" 5
	(($(status_of .datapath.taken_over) >= 2))
	await 5 listed_are "ESTABLISHED .* $VIP:80" 2
	count=$(wc -l <"$LAB_DIR/live.log")
	i=$(queued)
	await 5 lines_since live $((count + 50))
	queued_less "$i" 5
	is "$(tally <"$LAB_DIR/live.log" | wc -w)" 1
	stop live # with status 0: no request failed
	finish load
	is "$(sha256sum <"$LAB_DIR/got")" "$(<"$LAB_DIR/files/big.sha256")"
}

@test "of the packet datapath the connections end, the services do not" {
	director
	director_down
	director_up "$(conf packet.conf <<<"director = { workers = 2; }; services = ( $(web '' 1 1) );")"
	hold a 2 $VIP 80 >/dev/null
	await 5 listed_are "ESTABLISHED .* $VIP:80" 2
	adm upgrade
	is "$(listed "$VIP:80")" 0
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:1 rs2:1"
}

# --- what is handed over ---

@test "what nfvsadm made, changed and removed is so after it" {
	local before listed

	director "$(web '' 3 2 1), { fwmark = 9; scheduler = \"rr\"; persistent = 300; datapath = \"packet\";
		limit = 50; match = ( { address = \"$VIP2\"; protocol = \"tcp\"; ports = \"8080-8081\"; } );
		servers = ( { address = \"10.2.0.11\"; limit = 7; slow_start = 0; }, { address = \"10.2.0.12\"; } ); }"
	service_options='-p 100 -M 255.255.255.0' service -t $VIP2:80 sh 8080 1 2 3
	service_options=-o service -u $VIP:53 rr 53 1 1
	adm -a -t "$VIP:80" -r 10.2.0.13:8081 -m -w 5 -x 100 -y 50
	adm -e -t "$VIP:80" -r 10.2.0.11:8080 -m -w 0
	adm -d -t "$VIP:80" -r 10.2.0.12:8080
	adm -A -t "[$VIP6]:81" -s mh -b mh-port
	adm -a -t "[$VIP6]:81" -r "[fd00:2::11]:81" -i --tun-type gue --tun-port 6080
	adm --set 700 70 170
	adm set am_droprate 12
	before=$(adm -S -n; adm -Ln --timeout; adm set; adm -Ln --thresholds; adm -Ln -t $VIP:80 --nosort; adm -Ln --tun-info)
	listed=$(adm status --json | jq -c '[.services_file, .services_runtime, .datapath.flow, (.datapath.packet | sort)]')
	adm upgrade
	is "$(adm -S -n; adm -Ln --timeout; adm set; adm -Ln --thresholds; adm -Ln -t $VIP:80 --nosort; adm -Ln --tun-info)" "$before"
	is "$(adm status --json | jq -c '[.services_file, .services_runtime, .datapath.flow, (.datapath.packet | sort)]')" \
		"$listed"
	is "$(grep -c 'upgrade: .* lost' "$LAB_DIR/nfvsd.log")" 0
	is "$(fetch client 3 http://$VIP2/ | tally | wc -w)" 1
	# By a reload the file's server is back, as ever; what nfvsadm changed stays.
	reload
	is "$(adm -Ln | grep -c '10.2.0.12:8080 .*Masq *2 ')" 2
	is "$(adm -Ln | grep -c '10.2.0.11:8080 .*Masq *0 ')" 1
}

@test "what the file has new comes with it, and what only a restart could change" {
	director "$(web '' 1 1)"
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 0
	adm -A -t $VIP:81 -s rr
	conf flow.conf <<<"director = { workers = 1; datapath = \"auto\"; sloppy_tcp = true; };
		services = ( $(web '' 1 1 1), { protocol = \"tcp\"; address = \"$VIP\"; port = 82; } );"
	adm upgrade
	is "$(adm -Ln | awk '$1 == "->" && NR > 3 { print $2, $4 } $1 == "TCP" { print $2 }' | paste -sd ' ')" \
		"$VIP:80 10.2.0.11:8080 0 10.2.0.12:8080 1 10.2.0.13:8080 1 $VIP:81 $VIP:82"
	# A worker's two, and the one for what is to be cut.
	is "$(adm status --json | jq '.queues | length')" 3
	has "$(adm set sloppy_tcp)" 'sloppy_tcp +1 '
}

@test "a drain goes on to its end" {
	director
	service -t $VIP:7000 rr 7000 1 4
	adm drain tcp $VIP:7000 10.2.0.12 --no-wait
	talk a $VIP 7000
	carried a
	spawn drain dir "$NFVSADM" drain tcp $VIP:7000 10.2.0.11 --deadline 12s --then reset --no-wait
	finish drain
	adm upgrade
	is "$(status_of '.drains | map("\(.server.address) \(.state) \(.weight)") | join(",")')" \
		"10.2.0.11 draining 1,10.2.0.12 drained 4"
	heard a again
	await 15 grep -q 'Connection reset by peer' "$LAB_DIR/a.log"
	adm undrain tcp $VIP:7000 10.2.0.12
	has "$(adm -Ln)" '10.2.0.12:7000 +Masq +4 '
}

@test "a stop after it removes all, and puts sysctls back" {
	on dir sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	director "$(web '' 1 1)"
	is "$(on dir cat /proc/sys/net/ipv4/ip_forward)" 1
	adm upgrade
	adm upgrade
	is "$(on dir cat /proc/sys/net/ipv4/ip_forward)" 1
	director_down
	is "$(on dir cat /proc/sys/net/ipv4/ip_forward)" 0
	is "$(on dir nft list tables)" ""
	is "$(on dir cat /proc/net/netfilter/nfnetlink_queue)" ""
	[[ ! -e $NFVS_SOCKET ]]
}

@test "systemd hears of it" {
	spawn notify dir socat -u UNIX-RECV:"$LAB_DIR/notify",unlink-early STDOUT
	await 5 test -S "$LAB_DIR/notify"
	NOTIFY_SOCKET=$LAB_DIR/notify director "$(web '' 1)"
	adm upgrade
	await 5 sh -c "[ \$(grep -ao READY=1 '$LAB_DIR/notify.log' | wc -l) = 2 ]"
	stop notify || true
	rm -f "$LAB_DIR/notify"
	is "$(tr -d '\0' <"$LAB_DIR/notify.log" | grep -Eo '(READY|RELOADING)=1' | paste -sd ' ')" \
		"READY=1 RELOADING=1 READY=1"
}

@test "systemctl restart: the unit's signal leaves the kernel as it is, and systemd keeps the rest" {
	local chains pid name

	name=$(sed -n 's/^RestartKillSignal=SIG//p' "$LAB_TOP/packaging/nfvsd.service.in")
	NOTIFY_SOCKET=$LAB_DIR/notify spawn nfvsd dir python3 "$LAB_SRC/keeper.py" "$NFVSD" \
		-c "$(conf flow.conf <<<"director = { workers = 2; datapath = \"auto\"; }; services = ( $(web '' 1 1) );")" \
		-s "$NFVS_SOCKET"
	await 5 director_ready
	service -t $VIP:7000 rr 7000 1
	chains=$(base_chains)
	pid=$(status_of .pid)
	talk a $VIP 7000
	carried a
	kill -s "$name" "$pid"
	await 5 sh -c "[ \$(grep -c '^nfvsd: ready' '$LAB_DIR/nfvsd.log') = 2 ]"
	[[ $(status_of .pid) != "$pid" ]]
	is "$(base_chains)" "$chains"
	carried a
	is "$(listed "ESTABLISHED .* $VIP:7000")" 1
	has "$(<"$LAB_DIR/nfvsd.log")" 'FDSTOREREMOVE=1 '
	# Stopped it leaves nothing.
	stop nfvsd
	is "$(on dir nft list tables)" ""
	is "$(on dir cat /proc/sys/net/ipv4/conf/br-s/send_redirects)" 1
	rm "$LAB_DIR/notify"
}

# As the shipped unit has it: root with few capabilities, and no more to be had.
@test "as root with the capabilities of the unit" {
	local set i

	set=$(sed -n 's/^CapabilityBoundingSet=//p' "$LAB_TOP/packaging/nfvsd.service.in" |
		sed 's/CAP_/+/g; s/ /,/g' | tr '[:upper:]' '[:lower:]')
	spawn nfvsd dir setpriv --bounding-set="-all,$set" --no-new-privs \
		"$NFVSD" -c "$(conf flow.conf <<<"director = { workers = 2; group = \"games\"; datapath = \"auto\"; };
			services = ( $(web '' 1 1) );")" -s "$NFVS_SOCKET"
	await 5 director_ready || { cat "$LAB_DIR/nfvsd.log"; return 1; }
	for i in 1 2; do
		adm upgrade
	done
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:1 rs2:1"
	is "$(stat -c %G "$NFVS_SOCKET")" games
}

@test "as another user than root, with ambient capabilities" {
	local file i

	setpriv --reuid 65534 true 2>/dev/null || skip "only one user in this namespace"
	file=$(conf flow.conf <<<"director = { workers = 2; datapath = \"auto\"; }; services = ( $(web '' 1 1) );")
	install -d -o 65534 "$LAB_DIR/run"
	install -m 755 "$NFVSD" "$LAB_DIR/other-nfvsd"
	on dir sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	spawn nfvsd dir setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
		--inh-caps +net_admin,+net_raw --ambient-caps +net_admin,+net_raw \
		"$LAB_DIR/other-nfvsd" -c "$file" -s "$LAB_DIR/run/sock"
	await 5 director_ready || { cat "$LAB_DIR/nfvsd.log"; return 1; }
	for i in 1 2; do
		NFVS_SOCKET=$LAB_DIR/run/sock adm upgrade || { cat "$LAB_DIR/nfvsd.log"; return 1; }
	done
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:1 rs2:1"
	is "$(awk '$1 ~ /^Cap(Inh|Amb)/ { print $2 }' "/proc/$(<"$LAB_DIR/nfvsd.pid")/status" | sort -u)" \
		0000000000000000
	stop nfvsd
}

# --- when it does not come to it ---

@test "a program that refuses the file, or ends otherwise, changes nothing" {
	director "$(web '' 1 1)"
	adm -A -t $VIP:81 -s rr
	cp "$LAB_DIR/flow.conf" "$LAB_DIR/good.conf"
	echo 'nonsense = 1;' >>"$LAB_DIR/flow.conf"
	not_upgraded 'not upgraded: .*flow\.conf:[0-9]+: .*nonsense'
	has "$(<"$LAB_DIR/nfvsd.log")" 'upgrade to .*: .*flow\.conf:[0-9]+: .*nothing changed'
	mv "$LAB_DIR/good.conf" "$LAB_DIR/flow.conf"
	not_upgraded 'No such file' "$LAB_DIR/nowhere"
	not_upgraded 'ermission denied' "$LAB_DIR/flow.conf"
	not_upgraded 'no nfvsd that can take over' /bin/true
	not_upgraded 'status 1 when it was asked' /bin/false
	not_upgraded 'ended by signal 9' "$(impostor 'kill -9 $$')"
	not_upgraded 'I cannot' "$(impostor 'echo I cannot >&2; exit 3')"
	not_upgraded 'did not end within 10 s' "$(impostor 'exec sleep 60')"
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:1 rs2:1"
	adm upgrade # it still can
}

# It says yes, and is gone when it is to be executed.
@test "a program that vanishes meanwhile: the daemon goes on" {
	director "$(web '' 1 1)"
	not_upgraded 'cannot be executed: No such file' "$(impostor 'cat <&3 >/dev/null; rm "$0"')"
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:1 rs2:1"
	reload
	adm upgrade
}

@test "one that says yes and does not come up: nfvsadm says so" {
	director "$(web '' 1 1)"
	run adm upgrade "$(impostor 'case $1 in -t) cat <&3 >/dev/null;; *) exit 7; esac')"
	((status != 0))
	has "$output" 'has not come back within 30 s: cannot connect'
	is "$(finish nfvsd; echo $?)" 7
}

@test "who may: root with a path, the group without" {
	setpriv --reuid 65534 true 2>/dev/null || skip "only one user in this namespace"
	install -m 755 "$NFVSADM" "$LAB_DIR/nfvsadm"
	director_up "$(conf group.conf <<<"director = { workers = 1; group = \"games\"; };")"
	run on dir setpriv --reuid 65534 --regid 65534 --clear-groups "$LAB_DIR/nfvsadm" upgrade
	((status != 0))
	has "$output" '[Pp]ermission denied'
	run on dir setpriv --reuid 65534 --regid games --clear-groups "$LAB_DIR/nfvsadm" upgrade /bin/true
	((status != 0))
	has "$output" 'only root may say which program'
	is "$(grep -c '^nfvsd: ready' "$LAB_DIR/nfvsd.log")" 1
	on dir setpriv --reuid 65534 --regid games --clear-groups "$LAB_DIR/nfvsadm" upgrade
	is "$(grep -c '^nfvsd: ready' "$LAB_DIR/nfvsd.log")" 2
}

@test "mistakes in the command" {
	director
	run adm upgrade a b
	is "$status" 2
	has "$output" "unexpected 'b'"
	run adm upgrade --now
	is "$status" 2
	has "$(adm help)" '^  upgrade \[PATH\]$'
	director_down
	run adm upgrade
	is "$status" 2
	has "$output" 'cannot connect to nfvsd'
}
