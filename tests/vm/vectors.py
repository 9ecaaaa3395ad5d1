# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS against the vectors of tests/unit/vectors/schedulers, by which the unit tests judge the
schedulers here. To be run in the vm:

    tests/vm/run python3 tests/vm/vectors.py [--record]

Plays each line on an IPVS of its own and compares whom each connection reaches; prints TAP. A choice
that the file leaves open ("?") is a mismatch; --record prints the file as IPVS would have it.
"""
import argparse
import os
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import side
import tap

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "../unit/vectors/schedulers")
CHANGE = re.compile(r"([-+=])([A-H])(\d*)(?:x(\d+))?$")
PATIENCE = 2  # seconds for what a packet leads to
MARK = 1
# One client's ports; ever other clients; ever other sites; a few sites in turn.
FLOWS = {"": lambda n: (("10.0.0.2", 1000 + n), "10.1.1.1"),
         "clients": lambda n: ((f"10.0.0.{1 + n}", 1234), "10.1.1.1"),
         "sites": lambda n: (("10.0.0.2", 1000 + n), f"10.1.1.{1 + n}"),
         "few-sites": lambda n: (("10.0.0.2", 1000 + n), f"10.1.1.{1 + n % 5}")}


def read():
    """The file's lines: a comment, or the name, what it is about, and the words"""
    with open(FILE) as file:
        for line in file.read().splitlines():
            parts = line.split(":")
            yield line, None if line.startswith("#") or len(parts) != 3 else (
                parts[0], parts[1].split(), parts[2].split())


class Player:
    """One line, on a director of its own"""

    def __init__(self, folder, about):
        self.side = side.Side("ipvs", None, folder)
        self.side.lab["dir"].batch("ip", ["route add local 10.1.1.0/24 dev lo",
                                          "route add 10.0.0.0/24 via 10.1.0.2",
                                          "route add 192.168.1.0/24 via 10.2.0.11"])
        self.side.lab["dir"].batch("nft", [
            "add table ip marks",
            "add chain ip marks early { type filter hook prerouting priority -250; }",
            f"add rule ip marks early ip daddr 10.1.1.0/24 meta mark set {MARK}"])
        flags = ",".join(word for word in about[1:] if "-" in word and word not in FLOWS)
        self.flow = FLOWS[next((word for word in about if word in FLOWS), "")]
        self.stays = "stays" in about
        self.choices = 0
        self.tell(f"-A -f {MARK} -s {about[0]}" + (f" -b {flags}" if flags else ""))

    def tell(self, line):
        self.side.tool.write(line)
        answer = self.side.tool.read()
        if answer:
            raise ValueError(f"{line}: {answer}")

    def change(self, what, letter, weight, upper):
        words = f" -f {MARK} -r 192.168.1.{1 + ord(letter) - ord('A')}:80"
        if what == "-":
            return self.tell("-d" + words)
        return self.tell(("-a" if what == "+" else "-e") + words +
                         f" -m -w {weight}" + (f" -x {upper}" if upper else ""))

    def exchange(self, link, what, source, target):
        self.side.lab.send(link, tap.packet_of(what, source, target))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for told in self.side.lab.take():
                return tap.Told(*told)
            time.sleep(0.0003)
        raise ValueError(f"nothing came of {what} from {source} to {target}")

    def choose(self):
        client, address = self.flow(self.choices)
        self.choices += 1
        told = self.exchange(tap.CLIENT, "S", client, (address, 80))
        if not told.host:
            return "-"
        if self.stays:
            self.exchange(tap.SERVER, "SA", told.target, client)
            self.exchange(tap.CLIENT, "A", client, (address, 80))
        return chr(ord("A") + int(told.target[0].rpartition(".")[2]) - 1)

    def play(self, words):
        """The words as IPVS has them"""
        for word in words:
            change = CHANGE.match(word)
            if change and word != "-":
                self.change(*change.groups())
            yield word if change or word.startswith("#") else self.choose()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    lines = list(read())
    good, number = True, 0
    if not options.record:
        print(f"1..{sum(1 for _, parts in lines if parts)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="nfvs-vectors.") as folder:
        for line, parts in lines:
            if not parts:
                print(line if options.record else "", end="\n" if options.record else "")
                continue
            name, about, words = parts
            player = Player(folder, about)
            got = list(player.play(words))
            player.side.close()
            number += 1
            if options.record:
                print(f"{name}: {' '.join(about)}: {' '.join(got)}", flush=True)
                continue
            good = good and got == words
            print("ok" if got == words else "not ok", number, name, flush=True)
            if got != words:
                print(f"# want: {' '.join(words)}\n# IPVS: {' '.join(got)}", flush=True)
    sys.exit(not good)


main()
