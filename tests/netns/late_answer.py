# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers each datagram on port PORT until an ICMP error comes back: then says so and ends with 0."""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", int(sys.argv[1])))
print("ready", flush=True)
_, peer = sock.recvfrom(100)
sock.connect(peer)
sock.settimeout(3)
try:
    for _ in range(2):
        sock.send(b"answer")
        sock.recv(100)
except ConnectionRefusedError:
    print("refused", flush=True)
    sys.exit(0)
sys.exit("nothing came back")
