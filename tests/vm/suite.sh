#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs tests in the kernel of the vm rig, bats files and Python programs that print TAP, each in a
# guest of its own, so that a kernel that dies takes only one with it. Prints the TAP of each in the
# order given. Most of the time a guest uses one processor, so several go on side by side.
# Usage: suite.sh FILE...
#
#     NFVS_VM_JOBS     guests at a time                                        one per processor
#     and what tests/vm/run knows; its time limit is for each file, and 900 here
#
# Status: 0, 1 if a test failed, 77 if there can be no guest here.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export NFVS_VM_CPUS=${NFVS_VM_CPUS:-1} NFVS_VM_TIMEOUT=${NFVS_VM_TIMEOUT:-900}
work="" guests=()

clean_up() {
	trap '' INT TERM HUP
	((${#guests[@]} == 0)) || kill -TERM "${guests[@]}" 2>/dev/null
	wait 2>/dev/null
	[[ ! $work ]] || rm -rf "$work"
}

# In the background: one file, to $work/NUMBER.tap and, last, $work/NUMBER.rc
run_file() {
	local with=(bats --tap) begin=$SECONDS

	[[ $2 != *.py ]] || with=(python3)
	"$here/run" "${with[@]}" "$2" >"$work/$1.tap" 2>"$work/$1.err" &
	trap 'kill -TERM $!; wait; exit 143' TERM
	wait $!
	echo "$? $((SECONDS - begin))" >"$work/$1.rc"
}

# Shows what came of a file; a guest that ended before its tests did is a failure of its own.
show() {
	local rc seconds planned ran

	read -r rc seconds <"$work/$1.rc"
	echo "# $2: $seconds s"
	cat "$work/$1.tap"
	sed 's/^/# /' "$work/$1.err"
	planned=$(sed -n 's/^1\.\.//p' "$work/$1.tap")
	ran=$(grep -cE '^(not )?ok ' "$work/$1.tap")
	if ((rc > 1 || planned != ran)); then
		echo "not ok $((ran + 1)) $2: $ran of ${planned:-?} tests done, the guest ended with status $rc"
		rc=1
	fi
	return "$rc"
}

main() {
	local jobs=${NFVS_VM_JOBS:-$(nproc)} file shown=0 status=0

	work=$(mktemp -d "${TMPDIR:-/tmp}/nfvs-suite.XXXXXX") || exit 1
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	"$here/run" true || exit # fetches the kernel, or says why there can be no guest
	for file; do
		while (($(jobs -rp | wc -l) >= jobs)); do
			wait -n
		done
		run_file "${#guests[@]}" "$file" &
		guests+=($!)
	done
	for file; do
		wait "${guests[shown]}"
		show "$shown" "$file" || status=1
		((++shown))
	done
	guests=()
	exit "$status"
}

main "$@"
