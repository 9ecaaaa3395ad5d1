# SPDX-License-Identifier: GPL-2.0-or-later
"""Says once, as routers do, that this machine is a way to anywhere: advertise.py DEVICE SECONDS"""
import socket
import struct
import sys

ROUTER_ADVERTISEMENT = 134

device, seconds = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(device))
sock.sendto(struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 64, 0, seconds, 0, 0),
            ("ff02::1", 0))
