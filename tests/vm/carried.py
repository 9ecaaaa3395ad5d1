# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS and nfvs side by side, with the datapath flow: the written scenarios in which the kernel
carries connections, but for two. To be run in the vm:

    tests/vm/run python3 tests/vm/carried.py

again-persistent: a SYN of a connection that conntrack has open is carried, where IPVS with
expire_nodest_conn chooses anew. twins: of two connections that a server could not tell apart
conntrack gives the second another source port. Prints TAP.
"""
import os
import sys

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = ("all-ports again counted defences direct gone gone-service hashes ipv6 least marks "
             "methods persistent rr sloppy states tells templates thresholds timeouts wrr").split()

os.environ["NFVS_DATAPATH"] = "auto"
os.execvp("python3", ["python3", f"{HERE}/differential.py", *sys.argv[1:],
                      *(f"{HERE}/scenarios/{name}" for name in SCENARIOS)])
