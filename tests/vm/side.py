# SPDX-License-Identifier: GPL-2.0-or-later
"""One of the two directors that are compared: IPVS with ipvsadm, or nfvsd with nfvsadm.

Both tools get the same words, on the standard input of one "-R" that stays open. What a line had to
say ends where the answer to the next begins, a command that is always refused.
"""
import functools
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time

import wire
from lab import Lab
from tap import Taps

MARK = "--stop-daemon master"
MARK_ANSWER = "No daemon is running\n"
LISTS = ("-Ln", "-Lcn")
COUNTERS = "-Ln --stats --exact"
SCHEDULE = os.environ.get("NFVS_SCHEDULE") or "daemon"  # auto: the rules, where they can
DATAPATH = os.environ.get("NFVS_DATAPATH") or "packet"  # auto: what the kernel can, it carries
NETFILTER = "12"  # the protocol, of a netlink socket
LATE = 5  # seconds after which copies are not waited for
SILENCE = 60  # seconds after which a tool is taken to hang
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh",
              "twos")


def rows_of(file):
    return [line.split() for line in os.pread(file, 65536, 0).decode().splitlines()]


class Tool:
    """ipvsadm or nfvsadm, reading commands"""

    def __init__(self, namespace, words):
        self.namespace, self.words = namespace, words
        self.process = None
        self.text = b""

    def start(self):
        self.process = self.namespace.spawn(
            ["stdbuf", "-oL", *self.words, "-R"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.text = b""

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def write(self, *lines):
        """Has these lines done, one after the other; read() as many answers."""
        if not self.process:
            self.start()
        self.process.stdin.write("".join(f"{line}\n{MARK}\n" for line in lines).encode())
        self.process.stdin.flush()

    def read(self):
        mark = MARK_ANSWER.encode()
        while mark not in self.text:
            if not select.select([self.process.stdout], [], [], SILENCE)[0]:
                sys.exit(f"{self.words[-1]} does not answer; so far: {self.text.decode()}")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:  # an argument error ends it, as it should
                status = self.process.wait()
                self.stop()
                return self.text.decode() + f"(ends with status {status})\n"
            self.text += more
        text, _, self.text = self.text.partition(mark)
        return text.decode()


@functools.cache
def load_ipvs():
    subprocess.run(["modprobe", "-a", "ip_vs", *(f"ip_vs_{name}" for name in SCHEDULERS)],
                   check=True)
    with open("/proc/sys/kernel/printk", "w") as file:
        file.write("3")  # it complains on the console whenever there is no server to be had


def start_ipvs(*_):
    load_ipvs()
    return ["ipvsadm"], None


def start_nfvs(lab, path):
    build = os.environ.get("B", os.path.join(os.path.dirname(__file__), "../../build"))
    with open(f"{path}/nfvs.conf", "w") as file:
        file.write(f'director = {{ workers = 2; datapath = "{DATAPATH}"; '
                   f'schedule = "{SCHEDULE}"; }};\n')
    with open(f"{path}/log", "w") as log:
        daemon = lab["dir"].spawn(
            [f"{build}/nfvsd", "-c", f"{path}/nfvs.conf", "-s", f"{path}/sock"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + 30
    while "nfvsd: ready" not in open(f"{path}/log").read():
        if daemon.poll() is not None or time.monotonic() > end:
            sys.exit("nfvsd did not start:\n" + open(f"{path}/log").read())
        time.sleep(0.05)
    return ["env", f"NFVS_SOCKET={path}/sock", f"{build}/nfvsadm"], daemon


START = {"ipvs": start_ipvs, "nfvs": start_nfvs}


class Side:
    """With @loop its lab has clients and servers there; without, it is one for single packets."""

    def __init__(self, kind, loop, folder):
        self.kind = kind
        self.path = tempfile.mkdtemp(dir=folder)
        self.lab = Lab() if loop else Taps()
        self.lab["dir"].sysctl(0, "ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit")
        if kind == "ipvs" or not loop:  # nfvs does that itself
            self.lab["dir"].sysctl(1, "ipv4/ip_forward", "ipv6/conf/all/forwarding")
        self.clients = wire.Clients(loop, self.lab, ("rs1", "rs2", "rs3")) if loop else None
        words, self.daemon = START[kind](self.lab, self.path)
        self.tool = Tool(self.lab["dir"], words)
        self.queue = self.daemon and self.lab["dir"].open("netfilter/nfnetlink_queue")
        self.copying = ([self.lab["dir"].open(name) for name in
                         ("netfilter/nfnetlink_log", "netlink")]
                        if self.daemon and DATAPATH != "packet" else [])

    def begin(self):
        """Nothing is left of an earlier run but its connections, whose addresses do not return."""
        self.clients.close_all()
        if self.ended():
            self.tool.stop()
            words, self.daemon = START[self.kind](self.lab, self.path)
            self.tool = Tool(self.lab["dir"], words)
        self.tool.write("-C")
        self.tool.read()

    def busy(self):
        """Are packets with the daemon?"""
        if not self.queue:
            return False
        return any(row[2] != "0" for row in rows_of(self.queue))

    def copied(self):
        """Has the daemon read its copies of what the kernel carries?"""
        if not self.copying:
            return True
        logs, sockets = (rows_of(file) for file in self.copying)
        readers = {row[1] for row in logs}
        return (all(row[2] == "0" for row in logs) and
                all(row[4] == "0" for row in sockets if row[1] == NETFILTER and row[2] in readers))

    def settle(self):
        """Waits for that, and for what it makes of them."""
        end = time.monotonic() + LATE
        while not self.copied() and time.monotonic() < end:
            time.sleep(0.002)
        if self.copying:
            time.sleep(0.005)

    def set(self, name, value):
        """What it had to say against it"""
        if self.kind == "ipvs":
            self.lab["dir"].sysctl(value, f"ipv4/vs/{name}")
            return ""
        done = self.lab["dir"].spawn([*self.tool.words, "set", name, value], text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.communicate()[0]

    def carried(self):
        """Did the kernel carry what it was to carry? Of a connection that goes on it copies some to
        the daemon; or else, it carries a service at the end."""
        if self.kind == "ipvs" or DATAPATH == "packet":
            return True
        asked = self.lab["dir"].spawn([*self.tool.words, "status", "--json"], text=True,
                                      stdout=subprocess.PIPE)
        said = json.loads(asked.communicate()[0])
        if SCHEDULE != "daemon" and not said["schedule"]["connections"]:
            return False
        said = said["datapath"]
        return said["copies"] > 0 or said["flow"] > 0

    def ended(self):
        """How the daemon ended, if it did"""
        if self.daemon and self.daemon.poll() is not None:
            return f"status {self.daemon.returncode}"
        return ""

    def log(self):
        """The last lines that the daemon wrote"""
        if not self.daemon:
            return []
        with open(f"{self.path}/log") as log:
            return log.read().splitlines()[-20:]

    def close(self):
        self.tool.stop()
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()
            for file in [self.queue, *self.copying]:
                os.close(file)
        self.lab.close()


def seconds(text):
    minutes, _, rest = text.partition(":")
    return int(minutes) * 60 + int(rest)


def connections(text, mine):
    """The rows of -Lcn that belong to this run, in order and without the time that is left to each,
    and these times. Port 65535 is where IPVS puts persistence templates that it will not use again.
    """
    rows = (line.split() for line in text.splitlines()[2:])
    rows = (row for row in rows if mine.is_virtual(row[4]) and not row[4].endswith(":65535"))
    rows = sorted((" ".join(row[:1] + row[2:]), seconds(row[1])) for row in rows)
    return "\n".join(row for row, _ in rows), [left for _, left in rows]


def counters(text, exact, told):
    """The rows of --stats. A stream's packets depend on when each end got to run, unless each was
    sent by hand; its connections, and everything about datagrams, do not. With schedule_icmp IPVS
    also counts as an answer what it says itself to a client whose closed connection is opened again
    while no server has weight: those columns, OutPkts and OutBytes, are then left out (@told)."""
    rows, datagrams = [], exact
    for line in text.splitlines()[3:]:
        row = line.split()
        if row[0] != "->":
            datagrams = exact or row[0] == "UDP"
        if told:
            row[-3] = row[-1] = "-"
        rows.append(" ".join(row if datagrams else row[:3]))
    return "\n".join(rows)


def rates(text):
    """The cells of --rate: where, and how much"""
    service = ""
    for line in text.splitlines()[3:]:
        row = line.split()
        if row[0] != "->":
            service = row[1]
        for column, value in enumerate(row[2:]):
            yield f"{service} {row[1]} column {column}", int(value)


def snapshots(sides, mine, counted, told):
    """For each side what it has to say about itself: names of lists, and their texts. And how long
    each connection has still to live."""
    lists = LISTS + ((COUNTERS,) if counted else ())
    for side in sides:
        side.settle()
        side.tool.write(*lists)
    for side in sides:
        texts = [side.tool.read() for _ in lists]
        texts[1], times = connections(texts[1], mine)
        if counted:
            texts[2] = counters(texts[2], not side.clients, told)
        yield list(zip(lists, texts)), times


def serves(services, names, server):
    """Has each of these services that is in this -Ln this server, and is there one?"""
    blocks = [block for block in re.split(r"\n(?=\w)", services) if block.startswith(names)]
    return bool(blocks) and all(f"-> {server}:" in block for block in blocks)
