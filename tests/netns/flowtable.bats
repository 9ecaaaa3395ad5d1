#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Connections that go on by the kernel's flowtable: who gets there, what is still known of them, how
# they leave.

load common
load topology
load flow

# It leaves the flowtable when it has been silent for so many seconds.
leaves_after() {
	on dir sysctl -qw net.netfilter.nf_flowtable_tcp_timeout="$1" net.netfilter.nf_flowtable_udp_timeout="$1"
}

setup() {
	director
	[[ $(status_of .datapath.no_flowtable) = null ]] ||
		skip "no flowtable: $(status_of .datapath.no_flowtable)"
	leaves_after 600 # a busy machine may be silent for longer than the kernel's 30 s
}

one() {
	service -t $VIP:7000 rr 7000 1
}

offloaded_are() {
	[[ $(status_of .datapath.offloaded) = "$1" ]]
}

# What conntrack says of it: entries PATTERN
entries() {
	on dir conntrack -L 2>/dev/null | grep -E "$1"
}

# The packets that chains of the rules have seen of connections: seen
seen() {
	on dir nft -j list set ip nfvs flows_in |
		jq '[.nftables[].set.elem[]?.elem.counter.packets] | add // 0'
}

# A connection in the flowtable: offload NAME
offload() {
	talk "$1" "${2:-$VIP}" 7000
	carried "$1"
	await 5 offloaded_are "${3:-1}"
}

devices() {
	on dir nft -j list flowtables | jq -c '[.nftables[].flowtable | select(.) | .dev // []] |
		map(if type == "string" then [.] else . end | sort) | unique'
}

devices_are() {
	[[ $(devices) = "$1" ]]
}

# Packets to or from port 7000 that come to the first of the hooks behind the devices.
count_hooks() {
	on dir nft -f - <<-END
		table ip behind {
			chain in { type filter hook prerouting priority -400; tcp dport 7000 counter; tcp sport 7000 counter; }
		}
	END
}

hooks_count() {
	on dir nft -j list table ip behind | jq '[.nftables[].rule.expr[]?.counter | select(.) | .packets] | add'
}

@test "after some packets a connection passes the rules by, and all hooks" {
	local before

	one
	is "$(devices)" "[[]]"
	offload a
	await 5 devices_are '[["br-c","br-s"]]'
	count_hooks
	carried a
	is "$(hooks_count)" 0
	on dir nft delete table ip behind
	has "$(adm status)" '^ +in the flowtable: 1 connections$'
	entries 'dport=7000 .*OFFLOAD'
	before=$(seen)
	carried a
	(($(seen) - before == 0))
	is "$(listed "ESTABLISHED .* $VIP:7000 +10.2.0.11:7000")" 1
}

@test "IPv6, and datagrams" {
	local before

	service -t "[$VIP6]:7000" rr 7000 1
	offload a "[$VIP6]"
	before=$(on dir nft -j list set ip6 nfvs flows_in | jq '[.. | .counter? | select(.) | .packets] | add')
	carried a
	is "$(on dir nft -j list set ip6 nfvs flows_in | jq '[.. | .counter? | select(.) | .packets] | add')" "$before"
	service -u $VIP:53 rr 53 1
	has "$(client udp_same 40 $VIP 53 | tally)" '^rs1:40$'
	await 5 offloaded_are 2
	entries 'udp.*dport=53 .*OFFLOAD'
	(($(seen) < 20))
}

# --- what is counted ---

count_at_client() {
	on client nft -f - <<-END
		table ip count {
			chain out { type filter hook postrouting priority 0; ip daddr $VIP counter; }
			chain in { type filter hook prerouting priority 0; ip saddr $VIP counter; }
		}
	END
}

# Packets and bytes that the client sent, and got.
client_counts() {
	on client nft -j list table ip count |
		jq -r '[.nftables[].rule.expr[]?.counter | select(.) | .packets, .bytes] | join(" ")'
}

# As the server's line has it: packets and bytes from the client, and to it.
stats_are() {
	[[ $(adm -Ln --stats --exact | awk '$2 == "10.2.0.11:7000" || $2 == "10.2.0.11:8080" { print $4, $6, $5, $7 }') = "$1" ]]
}

counted() {
	await 5 stats_are "$(client_counts)" || {
		adm -Ln --stats --exact
		client_counts
		return 1
	}
}

@test "all of it is counted, while it goes on and when it has ended" {
	local before

	one
	count_at_client
	offload a
	counted
	carried a
	counted
	stop a || true
	await 5 listed_are TIME_WAIT 1
	await 5 offloaded_are 0
	counted
	on client nft delete table ip count
	service -t $VIP:80 rr 8080 1
	adm -d -t $VIP:7000 -r 10.2.0.11:7000
	count_at_client
	before=$(seen)
	is "$(client keepalive 200 $VIP 80 | tally)" "rs1:200"
	await 5 offloaded_are 0
	(($(seen) - before < 50))
	counted
	on client nft delete table ip count
}

@test "a download into the flowtable, of several connections, and what a reset ends" {
	one
	count_at_client
	service -t $VIP:80 rr 8080 1
	adm -d -t $VIP:7000 -r 10.2.0.11:7000
	is "$(on client curl -sS --max-time 60 http://$VIP/big | sha256sum)" "$(<"$LAB_DIR/files/big.sha256")"
	is "$(on client curl -sS --max-time 60 http://$VIP/big | sha256sum)" "$(<"$LAB_DIR/files/big.sha256")"
	await 5 offloaded_are 0
	counted
	on client nft delete table ip count
}

# --- how long ---

left() {
	! entries OFFLOAD
}

@test "a silent connection lives as long as its timeout says, one that talks goes on" {
	local i

	one
	leaves_after 2
	adm --set 12 0 12
	offload a
	for i in 1 2 3 4 5; do
		sleep 3
		heard a "more $i"
	done
	carried a
	is "$(listed ESTABLISHED)" 1
	await 6 left
	sleep 4
	is "$(listed ESTABLISHED)" 1 # the kernel's timeout of it is a day or so by now
	await 16 listed_are ESTABLISHED 0
	is "$(status_of .datapath.offloaded)" 0
	! entries dport=7000
}

# --- how it leaves ---

@test "kill: it is told at once" {
	one
	offload a
	is "$(adm kill --all)" "1 connection ended"
	await 1 ended_by_reset a
	offload b
	adm kill --all --quietly
	sleep 0.3
	say b anybody
	unanswered b anybody
	is "$(status_of .datapath.offloaded)" 0
}

@test "a removed server: silence; when it is back its connections go on" {
	one
	offload a
	adm -d -t $VIP:7000 -r 10.2.0.11:7000
	say a hello
	unanswered a hello
	running a
	adm -a -t $VIP:7000 -r 10.2.0.11:7000 -m
	await 10 answered a hello
	carried a
	await 5 offloaded_are 1
}

@test "a service goes over to the packet datapath, its connections too" {
	local before path

	path=$(conf over.conf <<<"director = { workers = 2; datapath = \"auto\"; }; services = (
		$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1) );")
	director_down
	director_up "$path"
	offload a
	sed -i 's/port = 7000; servers/port = 7000; datapath = "packet"; servers/' "$path"
	reload
	before=$(queued)
	heard a "by the daemon"
	(($(queued) > before))
	is "$(status_of .datapath.offloaded)" 0
}

@test "the daemon dies: it goes on; the next one knows it" {
	local chains

	one
	offload a
	chains=$(base_chains)
	crash
	heard a "without a daemon"
	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)"
	is "$(base_chains)" "$chains"
	is "$(status_of .datapath.taken_over)" 1
	is "$(listed "ESTABLISHED .* $VIP:7000 +10.2.0.11:7000")" 1
	is "$(status_of .datapath.offloaded)" 1
	carried a
	is "$(adm kill --all)" "1 connection ended"
	await 1 ended_by_reset a
}

@test "a drain with a deadline" {
	one
	offload a
	drained_meanwhile b c
	await 1 ended_by_reset a
	carried b
	carried c
	await 5 offloaded_are 2
}

# --- whom the rules choose, and what is left behind ---

@test "connections that the rules schedule" {
	director_down
	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000; scheduler = \"rr\"; schedule = \"kernel\";" 7000 1)"
	count_at_client
	offload a
	is "$(status_of .schedule.connections)" 1
	counted
	carried a
	counted
	on client nft delete table ip count
	is "$(adm kill --all)" "1 connection ended"
	await 1 ended_by_reset a
}

@test "what begins without a daemon gets there too, and the next one knows it" {
	local i

	director_down
	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)"
	crash
	talk a $VIP 7000
	for i in {1..20}; do
		heard a "alone $i"
	done
	entries 'dport=7000 .*OFFLOAD'
	director "$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1)"
	is "$(status_of .datapath.taken_over) $(status_of .datapath.offloaded)" "1 1"
	carried a
	is "$(adm kill --all)" "1 connection ended"
	await 1 ended_by_reset a
}

@test "another program takes the daemon's place" {
	one
	offload a
	adm upgrade
	is "$(status_of .datapath.offloaded)" 1
	carried a
	stop a || true
	await 5 listed_are TIME_WAIT 1
	await 5 offloaded_are 0
}

@test "a stop takes the flowtable out, and what was in it" {
	one
	offload a
	director_down
	is "$(devices)" "[]"
	! entries dport=7000
}

# --- what it leaves to the rules ---

@test "a link that gets smaller: larger packets are refused, and sent again in parts" {
	one
	count_at_client
	offload a
	on dir ip link set br-s mtu 1280
	heard a "$(printf 'x%.0s' {1..20000})" || { on dir ip link set br-s mtu 1500 && return 1; }
	has "$(on client ip route get $VIP)" 'mtu 1280'
	carried a
	counted
	on dir ip link set br-s mtu 1500
	on client ip route flush cache
	is "$(status_of .datapath.offloaded)" 1
	on client nft delete table ip count
}

@test "fragments" {
	service -u $VIP:7 rr 7 1
	is "$(client echo 4000 40 $VIP 7 | tally)" "4000:40"
	await 5 offloaded_are 1
}

# --- devices ---

@test "it follows the devices" {
	one
	offload a
	await 5 devices_are '[["br-c","br-s"]]' || { devices; return 1; }
	on dir ip link add extra type veth peer name other
	on dir ip link set extra up
	on dir ip link set other up
	await 5 devices_are '[["br-c","br-s","extra","other"]]' || { devices; return 1; }
	on dir ip link set other down
	await 5 devices_are '[["br-c","br-s","extra"]]' || { devices; return 1; }
	on dir ip link del extra
	await 5 devices_are '[["br-c","br-s"]]' || { devices; return 1; }
	carried a
	stop a || true
	await 5 devices_are '[[]]' || { devices; return 1; }
	offload b
	await 5 devices_are '[["br-c","br-s"]]' || { devices; return 1; }
}

@test "one that ends before the devices have the table does not stay in it" {
	local i

	one
	talk a $VIP 7000
	heard a hello
	is "$(devices)" "[[]]"
	signal nfvsd STOP
	for i in {1..20}; do
		heard a "unseen $i"
	done
	entries 'dport=7000 .*OFFLOAD'
	stop a || true
	signal nfvsd CONT
	await 5 listed_are TIME_WAIT 1
	await 5 offloaded_are 0
	left
}

@test "director.flowtable = false: it goes, also where a daemon left it" {
	one
	offload a
	crash
	director_up "$(conf without.conf <<<"director = { datapath = \"auto\"; flowtable = false; }; services = (
		$(fixed "protocol = \"tcp\"; address = \"$VIP\"; port = 7000;" 7000 1) );")"
	is "$(devices)" "[]"
	has "$(adm status)" '^ +no flowtable, because the configuration says so$'
	carried a
	! entries OFFLOAD
}
