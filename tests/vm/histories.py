# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS and nfvs side by side: made-up scenarios, compared as in differential.py. To be run in the vm:

    tests/vm/run python3 tests/vm/histories.py [--seeds N] [--seed N] [--steps N]

Without --seed, begins with NFVS_SEED, else with 1, and ends with a difference that was planted, so
that the same code has the same outcome each time; "make vm" sets it to any. NFVS_SEEDS is how many
(20). Prints TAP; the names are what plays one again.
"""
import itertools
import os
import sys

sys.dont_write_bytecode = True

import history
import player
from pair import Pair

PLANT = ("-w 3", "-w 4")


def made_up(seed, steps, *choice):
    return list(itertools.islice(history.History(seed, *choice).lines(), steps))


def run_plant(one):
    """A harness that sees nothing would be of no use: one side is told something else."""
    lines = made_up(1, 60, ["wrr"], [])
    with Pair(one.kinds[:1] * 2, one.folder, PLANT, single=True) as pair:
        mismatch = pair.play(lines)
        short, again = pair.shorten(lines[:mismatch.step], 60) if mismatch else (lines, None)
    good = bool(again) and len(short) <= 3 and any(PLANT[0] in line for line in short)
    if not good:
        one.comment(*short)
    one.result(good, "a difference that was planted is found and cut short")


def names(text):
    return [name for name in text.split(",") if name]


def main():
    parser = player.options(__doc__)
    parser.add_argument("--seed", type=int, help="the first")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--schedulers", type=names, default=history.SCHEDULERS)
    parser.add_argument("--settings", type=names, default=tuple(history.SETTINGS))
    parser.add_argument("--carried", action="store_true",
                        help="services that the kernel can carry: see carried_histories.py")
    parser.add_argument("--every", type=int, default=8, help="steps between comparisons of lists")
    options = parser.parse_args()
    alone = options.seed is not None
    first = options.seed if alone else int(os.environ.get("NFVS_SEED") or 1)
    count = options.seeds or (1 if alone else int(os.environ.get("NFVS_SEEDS") or 20))
    mode = " --carried" if options.carried else ""
    plays = (player.Play(f"--seed {seed} --steps {options.steps}{mode}",
                         made_up(seed, options.steps, options.schedulers, options.settings,
                                 options.carried),
                         options.every)
             for seed in range(first, first + count))

    def run(one):
        one.run(plays, options.jobs)
        if plant:
            run_plant(one)

    plant = not alone and not options.carried
    player.play(options, count + plant, run)


main()
