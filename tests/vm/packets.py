# SPDX-License-Identifier: GPL-2.0-or-later
"""The same packets through IPVS and nfvs, for each method of forwarding. To be run in the vm:

    tests/vm/run python3 tests/vm/packets.py [--ways WORD] [--cases WORD] [--show]

What arrives at the real server's interface, before it is unpacked, and what comes back to the
client is compared field by field; both are silent machines whose packets are made here. A mismatch
is shown with both packets. What may differ is in different.py, each with its reason. Prints TAP, a
test for each way to forward.
"""
import argparse
import difflib
import fcntl
import re
import select
import socket
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import craft
import different
import wire
from cases import AFTER, ANSWERS, CASES, CUT, FIRST_PORT, KEPT
from craft import UDP, tcp, udp
from lab import GUE_PORT
from side import Side

GUE = f"-i --tun-type gue --tun-port {GUE_PORT}"
METHODS = {  # options of ipvsadm, and the bytes of a tunnel behind its outer IP header
    "NAT": ("-m", None), "DR": ("-g", None), "ipip": ("-i", 0),
    "gue": (f"{GUE} --tun-nocsum", 12), "gue csum": (f"{GUE} --tun-csum", 12),
    "gue remcsum": (f"{GUE} --tun-remcsum", 12), "gre": ("-i --tun-type gre --tun-nocsum", 4),
    "gre csum": ("-i --tun-type gre --tun-csum", 8)}
NARROW = 1400  # an MTU on the way to some servers
MASK = {4: "10.{}.{}.{}", 6: "fd0{}::{}:{}"}


class Way:
    """One way to forward: service and server of number @number"""

    def __init__(self, number, method, inner, outer, narrow=False):
        self.number, self.method, self.inner, self.outer = number, method, inner, outer
        self.narrow = narrow
        self.options, self.head = METHODS[method]
        self.name = method + (f", IPv{inner} in IPv{outer}" if self.head is not None
                              else f", IPv{inner}") + (", a narrow way" if narrow else "")
        self.client, self.virtual = (f"10.8.0.{number}", f"10.9.0.{number}") if inner == 4 else \
            (f"fd08::{number:x}", f"fd09::{number:x}")
        self.server = f"10.2.0.{100 + number}" if outer == 4 else f"fd00:2::1:{number:x}"
        self.overhead = 0 if self.head is None else self.head + (20 if outer == 4 else 40)
        self.room = (NARROW if narrow else 1500) - self.overhead

    def lines(self):
        bracket = "[{}]" if self.inner == 6 else "{}"
        server = f"[{self.server}]" if self.outer == 6 else self.server
        for kind, port, mapped in (("-u", 53, 5300), ("-t", 80, 8080)):
            service = f"{kind} {bracket.format(self.virtual)}:{port}"
            yield f"-A {service} -s rr"
            if self.method == "NAT":
                port = mapped
            yield f"-a {service} -r {server}:{port} {self.options}"

    def udp(self, port, length, how=None, **fields):
        return [udp((self.client, port), (self.virtual, 53), length, how, **fields)]

    def tcp(self, port, *more, **fields):
        return [tcp((self.client, port), (self.virtual, 80), *more, **fields)]


def ways():
    number = 0
    for method, (_, head) in METHODS.items():
        for inner in (4, 6):
            for outer in (4, 6) if head is not None else (inner,):
                for narrow in (False, True)[:1 + (method in ("NAT", "DR", "ipip"))]:
                    number += 1
                    yield Way(number, method, inner, outer, narrow)


VNET_HEADER, ETHERNET = 10, 14
SOL_PACKET, PACKET_VNET_HDR, ETH_P_ALL = 263, 15, 3
SIOCGIFHWADDR = 0x8927
NEEDS_SUM = 1
FOR_HOST, FOR_OTHERS = 0, 3
NEIGHBOURS = set(range(130, 138)) | {143}  # ICMPv6 that a link lives by


def mac(namespace, name):
    with namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return fcntl.ioctl(sock, SIOCGIFHWADDR, struct.pack("16s24x", name.encode()))[18:24]


class Port:
    """An interface as a wire: puts packets on it, and reads what comes"""

    def __init__(self, namespace, name, neighbour):
        self.neighbour, self.own = neighbour, mac(namespace, name)
        with namespace:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((name, ETH_P_ALL))
        self.sock.setblocking(False)
        self.packets = []

    def send(self, packet):
        """A packet whose checksum is partial goes with the order to complete it."""
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        size = 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4
        protocol = packet[6] if packet[0] >> 4 == 6 else packet[9]
        header = bytes(VNET_HEADER)
        if protocol in (UDP, craft.TCP) and not craft.part_of(packet):
            at = 6 if protocol == UDP else 16
            ends = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
            false = ends + struct.pack("!II", len(packet) - size, protocol)
            if packet[size + at:size + at + 2] == struct.pack("!H", craft.checksum(false) ^ 0xffff):
                header = struct.pack("=BBHHHH", NEEDS_SUM, 0, 0, 0, ETHERNET + size, at)
        self.sock.send(header + self.neighbour + self.own + kind + packet)

    def read(self):
        try:
            frame, (_, _, kind, *_) = self.sock.recvfrom(1 << 17)
        except BlockingIOError:
            return False
        flags, _, _, _, start, offset = struct.unpack_from("=BBHHHH", frame)
        frame = frame[VNET_HEADER:]
        if frame[12:14] not in (b"\x08\x00", b"\x86\xdd") or kind not in (FOR_HOST, FOR_OTHERS):
            return True
        if flags & NEEDS_SUM:  # as the network card would
            value = craft.checksum(frame[start:])
            if offset == 6:
                value = value or 0xffff
            frame = frame[:start + offset] + struct.pack("!H", value) + frame[start + offset + 2:]
        packet = craft.trim(frame[ETHERNET:])
        if packet[0] >> 4 == 4 or packet[6] != craft.ICMP6 or packet[40] not in NEIGHBOURS:
            self.packets.append((packet, frame[:6] == self.own))
        return True


QUIET = ["add table inet quiet", "add chain inet quiet early { type filter hook prerouting "
         "priority -450; policy drop; }", "add rule inet quiet early icmpv6 type "
         "{ nd-neighbor-solicit, nd-neighbor-advert } accept"]


# Packets that are sent at once, and the seconds between: ICMP errors are not told without limit.
BURST, PAUSE = 6, 0.015


class Bench:
    """One of the directors, and the interfaces on both of its sides"""

    def __init__(self, kind, loop, folder, all_ways):
        self.side = Side(kind, loop, folder)
        lab = self.side.lab
        lab["dir"].sysctl(0, "ipv4/icmp_ratemask")
        lab["dir"].batch("ip", [f"addr add {way.virtual}/{32 if way.inner == 4 else '128'} dev lo"
                                + " nodad" * (way.inner == 6) for way in all_ways])
        lab["dir"].batch("ip", [f"route add {way.server} dev br-s mtu {NARROW}"
                                for way in all_ways if way.narrow])
        lab["rs1"].batch("ip", [f"addr add {way.server}/{24 if way.outer == 4 else '64'} dev eth0"
                                + " nodad" * (way.outer == 6) for way in all_ways])
        for name in ("client", "rs1"):
            lab[name].batch("nft", QUIET)
        self.client = Port(lab["client"], "eth0", mac(lab["dir"], "br-c"))
        self.server = Port(lab["rs1"], "eth0", mac(lab["dir"], "br-s"))
        for way in all_ways:
            for line in way.lines():
                self.side.tool.write(line)
                answered = self.side.tool.read()
                if answered:
                    sys.exit(f"{kind}: {line}: {answered}")

    def ports(self):
        return self.client, self.server

    def close(self):
        self.side.close()


class Match:
    """Two benches, and what they did with the same packets"""

    def __init__(self, benches, all_ways):
        self.benches = benches
        self.ways = {}
        for way in all_ways:
            self.ways.update({way.client: way, way.virtual: way, way.server: way})

    def gather(self, packets):
        """By way: what arrived"""
        found = {}
        for packet, mine in packets:
            target = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
            way = self.ways.get(str(craft.ipaddress.ip_address(target)))
            found.setdefault(way, []).append((packet, mine))
        return found

    def counts(self, bench):
        return [{way: len(some) for way, some in self.gather(port.packets).items()}
                for port in bench.ports()]

    def settle(self, silence=0.12, patience=5):
        """Reads until nothing more comes, for longer if the sides have not as much"""
        end, last = time.monotonic() + patience, time.monotonic()
        ports = {port.sock: port for bench in self.benches for port in bench.ports()}
        while time.monotonic() < end:
            ready = select.select(list(ports), [], [], 0.03)[0]
            for sock in ready:
                while ports[sock].read():
                    last = time.monotonic()
            passed = time.monotonic() - last
            if passed > silence * 5 or (passed > silence and self.counts(self.benches[0]) ==
                                        self.counts(self.benches[1])):
                return

    def play(self, sends):
        """sends: for each bench a list of which port sends what. Returns for each bench what each
        way led to, at the client and at the server."""
        for bench, some in zip(self.benches, sends):
            for number, (at_client, packet) in enumerate(some, 1):
                (bench.client if at_client else bench.server).send(packet)
                if number % BURST == 0:
                    time.sleep(PAUSE)
        self.settle()
        results = []
        for bench in self.benches:
            results.append([self.gather(port.packets) for port in bench.ports()])
            for port in bench.ports():
                port.packets = []
        return results


def described(arrived, case, but=None):
    """The fields of these packets, as lines; what may differ is only said to be there"""
    names = different.excused(case, but)
    patterns = [re.compile(name) for name in names]
    pieces = []
    for packet, mine in arrived:
        if craft.part_of(packet):
            pieces.append(list(lines(craft.Dissection(packet, GUE_PORT, False).fields, patterns)))
        if not mine:
            yield "to another machine"
    if "sizes" in names:
        pieces = [sorted({line for piece in pieces for line in piece if not SIZES.search(line)})]
    if "cut" not in names:
        for piece in pieces:
            yield from piece
    for packet in craft.whole([packet for packet, _ in arrived]):
        yield f"packet of {len(packet)} bytes"
        yield from lines(craft.Dissection(packet, GUE_PORT).fields, patterns)


SIZES = re.compile(r" fragment (ip6?\.(length|offset)|offset|length) ")


def lines(fields, patterns):
    for name, value in fields:
        if any(pattern.fullmatch(name) for pattern in patterns):
            value = "(any)"
        yield f"  {name} {value}"


def unwrapped(arrived, case):
    """The same of the packets inside tunnels"""
    return [line for line in described(arrived, case)
            if not re.match("packet of|  (outer|fragment) ", line)]


class Judge:
    """Mismatches by way"""

    def __init__(self, kinds, show):
        self.kinds, self.show = kinds, show
        self.mismatches = {}
        self.arrived = {}
        self.needless = list(different.FIELDS)

    def pairs(self, case, place, arrived, expected):
        """What has to be the same: texts, and whose they are"""
        only = different.alone(case, place) if sorted(self.kinds) == ["ipvs", "nfvs"] else None
        if not only:
            yield [list(described(some, case)) for some in arrived], self.kinds
            return
        side, fields = only
        at = self.kinds.index(side)
        patterns = [re.compile(name) for name in different.excused(case)]
        yield [list(lines(expected(fields), patterns)), unwrapped(arrived[at], case)], \
            ["expected", side]
        yield [[], list(described(arrived[1 - at], case))], ["nothing", self.kinds[1 - at]]

    def excuse(self, case, arrived):
        """Finds what does differ of what may."""
        for row in list(self.needless):
            if re.search(row[0], case):
                texts = [list(described(some, case, row)) for some in arrived]
                if texts[0] != texts[1]:
                    self.needless.remove(row)

    def compare(self, case, way, results, sent):
        """sent: the client's packets, which the case is about"""
        for where, place in enumerate((different.CLIENT, different.SERVER)):
            arrived = [result[where].get(way, []) for result in results]
            if all(arrived):
                self.excuse(f"{way.name}: {case}", arrived)
            self.arrived[way] = self.arrived.get(way, 0) + bool(arrived[0])
            if self.show:
                print(f"{way.name}: {case}, at {place}:",
                      *list(described(arrived[0], case)) or ["nothing"], sep="\n  ")
            for texts, whose in self.pairs(f"{way.name}: {case}", place, arrived,
                                           lambda fields: fields(way, next(craft.whole(sent)))):
                if texts[0] != texts[1]:
                    both = difflib.unified_diff(*texts, *whose, lineterm="", n=100)
                    self.mismatches.setdefault(way, []).append(
                        [f"{case}: different at {place}"] + ["  " + line for line in both])

    def result(self, number, way, cases):
        mismatches = self.mismatches.get(way, [])
        seen = self.arrived.get(way, 0)
        if not seen:
            mismatches = mismatches + [["nothing arrived, on either side"]]
        print(f"{'not ok' if mismatches else 'ok'} {number} {way.name}: {cases} cases, packets "
              f"arrived {seen} times")
        for some in mismatches:
            for line in some:
                print("#   " + line)
        return not mismatches


HEADERS = 110  # bytes: more than any packet here has before its content


def unnoticed(way, packet):
    """Which bytes of these headers could change without a difference, but for what may differ"""
    before = list(described([(packet, True)], f"{way.name}: UDP"))
    size = 20 if way.outer == 4 else 40
    for at in range(min(len(packet), HEADERS)):
        changed = packet[:at] + bytes((packet[at] ^ 0x10,)) + packet[at + 1:]
        try:
            same = list(described([(changed, True)], f"{way.name}: UDP")) == before
        except (struct.error, IndexError):
            same = False  # it is not even what it was
        if same and not (way.method == "gue" and at in (size, size + 1)):
            yield at


def clients_packets(name, way, names):
    """What the client sends, or had sent when that case's answer comes"""
    name = ANSWERS[name][0] if name in ANSWERS else name
    if name[-2:] in (" 4", " 6") and way.inner != int(name[-1]):
        return []
    return (CASES.get(name) or AFTER.get(name) or CUT[name])(way, FIRST_PORT + names.index(name))


def run(options, folder):
    """The exit status"""
    all_ways = [way for way in ways() if options.ways in way.name]
    names = [name for name in (*CASES, *CUT, *ANSWERS, *AFTER)
             if options.cases in name or name in KEPT]
    kinds = options.sides.split(",")
    loop = wire.Wire()
    benches = [Bench(kind, loop, folder, all_ways) for kind in kinds]
    match, judge = Match(benches, all_ways), Judge(kinds, options.show)
    kept = {}
    for name in names:
        for bench in benches:
            refused = bench.side.set("pmtu_disc", "0" if name in CUT else "1")
            if refused:
                sys.exit(f"{bench.side.kind}: pmtu_disc: {refused}")
        sends = [[], []]
        sent = {way: clients_packets(name, way, names) for way in all_ways}
        for way in all_ways:
            for i, some in enumerate(sends):
                if name in ANSWERS:
                    about, make = ANSWERS[name]
                    first = kept[about][i][1].get(way)
                    some += [(False, packet) for packet in
                             (make(way, first[0][0]) if first else [])]
                else:
                    some += [(True, packet) for packet in sent[way]]
        results = match.play(sends)
        if name in KEPT:
            kept[name] = results
        for way in all_ways:
            judge.compare(name, way, results, sent[way])
    whole = not options.ways + options.cases and sorted(kinds) == ["ipvs", "nfvs"]
    print(f"1..{len(all_ways) + 1 + whole}")
    good = [judge.result(number, way, len(names)) for number, way in enumerate(all_ways, 1)]
    seen = kept["UDP"][0][1]
    blind = {way.name: found for way in all_ways if way in seen and not way.narrow
             for found in [list(unnoticed(way, seen[way][0][0]))] if found}
    print("not ok" if blind else "ok", len(all_ways) + 1, "every other byte of headers is compared")
    for name, found in blind.items():
        print(f"#   {name}: not the bytes {found}")
    if whole:
        print("not ok" if judge.needless else "ok", len(all_ways) + 2, "all that may differ does")
        for row in judge.needless:
            print("#   not:", *row[:2])
            good.append(False)
    for bench in benches:
        ended = bench.side.ended()
        if ended:
            print(f"# {bench.side.kind} has ended with {ended}", *bench.side.log(), sep="\n# ")
            good.append(False)
        bench.close()
    return not all(good) or bool(blind)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", default="", help="only those with this in their name")
    parser.add_argument("--cases", default="")
    parser.add_argument("--sides", default="ipvs,nfvs")
    parser.add_argument("--show", action="store_true", help="every packet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nfvs-packets.") as folder:
        sys.exit(run(options, folder))


main()
