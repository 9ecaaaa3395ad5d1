# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers the first datagram on port PORT, of address ADDRESS alone if that is given, until an ICMP error
comes back: then says so and ends with 0."""
import socket
import sys

address = sys.argv[2] if len(sys.argv) > 2 else ""
sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((address, int(sys.argv[1])))
print("ready", flush=True)
_, peer = sock.recvfrom(100)
sock.connect(peer)
sock.settimeout(0.2)
for _ in range(25):
    try:
        sock.send(b"answer")
        sock.recv(100)
    except ConnectionRefusedError:
        print("refused", flush=True)
        sys.exit(0)
    except TimeoutError:
        pass  # the asker was still there
sys.exit("nothing came back")
