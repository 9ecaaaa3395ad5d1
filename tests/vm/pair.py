# SPDX-License-Identifier: GPL-2.0-or-later
"""Two directors that live through the same scenario, compared after each step."""
import difflib
import time

import scenario
import side
import wire

COUNTED = 25  # steps between comparisons of counters: IPVS adds them up every two seconds only
PATIENCE = 5  # seconds


class Mismatch(Exception):
    """After this step the two sides differ in what, namely in these texts"""

    def __init__(self, step, what, texts):
        super().__init__(what)
        self.step, self.what, self.texts = step, what, texts

    def lines(self, kinds):
        yield f"mismatch after step {self.step}: {self.what}"
        left, right = (text.splitlines() for text in self.texts)
        for line in difflib.unified_diff(left, right, *kinds, lineterm="", n=3):
            yield "    " + line


class Pair:
    """kinds: of the directors. plant: a word that the right one gets in place of another. show:
    prints everything that is compared."""

    def __init__(self, kinds, folder, plant=None, show=False):
        self.kinds, self.plant, self.show = kinds, plant, show
        self.loop = wire.Wire()
        self.sides = [side.Side(kind, self.loop, folder) for kind in kinds]
        self.runs = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sides:
            one.clients.close_all()
        self.loop.close()
        for one in self.sides:
            one.close()

    def play(self, lines, each=True):
        """Runs a scenario. Returns its Mismatch, or None if the sides are alike after each step (or
        at least at the end)."""
        for one in self.sides:
            one.begin()
        self.runs += 1
        run = Run(self, scenario.Names(self.runs))
        try:
            for line in lines:
                run.step(line)
                if each:
                    run.compare()
            run.compare(True)
        except Mismatch as mismatch:
            return mismatch
        return None

    def shorten(self, lines, seconds):
        """The shortest part of a scenario with a mismatch that still has one, and that (or None)"""
        end = time.monotonic() + seconds
        short = scenario.shrink(lines, lambda some: self.play(some, each=False),
                                lambda: time.monotonic() < end)
        return short, self.play(short)


class Run:
    """One run of a scenario"""

    def __init__(self, pair, names):
        self.pair, self.names = pair, names
        self.steps = 0
        self.marked = False
        self.targets = {}  # of connections: service and server
        self.services = ""  # as the left side lists them

    def step(self, line):
        """One line; compare() then compares what it has led to"""
        self.steps += 1
        words = line.split()
        if line.startswith("-"):
            if words[0] in ("-Z", "-D"):  # IPVS forgets only what it has added up
                self.compare(True)
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
        if kind in ("send", "close") and words[-1] != "reset" and not self.reachable(name):
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
        """A server that was removed is sent nothing: when TCP tries again is a matter of luck."""
        target, server = self.targets.get(name, ("", ""))
        server = server.upper() + ("6" if "[" in target else "")
        if server not in self.names.addresses:
            return False
        services = (f"TCP  {target} ", f"FWM  {self.names.mark} ")
        return side.serves(self.services, services, self.names.text(server))

    def compare(self, counted=None):
        """What runs by itself (acknowledgements, timers) may need a moment to be the same."""
        counted = counted or self.steps % COUNTED == 0
        end = time.monotonic() + PATIENCE
        for one in self.pair.sides:
            if one.ended():
                raise Mismatch(self.steps, f"{one.kind} has ended", ("", one.ended()))
        while True:
            left, right = side.snapshots(self.pair.sides, self.names, counted)
            if left == right or time.monotonic() > end:
                break
            self.pair.loop.turn(0.05)
        for (what, one), (_, other) in zip(left, right):
            self.same(what, (one, other))
