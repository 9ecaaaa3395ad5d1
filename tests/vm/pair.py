# SPDX-License-Identifier: GPL-2.0-or-later
"""Two directors that live through the same scenario, compared after each step."""
import difflib
import math
import time

import scenario
import side
import tap
import wire

COUNTED = 25  # steps between comparisons of counters: IPVS adds them up every two seconds only
PATIENCE = 5  # seconds
SLACK = 2  # seconds that a connection may have more to live: when it was listed, and rounding
LATE = 0.1  # seconds after which what has not arrived has been dropped


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
    prints everything that is compared. single: for scenarios of single packets, for which all is
    new in each run."""

    def __init__(self, kinds, folder, plant=None, show=False, single=False):
        self.kinds, self.folder, self.plant, self.show = kinds, folder, plant, show
        self.loop = None if single else wire.Wire()
        self.sides = []
        self.runs = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for one in self.sides:
            if one.clients:
                one.clients.close_all()
        if self.loop:
            self.loop.close()
        for one in self.sides:
            one.close()
        self.sides = []

    def begin(self):
        if self.sides and self.loop:
            for one in self.sides:
                one.begin()
            self.runs += 1
            return
        for one in self.sides:
            one.close()
        self.sides = [side.Side(kind, self.loop, self.folder) for kind in self.kinds]
        self.runs = 1

    def rest(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.loop:
                self.loop.turn(left)
            else:
                time.sleep(left)

    def playing(self, lines, every=1):
        """Runs a scenario. Yields how long it has nothing to do; returns its Mismatch, or None if
        the sides are alike after each @every steps (0: at the end)."""
        self.begin()
        run = Run(self, scenario.Names(self.runs))
        try:
            for number, line in enumerate(lines, 1):
                yield from run.step(line)
                if every and number % every == 0:
                    yield from run.compare()
            yield from run.compare(True)
        except Mismatch as mismatch:
            return mismatch
        return None

    def play(self, lines, every=1):
        going = self.playing(lines, every)
        while True:
            try:
                self.rest(next(going))
            except StopIteration as end:
                return end.value

    def shorten(self, lines, seconds):
        """The shortest part of a scenario with a mismatch that still has one, and that (or None)"""
        end = time.monotonic() + seconds
        short = scenario.shrink(lines, lambda some: self.play(some, every=0),
                                lambda: time.monotonic() < end)
        return short, self.play(short)


class Run:
    """One run of a scenario. What may take time is a generator that yields how many seconds."""

    def __init__(self, pair, names):
        self.pair, self.names = pair, names
        self.steps = 0
        self.marked = False
        self.targets = {}  # of connections: service and server
        self.carried = {}  # the last packet to a server, by client and virtual address
        self.services = ""  # as the left side lists them
        self.chance = False  # has some of it been up to chance?
        self.told = False  # may an ICMP error have begun a connection?

    def step(self, line):
        """One line; compare() then compares what it has led to"""
        self.steps += 1
        words = line.split()
        if line.startswith("-"):
            if words[0] in ("-Z", "-D"):  # IPVS forgets only what it has added up
                yield from self.compare(True)
            self.tell(line)
        elif words[0] == "wait":
            yield float(words[1])
        elif words[0] == "set":
            self.told |= words[1:] == ["schedule_icmp", "1"]
            self.same(f"the answer to {line}", [one.set(*words[1:]) for one in self.pair.sides])
        elif words[0] == "rates":
            yield from self.rates(*words[1:])
        elif words[0] == "spread":
            self.spread(*words[1:])
        elif words[0] in scenario.SINGLE:
            self.single(line, *words)
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
            if one.kind == "ipvs":
                for program, lines in self.names.routing():
                    one.lab["dir"].batch(program, lines)

    def tell(self, line):
        if "FWM" in line and not self.marked:
            self.mark()
        for number, one in enumerate(self.pair.sides):
            words = self.names.text(line)
            if number and self.pair.plant:
                words = words.replace(*self.pair.plant)
            one.tool.write(words)
        answers = [one.tool.read() for one in self.pair.sides]
        if self.pair.loop:
            left = self.pair.sides[0].tool
            left.write("-Ln")
            self.services = left.read()
        self.same(f"the answer to {line}", answers)

    def single(self, line, word, client, target, what):
        client, target = self.names.ends(client, target)
        link = tap.CLIENT
        if word == "packet":
            packet = tap.packet_of(what, client, target)
        elif word == "error":
            packet = tap.error_about(what, target, client)
        else:
            link, packet = tap.SERVER, tap.answer_of(what, client, self.carried.get((client, target)))
        for one in self.pair.sides:
            one.lab.send(link, packet)
        arrived = self.arrivals()
        for one in self.pair.sides:
            one.settle()
        for told in arrived[0]:
            if word == "packet" and told.host:
                self.carried[client, target] = told
        self.same(line, ["\n".join(told.text for told in some) for some in arrived])

    def arrivals(self):
        """What a packet has led to, at each side. IPVS is done with it when it has been sent, nfvs
        when none is with the daemon any more, or when it has led to as much."""
        sides = self.pair.sides
        arrived = [[] for _ in sides]
        end = time.monotonic() + LATE
        while True:
            busy = any(one.busy() for one in sides)
            for one, some in zip(sides, arrived):
                some += (tap.Told(*each) for each in one.lab.take())
            same = len(arrived[0]) == len(arrived[1])
            if same and (arrived[0] or not busy):
                return arrived
            if not busy and time.monotonic() > end:
                return arrived
            time.sleep(0.0003)

    def rates(self, client, target):
        """Ten datagrams a second for twelve seconds. Each side adds them up every two seconds, but
        not at the same moments: one may be ahead by one such step."""
        packet = tap.packet_of("udp", *self.names.ends(client, target))
        most = [{}, {}]
        for turn in range(120):
            for one, found in zip(self.pair.sides, most):
                one.lab.send(tap.CLIENT, packet)
                if turn % 5 == 0:
                    one.tool.write("-Ln --rate")
                    for place, value in side.rates(one.tool.read()):
                        found[place] = max(value, found.get(place, 0))
            self.arrivals()
            yield 0.1
        self.same("the servers in --rate", ["\n".join(sorted(found)) for found in most])
        left, right = most
        far = [place for place in left if abs(left[place] - right[place]) > 1 + left[place] / 5]
        self.same("the highest rates", ["\n".join(f"{place} {found[place]}" for place in far)
                                        for found in most])

    def spread(self, client, target, count):
        """Datagrams from so many ports, for a scheduler that leaves it to chance: who gets how many
        may differ as far as chance goes, and what is listed afterwards may too."""
        (address, port), target = self.names.ends(client, target)
        got = [{}, {}]
        for number in range(int(count)):
            packet = tap.packet_of("udp", (address, port + number), target)
            for one in self.pair.sides:
                one.lab.send(tap.CLIENT, packet)
            for some, found in zip(self.arrivals(), got):
                for told in some:
                    found[told.host] = found.get(told.host, 0) + 1
        self.chance = True
        texts = ["\n".join(f"rs{host}: {found[host]}" for host in sorted(found)) for found in got]
        if self.pair.show:
            print("spread", *texts, sep="\n")
        for host in got[0].keys() | got[1].keys():
            left, right = (found.get(host, 0) for found in got)
            if abs(left - right) > 5 * math.sqrt(left + right):
                raise Mismatch(self.steps, "the spread over servers", texts)

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

    def compare(self, counted=False):
        """What runs by itself (acknowledgements, timers) may need a moment to be the same."""
        counted = counted or bool(self.pair.loop) and self.steps % COUNTED == 0
        end = time.monotonic() + PATIENCE
        for one in self.pair.sides:
            if one.ended():
                raise Mismatch(self.steps, f"{one.kind} has ended", ("", one.ended()))
        while not self.chance:
            (left, times), (right, others) = side.snapshots(
                self.pair.sides, self.names, counted, self.told)
            # What the kernel carries, the daemon asks about only when it is due.
            late = [i for i, (one, other) in enumerate(zip(times, others))
                    if abs(one - other) > SLACK and side.DATAPATH == "packet"]
            if (left == right and not late) or time.monotonic() > end:
                break
            yield 0.05
        if self.chance:
            return
        for (what, one), (_, other) in zip(left, right):
            self.same(what, (one, other))
        if late:
            rows = left[1][1].splitlines()
            self.same("how long connections have to live",
                      ["\n".join(f"{rows[i]}: {some[i]} s" for i in late)
                       for some in (times, others)])
