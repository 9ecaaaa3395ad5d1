# SPDX-License-Identifier: GPL-2.0-or-later
"""SCTP packets by the names of their chunks: "init", or "cookie-echo+abort" of two."""
import struct

SCTP = 132
NAMES = ("data", "init", "init-ack", "sack", "heartbeat", "heartbeat-ack", "abort", "shutdown",
         "shutdown-ack", "error", "cookie-echo", "cookie-ack", "ecne", "cwr", "shutdown-complete")
TYPES = {name: number for number, name in enumerate(NAMES)}
TYPES["unknown"] = 0xc5
LENGTH = 9  # of each: padding follows


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    return struct.pack("<I", value ^ 0xffffffff)


def known(what):
    return all(name in TYPES for name in what.split("+"))


def segment(sport, dport, what):
    body = b"".join(struct.pack("!BBH8x", TYPES[name], 0, LENGTH) for name in what.split("+"))
    head = struct.pack("!HHI", sport, dport, 0x01020304)
    return head + crc32c(head + bytes(4) + body) + body


def text(packet):
    """In words. packet: from the common header on; cut, inside an ICMP error"""
    if len(packet) < 16:
        return "sctp"
    right = crc32c(packet[:8] + bytes(4) + packet[12:]) == packet[8:12]
    kind = packet[12]
    return f"sctp {NAMES[kind] if kind < len(NAMES) else kind}" + ("" if right else ", corrupt")
