# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that no socket sends; run as one of:

tcp FLAGS FROM SPORT TO DPORT
    one TCP packet with these flags ("A", "SA")
syns COUNT FROM TO DPORT
    a SYN from each of COUNT ports, 10000 and on
unreachable ROUTER FROM SPORT TO DPORT
    an ICMP error, by ROUTER to FROM, about a TCP packet from FROM:SPORT to TO:DPORT
"""
import sys

from scapy.all import ICMP, IP, TCP, conf, send

conf.verb = 0


def tcp(flags, source, sport, to, dport):
    send(IP(src=source, dst=to) / TCP(sport=int(sport), dport=int(dport), flags=flags))


def syns(count, source, to, dport):
    send([IP(src=source, dst=to) / TCP(sport=10000 + i, dport=int(dport), flags="S")
          for i in range(int(count))])


def unreachable(router, source, sport, to, dport):
    about = IP(src=source, dst=to) / TCP(sport=int(sport), dport=int(dport), flags="A")
    send(IP(src=router, dst=source) / ICMP(type=3, code=1) / about)


for command in (tcp, syns, unreachable):
    if sys.argv[1:2] == [command.__name__]:
        sys.exit(command(*sys.argv[2:]))
sys.exit(__doc__)
