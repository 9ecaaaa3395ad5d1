# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays scenarios on two directors, several at a time, and says in TAP what came of them. The programs
differential.py and histories.py are what to play."""
import argparse
import heapq
import itertools
import sys
import tempfile
import time

import scenario
from pair import Pair


class Play:
    """One scenario, @every so many steps of which lists are compared"""

    def __init__(self, name, lines, every):
        self.name, self.lines, self.every = name, lines, every
        self.mismatch = None
        self.seconds = 0

    def going(self, pair):
        begin = time.monotonic()
        self.mismatch = yield from pair.playing(self.lines, self.every)
        self.seconds = time.monotonic() - begin


class Player:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.kinds = options.sides.split(",")
        self.done = 0
        self.good = True

    def comment(self, *lines):
        for line in lines:
            print("# " + line)
        sys.stdout.flush()

    def result(self, good, name):
        self.done += 1
        self.good = self.good and good
        print("ok" if good else "not ok", self.done, name, flush=True)

    def pair(self, play):
        return Pair(self.kinds, self.folder, self.options.plant, self.options.show,
                    scenario.single(play.lines))

    def run(self, plays, jobs):
        """@jobs at a time, as for much of it a play waits. A mismatch is looked into when all are
        done: the others would miss the time that takes."""
        waiting, number, bad = [], itertools.count(), []
        for play in plays:
            pair = self.pair(play)
            waiting.append((0, next(number), play, pair, play.going(pair)))
            while len(waiting) >= jobs:
                self.turn(waiting, number, bad)
        while waiting:
            self.turn(waiting, number, bad)
        for play in bad:
            self.explain(play)

    def turn(self, waiting, number, bad):
        """Goes on with the play whose time it is."""
        wake, _, play, pair, going = heapq.heappop(waiting)
        pair.rest(wake - time.monotonic())
        try:
            pause = next(going)
            heapq.heappush(waiting, (time.monotonic() + pause, next(number), play, pair, going))
            return
        except StopIteration:
            pass
        if play.mismatch:
            self.comment(f"{play.name}: {play.mismatch.what}",
                         *(f"{side.kind}: {line}" for side in pair.sides for line in side.log()))
            bad.append(play)
        elif all(side.carried() for side in pair.sides):
            self.result(True, f"{play.name}: {len(play.lines)} steps, {play.seconds:.0f} s")
        else:
            self.result(False, f"{play.name}: the kernel carried nothing")
        pair.close()

    def explain(self, play):
        self.result(False, play.name)
        self.comment(*play.mismatch.lines(self.kinds))
        with self.pair(play) as pair:
            lines = play.lines[:play.mismatch.step]
            short, again = pair.shorten(lines, self.options.shrink)
            self.comment(f"the shortest scenario that shows a mismatch, {len(short)} of {len(lines)} "
                         "lines:" if again else "run again, this shows none (try --every 1):")
            self.comment(*("    " + line for line in short))
            if again:
                self.comment(*again.lines(self.kinds))


def options(about):
    parser = argparse.ArgumentParser(description=about,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4, help="scenarios of packets at a time")
    parser.add_argument("--shrink", type=int, default=120, help="seconds to look for a shorter one")
    parser.add_argument("--sides", default="ipvs,nfvs")
    parser.add_argument("--plant", nargs=2, help="a word that the right side gets for another")
    parser.add_argument("--show", action="store_true", help="everything that is compared")
    return parser


def play(chosen, count, run):
    """run(player) does it, and has @count results. Ends the program."""
    print(f"1..{count}", flush=True)
    with tempfile.TemporaryDirectory(prefix="nfvs-diff.") as folder:
        player = Player(chosen, folder)
        run(player)
    sys.exit(not player.good)
