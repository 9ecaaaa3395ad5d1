# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS and nfvs side by side, with the datapath flow: scenarios made up of services that the kernel
carries. To be run in the vm, with the options of histories.py:

    tests/vm/run python3 tests/vm/carried_histories.py [--seeds N] [--seed N] [--steps N]
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

os.environ["NFVS_DATAPATH"] = "auto"
os.execvp("python3", ["python3", f"{HERE}/histories.py", "--carried", *sys.argv[1:]])
