#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs bats files in the kernel of the vm rig and prints TAP: suite.sh FILE...
# Status, time limit and variables as for tests/vm/run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ ${NFVS_VM_GUEST:-} ]] || exec "$here/run" "$here/suite.sh" "$@"
exec bats --tap "$@"
