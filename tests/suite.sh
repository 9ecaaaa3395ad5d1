#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs tests, bats files and Python programs that print TAP, some side by side: most of the time they
# wait, or keep one processor busy. Prints the TAP of each in the order given, as soon as it is
# there.
# Usage: suite.sh here|vm FILE...
#
#     here         on this machine, each in network namespaces of its own
#     vm           in the kernel of the vm rig, each in a guest of its own, so that a kernel that
#                  dies takes only one with it
#     NFVS_JOBS    files at a time                                             one per processor
#     and what tests/vm/run knows; the time limit of each file is NFVS_VM_TIMEOUT, and 900 here
#
# Status: 0, 1 if a test failed, 77 if there can be no guest here.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export NFVS_VM_CPUS=${NFVS_VM_CPUS:-1} NFVS_VM_TIMEOUT=${NFVS_VM_TIMEOUT:-900}
work="" children=()

clean_up() {
	trap '' INT TERM HUP
	((${#children[@]} == 0)) || kill -TERM "${children[@]}" 2>/dev/null
	wait 2>/dev/null
	[[ ! $work ]] || rm -rf "$work"
}

# In the background: one file, to $work/NUMBER.tap and, last, $work/NUMBER.rc
run_file() {
	local with=(bats --tap) begin=$SECONDS

	[[ $3 != *.py ]] || with=(python3)
	case $1 in
	here) with=(timeout -k 10 "$NFVS_VM_TIMEOUT" "$top/netns/enter" "${with[@]}") ;;
	vm) with=("$top/vm/run" "${with[@]}") ;;
	esac
	"${with[@]}" "$3" >"$work/$2.tap" 2>"$work/$2.err" </dev/null &
	trap 'kill -TERM $!; wait; exit 143' TERM
	wait $!
	echo "$? $((SECONDS - begin))" >"$work/$2.rc"
}

# Shows what came of a file; what ended before its tests did is a failure of its own.
show() {
	local rc seconds planned ran

	read -r rc seconds <"$work/$1.rc"
	echo "# $2: $seconds s"
	cat "$work/$1.tap"
	sed 's/^/# /' "$work/$1.err"
	planned=$(sed -n 's/^1\.\.//p' "$work/$1.tap")
	ran=$(grep -cE '^(not )?ok ' "$work/$1.tap")
	if ((rc > 1 || planned != ran)); then
		echo "not ok $((ran + 1)) $2: $ran of ${planned:-?} tests done, ended with status $rc"
		rc=1
	fi
	return "$rc"
}

# Shows those that have ended, up to the first that has not.
show_ended() {
	while [[ $1 && -e $work/$shown.rc ]]; do
		show "$shown" "$1" || status=1
		((++shown))
		shift
	done
}

main() {
	local where=$1 jobs=${NFVS_JOBS:-$(nproc)} file shown=0 status=0

	shift
	[[ $where == here || $where == vm ]] || { echo "suite.sh: here or vm?" >&2 && exit 2; }
	work=$(mktemp -d "${TMPDIR:-/tmp}/nfvs-suite.XXXXXX") || exit 1
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	[[ $where == here ]] || "$top/vm/run" true || exit # fetches the kernel, or says why not
	for file; do
		while (($(jobs -rp | wc -l) >= jobs)); do
			wait -n
		done
		show_ended "${@:shown+1}"
		run_file "$where" "${#children[@]}" "$file" &
		children+=($!)
	done
	while ((shown < $#)); do
		wait "${children[shown]}"
		show_ended "${@:shown+1}"
	done
	children=()
	exit "$status"
}

main "$@"
