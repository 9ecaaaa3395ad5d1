# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods the director with garbage: flood.py SECONDS DEVICE DSTMAC FROM4 TO4 FROM6 TO6 PORT SIDE SEED

SIDE client: FROM is the client, TO the virtual address, PORT the service's. SIDE server: FROM is a
real server, TO a client, PORT the server's. A few thousand frames are made beforehand, then sent in
turn; each seed makes the same frames.
"""
import random
import socket
import struct
import sys
import time


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Maker:
    """Makes frames, more or less damaged. What damages is the rnd of the run."""

    def __init__(self, argv):
        (self.mac, self.saddr4, self.daddr4, self.saddr6, self.daddr6, port, side, seed) = argv
        self.rnd = random.Random(int(seed))
        self.src4, self.dst4 = socket.inet_aton(self.saddr4), socket.inet_aton(self.daddr4)
        self.src6 = socket.inet_pton(socket.AF_INET6, self.saddr6)
        self.dst6 = socket.inet_pton(socket.AF_INET6, self.daddr6)
        self.port, self.server = int(port), side == "server"

    def some(self, low, high):
        return self.rnd.randbytes(self.rnd.randint(low, high))

    def ports(self):
        other = self.rnd.randint(1024, 65535)
        return struct.pack("!HH", *((self.port, other) if self.server else (other, self.port)))

    def ipv4(self, proto, payload, frag=0, ident=None, options=b"", **lie):
        """An IPv4 packet; lie: total= and ihl= go into the header although they are wrong."""
        ihl = lie.get("ihl", 5 + len(options) // 4)
        total = lie.get("total", 20 + len(options) + len(payload))
        head = struct.pack("!BBHHHBBH4s4s", 4 << 4 | ihl & 15, 0, total & 0xFFFF,
                           self.rnd.getrandbits(16) if ident is None else ident, frag, 64, proto, 0,
                           self.src4, self.dst4) + options
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return 0x0800, head + payload

    def ipv6(self, proto, payload, **lie):
        head = struct.pack("!IHBB16s16s", 6 << 28, lie.get("total", len(payload)) & 0xFFFF, proto, 64,
                           self.src6, self.dst6)
        return 0x86DD, head + payload

    def ip(self, proto, payload, **lie):
        return self.ipv4(proto, payload, **lie) if self.rnd.random() < 0.5 else self.ipv6(
            proto, payload, **lie)

    def tcp(self):
        """TCP header with random flags, offset and options, perhaps cut."""
        head = self.ports() + self.some(8, 8) + struct.pack(
            "!BBHHH", self.rnd.getrandbits(8), self.rnd.getrandbits(8), 1000, self.rnd.getrandbits(16), 0)
        data = head + self.some(0, 60)
        return self.ip(6, data[: self.rnd.choice((len(data), self.rnd.randint(0, 20)))])

    def udp(self):
        """UDP with a length that is not that of the packet."""
        data = self.ports() + struct.pack("!HH", self.rnd.getrandbits(16) % 200, 0) + self.some(0, 60)
        return self.ip(17, data[: self.rnd.choice((len(data), self.rnd.randint(0, 8)))])

    def icmp_error(self):
        """An ICMP error with a damaged packet inside."""
        kind4 = self.rnd.choice((3, 3, 4, 5, 11, 12, self.rnd.getrandbits(8)))
        kind6 = self.rnd.choice((1, 2, 3, 4, self.rnd.getrandbits(8)))
        inner = self.rnd.choice((self.tcp, self.udp))()
        inside = bytearray(inner[1])
        # it came from where the error goes to
        if inner[0] == 0x0800:
            inside[12:20] = inside[16:20] + inside[12:16]
        else:
            inside[8:40] = inside[24:40] + inside[8:24]
        if len(inside) >= 44:
            at = 20 if inner[0] == 0x0800 else 40
            inside[at:at + 4] = inside[at + 2:at + 4] + inside[at:at + 2]
        if self.rnd.random() < 0.3:
            inside[self.rnd.randrange(len(inside))] ^= 1 << self.rnd.randrange(8)
        inside = bytes(inside[: self.rnd.choice((len(inside), self.rnd.randint(0, 48)))])
        if inner[0] == 0x0800:
            data = struct.pack("!BBHI", kind4, self.rnd.getrandbits(4), 0, self.rnd.getrandbits(16)) + inside
            data = data[:2] + struct.pack("!H", checksum(data)) + data[4:]
            return self.ipv4(1, data)
        data = struct.pack("!BBHI", kind6, self.rnd.getrandbits(3), 0, self.rnd.getrandbits(16)) + inside
        pseudo = self.src6 + self.dst6 + struct.pack("!II", len(data), 58)
        return self.ipv6(58, data[:2] + struct.pack("!H", checksum(pseudo + data)) + data[4:])

    def wrong_length(self):
        payload = self.ports() + self.some(0, 80)
        proto = self.rnd.choice((1, 6, 17, 58))
        return self.ip(proto, payload, total=self.rnd.choice((0, 10, 20, 24, 65535, self.rnd.getrandbits(16))))

    def options(self):
        """IPv4 options, and a header length, of random content."""
        options = self.some(0, 10) * 4
        return self.ipv4(self.rnd.choice((6, 17)), self.ports() + self.some(0, 40), options=options,
                         ihl=self.rnd.choice((5 + len(options) // 4, self.rnd.getrandbits(4))))

    def extensions(self):
        """A chain of IPv6 extension headers that may lead nowhere."""
        kinds = (0, 43, 44, 51, 60, 59, 135, 6, 17, 58)
        data, first = b"", self.rnd.choice(kinds)
        for _ in range(self.rnd.randint(1, 6)):
            data += bytes((self.rnd.choice(kinds), self.rnd.choice((0, 0, 1, self.rnd.getrandbits(8)))))
            data += self.some(6, 14)
        return self.ipv6(first, data + self.ports() + self.some(0, 40))

    def fragments(self):
        """Two fragments of one packet that overlap, or leave a gap."""
        ident, proto = self.rnd.getrandbits(16), self.rnd.choice((6, 17))
        size = self.rnd.randint(1, 6) * 8
        at = self.rnd.choice((0, 1, 2, size // 8 + 1, 8189))
        first, second = self.ports() + self.some(size - 4, size - 4), self.some(0, 64)
        if self.rnd.random() < 0.5:
            return [self.ipv4(proto, first, frag=0x2000, ident=ident),
                    self.ipv4(proto, second, frag=at, ident=ident)]
        def head(offset, more):
            return struct.pack("!BBHI", proto, 0, offset << 3 | more, ident)
        return [self.ipv6(44, head(0, 1) + first), self.ipv6(44, head(at, 0) + second)]

    def noise(self):
        """Addresses and protocol are right, the rest is random."""
        return self.ip(self.rnd.choice((1, 6, 17, 58, self.rnd.getrandbits(8))), self.some(0, 1400))

    def rubbish(self):
        return self.rnd.choice((0x0800, 0x86DD)), self.some(0, 200)

    def frames(self, count):
        made = []
        kinds = (self.tcp, self.udp, self.icmp_error, self.wrong_length, self.options, self.extensions,
                 self.fragments, self.noise, self.rubbish)
        for i in range(count):
            one = kinds[i % len(kinds)]()
            made += one if isinstance(one, list) else [one]
        mac = bytes.fromhex(self.mac.replace(":", ""))
        return [mac + b"\x02\0\0\0\0\x01" + struct.pack("!H", kind) + data for kind, data in made]


def main():
    seconds, device = float(sys.argv[1]), sys.argv[2]
    frames = Maker(sys.argv[3:]).frames(9000)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((device, 0))
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for frame in frames:
            try:
                sock.send(frame)
            except OSError:  # queue full
                continue
        sent += len(frames)
    print(f"{sent} frames sent")


main()
