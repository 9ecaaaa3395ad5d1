# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS and nfvs side by side: the written scenarios, compared after each step. To be run in the vm:

    tests/vm/run python3 tests/vm/differential.py [FILE...]

Compared are what the tools say, whom each packet or connection reached, -Ln to the byte, -Lcn but for
a second or two of the times, and the counters. A mismatch is shown with the shortest scenario that
still has it. Without arguments it plays all files in scenarios/. Prints TAP.
"""
import glob
import os
import sys

sys.dont_write_bytecode = True

import player
import scenario

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = player.options(__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="FILE")
    options = parser.parse_args()
    plays = [player.Play(os.path.basename(path), scenario.read(path), 1)
             for path in options.scenarios or sorted(glob.glob(f"{HERE}/scenarios/*"))]

    def run(one):
        one.run((play for play in plays if scenario.single(play.lines)), options.jobs)
        one.run((play for play in plays if not scenario.single(play.lines)), 1)

    player.play(options, len(plays), run)


main()
