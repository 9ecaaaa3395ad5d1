# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS and nfvs side by side, where the rules choose nfvs's servers (schedule kernel): the scenario
of whole rounds. To be run in the vm:

    tests/vm/run python3 tests/vm/turns.py

Prints TAP.
"""
import os
import sys

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))

os.environ["NFVS_DATAPATH"] = os.environ["NFVS_SCHEDULE"] = "auto"
os.execvp("python3", ["python3", f"{HERE}/differential.py", *sys.argv[1:],
                      f"{HERE}/scenarios/turns"])
