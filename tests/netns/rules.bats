#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The rules in the kernel: the same as nfvs-rules prints, followed by changes, robust against others.

load common

setup_file() {
	lab_file
	lab_namespace scratch
	on client ip route add 10.1.0.102 via 10.1.0.1
}

teardown_file() {
	lab_down
}

teardown() {
	stop_spawned nfvsd load web copies
	on scratch nft flush ruleset
	on dir nft flush ruleset
	lab_report
}

# Does nft on this kernel know "queue"?
has_nft_queue() {
	on scratch nft -f - <<-END 2>/dev/null
		table ip probe {
			chain c {
				queue to 0
			}
		}
	END
}

rich_conf() {
	conf rich.conf <<-END
		director = { workers = 2; first_queue = 3; };
		services = (
		  { protocol = "tcp"; address = "$VIP"; port = 80; method = "nat";
		    servers = ( { address = "10.2.0.11"; port = 8080; },
		                { address = "10.2.0.12"; port = 8080; } ); },
		  { protocol = "udp"; address = "$VIP"; port = 53; method = "nat";
		    servers = ( { address = "10.2.0.11"; port = 53; } ); },
		  { protocol = "tcp"; address = "$VIP6"; port = 80; method = "nat";
		    servers = ( { address = "fd00:2::11"; port = 8080; } ); },
		  { protocol = "tcp"; address = "$VIP2"; port = 0; method = "nat"; persistent = 300;
		    servers = ( { address = "10.2.0.13"; port = 0; } ); },
		  { fwmark = 7; method = "nat"; persistent = 300;
		    match = ( { address = "10.1.0.102"; protocol = "tcp"; ports = "80,443,8000-8100"; },
		              { address = "10.1.0.102"; protocol = "udp"; ports = "443"; } );
		    servers = ( { address = "10.2.0.11"; }, { address = "10.2.0.12"; } ); } );
	END
}

@test "nfvs-rules prints what the daemon installs" {
	local path compat=

	path=$(rich_conf)
	director_up "$path"
	on dir nft -j list ruleset >"$LAB_DIR/daemon.json"
	"$B/nfvs-rules" -c "$path" >"$LAB_DIR/script.nft"
	if ! has_nft_queue; then
		compat=compat
		sed -i 's/queue flags bypass to .*/counter/' "$LAB_DIR/script.nft"
	fi
	on scratch nft flush ruleset
	on scratch nft -f "$LAB_DIR/script.nft"
	on scratch nft -j list ruleset >"$LAB_DIR/script.json"
	python3 "$LAB_SRC/ruleset.py" $compat <"$LAB_DIR/daemon.json" >"$LAB_DIR/daemon"
	python3 "$LAB_SRC/ruleset.py" $compat <"$LAB_DIR/script.json" >"$LAB_DIR/script"
	diff "$LAB_DIR/daemon" "$LAB_DIR/script"
	(($(wc -l <"$LAB_DIR/daemon") > 50))
	# Loading it again changes nothing.
	on scratch nft -f "$LAB_DIR/script.nft"
	on scratch nft -j list ruleset | python3 "$LAB_SRC/ruleset.py" $compat | diff "$LAB_DIR/script" -
}

@test "external rules: nfvs-rules' script serves, nfvsd touches no table" {
	local path

	has_nft_queue || skip "this kernel has no nft_queue, so nft cannot load the script"
	path=$(sed 's/director = {/& rules = "external";/' "$(rich_conf)" | conf external.conf)
	"$B/nfvs-rules" -c "$path" | on dir nft -f -
	director_up "$path"
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:2 rs2:2"
	stop nfvsd
	has "$(on dir nft list tables)" 'table ip nfvs'
}

@test "a change moves elements only, and what a restart installs is the same" {
	director_up "$(conf web.conf <<<'director = { workers = 2; };')"
	service -t $VIP:80 rr 8080 1 1
	service -u $VIP:53 rr 53 1
	adm -D -u $VIP:53
	adm -d -t $VIP:80 -r 10.2.0.12:8080
	on dir nft -j list chains | python3 "$LAB_SRC/ruleset.py" >"$LAB_DIR/before"
	is "$(on dir nft list set ip nfvs services | grep -c "$VIP . tcp . 80")" 1
	is "$(on dir nft list set ip nfvs services | grep -c udp)" 0
	adm -D -t $VIP:80
	is "$(on dir nft list set ip nfvs services | grep -c "$VIP")" 0
	on dir nft -j list chains | python3 "$LAB_SRC/ruleset.py" | diff "$LAB_DIR/before" -
}

@test "somebody flushes the whole ruleset: the next change brings ours back" {
	director_up "$(conf web.conf <<<'director = { workers = 2; };')"
	service -t $VIP:80 rr 8080 1
	on dir nft flush ruleset
	service -t $VIP2:80 rr 8080 0 1
	is "$(fetch client 1 http://$VIP/; fetch client 1 http://$VIP2/)" \
		"$(printf 'rs%d 8080 10.1.0.2\n' 1 2)"
}

@test "taken over with fewer and other queues, from a killed daemon" {
	director_up "$(rich_conf)"
	stop nfvsd KILL || true
	director_up "$(sed 's/workers = 2; first_queue = 3/workers = 1; first_queue = 9/' \
		"$LAB_DIR/rich.conf" | conf other.conf)"
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:2 rs2:2"
	is "$(on dir nft list ruleset | grep -c 'queue_[34]')" 0
}

@test "a table of our name with other things in it is replaced" {
	on dir nft -f - <<-END
		table ip nfvs {
			set services {
				type ipv4_addr
			}
			set strange {
				type mark
				elements = { 5 }
			}
			chain classify {
				type filter hook prerouting priority 7;
				meta mark @strange drop
			}
		}
	END
	director_up "$(rich_conf)"
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:2 rs2:2"
	is "$(on dir nft list ruleset | grep -c strange)" 0
}

@test "conntrack and a masquerading firewall beside it do no harm" {
	on dir nft -f - <<-END
		table inet firewall {
			chain forward {
				type filter hook forward priority 0; policy drop;
				ct state invalid counter drop
				ct state established,related accept
				ct state untracked accept
				ct status dnat accept
				iifname "br-s" accept
			}
			chain postrouting {
				type nat hook postrouting priority 100;
				ip saddr 10.2.0.0/24 oifname "br-c" masquerade
			}
		}
	END
	director_up "$(rich_conf)"
	is "$(fetch client 4 http://$VIP/ | tally)" "rs1:2 rs2:2"
	is "$(fetch client 1 http://10.1.0.102:443/ | cut -d' ' -f2-)" "443 10.1.0.2"
	is "$(client udp 3 $VIP 53 | tally)" "rs1:3"
	is "$(fetch client 2 http://$VIP2:8081/ | tally)" "rs3:2"
	# What a real server begins itself is still masqueraded.
	spawn web client socat TCP-LISTEN:8000,fork,reuseaddr SYSTEM:'echo $SOCAT_PEERADDR'
	await 5 on client sh -c 'ss -ltn | grep -q :8000'
	is "$(on rs1 socat -t 5 - TCP:10.1.0.2:8000,shut-none </dev/null)" 10.1.0.1
	is "$(on dir nft list ruleset | grep -c 'invalid counter packets 0 ')" 1
}

# The rules for connections that the kernel carries, without a daemon: tests/tools/carryrules.c.
carry() {
	lab_forwarding "$1"
	on "$1" "$B/tests/tools/carryrules" "${@:2}"
}

ruleset_of() {
	on "$1" nft -j list ruleset | python3 "$LAB_SRC/ruleset.py" compat
}

# What the daemon would do with a new connection to $VIP:80, by a rule.
decide() {
	on dir nft -f - <<-END
		table ip decider {
			chain decide {
				type filter hook prerouting priority -147;
				ip daddr $VIP tcp dport 80 ct mark 0 meta mark set $1
			}
		}
	END
}

# Packets that a number has counted: counted flows_in 0x00020000
counted() {
	on dir nft list set ip nfvs "$1" | grep -o "$2 counter packets [0-9]*" | cut -d' ' -f4
}

@test "what the kernel carries: printed, installed and updated alike" {
	carry dir print | sed 's/queue flags bypass to .*/counter/' >"$LAB_DIR/script.nft"
	on scratch nft -f "$LAB_DIR/script.nft"
	on scratch nft -f "$LAB_DIR/script.nft"
	ruleset_of scratch >"$LAB_DIR/script"
	has "$(<"$LAB_DIR/script")" 'dnat.*@to_port'
	on scratch nft flush ruleset
	carry scratch install
	ruleset_of scratch | diff "$LAB_DIR/script" -
	on scratch nft flush ruleset
	carry scratch update
	ruleset_of scratch | diff "$LAB_DIR/script" -
	# Over itself.
	carry scratch install
	ruleset_of scratch | diff "$LAB_DIR/script" -
}

@test "no daemon: the kernel chooses servers for new connections" {
	carry dir install
	is "$(fetch client 16 http://$VIP/ | tally)" "rs1:4 rs2:12"
	is "$(fetch client 4 "http://[$VIP6]/" | tally)" "rs1:4"
	is "$(client udp 3 $VIP 53 | tally)" "rs2:3"
	is "$(fetch client 3 http://10.1.0.102:8081/ | tally)" "rs3:3"
	# A service of all ports has to wait for the daemon.
	fetch client 1 http://$VIP2:8081/ --max-time 1 && return 1
	(($(counted flows_in 0x00020000) >= 4 * 5))
	(($(counted flows_out 0x00040000) >= 12 * 4))
}

@test "a decided connection stays at its server, and the daemon has copies of its ends" {
	carry dir install
	decide 0x20000
	spawn copies dir tcpdump -Z root -lnn --immediate-mode -i nflog:4
	await 5 grep -q 'listening on' "$LAB_DIR/copies.log"
	is "$(fetch client 1 http://$VIP/ | tally)" "rs1:1"
	# The SYN is the daemon's own; then the answer, what it begets, and both ends.
	await 5 sh -c "[ \$(grep -c 'Flags' '$LAB_DIR/copies.log') -ge 4 ]"
	sed 's/.*Flags \(\[[^]]*\]\).*/\1/;t;d' "$LAB_DIR/copies.log" >"$LAB_DIR/flags"
	is "$(tr -d '\n' <"$LAB_DIR/flags")" '[S.][.][F.][F.]'
	stop copies INT || true
	is "$(counted flows_in 0x00040000)" 0
	# One that is refused is not saved.
	on dir nft delete table ip decider
	decide 0xffff0000
	fetch client 1 http://$VIP/ --max-time 2 && return 1
	is "$(counted flows_in 0x00040000)" 0
}
