# SPDX-License-Identifier: GPL-2.0-or-later
"""The UDP services of a real server in the lab, both families.

port 53    answers "NAME CLIENT\\n"
port 7     sends every datagram back
port 5300  answers "N" with N numbered datagrams of 103 bytes, sent as one segmented buffer (UDP GSO)
"""
import selectors
import socket
import struct
import sys

SOL_UDP = 17
IP_PKTINFO = 8
UDP_SEGMENT = 103
SEGMENT = 103


def segments(count):
    return b"".join(struct.pack("!I", i).ljust(SEGMENT, b"%c" % (65 + i % 26)) for i in range(count))


def asked(control):
    """The address that was asked, as control data to answer from it: it may be a virtual one."""
    for level, kind, data in control:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            return [(level, kind, struct.pack("=I4s4s", 0, data[8:12], bytes(4)))]
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return [(level, kind, data[:16] + bytes(4))]
    return []


def answer(sock, port, name):
    data, control, _, peer = sock.recvmsg(65535, 64)
    control = asked(control)
    if port == 53:
        data = f"{name} {peer[0]}\n".encode()
    elif port == 5300:
        data = segments(int(data))
        control.append((SOL_UDP, UDP_SEGMENT, struct.pack("H", SEGMENT)))
    sock.sendmsg([data], control, 0, peer)


def main():
    name = sys.argv[1]
    selector = selectors.DefaultSelector()
    for port in (53, 7, 5300):
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            sock = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.bind((address, port))
            selector.register(sock, selectors.EVENT_READ, port)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            try:
                answer(key.fileobj, key.data, name)
            except OSError as error:  # a client that is gone: ECONNREFUSED
                print(error, file=sys.stderr, flush=True)


main()
