# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of SCTP associations; run without arguments for the list.

Two kinds: sockets of the kernel, and, where it has no SCTP, single chunks on raw sockets, which know
just enough to see whether packets come with right addresses, ports and checksum. Ends are bound to one
address: an association may else go on over addresses that are no service's.
"""
import hashlib
import os
import signal
import socket
import struct
import sys

SCTP = 132
IP_RECVERR, IPV6_RECVERR = 11, 25
RESET = struct.pack("ii", 1, 0)
PIECE = 20000  # of a transfer: more than a packet takes
CHUNKS = {"DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "ABORT": 6, "SHUTDOWN": 7,
          "SHUTDOWN_ACK": 8, "COOKIE_ECHO": 10, "COOKIE_ACK": 11, "SHUTDOWN_COMPLETE": 14}
NAMES = {number: name for name, number in CHUNKS.items()}
ANSWERS = {"INIT": "INIT_ACK", "COOKIE_ECHO": "COOKIE_ACK", "DATA": "SACK",
           "SHUTDOWN": "SHUTDOWN_ACK"}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


def packet(sport, dport, name):
    chunk = struct.pack("!BBH", CHUNKS[name], 0, 20) + os.urandom(16)
    head = struct.pack("!HHI", sport, dport, 1)
    return head + crc32c(head + bytes(4) + chunk) + chunk


def read_packet(data, family):
    """Ports and the name of the first chunk; exits if the checksum is wrong"""
    if family == socket.AF_INET:
        data = data[(data[0] & 15) * 4:]
    sport, dport, _, check = struct.unpack_from("!HHI4s", data)
    if crc32c(data[:8] + bytes(4) + data[12:]) != check:
        print("checksum", flush=True)
        sys.exit(f"wrong checksum from port {sport}")
    return sport, dport, NAMES.get(data[12], str(data[12]))


def raw_socket(address):
    sock = socket.socket(family_of(address), socket.SOCK_RAW, SCTP)
    sock.settimeout(3)
    return sock


def raw_server(address, port):
    """answers chunks that are sent to PORT of ADDRESS, and prints whose they were"""
    sock = raw_socket(address)
    sock.settimeout(None)
    sock.bind((address, 0))
    print("ready", flush=True)
    while True:
        data, peer = sock.recvfrom(65535)
        sport, dport, name = read_packet(data, sock.family)
        if dport != int(port):
            continue
        print(peer[0], sport, name, flush=True)
        if name in ANSWERS:
            sock.sendto(packet(dport, sport, ANSWERS[name]), (peer[0], 0))


def raw_client(source, sport, address, port, *names):
    """sends chunks from SPORT, one after the other, and prints what each is answered"""
    sock = raw_socket(address)
    sock.bind((source, 0))
    for name in names:
        sock.sendto(packet(int(sport), int(port), name), (address, 0))
        while name in ANSWERS:
            data, peer = sock.recvfrom(65535)
            if peer[0] == address and read_packet(data, sock.family)[:2] == (int(port), int(sport)):
                print(read_packet(data, sock.family)[2])
                break


def kernel_socket(source, sport=0):
    sock = socket.socket(family_of(source), socket.SOCK_STREAM, SCTP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((source, int(sport)))
    sock.settimeout(10)
    return sock


def receive(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("closed by the peer")
        data += more
    return data


def server(name, address, port):
    """greets each association with NAME, and sends back what it says"""
    listener = kernel_socket(address, port)
    listener.settimeout(None)
    listener.listen(10)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        sock, peer = listener.accept()
        if os.fork():
            sock.close()
            continue
        listener.close()
        try:
            sock.sendall(f"{name} {peer[0]}".encode().ljust(64))
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass
        os._exit(0)


def associate(source, sport, address, port):
    """A socket and the greeting"""
    sock = kernel_socket(source, sport)
    level, option = ((socket.IPPROTO_IPV6, IPV6_RECVERR) if sock.family == socket.AF_INET6 else
                     (socket.IPPROTO_IP, IP_RECVERR))
    sock.setsockopt(level, option, 1)
    sock.connect((address, int(port)))
    return sock, receive(sock, 64).decode().strip()


def talk(size, source, address, port):
    """SIZE bytes there and back, and a comparison"""
    sock, greeting = associate(source, 0, address, port)
    there, back = hashlib.sha256(), hashlib.sha256()
    for at in range(0, int(size), PIECE):
        data = os.urandom(min(PIECE, int(size) - at))
        there.update(data)
        sock.sendall(data)
        back.update(receive(sock, len(data)))
    sock.close()
    if there.digest() != back.digest():
        sys.exit("the answer differs")
    print(greeting, size)


def hold(source, sport, address, port):
    """an association; SIGTERM shuts it down, SIGINT aborts it"""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sock, greeting = associate(source, sport, address, port)
    print(greeting, flush=True)
    if signal.sigwait({signal.SIGTERM, signal.SIGINT}) == signal.SIGINT:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def refused(source, sport, address, port):
    """is an association refused?"""
    try:
        associate(source, sport, address, port)
    except OSError as error:
        return print("refused" if isinstance(error, ConnectionRefusedError) else f"not so: {error}")
    return print("not refused")


def missing():
    """why the kernel's sockets cannot be used here; nothing if they can"""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP).close()
    except OSError as error:
        print(error.strerror)


def main():
    commands = (server, talk, hold, refused, raw_server, raw_client, missing)
    for command in commands:
        if sys.argv[1:2] == [command.__name__]:
            return command(*sys.argv[2:])
    for command in commands:
        print(command.__name__, *command.__code__.co_varnames[: command.__code__.co_argcount],
              "-", command.__doc__)
    return sys.exit(2)


main()
