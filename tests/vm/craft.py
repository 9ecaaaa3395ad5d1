# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets as bytes: built field by field, and taken apart into fields with names."""
import hashlib
import ipaddress
import struct

ICMP, IPIP, TCP, UDP, IPV6, FRAGMENT, GRE, ICMP6 = 1, 4, 6, 17, 41, 44, 47, 58
SHORTEST = {ICMP: 8, IPIP: 20, TCP: 20, UDP: 8, IPV6: 40, GRE: 8, ICMP6: 8}  # that can be read
PARTIAL = "partial"  # a checksum that the network card is to make
NONE = "none"
WRONG = "wrong"


def checksum(data, value=0):
    """The Internet checksum over @data, which @value (a sum) goes before"""
    if len(data) % 2:
        data += b"\0"
    value += sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value ^ 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


def pseudo(source, target, protocol, length):
    return packed(source) + packed(target) + struct.pack("!II", length, protocol)


def network(source, target, protocol, payload, *, ttl=64, tos=0, df=False, flow=0, options=b"",
            number=0x1234, more=False, offset=0):
    """An IP header, of which family the addresses say, before the payload"""
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28 | tos << 20 | flow, len(payload), protocol, ttl) \
            + packed(source) + packed(target) + payload
    words = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH", 4 << 4 | words, tos, words * 4 + len(payload), number,
                         df << 14 | more << 13 | offset // 8, ttl, protocol, 0) \
        + packed(source) + packed(target) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def sealed(ends, protocol, at, segment, how):
    """The segment with its checksum, which is to be at @at"""
    false = pseudo(ends[0], ends[1], protocol, len(segment))
    value = {NONE: 0, PARTIAL: checksum(false) ^ 0xffff, WRONG: 0x1111}.get(how)
    if value is None:
        value = checksum(false + segment) or 0xffff
    return segment[:at] + struct.pack("!H", value) + segment[at + 2:]


def content(length):
    return bytes(i * 7 & 0xff for i in range(length))


def udp(source, target, length, how=None, **fields):
    """source, target: address and port; length: of the whole packet"""
    ends = source[0], target[0]
    data = content(length - 8 - (40 if ":" in ends[0] else 20) - len(fields.get("options", b"")))
    segment = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
    return network(*ends, UDP, sealed(ends, UDP, 6, segment, how), **fields)


def tcp(source, target, flags, how=None, data=b"", **fields):
    ends = source[0], target[0]
    segment = struct.pack("!HHIIBBHHH", source[1], target[1], 1000, 0, 6 << 4, flags, 8192, 0, 0) \
        + struct.pack("!BBH", 2, 4, 1460) + data
    return network(*ends, TCP, sealed(ends, TCP, 16, segment, how), **fields)


def error(source, target, kind, code, info, quote, **fields):
    """An ICMP error about the packet @quote"""
    message = struct.pack("!BBHI", kind, code, 0, info) + quote
    if ":" not in source:
        value = checksum(message)
        return network(source, target, ICMP, message[:2] + struct.pack("!H", value) + message[4:],
                       **fields)
    value = checksum(pseudo(source, target, ICMP6, len(message)) + message)
    return network(source, target, ICMP6, message[:2] + struct.pack("!H", value) + message[4:],
                   **fields)


def cut(packet, size, df=False):
    """The packet in fragments of @size bytes of content"""
    if packet[0] >> 4 == 6:
        head, payload, protocol = packet[:40], packet[40:], packet[6]
    else:
        head, payload = packet[:20], packet[20:]
    pieces = []
    for offset in range(0, len(payload), size):
        more = offset + size < len(payload)
        part = payload[offset:offset + size]
        if packet[0] >> 4 == 6:
            part = struct.pack("!BBHI", protocol, 0, offset | more, 0x1234567) + part
            pieces.append(head[:4] + struct.pack("!HB", len(part), FRAGMENT) + head[7:] + part)
        else:
            addresses = (str(ipaddress.ip_address(head[i:i + 4])) for i in (12, 16))
            pieces.append(network(*addresses, head[9], part, ttl=head[8], tos=head[1], df=df,
                                  more=more, offset=offset))
    return pieces


def trim(packet):
    """Without what a link added at the end"""
    if packet[0] >> 4 == 6:
        return packet[:40 + struct.unpack_from("!H", packet, 4)[0]]
    return packet[:struct.unpack_from("!H", packet, 2)[0]]


def part_of(packet):
    """Of which datagram, with what offset, is it the last? None if it is whole."""
    if packet[0] >> 4 == 4:
        length = (packet[0] & 15) * 4
        flags = struct.unpack_from("!H", packet, 6)[0]
        if not flags & 0x3fff:
            return None
        return packet[4:6] + packet[9:10] + packet[12:20], (flags & 0x1fff) * 8, \
            not flags & 0x2000, packet[length:]
    if packet[6] != FRAGMENT:
        return None
    protocol, _, offset, number = struct.unpack_from("!BBHI", packet, 40)
    return struct.pack("!IB", number, protocol) + packet[8:40], offset & ~7, \
        not offset & 1, packet[48:]


def joined(first, parts):
    """The whole datagram, if nothing of it is missing"""
    payload, last = b"", False
    for offset, final, part in sorted(parts):
        if offset != len(payload) or last:
            return None
        payload, last = payload + part, final
    if not last:
        return None
    if first[0] >> 4 == 6:
        return first[:4] + struct.pack("!HB", len(payload), first[40]) + first[7:40] + payload
    length = (first[0] & 15) * 4
    head = first[:2] + struct.pack("!H", length + len(payload)) + first[4:6] \
        + struct.pack("!H", struct.unpack_from("!H", first, 6)[0] & 0xc000) + first[8:length]
    return head[:10] + struct.pack("!H", checksum(head[:10] + b"\0\0" + head[12:])) + head[12:] \
        + payload


def whole(packets):
    """Yields the packets that are whole or, after their fragments, have become so"""
    parts = {}
    for packet in packets:
        part = part_of(packet)
        if not part:
            yield packet
            continue
        known = parts.setdefault(part[0], {})
        known[part[1]] = part[1:]
        first = packet if part[1] == 0 else known.get("first")
        if first:
            known["first"] = first
            found = joined(first, [piece for at, piece in known.items() if at != "first"])
            if found:
                del parts[part[0]]
                yield found


class Dissection:
    """fields: names and values of one packet, from the outside in"""

    def __init__(self, packet, gue_port, whole_packet=True):
        self.gue_port = gue_port
        self.fields = []
        if whole_packet:
            self.network(packet, "")
        else:
            self.fragment(packet)

    def add(self, prefix, **fields):
        self.fields += [(f"{prefix}{name.replace('_', '.', 1)}", value)
                        for name, value in fields.items()]

    def fragment(self, packet):
        """One of several: its header only, as the datagram is looked at as a whole"""
        _, offset, last, data = part_of(packet)
        self.header(packet, "fragment ")
        self.add("fragment ", offset=offset, last=last, length=len(data))

    def header(self, packet, prefix):
        if packet[0] >> 4 == 6:
            word, length, protocol, ttl = struct.unpack_from("!IHBB", packet)
            self.add(prefix, ip6_tclass=word >> 20 & 255, ip6_flow=hex(word & 0xfffff),
                     ip6_length=length, ip6_next=protocol, ip6_hlim=ttl,
                     ip6_source=str(ipaddress.ip_address(packet[8:24])),
                     ip6_target=str(ipaddress.ip_address(packet[24:40])))
            return 40, protocol
        size = (packet[0] & 15) * 4
        _, tos, length, number, flags, ttl, protocol, _ = struct.unpack_from("!BBHHHBBH", packet)
        self.add(prefix, ip_size=size, ip_tos=tos, ip_length=length, ip_id=number,
                 ip_flags=hex(flags >> 13), ip_offset=(flags & 0x1fff) * 8, ip_ttl=ttl,
                 ip_protocol=protocol, ip_sum="wrong" if checksum(packet[:size]) else "right",
                 ip_source=str(ipaddress.ip_address(packet[12:16])),
                 ip_target=str(ipaddress.ip_address(packet[16:20])),
                 ip_options=packet[20:size].hex())
        return size, protocol

    def network(self, packet, prefix):
        packet = packet if prefix == "quoted " else trim(packet)
        protocol = packet[6] if packet[0] >> 4 == 6 else packet[9]
        size = 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4
        segment = packet[size:]
        gue = protocol == UDP and len(segment) > 8 and \
            struct.unpack_from("!H", segment, 2)[0] == self.gue_port
        if not prefix and (protocol in (IPIP, IPV6, GRE) or gue):
            prefix = "outer "
        elif not prefix and protocol in (ICMP, ICMP6):
            prefix = "error "
        self.header(packet, prefix)
        ends = packet[12:20] if size != 40 else packet[8:40]
        false = ends + struct.pack("!II", len(segment), protocol)
        if len(segment) < SHORTEST.get(protocol, 0):
            self.data(segment, prefix)
        elif protocol in (IPIP, IPV6):
            self.network(segment, "")
        elif protocol == GRE:
            self.gre(segment, prefix)
        elif protocol == UDP:
            self.udp(segment, prefix, false, gue)
        elif protocol == TCP:
            self.tcp(segment, prefix, false)
        elif protocol in (ICMP, ICMP6):
            self.icmp(segment, prefix, false if protocol == ICMP6 else b"")
        else:
            self.data(segment, prefix)

    def data(self, data, prefix):
        self.add(prefix, data=f"{len(data)} bytes {data[:8].hex()} "
                 f"{hashlib.sha256(data).hexdigest()[:8]}")

    @staticmethod
    def verdict(value, false, segment):
        """What there is to say about this checksum"""
        if not checksum(false + segment):
            return "right"
        if value == checksum(false) ^ 0xffff:
            return "partial"
        return f"wrong {value:#x}"

    def udp(self, segment, prefix, false, gue):
        source, target, length, value = struct.unpack_from("!HHHH", segment)
        if prefix == "quoted ":
            said = hex(value)
        else:
            said = self.verdict(value, false, segment) if value else "none"
        self.add(prefix, udp_source=source, udp_target=target, udp_length=length, udp_sum=said)
        if not gue:
            return self.data(segment[8:], prefix)
        words, protocol, flags = struct.unpack_from("!BBH", segment, 8)
        at = 12 + (words & 31) * 4
        self.add(prefix, gue_words=words, gue_protocol=protocol, gue_flags=hex(flags),
                 gue_private=segment[12:at].hex())
        return self.network(segment[at:], "")

    def gre(self, segment, prefix):
        flags, protocol = struct.unpack_from("!HH", segment)
        size = 8 if flags & 0x8000 else 4
        self.add(prefix, gre_flags=hex(flags), gre_protocol=hex(protocol),
                 gre_sum="none" if size == 4 else
                 "wrong" if checksum(segment) else "right",
                 gre_reserved=segment[6:size].hex())
        self.network(segment[size:], "")

    def tcp(self, segment, prefix, false):
        source, target, sequence, answer, size, flags, window, value, urgent = \
            struct.unpack_from("!HHIIBBHHH", segment)
        said = hex(value) if prefix == "quoted " else self.verdict(value, false, segment)
        size = size >> 4 << 2
        self.add(prefix, tcp_source=source, tcp_target=target, tcp_sequence=sequence,
                 tcp_answer=answer, tcp_flags=flags, tcp_window=window, tcp_sum=said,
                 tcp_urgent=urgent, tcp_options=segment[20:size].hex())
        self.data(segment[size:], prefix)

    def icmp(self, segment, prefix, false):
        kind, code, value, info = struct.unpack_from("!BBHI", segment)
        self.add(prefix, icmp_type=kind, icmp_code=code, icmp_info=info,
                 icmp_sum=self.verdict(value, false, segment), icmp_length=len(segment))
        if len(segment) > 28 and segment[8] >> 4 in (4, 6):
            self.network(segment[8:], "quoted ")
        else:
            self.data(segment[8:], prefix)
