# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab that is a director and nothing else: its two links end in this process.

    this process, as every client  ==== c  director  s ====  this process, as every server

What a client or a server sends is bytes written to a file, and what reaches them is read from it, at
once, so a packet costs a millisecond, and any packet of any connection can be sent at any time: no
stack answers that was not asked. A frame's address tells which server it is for, whatever the method.
"""
import fcntl
import functools
import ipaddress
import os
import struct
import subprocess

import chunk
import craft
from craft import GRE, ICMP, ICMP6, IPIP, IPV6, TCP, UDP
from lab import CLIENTS, CLIENTS6, GUE_PORT, VIRTUAL, VIRTUAL6, quiet
from scenario import ORIGINS

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000
CLIENT, SERVER = "c", "s"  # the links
SERVERS = range(1, 10)  # the addresses 10.2.0.11 to 19, fd00:2::11 to 19
NEIGHBOURS = range(133, 138), (130, 131, 132, 143)  # ICMPv6 about the link itself
FLAGS = ((2, "S"), (1, "F"), (4, "R"), (8, "P"), (16, "A"))
# The refusal of a new connection comes from the virtual address with IPVS. nfvs has the kernel send
# it where the packet came in, before that knows that the address is its own; it then takes the one
# of the link, unless the virtual address is on it. Any client's stack is content with either.
DIRECTOR = "10.1.0.1", "fd00:1::1"
HELLO = bytes.fromhex("020000000001")


def mac(link, host):
    return bytes((2, 0, 0, 0, 1 if link == CLIENT else 2, host))


@functools.cache
def load():
    subprocess.run(["modprobe", "-a", "tun"], check=True)


class Taps:
    """Namespaces by name, as Lab; there is only "dir"."""

    def __init__(self):
        load()
        self.director = quiet()
        self.links = {link: self.tap(link) for link in (CLIENT, SERVER)}
        self.director.batch("ip", self.setup())

    def __getitem__(self, name):
        if name != "dir":
            raise KeyError(name)
        return self.director

    def close(self):
        for link in self.links.values():
            os.close(link)
        os.close(self.director.fd)

    def tap(self, link):
        with self.director:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", link.encode(), IFF_TAP | IFF_NO_PI))
        return fd

    @staticmethod
    def setup():
        lines = ["link set lo up", f"route add local {VIRTUAL} dev lo",
                 f"route add local {VIRTUAL6} dev lo"]
        for side, (link, hosts) in enumerate(((CLIENT, [2]), (SERVER, [10 + i for i in SERVERS])), 1):
            lines += [f"link set {link} address {mac(link, 1).hex(':')} up",
                      f"addr add 10.{side}.0.1/24 dev {link}",
                      f"addr add fd00:{side}::1/64 dev {link} nodad"]
            for host in hosts:
                lines += [f"neigh add {address} lladdr {mac(link, host).hex(':')} dev {link} "
                          f"nud permanent" for address in (f"10.{side}.0.{host}",
                                                           f"fd00:{side}::{host}")]
        lines += [f"route add {ORIGINS[0]}/24 via 10.2.0.11",
                  f"route add {ORIGINS[1]}/120 via fd00:2::11"]
        return lines + [f"route add {CLIENTS} via 10.1.0.2", f"route add {CLIENTS6} via fd00:1::2"]

    def send(self, link, packet):
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        os.write(self.links[link], mac(link, 1) + HELLO + kind + packet)

    def take(self):
        """What has arrived: the link, the host, and the packet"""
        for link, fd in self.links.items():
            while True:
                try:
                    frame = os.read(fd, 4096)
                except BlockingIOError:
                    break
                packet = frame[14:]
                if frame[12:14] not in (b"\x86\xdd", b"\x08\x00") or about_link(packet):
                    continue
                yield link, frame[5], packet


def about_link(packet):
    """Is it of the director's own accord, and for nobody here?"""
    if packet[0] >> 4 != 6:
        return False
    if packet[6] == 0:  # hop-by-hop options: a report of multicast listeners
        return True
    return packet[6] == ICMP6 and any(packet[40] in kinds for kinds in NEIGHBOURS)


class Told:
    """A packet in words, and where it was going"""

    def __init__(self, link, host, packet):
        self.host = host - 10 if link == SERVER else 0
        self.tunnels = []
        self.protocol = self.source = self.target = None
        self.what = ""
        self.network(packet)
        where = f"rs{self.host}" if self.host else "client"
        self.text = " ".join([f"to {where}:", *self.tunnels, self.what])

    def network(self, packet):
        if packet[0] >> 4 == 6:
            size, self.protocol = 40, packet[6]
            ends = packet[8:24], packet[24:40]
        else:
            size, self.protocol = (packet[0] & 15) * 4, packet[9]
            ends = packet[12:16], packet[16:20]
        segment = packet[size:]
        if self.protocol in (IPIP, IPV6):
            return self.tunnel("ipip", segment)
        if self.protocol == GRE:
            return self.tunnel("gre", segment[8 if segment[0] & 0x80 else 4:])
        source, target = struct.unpack_from("!HH", segment)
        if self.protocol == UDP and target == GUE_PORT:
            return self.tunnel("gue", segment[12 + (segment[8] & 31) * 4:])
        addresses = [str(ipaddress.ip_address(end)) for end in ends]
        if self.protocol in (ICMP, ICMP6):
            return self.error(addresses, segment)
        self.source, self.target = (addresses[0], source), (addresses[1], target)
        self.what = (f"{addresses[0]} {source} > {addresses[1]} {target} " + self.payload(segment))
        return None

    def payload(self, segment):
        if self.protocol == TCP and len(segment) > 13:
            return "tcp " + "".join(letter for bit, letter in FLAGS if segment[13] & bit)
        if self.protocol == chunk.SCTP:
            return chunk.text(segment)
        return {TCP: "tcp", UDP: "udp"}.get(self.protocol, f"protocol {self.protocol}")

    def tunnel(self, name, packet):
        self.tunnels.append(name)
        self.network(packet)

    def error(self, addresses, segment):
        quoted = Told.__new__(Told)
        quoted.tunnels, quoted.what = [], ""
        quoted.network(segment[8:])
        if addresses[0] in DIRECTOR and quoted.target:
            addresses[0] = quoted.target[0]
        self.what = (f"{addresses[0]} > {addresses[1]} icmp {segment[0]}/{segment[1]} about "
                     + " ".join([*quoted.tunnels, quoted.what]))


def flags_of(letters):
    return sum(bit for bit, letter in FLAGS if letter in letters)


def packet_of(what, source, target):
    """The packet that a word of a scenario stands for: "udp", SCTP's chunks, the flags of TCP"""
    if what == "udp":
        return craft.udp(source, target, 60)
    if chunk.known(what):
        return craft.network(source[0], target[0], chunk.SCTP,
                             chunk.segment(source[1], target[1], what))
    return craft.tcp(source, target, flags_of(what))


def answer_of(what, client, told):
    """A server's packet to a client. told: what had reached it last. One that got it as the client
    sent it would answer past the director; that, or one that got nothing, sends it something that
    the director knows nothing of."""
    source = told.target if told and not told.tunnels else None
    if not source or not source[0].startswith(("10.2.", "fd00:2:", "10.7.", "fd07:")):
        source = ("fd00:2::11" if ":" in client[0] else "10.2.0.11"), 80
    return packet_of(what, source, client)


def error_about(what, source, target):
    """The client's "port unreachable" about an answer"""
    kind = 1, 4
    if ":" not in source[0]:
        kind = 3, 3
    return craft.error(target[0], source[0], *kind, 0, packet_of(what, source, target))
