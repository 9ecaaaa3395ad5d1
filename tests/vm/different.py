# SPDX-License-Identifier: GPL-2.0-or-later
"""What may differ between the packets of IPVS and of nfvs: each with its reason, and no more of a
packet than that. tests/vm/packets.py goes by it; the reasons were seen in both sides' packets."""
import re

import craft

CLIENT, SERVER = "the client", "the server"
LEARNED = 1340  # what a router on the tunnel's way said that it takes
LEAST, LEAST6 = 552, 1280  # what is believed at least: net.ipv4.route.min_pmtu, and RFC 8200

# A pattern for way and case, one for the names of fields, and why. "sizes" stands for where a
# datagram was cut, of fragments that are otherwise the same; "cut" for that one side sent it whole.
FIELDS = (
    (" in IPv4[:,]", "(outer|fragment) ip.id", "a number that each director counts for itself"),
    ("", "error ip.id", "the same"),
    ("gue", "outer udp.source", "the hash of the flow, with a key of the director's own"),
    ("", "error ip6.flow", "the kernel's own errors carry a flow label made of a hash"),
    (": (one byte more|1500 bytes|1320 bytes|4000 bytes in fragments|as large as fits, sum)",
     "quoted ip6?.(ttl|hlim)", "what is too large IPVS quotes as it would have sent it, counted "
     "down; nfvs quotes what came"),
    ("^NAT.*: (UDP, TTL 1|one byte more|1500 bytes|4000 bytes in fragments)",
     "quoted (udp|tcp).sum", "nfvs has translated already when the kernel refuses; as in all errors "
     "about NAT, on both sides, the sum in the quote is not put back"),
    ("^NAT.*: UDP, no sum", "udp.sum", "IPVS makes one where the client made none"),
    ("IPv4 in IPv4.*: too big( for the way|, and nonsense)$", "error icmp.info", "IPVS tells the "
     "MTU of the route that it holds, which has not learned yet; nfvs what the error says"),
    ("(gue|gre).*IPv6 in IPv4: 1320 bytes after", "error icmp.info", "IPVS tells an IPv6 client of "
     "less than 1280 bytes, which it must not heed (RFC 8201); nfvs cuts the tunnel's packets"),
    ("^NAT, IPv6.*: 4000 bytes in small", "sizes", "in the queue it is in one piece, of which the "
     "kernel makes pieces of 1280 bytes; IPVS has its pieces yet"),
    ("^(DR|.* IPv4 in IPv4|.*IPv6 in IPv).*: 4000 bytes in small", "sizes", "IPVS keeps to the "
     "size of the client's pieces; a queue does not tell that, and nfvs's are as large as fits"),
    ("^(ipip|gre).*IPv4 in IPv6.*: 1320 bytes after that$", "cut", "IPVS has not learned from "
     "the error before, see UNTAUGHT"),
)


def dissected(packet, **other):
    """All fields of a packet, but for what is told to be other; the names with _ for . and space"""
    return [(name, other.get(re.sub("[ .]", "_", name), value))
            for name, value in craft.Dissection(packet, 0).fields]


def told(way, packet, kind4, kind6, info=0, quote=None, ttl=64):
    """The director's error to the client, about its packet"""
    v4 = way.inner == 4
    kind, code = kind4 if v4 else kind6
    about = packet[:quote or (548 if v4 else 1232)]
    found = craft.error(way.virtual, way.client, kind, code, info, about, tos=0xc0 if v4 else 0)
    return dissected(found, quoted_ip_ttl=ttl, quoted_ip6_hlim=ttl)


def passed(way, packet):
    """The client's packet as the server gets it, without the tunnel"""
    other = {"ip_ttl": 63, "ip6_hlim": 63}
    if way.method == "NAT":
        other.update(ip_target=way.server, udp_target=5300)
    return dissected(packet, **other)


def refused(way, packet):
    return told(way, packet, (3, 4), (2, 0), way.room)


def learned(mtu, ttl=64):
    """... is what the tunnel's way takes, and what is left of it is told"""
    def fields(way, packet):
        room = mtu - way.overhead
        return told(way, packet, (3, 4), (2, 0), max(room, LEAST6) if way.inner == 6 else room,
                    ttl=ttl)

    return fields


def unreachable(kind4, kind6):
    return lambda way, packet: told(way, packet, kind4, kind6, ttl=63)


HOST = (3, 1), (1, 3)
IGNORANT = "IPVS knows errors about tunnels of IPv4 in IPv4 only; nfvs tells the client of all"
UNTAUGHT = "and so IPVS has not learned from them; nor has the kernel, without a tunnel device"
IN_PIECES = "IPVS refuses IPv6 that came in pieces larger than fit, as a router has to; a queue " \
    "does not tell that it came in pieces, and nfvs makes smaller ones"
# A pattern for way and case, at whom, which of the two is the only one to have a packet there, with
# which fields, and why.
ALONE = (
    ("^NAT, IPv4: 4000 bytes in fragments, DF", CLIENT, "ipvs", refused, "IPVS refuses the whole "
     "that it has put together; nfvs leaves it to the kernel, for which its pieces are not large"),
    ("^NAT, IPv4: 4000 bytes in fragments, DF", SERVER, "nfvs", passed, "the same"),
    ("^(DR, IPv6, a narrow way|.*IPv6 in IPv.*): 4000 bytes in fragments$", CLIENT, "ipvs", refused,
     IN_PIECES),
    ("^(DR, IPv6, a narrow way|.*IPv6 in IPv.*): 4000 bytes in fragments$", SERVER, "nfvs", passed,
     "the same"),
    ("gue.*IPv4 in IPv4: a short quote", CLIENT, "ipvs",
     lambda way, packet: told(way, packet, *HOST, quote=24, ttl=63), "not even eight bytes of the "
     "client's packet behind its IP header, which no client would heed: IPVS is content with the "
     "ports, and tells it"),
    ("IPv4 in IPv6.*: (port unreachable|host unreachable|time exceeded)", CLIENT, "nfvs",
     unreachable(*HOST), IGNORANT),
    ("IPv6 in IPv4.*: (port unreachable|host unreachable|time exceeded)", CLIENT, "nfvs",
     unreachable(*HOST), IGNORANT),
    ("IPv6 in IPv6.*: port unreachable", CLIENT, "nfvs", unreachable(None, (1, 4)), IGNORANT),
    ("IPv6 in IPv6.*: host unreachable", CLIENT, "nfvs", unreachable(*HOST), IGNORANT),
    ("IPv6 in IPv6.*: time exceeded", CLIENT, "nfvs", unreachable(None, (3, 0)), IGNORANT),
    (" in IPv6.*: too big for the way$", CLIENT, "nfvs", learned(LEARNED, 63), IGNORANT),
    ("IPv6 in IPv4.*: too big for the way$", CLIENT, "nfvs", learned(LEARNED, 63), IGNORANT),
    ("IPv6 in IPv.*: too big for the way, no DF", CLIENT, "nfvs", learned(LEARNED + 10, 63),
     IGNORANT),
    ("IPv6 in IPv4.*: too big, and nonsense", CLIENT, "nfvs", learned(LEAST, 63), IGNORANT),
    ("^(ipip|gre).* in IPv6.*: 1320 bytes after that, DF", CLIENT, "nfvs", learned(LEARNED),
     UNTAUGHT),
    ("^(ipip|gre).* in IPv6.*: 1320 bytes after that, DF", SERVER, "ipvs", passed, UNTAUGHT),
    ("^(ipip|gre).*IPv6 in IPv6.*: 1320 bytes after that$", CLIENT, "nfvs", learned(LEARNED),
     UNTAUGHT),
    ("^(ipip|gre).*IPv6 in IPv6.*: 1320 bytes after that$", SERVER, "ipvs", passed, UNTAUGHT),
    ("^ipip, IPv6 in IPv4.*: 1320 bytes after that", CLIENT, "nfvs", learned(LEAST), UNTAUGHT),
    ("^ipip, IPv6 in IPv4.*: 1320 bytes after that", SERVER, "ipvs", passed, UNTAUGHT),
)


def excused(case, but=None):
    """The patterns of the names of fields that may differ; @but one of the rows in FIELDS"""
    return [row[1] for row in FIELDS if row is not but and re.search(row[0], case)]


def alone(case, place):
    """Which side alone has a packet there, and what gives its fields; None: both or neither"""
    for pattern, where, side, fields, _ in ALONE:
        if where == place and re.search(pattern, case):
            return side, fields
    return None
