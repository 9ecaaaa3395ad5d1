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
UDP_SEGMENT = 103
SEGMENT = 103


def segments(count):
    return b"".join(struct.pack("!I", i).ljust(SEGMENT, b"%c" % (65 + i % 26)) for i in range(count))


def answer(sock, port, name):
    data, peer = sock.recvfrom(65535)
    if port == 53:
        sock.sendto(f"{name} {peer[0]}\n".encode(), peer)
    elif port == 7:
        sock.sendto(data, peer)
    else:
        control = [(SOL_UDP, UDP_SEGMENT, struct.pack("H", SEGMENT))]
        sock.sendmsg([segments(int(data))], control, 0, peer)


def main():
    name = sys.argv[1]
    selector = selectors.DefaultSelector()
    for port in (53, 7, 5300):
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            sock = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
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
