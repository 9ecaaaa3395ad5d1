#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The vm rig itself: what goes in, what comes out, and that nothing stays behind.

bats_require_minimum_version 1.5.0

setup_file() {
	export VM=$BATS_TEST_DIRNAME/run
	local status=0

	"$VM" true || status=$? # fetches the kernel if need be
	((status != 77)) || skip "the vm rig cannot run here"
	((status == 0))
}

setup() {
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
}

# Fails, and shows both, unless they are the same.
is() {
	[[ $1 == "$2" ]] && return
	printf 'expected: %s\nactual:   %s\n' "$2" "$1"
	return 1
}

has() {
	grep -Eq -- "$2" <<<"$1" && return
	printf 'no match for: %s\nin:\n%s\n' "$2" "$1"
	return 1
}

# The rig's own files are gone, and so is every process that knew of them.
nothing_left() {
	is "$(ls -A "$TMPDIR")" ""
	is "$(pgrep -af "$TMPDIR/nfvs-vm")" ""
}

# Commands named here end at once with status 1 and are written down: without apt-get apt-cache
without() {
	local name

	mkdir -p "$BATS_TEST_TMPDIR/fake"
	for name; do
		printf '#!/bin/sh\necho "%s $*" >>%q\nexit 1\n' "$name" "$BATS_TEST_TMPDIR/called" \
			>"$BATS_TEST_TMPDIR/fake/$name"
		chmod +x "$BATS_TEST_TMPDIR/fake/$name"
	done
	PATH=$BATS_TEST_TMPDIR/fake:$PATH
}

# A guest that says "up" and then waits; its pid in $pid.
start() {
	"$VM" bash -c 'echo up; sleep 1000' >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	await 60 grep -q up "$BATS_TEST_TMPDIR/out"
}

await() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS < end)) || { echo "waited in vain for: $*"; return 1; }
		sleep 0.1
	done
}

@test "arguments, variables, folder and checkout are as outside, stdin is empty" {
	cat >"$BATS_TEST_TMPDIR/a script" <<-'END'
		#!/bin/bash
		printf '[%s]' "$@"
		echo "$PWD|$NFVS_ONE|$BENCH_TWO|$B|${OTHER-unset}|$(wc -c)"
		id -u
		uname -r
		sha256sum <"$NFVS_FILE"
		exit 42
	END
	chmod +x "$BATS_TEST_TMPDIR/a script"
	cd "$BATS_TEST_TMPDIR"
	NFVS_ONE="it's 1" BENCH_TWO='$2 "two"' B=/b/c OTHER=x NFVS_FILE=$BATS_TEST_FILENAME \
		run --separate-stderr "$VM" "./a script" "with  blanks" "" '*' $'line\nbreak' 'q"'"'" \
		<<<input
	is "$status" 42
	is "${lines[0]}" "[with  blanks][][*][line"
	is "${lines[1]}" "break][q\"']$BATS_TEST_TMPDIR|it's 1|\$2 \"two\"|/b/c|unset|0"
	is "${lines[2]}" 0
	has "${lines[3]}" '^[6-9]\.[0-9]+\..*-amd64$'
	is "${lines[4]}" "$(sha256sum <"$BATS_TEST_FILENAME")"
	is "$stderr" ""
	nothing_left
}

@test "output comes byte for byte, errors apart from it, and nothing waits for what it left running" {
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		for ((i = 0; i < 256; i++)); do printf "\\x$(printf %x $i)"; done
		seq 1 30000
		head -c 1000000 "$0.data"
		printf 'again\r\n' >/dev/stdout
		echo complaint >/dev/stderr
		echo "<0>kernel line" >/dev/kmsg
		setsid sleep 1000 &
		printf 'no newline at the end'
	END
	head -c 1000000 /dev/urandom >"$BATS_TEST_TMPDIR/script.data"
	{
		for ((i = 0; i < 256; i++)); do printf "\\x$(printf %x $i)"; done
		seq 1 30000
		cat "$BATS_TEST_TMPDIR/script.data"
		printf 'again\r\nno newline at the end'
	} >"$BATS_TEST_TMPDIR/expected"
	NFVS_VM_TIMEOUT=120 "$VM" bash "$BATS_TEST_TMPDIR/script" >"$BATS_TEST_TMPDIR/out" \
		2>"$BATS_TEST_TMPDIR/err"
	cmp "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/expected"
	is "$(<"$BATS_TEST_TMPDIR/err")" complaint
	nothing_left
}

@test "files written in the guest are gone with it, but for those in NFVS_VM_OUT" {
	mkdir "$BATS_TEST_TMPDIR/dir"
	echo outside | tee "$BATS_TEST_TMPDIR/dir/file" >"$BATS_TEST_TMPDIR/a file"
	NFVS_VM_OUT="$BATS_TEST_TMPDIR/out put" "$VM" bash -ec '
		cd "$1"
		echo inside >dir/file
		rm "a file"
		mkdir "out put/sub"
		cp dir/file "out put/sub/"
		for i in {1..50}; do echo $i >>"out put/log"; done' - "$BATS_TEST_TMPDIR"
	is "$(<"$BATS_TEST_TMPDIR/dir/file")" outside
	is "$(<"$BATS_TEST_TMPDIR/out put/sub/file")" inside
	is "$(<"$BATS_TEST_TMPDIR/out put/log")" "$(seq 50)"
	is "$(<"$BATS_TEST_TMPDIR/a file")" outside
}

@test "the kernel has what users' kernels have" {
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		set -e
		modprobe -a ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_sh ip_vs_mh ip_vs_ftp \
			nft_queue nf_flow_table nft_flow_offload nft_compat xt_NFQUEUE nfnetlink_queue \
			nf_conntrack_netlink ipip ip_gre fou sit ip6_tunnel sctp vxlan veth bridge dummy tun
		nft -f - <<-EOF
			table ip t {
				chain c {
					type filter hook prerouting priority 0;
					tcp dport 80 queue flags bypass to jhash ip saddr . tcp sport mod 2
				}
			}
		EOF
		nft list ruleset
		ip netns add one
		ip netns exec one ip link set lo up
		ip netns exec one ping -c 1 -W 5 127.0.0.1 >/dev/null
		unshare -Urnm ip link set lo up
		head -n 1 /proc/net/ip_vs
	END
	run "$VM" bash "$BATS_TEST_TMPDIR/script"
	echo "$output"
	is "$status" 0
	has "$output" 'queue flags bypass to jhash'
	has "$output" 'IP Virtual Server version 1.2.1'
}

@test "the time limit ends the guest" {
	local begin=$SECONDS

	NFVS_VM_TIMEOUT=15 run --separate-stderr "$VM" bash -c 'trap "" TERM INT HUP; echo up; sleep 1000'
	is "$status" 124
	is "$output" up
	has "$stderr" 'time limit of 15 s'
	((SECONDS - begin < 25))
	nothing_left
}

@test "a kernel panic is told, with what the kernel said" {
	run --separate-stderr "$VM" bash -c 'echo up; sleep 1; echo c >/proc/sysrq-trigger; sleep 1000'
	is "$status" 125
	is "$output" up
	has "$stderr" '^vm: kernel: .*sysrq triggered crash'
	has "$stderr" '^vm: the guest.s kernel panicked$'
	nothing_left
}

@test "SIGTERM: nothing stays" {
	start
	kill -TERM $pid
	wait $pid || is $? 143
	nothing_left
}

@test "SIGHUP while the guest boots: nothing stays" {
	"$VM" true >/dev/null 2>&1 3>&- &
	pid=$!
	await 30 pgrep -f "$TMPDIR/nfvs-vm"
	kill -HUP $pid
	wait $pid || is $? 129
	nothing_left
}

@test "Ctrl-C in a terminal: nothing stays" {
	cat >"$BATS_TEST_TMPDIR/terminal.py" <<-'END'
		import os, pty, signal, sys
		pid, tty = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], [sys.argv[1], "bash", "-c", "echo up; sleep 1000"])
		signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
		signal.alarm(90)
		seen = b""
		presses = 2 # not for each of them that the terminal shows: no finger is so fast
		try:
		    while True:
		        seen += os.read(tty, 1000)
		        if b"up" in seen and presses:
		            os.write(tty, b"\x03")
		            presses -= 1
		except OSError:
		    pass
		print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	is "$(timeout 100 python3 "$BATS_TEST_TMPDIR/terminal.py" "$VM")" 130
	nothing_left
}

@test "SIGKILL: the guest ends too" {
	start
	kill -KILL $pid
	wait $pid || is $? 137
	await 5 eval "! pgrep -f '$TMPDIR/nfvs-vm'"
}

@test "a suite of files, one of whose guests dies" {
	printf '@test "%s" {\n\t%s\n}\n' "has the native queue" 'modprobe nft_queue' fails false \
		>"$BATS_TEST_TMPDIR/good.bats"
	printf '@test "%s" {\n\t%s\n}\n' first true panics 'echo c >/proc/sysrq-trigger' third true \
		>"$BATS_TEST_TMPDIR/bad.bats"
	run "$BATS_TEST_DIRNAME/../suite.sh" vm "$BATS_TEST_TMPDIR"/{bad,good}.bats
	is "$status" 1
	has "$output" '^ok 1 first$'
	has "$output" "^not ok 2 $BATS_TEST_TMPDIR/bad.bats: 1 of 3 tests done, .* status 125\$"
	has "$output" '^# vm: the guest.s kernel panicked$'
	has "$output" '^ok 1 has the native queue$'
	has "$output" '^not ok 2 fails$'
	is "$(grep -cE '^(not )?ok' <<<"$output")" 4
	nothing_left
}

@test "a kernel that is there is not asked for again" {
	without apt-get apt-cache apt dpkg-deb
	"$VM" true
	[[ ! -e $BATS_TEST_TMPDIR/called ]]
}

@test "no kernel and no network: status 77 and the reason" {
	without apt-get
	export NFVS_VM_CACHE=$BATS_TEST_TMPDIR/cache
	run --separate-stderr "$VM" true
	is "$status" 77
	has "$stderr" 'linux-image-.* cannot be downloaded'
	has "$(<"$BATS_TEST_TMPDIR/called")" '^apt-get download'
	is "$(ls "$NFVS_VM_CACHE")" lock
	NFVS_VM_KERNEL=1.2.13 run --separate-stderr "$VM" true
	is "$status" 77
	has "$stderr" 'apt knows no package linux-image-1.2.13'
}

@test "SIGTERM during the download: nothing half done stays" {
	mkdir "$BATS_TEST_TMPDIR/fake"
	printf '#!/bin/sh\necho half >half.deb\nsleep 1000\n' >"$BATS_TEST_TMPDIR/fake/apt-get"
	chmod +x "$BATS_TEST_TMPDIR/fake/apt-get"
	export NFVS_VM_CACHE=$BATS_TEST_TMPDIR/cache
	PATH=$BATS_TEST_TMPDIR/fake:$PATH "$VM" true >/dev/null 2>&1 3>&- &
	pid=$!
	await 30 eval "compgen -G '$NFVS_VM_CACHE/*/half.deb'"
	kill -TERM $pid
	wait $pid || is $? 143
	is "$(ls "$NFVS_VM_CACHE")" lock
	is "$(pgrep -af "$BATS_TEST_TMPDIR/fake")" ""
}

@test "icount: the guest's time is what it executed, whatever this machine does besides" {
	local times load

	cat >"$BATS_TEST_TMPDIR/job" <<-'END'
		for round in 1 2 3 4; do
			from=${EPOCHREALTIME/./}
			for ((n = 0; n < 3000; n++)); do :; done
			echo $((${EPOCHREALTIME/./} - from))
		done
	END
	timeout 60 sh -c 'while :; do :; done' 3>&- &
	load=$!
	times=$(NFVS_VM_ACCEL=icount "$VM" bash "$BATS_TEST_TMPDIR/job" | sort -n | paste -sd ' ')
	kill "$load"
	awk '{ exit !(NF == 4 && $4 < 1.1 * $1) }' <<<"$times" || { echo "$times" && false; }
}

@test "without qemu, or kvm where there is none: status 77 and the reason" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s /usr/bin/* "$BATS_TEST_TMPDIR/bin/"
	rm "$BATS_TEST_TMPDIR"/bin/{qemu-system-*,busybox}
	PATH=$BATS_TEST_TMPDIR/bin run --separate-stderr "$VM" true
	is "$status" 77
	is "$stderr" "vm: packages missing: busybox-static qemu-system-x86"
	NFVS_VM_ACCEL=icount NFVS_VM_CPUS=2 run --separate-stderr "$VM" true
	is "$status" 125
	is "$stderr" "vm: NFVS_VM_ACCEL=icount: one CPU only, not 2"
	[[ ! -w /dev/kvm ]] || skip "there is a /dev/kvm"
	NFVS_VM_ACCEL=kvm run --separate-stderr "$VM" true
	is "$status" 77
	has "$stderr" '/dev/kvm'
}
