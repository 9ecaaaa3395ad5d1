#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What services and servers have beside weights: backups, limits, slow start, and rates.

load common

setup_file() {
	lab_file
}

teardown_file() {
	lab_down
}

teardown() {
	stop_spawned hold1 hold2 live load
	director_down
	on dir nft flush ruleset
	lab_report
}

# Starts the director with a service, http://$VIP/: web "KEYS OF THE SERVICE" "KEYS OF A SERVER"...
web() {
	director_up "$(web_conf "$@")"
}

web_conf() {
	local keys=$1 separator='' i=0 server

	shift
	{
		echo 'director = { workers = 2; };'
		echo "services = ( { protocol = \"tcp\"; address = \"$VIP\"; port = 80; $keys"
		echo '  servers = ('
		for server; do
			echo "    $separator{ address = \"10.2.0.1$((++i))\"; port = 8080; $server }"
			separator=,
		done
		echo '  ); } );'
	} | conf web.conf
}

weight() {
	adm -e -t $VIP:80 -r "10.2.0.1$1:8080" -m -w "$2"
}

dropped() {
	adm status --json | jq ".drops.$1"
}

@test "a backup serves while all others are drained, and only then" {
	web 'scheduler = "rr";' '' '' 'backup = true;'
	is "$(fetch client 6 http://$VIP/ | tally)" "rs1:3 rs2:3"
	weight 1 0
	is "$(fetch client 4 http://$VIP/ | tally)" "rs2:4"
	weight 2 0
	is "$(fetch client 4 http://$VIP/ | tally)" "rs3:4"
	spawn live client python3 "$LAB_SRC/client.py" live $VIP 80
	await 5 grep -q '^rs3' "$LAB_DIR/live.log"
	weight 1 1
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:4"
	is "$(stop live; echo $?)" 0 "a connection to the backup"
	adm -d -t $VIP:80 -r 10.2.0.11:8080
	is "$(fetch client 4 http://$VIP/ | tally)" "rs3:4" "the other one is deleted"
	weight 3 0
	client refused tcp $VIP 80
	weight 3 1 # in words of ipvsadm, which do not say that it is a backup
	weight 2 1
	is "$(fetch client 4 http://$VIP/ | tally)" "rs2:4"
}

@test "clients of a persistent service leave a backup when it is not needed" {
	web 'scheduler = "rr"; persistent = 300;' '' 'backup = true;'
	weight 1 0
	is "$(fetch client 3 http://$VIP/ | tally)" "rs2:3"
	weight 1 1
	is "$(fetch client 3 http://$VIP/ | tally)" "rs1:3"
}

@test "no more connections to a server than its limit" {
	web 'scheduler = "rr";' 'limit = 2;' 'limit = 3;'
	is "$(hold hold1 5 $VIP 80)" "rs1:2 rs2:3"
	client refused tcp $VIP 80
	is "$(dropped no_server)" 1
	adm -e -t $VIP:80 -r 10.2.0.11:8080 -m -w 7 # leaves the limit alone
	client refused tcp $VIP 80
	sed -i 's/limit = 3/limit = 4/' "$LAB_DIR/web.conf"
	reload
	is "$(hold hold2 1 $VIP 80)" "rs2:1"
	client refused tcp $VIP 80
	has "$(adm -Ln)" '^  -> 10\.2\.0\.11:8080               Masq    7      2          0         $'
}

@test "a persistent client is refused when its server is full" {
	web 'scheduler = "rr"; persistent = 300;' 'limit = 2;' 'limit = 2;'
	is "$(hold hold1 2 $VIP 80)" "rs2:2"
	client refused tcp $VIP 80
	is "$(dropped server_full)" 1
	is "$(fetch client 1 http://$VIP/ --interface 10.1.0.3 | tally)" "rs1:1"
}

@test "no more connections to a service than its limit" {
	web 'scheduler = "wlc"; limit = 5;' '' ''
	hold hold1 5 $VIP 80
	client refused tcp $VIP 80
	is "$(dropped service_full)" 1
	adm -E -t $VIP:80 -s rr # leaves the limit alone
	client refused tcp $VIP 80
	stop hold1
	sed -i 's/limit = 5/limit = 50/' "$LAB_DIR/web.conf"
	reload
	fetch client 10 http://$VIP/
}

@test "a server that is added to others begins with a twentieth" {
	web 'scheduler = "wrr"; slow_start = 4;' ''
	is "$(fetch client 2 http://$VIP/ | tally)" "rs1:2"
	adm -a -t $VIP:80 -r 10.2.0.12:8080 -m -w 1
	has "$(fetch client 10 http://$VIP/ | tally)" '^rs1:[6-9] rs2:[1-4]$|^rs1:10$'
	has "$(adm -Ln)" '10\.2\.0\.11:8080               Masq    1 ' # not what is multiplied
	sleep 4.5
	is "$(fetch client 10 http://$VIP/ | tally)" "rs1:5 rs2:5"
}

# The fields of -L --rate in the row of what the pattern finds.
rates() {
	adm -Ln --rate | awk -v what="$1" '$0 ~ what { print $(NF - 4), $(NF - 3), $(NF - 2), $(NF - 1), $NF }'
}

is_between() {
	(($1 >= $2 && $1 <= $3)) || { echo "$1 is not in $2 .. $3"; return 1; }
}

@test "rates are those of the traffic" {
	local cps inpps outpps inbps outbps row sum

	web 'scheduler = "rr";' '' ''
	is "$(rates TCP)" "0 0 0 0 0"
	spawn load client python3 "$LAB_SRC/probe.py" load 11 20 $VIP 80
	sleep 9 # four to five estimates: 68 to 76 % of 20 a second, if the load is on time
	row=$(rates TCP)
	read -r cps inpps outpps inbps outbps <<<"$row"
	is_between "$cps" 6 20
	is_between "$inpps" $((cps * 4)) $((cps * 8 + 8))
	is_between "$outpps" $((cps * 3)) $((cps * 7 + 8))
	is_between "$inbps" $((inpps * 40)) $((inpps * 200))
	is_between "$outbps" $((outpps * 40)) $((outpps * 1500))
	sum=$(rates '-> 10' | awk '{ sum += $1 } END { print sum }')
	is_between "$sum" $((cps - 4)) $((cps + 4))
	finish load
	adm set run_estimation 0
	row=$(rates TCP)
	sleep 2.5
	is "$(rates TCP)" "$row" "without an estimate"
	adm set run_estimation 1
	adm -Z -t $VIP:80
	is "$(rates TCP)" "0 0 0 0 0"
	is "$(rates '-> 10' | sort -u)" "0 0 0 0 0"
	is "$(adm -Ln --stats | awk '/^TCP/ { print $3 }')" 0
}
