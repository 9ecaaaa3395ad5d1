# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients for what curl and socat cannot do; run without arguments for the list.

Each command prints one line per answer, and ends with status 0 only if all went well.
"""
import os
import select
import signal
import socket
import struct
import sys
import time

SOL_UDP = 17
UDP_SEGMENT = 103
SEGMENT = 103
REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"


def connect(host, port):
    return socket.create_connection((host, int(port)), timeout=5)


def udp_socket(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.connect((host, int(port)))
    return sock


def request(sock):
    """One HTTP request on a connection that stays open; the body's line."""
    sock.sendall(REQUEST)
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("closed by the server")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536)
    return body.decode().strip()


def keepalive(times, host, port):
    """TIMES requests over one connection"""
    sock = connect(host, port)
    for _ in range(int(times)):
        print(request(sock))


def again(source, host, port):
    """a request from port SOURCE; the server closes, so that the port can be used again at once"""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(5)
    sock.bind(("", int(source)))
    sock.connect((host, int(port)))
    sock.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    data = b""
    while more := sock.recv(65536):
        data += more
    print(data.partition(b"\r\n\r\n")[2].decode().strip())


def hold(count, host, port):
    """COUNT connections, each with one request made, open until SIGTERM"""
    socks = []
    for _ in range(int(count)):
        sock = connect(host, port)
        socks.append(sock)
        print(request(sock), flush=True)
    print("holding", flush=True)
    signal.sigwait({signal.SIGTERM})


def live(host, port):
    """requests over one connection, 50 a second, until SIGTERM"""
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    sock = connect(host, port)
    while not stopped:
        print(request(sock), flush=True)
        time.sleep(0.02)


def refused(kind, host, port):
    """is a connection attempt (tcp), or a datagram (udp), refused at once?"""
    start = time.monotonic()
    try:
        if kind == "tcp":
            connect(host, port)
        else:
            sock = udp_socket(host, port)
            sock.send(b"anybody?")
            sock.recv(100)
    except ConnectionRefusedError:
        print("refused after less than a second" if time.monotonic() - start < 1 else "refused late")
        return
    except OSError as error:
        sys.exit(f"not refused: {error}")
    sys.exit("not refused: answered")


def udp(count, host, port):
    """COUNT datagrams, each from a socket of its own"""
    for _ in range(int(count)):
        sock = udp_socket(host, port)
        sock.send(b"who?")
        print(sock.recv(65535).decode().strip())


def udp_same(count, host, port):
    """COUNT datagrams from one socket"""
    sock = udp_socket(host, port)
    for _ in range(int(count)):
        sock.send(b"who?")
        print(sock.recv(65535).decode().strip())


def echo(size, count, host, port):
    """COUNT datagrams of SIZE random bytes, each compared with what comes back"""
    sock = udp_socket(host, port)
    for _ in range(int(count)):
        data = os.urandom(int(size))
        sock.send(data)
        if sock.recv(65535) != data:
            sys.exit("the answer differs")
        print(len(data))


def receive_all(sock, count):
    got = []
    while len(got) < count and select.select([sock], [], [], 2)[0]:
        got.append(sock.recv(65535))
    return got


def gso_send(count, host, port):
    """COUNT datagrams sent as one segmented buffer to an echo server"""
    sock = udp_socket(host, port)
    sock.setsockopt(SOL_UDP, UDP_SEGMENT, SEGMENT)
    want = [os.urandom(SEGMENT) for _ in range(int(count))]
    sock.send(b"".join(want))
    got = receive_all(sock, len(want))
    if sorted(got) != sorted(want):
        sys.exit(f"{len(set(got) & set(want))} of {len(want)} came back intact")
    print(len(got))


def gso_receive(count, host, port):
    """COUNT datagrams that the server sends as one segmented buffer"""
    sock = udp_socket(host, port)
    sock.send(count.encode())
    got = sorted(receive_all(sock, int(count)))
    want = [struct.pack("!I", i).ljust(SEGMENT, b"%c" % (65 + i % 26)) for i in range(int(count))]
    if got != want:
        sys.exit(f"{len(set(got) & set(want))} of {len(want)} came intact")
    print(len(got))


def main():
    commands = (keepalive, again, hold, live, refused, udp, udp_same, echo, gso_send, gso_receive)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if "hold" in sys.argv[:2] else {})
    for command in commands:
        if sys.argv[1:2] == [command.__name__]:
            return command(*sys.argv[2:])
    for command in commands:
        print(command.__name__, *command.__code__.co_varnames[: command.__code__.co_argcount],
              "-", command.__doc__)
    return sys.exit(2)


main()
