# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/vm/packets.py sends, and in which order: CASES, CUT, ANSWERS, AFTER. Cases by name, each a
function that gives its packets."""
import craft
from craft import NONE, PARTIAL, WRONG, content, cut, error, udp


def about_answer(kind4, kind6, info):
    """The client's ICMP error about an answer, one to what "UDP" sent"""
    def packets(way, port):
        answer = udp((way.virtual, 53), (way.client, FIRST_PORT), 100)
        kind, code = kind4 if way.inner == 4 else kind6
        return [error(way.client, way.virtual, kind, code, info, answer)]

    return packets


def fragments(size4, size6, **fields):
    return lambda way, port: cut(way.udp(port, 4000)[0], size4 if way.inner == 4 else size6,
                                 **fields)


SYN = 2
FIRST_PORT = 10000
# What the client sends: names, and functions of the way and a port. "4" and "6": one family only.
CASES = {
    "UDP": lambda way, port: way.udp(port, 200),
    "UDP, odd length": lambda way, port: way.udp(port, 101),
    "UDP, DF": lambda way, port: way.udp(port, 200, df=True),
    "UDP, class EF": lambda way, port: way.udp(port, 200, tos=0xb8),
    "UDP, ECT(1)": lambda way, port: way.udp(port, 200, tos=1),
    "UDP, ECT(0), DF": lambda way, port: way.udp(port, 200, tos=2, df=True),
    "UDP, congestion experienced": lambda way, port: way.udp(port, 200, tos=0x8b),
    "UDP, flow label": lambda way, port: way.udp(port, 200, flow=0xabcde, tos=0x28),
    "UDP, TTL 255": lambda way, port: way.udp(port, 200, ttl=255),
    "UDP, TTL 2": lambda way, port: way.udp(port, 200, ttl=2),
    "UDP, TTL 1": lambda way, port: way.udp(port, 200, ttl=1),
    "UDP, sum by the network card": lambda way, port: way.udp(port, 200, PARTIAL, df=True),
    "UDP, wrong sum": lambda way, port: way.udp(port, 200, WRONG),
    "UDP, no sum 4": lambda way, port: way.udp(port, 200, NONE),
    "UDP, IP options 4": lambda way, port: way.udp(port, 200, options=b"\1\1\1\0"),
    "TCP SYN": lambda way, port: way.tcp(port, SYN, df=True),
    "TCP SYN, sum by the network card": lambda way, port: way.tcp(port, SYN, PARTIAL, df=True),
    "TCP SYN, ECN": lambda way, port: way.tcp(port, SYN | 0xc0),
    "TCP SYN, data": lambda way, port: way.tcp(port, SYN, data=content(501)),
    "as large as fits, DF": lambda way, port: way.udp(port, way.room, df=True),
    "one byte more, DF": lambda way, port: way.udp(port, way.room + 1, df=True)
    if way.room < 1500 else [],
    "one byte more, TCP, DF": lambda way, port: way.tcp(
        port, SYN, df=True, data=content(way.room + 1 - (44 if way.inner == 4 else 64)))
    if way.room < 1500 else [],
    "1500 bytes": lambda way, port: way.udp(port, 1500),
    "1500 bytes, class EF, ECT(0)": lambda way, port: way.udp(port, 1500, tos=0xba),
    "as large as fits, sum by the network card": lambda way, port: way.udp(port, way.room, PARTIAL,
                                                                           df=True),
    "4000 bytes in fragments": fragments(1480, 1448),
    "4000 bytes in small fragments": fragments(600, 600),
    "4000 bytes in fragments, DF 4": fragments(1480, 1448, df=True),
    "the client's port unreachable": about_answer((3, 3), (1, 4), 0),
    "the client's too big": about_answer((3, 4), (2, 0), 1300),
}


def from_server(kind4, kind6, info, size=None):
    """An ICMP error from the server's side about the packet that came there first"""
    def packets(way, packet):
        family = 4 if packet[0] >> 4 == 4 else 6
        sender = str(craft.ipaddress.ip_address(packet[12:16] if family == 4 else packet[8:24]))
        kind, code = kind4 if family == 4 else kind6
        server = way.server if way.outer == family else way.virtual
        return [error(server, sender, kind, code, info, packet[:size])]

    return packets


def answer(way, packet):
    if way.method != "NAT":
        return []
    return [udp((way.server, 5300), (way.client, FIRST_PORT), 150, tos=0x28, ttl=9)]


# What comes from the server's side, after all that: which case it is about, and functions of the
# way and the packet that came there.
ANSWERS = {
    "an answer": ("UDP", answer),
    "port unreachable from the server": ("UDP", from_server((3, 3), (1, 4), 0)),
    "a short quote": ("UDP", from_server((3, 1), (1, 3), 0, 28 + 20 + 8)),
    "host unreachable from behind": ("UDP", from_server((3, 1), (1, 3), 0)),
    "time exceeded behind": ("UDP", from_server((11, 0), (3, 0), 0)),
    "too big for the way, no DF": ("UDP", from_server((3, 4), (2, 0), 1350)),
    "too big for the way": ("UDP, DF", from_server((3, 4), (2, 0), 1340)),
    "too big, and nonsense": ("UDP, DF", from_server((3, 4), (2, 0), 20)),
}
AFTER = {  # once the way is known to be narrow
    "1320 bytes after that, DF": lambda way, port: way.udp(port, 1320, df=True),
    "1320 bytes after that": lambda way, port: way.udp(port, 1320),
}
CUT = {  # with pmtu_disc off, before anything is learned of a way: tunnel packets are cut
    "as large as fits, DF, pmtu_disc off": lambda way, port: way.udp(port, way.room, df=True),
    "one byte more, DF, pmtu_disc off": lambda way, port: way.udp(port, way.room + 1, df=True)
    if way.room < 1500 else [],
    "1500 bytes, pmtu_disc off": lambda way, port: way.udp(port, 1500),
    "TCP SYN, DF, pmtu_disc off": lambda way, port: way.tcp(port, SYN, df=True),
}

KEPT = ("UDP", "UDP, DF")
