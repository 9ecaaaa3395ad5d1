# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS and nfvs side by side: the same scenarios, compared after each step. To be run in the vm:

    tests/vm/run python3 tests/vm/differential.py [--seed N] [--schedulers rr,wlc] [FILE...]

Compared are what the tools say, whom each connection reached, -Ln to the byte, -Lcn but for the
times, and the counters. A mismatch is shown with the shortest scenario that still has it. Without
arguments it plays all files in scenarios/ and, for each scheduler, one that is made up. Prints TAP.
"""
import argparse
import glob
import os
import random
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import scenario
from pair import Pair

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEDULERS = "rr,wrr,lc,wlc"
PLANT = ("-w 3", "-w 4")


def comment(*lines):
    for line in lines:
        print("# " + line)
    sys.stdout.flush()


class Player:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.kinds = options.sides.split(",")

    def result(self, number, good, name):
        print("ok" if good else "not ok", number, name, flush=True)
        return good

    def play(self, number, name, lines):
        """New directors for each: what is left of earlier scenarios would be in all lists."""
        begin = time.monotonic()
        with Pair(self.kinds, self.folder, self.options.plant, self.options.show) as pair:
            mismatch = pair.play(lines)
            if mismatch:
                self.result(number, False, name)
                self.explain(pair, lines[:mismatch.step], mismatch)
                return False
        seconds = time.monotonic() - begin
        return self.result(number, True, f"{name}: {len(lines)} steps, {seconds:.0f} s")

    def explain(self, pair, lines, mismatch):
        comment(*mismatch.lines(self.kinds))
        for side in pair.sides:
            comment(*(f"{side.kind}: {line}" for line in side.log()))
        short, again = pair.shorten(lines, self.options.shrink)
        comment(f"the shortest scenario that shows a mismatch, {len(short)} of {len(lines)} lines:"
                if again else "run again, this shows none (it may take longer pauses):")
        comment(*("    " + line for line in short))
        if again:
            comment(*again.lines(self.kinds))

    def play_plant(self, number):
        """A harness that sees nothing would be of no use: one side is told something else."""
        lines = [line for line, _ in zip(scenario.lines(1, "wrr"), range(60))]
        kinds = self.kinds[:1] * 2
        with Pair(kinds, self.folder, PLANT) as pair:
            mismatch = pair.play(lines)
            short, again = pair.shorten(lines[:mismatch.step], 60) if mismatch else (lines, None)
        good = bool(again) and len(short) <= 3 and any(PLANT[0] in line for line in short)
        if not good:
            comment(*short)
        return self.result(number, good, "a difference that was planted is found and cut short")


def plays(options):
    """Names and scenarios"""
    files = options.scenarios
    if not files and options.seed is None:
        files = sorted(glob.glob(f"{HERE}/scenarios/*"))
    for path in files:
        yield os.path.basename(path), scenario.read(path)
    if options.scenarios:
        return
    seed = random.randrange(1000000) if options.seed is None else options.seed
    for name in options.schedulers.split(","):
        lines = [line for line, _ in zip(scenario.lines(seed, name), range(options.steps))]
        yield f"--seed {seed} --steps {options.steps} --schedulers {name}", lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="FILE")
    parser.add_argument("--seed", type=int, help="made-up scenarios only, and these")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--schedulers", default=SCHEDULERS)
    parser.add_argument("--shrink", type=int, default=120, help="seconds to look for a shorter one")
    parser.add_argument("--sides", default="ipvs,nfvs")
    parser.add_argument("--plant", nargs=2, help="a word that the right side gets for another")
    parser.add_argument("--show", action="store_true", help="everything that is compared")
    options = parser.parse_args()
    everything = not options.scenarios and options.seed is None
    todo = list(plays(options))
    print(f"1..{len(todo) + everything}", flush=True)
    with tempfile.TemporaryDirectory(prefix="nfvs-diff.") as folder:
        player = Player(options, folder)
        good = [player.play(number, *play) for number, play in enumerate(todo, 1)]
        if everything:
            good.append(player.play_plant(len(todo) + 1))
    sys.exit(not all(good))


main()
