# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios: what they are written in, and how a long one is cut short.

A scenario is lines of text. A line that begins with a dash is for ipvsadm and nfvsadm; the others:

    connect NAME CLIENT:PORT VIRTUAL:PORT [close]   a TCP connection, kept open or closed at once
    send NAME                                       something to say over it, and an answer
    close NAME [client|server|reset|half]           who closes first; half: only the client
    udp NAME CLIENT:PORT VIRTUAL:PORT               a datagram, and an answer
    wait SECONDS
    set NAME VALUE                                  a sysctl of IPVS, a setting of nfvs

Addresses are names: C1 C2 C3 are clients, VIP and VIP2 virtual, RS1 to RS9 servers, each with a 6
behind it for IPv6. RS1 RS2 RS3 answer, at TCP ports 80, 81, 443, 8080 and 8081, UDP 53, 5300 and
5301, and take every method of forwarding: GUE at port 6080; of GRE, RS3 wants checksums and the
others none. FWM is a firewall mark, which what goes to VIP2 carries once a line has named it. Every
run gets addresses and a mark of its own, so that nothing is left from the one before.

A scenario may be of single packets instead (tap.py), which are made here and answered by nobody:

    packet CLIENT:PORT VIRTUAL:PORT WHAT            from a client
    answer CLIENT:PORT VIRTUAL:PORT WHAT            from the server that had the last such packet
    error CLIENT:PORT VIRTUAL:PORT WHAT             a client's ICMP error about such an answer
    rates CLIENT:PORT VIRTUAL:PORT                  ten datagrams a second, and how --rate sees them
    spread CLIENT:PORT VIRTUAL:PORT COUNT           datagrams from so many ports, left to chance

WHAT is "udp", the flags of a TCP segment, letters of SFRPA, - for none, or SCTP chunks by their
names (chunk.py). Clients are H0 to H65535 (10.8.0.0 and on), of the family that the virtual address
has; V0 to V255, and in IPv6 W0 to W255, are virtual addresses with the mark FWM. So are O0 to O255
and P0 to P255, but not the director's: of machines behind RS1, that a cache could stand for.
"""
import ipaddress
import re

NAMES = re.compile(r"\b(C[123]|VIP2?|RS[1-9])(6?)\b")
SINGLE = ("packet", "answer", "error", "rates", "spread")  # words of scenarios of single packets
MARKED = "10.9.255.0", "fd09::ff:0"  # V0, W0
ORIGINS = "10.7.0.0", "fd07::"  # O0, P0


class Names:
    """The addresses of run number @run"""

    def __init__(self, run):
        if run >= (1 << 14) - 64:
            raise ValueError("too many runs")
        self.mark = run
        self.addresses = {}
        for i, name in enumerate(("VIP", "VIP2", "C1", "C2", "C3")):
            net, net6 = (("10.9.0.0", "fd09::"), ("10.8.0.0", "fd08::"))[i >= 2]
            self.addresses[name] = ipaddress.ip_address(net) + run * 4 + i % 2 + (i == 4) * 2
            self.addresses[name + "6"] = ipaddress.ip_address(net6) + run * 4 + i % 2 + (i == 4) * 2
        for i in range(1, 10):
            self.addresses[f"RS{i}"] = ipaddress.ip_address(f"10.2.0.1{i}")
            self.addresses[f"RS{i}6"] = ipaddress.ip_address(f"fd00:2::1{i}")
        self.texts = {name: str(address) if address.version == 4 else f"[{address}]"
                      for name, address in self.addresses.items()}
        self.virtual = {self.texts[name] for name in ("VIP", "VIP2", "VIP6", "VIP26")}
        self.virtual.add(str(ipaddress.ip_address(run)))

    def text(self, line):
        """The line with addresses in place of names, as the tools want them"""
        return NAMES.sub(lambda name: self.texts[name[0]], line).replace("FWM", str(self.mark))

    def marking(self):
        """Rules for nft that mark what goes to VIP2, V0 ..."""
        for i, (family, name) in enumerate((("ip", "VIP2"), ("ip6", "VIP26"))):
            more = ", ".join(first + ("/24", "/120")[i] for first in (MARKED[i], ORIGINS[i]))
            yield f"add table {family} marks"
            yield f"add chain {family} marks early {{ type filter hook prerouting priority -250; }}"
            yield (f"add rule {family} marks early {family} daddr "
                   f"{{ {self.addresses[name]}, {more} }} meta mark set {self.mark}")

    def routing(self):
        """Lines for ip and ip6 that deliver here what goes to O0 ...: IPVS takes nothing else."""
        for program, net in (("ip", ORIGINS[0] + "/24"), ("ip6", ORIGINS[1] + "/120")):
            yield program, [f"rule add fwmark {self.mark} to {net} lookup 100",
                            f"route add local {net} dev lo table 100"]

    def endpoint(self, word, family=4):
        """family: of a client H"""
        name, _, port = word.rpartition(":")
        if name not in self.addresses:
            first = {"H": ("10.8.0.0", "fd08::")[family == 6], "V": MARKED[0], "W": MARKED[1],
                     "O": ORIGINS[0], "P": ORIGINS[1]}
            return str(ipaddress.ip_address(first[name[0]]) + int(name[1:])), int(port)
        return str(self.addresses[name]), int(port)

    def ends(self, client, target):
        """Client and virtual address of a single packet"""
        target = self.endpoint(target)
        return self.endpoint(client, 6 if ":" in target[0] else 4), target

    def is_virtual(self, word):
        """Is this a virtual address of the run, as a list of connections shows it?"""
        address = word.rpartition(":")[0]
        return address in self.virtual or address.startswith(
            ("10.9.255.", "[fd09::ff:", "10.7.0.", "[fd07::"))


def single(lines):
    """Is it a scenario of single packets?"""
    return any(line.startswith(SINGLE) for line in lines)


def read(path):
    with open(path) as file:
        lines = (line.strip() for line in file)
        return [line for line in lines if line and not line.startswith("#")]


def about(lines):
    """For each line the service that it is about, as VIP:80; of a mark all are one. None: of all"""
    known = {}
    for line in lines:
        words = line.split() + [None, None]
        if line.startswith("-") or words[0] in SINGLE:
            target = words[2]
        else:
            if words[0] in ("connect", "udp"):
                known[words[1]] = words[3]
            target = known.get(words[1])
        yield "FWM" if target and re.match(r"VIP2|[VWOP]\d", target) else target


def shrink(lines, fails, patience):
    """The shortest part of the scenario that still fails: the lines about one service, if that will
    do, and then without ever smaller pieces. patience() says when to stop."""
    services = list(about(lines))
    for service in sorted(set(services) - {None}, key=services.count):
        alone = [line for line, target in zip(lines, services) if target in (service, None)]
        if len(alone) < len(lines) and fails(alone):
            lines = alone
            break
    size = len(lines) // 2
    while size:
        at = 0
        while at < len(lines) and patience():
            less = lines[:at] + lines[at + size:]
            if fails(less):
                lines = less
            else:
                at += size
        size = size // 2
    return lines
