# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS and nfvs side by side: the same scenario, compared after each step. To be run in the vm.

Compared are what the tools say, whom each connection reached, -Ln to the byte, -Lcn but for the
times, and the counters. A mismatch is shown with the shortest scenario that still has it.
Usage: differential.py [--seed N] [--steps N] [--schedulers rr,wlc] [SCENARIO...]
"""
import argparse
import difflib
import random
import sys
import tempfile
import time

import scenario
import side
import wire

SCHEDULERS = "rr,wrr,lc,wlc"
COUNTED = 25  # steps between comparisons of counters: IPVS adds them up every two seconds only
PATIENCE = 5  # seconds


class Mismatch(Exception):
    def __init__(self, step, what, texts):
        super().__init__(what)
        self.step, self.what, self.texts = step, what, texts

    def show(self, kinds):
        print(f"mismatch after step {self.step}: {self.what}")
        left, right = (text.splitlines() for text in self.texts)
        for line in difflib.unified_diff(left, right, *kinds, lineterm="", n=3):
            print("    " + line)


class Pair:
    """The two directors"""

    def __init__(self, kinds, folder, plant, show):
        self.loop = wire.Wire()
        self.kinds = kinds
        self.sides = [side.Side(kind, self.loop, folder) for kind in kinds]
        self.plant = plant
        self.show = show
        self.runs = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sides:
            one.clients.close_all()
        self.loop.close()
        for one in self.sides:
            one.close()

    def new_run(self):
        for one in self.sides:
            one.clients.close_all()
            one.tool.write("-C")
            one.tool.read()
        self.runs += 1
        return Run(self, scenario.Names(self.runs))


class Run:
    """One run of a scenario, step by step"""

    def __init__(self, pair, names):
        self.pair, self.names = pair, names
        self.steps = 0
        self.marked = False
        self.targets = {}  # of connections: service and server
        self.services = ""  # as the left side lists them

    def step(self, line):
        """One line, compared as it is done; compare() compares what it has led to"""
        self.steps += 1
        words = line.split()
        if line.startswith("-"):
            if words[0] == "-Z":
                self.compare(True)  # else IPVS sets to zero before it has added up
            self.tell(line)
        elif words[0] == "wait":
            time.sleep(float(words[1]))
        elif words[0] == "connect" and words[-1] == "close":
            self.traffic(words[:-1])
            self.traffic(["close", words[1], "client"])
        else:
            self.traffic(words)

    def same(self, what, texts):
        if self.pair.show:
            print(what, *dict.fromkeys(text.strip() or "nothing" for text in texts),
                  sep=":\n  ", flush=True)
        if texts[0] != texts[1]:
            raise Mismatch(self.steps, what, texts)

    def mark(self):
        self.marked = True
        for one in self.pair.sides:
            one.lab["dir"].batch("nft", self.names.marking())

    def tell(self, line):
        if "FWM" in line and not self.marked:
            self.mark()
        for number, one in enumerate(self.pair.sides):
            words = self.names.text(line)
            if number and self.pair.plant:
                words = words.replace(*self.pair.plant)
            one.tool.write(words)
        answers = [one.tool.read() for one in self.pair.sides]
        left = self.pair.sides[0].tool
        left.write("-Ln")
        self.services = left.read()
        self.same(f"the answer to {line}", answers)

    def traffic(self, words):
        kind, name = words[:2]
        if kind in ("send", "close") and not self.reachable(name) and words[-1] != "reset":
            return
        pendings = [self.start(one.clients, kind, name, words[2:]) for one in self.pair.sides]
        self.pair.loop.wait(pendings)
        results = [pending.result for pending in pendings]
        if kind in ("connect", "udp"):
            self.targets[name] = (self.names.text(words[3]), results[0])
        self.same("the result of " + " ".join(words), results)

    def start(self, clients, kind, name, words):
        if kind == "connect":
            return clients.connect(name, *map(self.names.endpoint, words))
        if kind == "udp":
            return clients.datagram(name, *map(self.names.endpoint, words))
        if kind == "send":
            return clients.send(name)
        if kind == "close":
            return clients.close(name, words[0] if words else "client")
        raise ValueError(f"no such word: {kind}")

    def reachable(self, name):
        """A server that was removed is sent nothing, and when TCP tries again is a matter of luck"""
        target, server = self.targets.get(name, ("", ""))
        server = server.upper() + ("6" if "[" in target else "")
        return server in self.names.addresses and \
            side.usable(self.services, target, self.names.text(server))

    def compare(self, counted=None):
        """What runs by itself (acknowledgements, timers) may need a moment to be the same"""
        counted = counted or self.steps % COUNTED == 0
        end = time.monotonic() + PATIENCE
        while True:
            left, right = side.snapshots(self.pair.sides, self.names, counted)
            if left == right or time.monotonic() > end:
                break
            self.pair.loop.turn(0.05)
        for (what, one), (_, other) in zip(left, right):
            self.same(what, (one, other))


def mismatch_of(pair, lines, each=True):
    """None if they are alike, after each step or at least at the end"""
    run = pair.new_run()
    try:
        for line in lines:
            run.step(line)
            if each:
                run.compare()
        run.compare(True)
    except Mismatch as mismatch:
        return mismatch
    return None


def explain(pair, name, lines, mismatch, seconds):
    """Shows a mismatch, and what it takes to see it"""
    end = time.monotonic() + seconds
    print(f"{name}: ", end="")
    mismatch.show(pair.kinds)
    short = scenario.shrink(lines, lambda some: mismatch_of(pair, some, each=False),
                            lambda: time.monotonic() < end)
    again = mismatch_of(pair, short)
    if not again:
        print("  seen once; the same scenario shows no mismatch when run again:")
    else:
        print(f"  the shortest scenario that shows it ({len(short)} of {len(lines)} lines):")
    for line in short:
        print(f"    {line}")
    if again:
        again.show(pair.kinds)
    sys.stdout.flush()


def play_random(pair, seed, scheduler, steps, seconds):
    maker = scenario.Maker(seed, scheduler)
    run = pair.new_run()
    lines = []
    begin = time.monotonic()
    try:
        for _ in range(steps):
            lines.append(maker.line())
            run.step(lines[-1])
            run.compare()
        run.compare(True)
    except Mismatch as mismatch:
        explain(pair, f"seed {seed} {scheduler}", lines, mismatch, seconds)
        return False
    print(f"seed {seed} {scheduler}: {steps} steps alike, {len(run.targets)} connections, "
          f"{time.monotonic() - begin:.0f} s", flush=True)
    return True


def play_file(pair, path, seconds):
    lines = scenario.read(path)
    mismatch = mismatch_of(pair, lines)
    if mismatch:
        explain(pair, path, lines, mismatch, seconds)
        return False
    print(f"{path}: {len(lines)} steps alike", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", help="files; without any, random ones")
    parser.add_argument("--seed", type=int, default=random.randrange(1000000))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--schedulers", default=SCHEDULERS)
    parser.add_argument("--shrink", type=int, default=120, help="seconds to look for a shorter one")
    parser.add_argument("--sides", default="ipvs,nfvs")
    parser.add_argument("--plant", nargs=2, help="a word that the right side gets for another")
    parser.add_argument("--show", action="store_true", help="everything that is compared")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nfvs-diff.") as folder:
        good = True
        if not options.scenarios:
            print(f"--seed {options.seed} --steps {options.steps}", flush=True)
        # New directors for each: what is left of earlier runs would be listed in all that follow.
        for what in options.scenarios or options.schedulers.split(","):
            with Pair(options.sides.split(","), folder, options.plant, options.show) as pair:
                if options.scenarios:
                    good &= play_file(pair, what, options.shrink)
                else:
                    good &= play_random(pair, options.seed, what, options.steps, options.shrink)
    sys.exit(not good)


main()
