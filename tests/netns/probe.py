# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes of a path; run without arguments for the list.

error [ttl=N] [size=N] [df] [from=PORT] HOST PORT
    sends a datagram and prints the ICMP error that comes back: TYPE CODE INFO OFFENDER
load SECONDS RATE HOST PORT
    HTTP requests, each over a connection of its own, at most RATE a second; prints
    "N done, N failed" and the first failures
"""
import socket
import struct
import sys
import threading
import time

IP_MTU_DISCOVER, IP_RECVERR = 10, 11
IPV6_MTU_DISCOVER, IPV6_RECVERR = 23, 25
MSG_ERRQUEUE = 0x2000
PMTUDISC_DONT, PMTUDISC_PROBE = 0, 3
REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"
THREADS = 4


def error_read(sock, deadline):
    """The queued error as (type, code, info, offender)."""
    while time.monotonic() < deadline:
        try:
            _, control, _, _ = sock.recvmsg(65535, 512, MSG_ERRQUEUE)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        for level, kind, data in control:
            if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR):
                offender = socket.inet_ntop(socket.AF_INET, data[20:24])
            elif (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVERR):
                offender = socket.inet_ntop(socket.AF_INET6, data[24:40])
            else:
                continue
            _, _, icmp_type, code, _, info, _ = struct.unpack("=IBBBBII", data[:16])
            return icmp_type, code, info, offender
    return None


def error(*arguments):
    host, port = arguments[-2:]
    options = dict(word.partition("=")[::2] for word in arguments[:-2])
    v6 = ":" in host
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
    sock.setsockopt(level, IPV6_RECVERR if v6 else IP_RECVERR, 1)
    sock.setsockopt(level, IPV6_MTU_DISCOVER if v6 else IP_MTU_DISCOVER,
                    PMTUDISC_PROBE if "df" in options else PMTUDISC_DONT)
    if "from" in options:
        sock.bind(("", int(options["from"])))
    if "ttl" in options:
        sock.setsockopt(level, socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL,
                        int(options["ttl"]))
    sock.connect((host, int(port)))
    sock.setblocking(False)
    sock.send(bytes(int(options.get("size", "8"))))
    found = error_read(sock, time.monotonic() + 3)
    if not found:
        sys.exit("no ICMP error came back")
    print(*found)


def get(host, port):
    with socket.create_connection((host, port), timeout=10) as sock:
        sock.sendall(REQUEST)
        data = b""
        while more := sock.recv(65536):
            data += more
    if not data.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(f"answer: {data[:40]!r}")


def load_part(rate, end, host, port, done, failures):
    due = time.monotonic()
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            get(host, port)
            done.append(None)
        except OSError as failure:
            failures.append(f"{type(failure).__name__}: {failure}")
        due = max(due + 1 / rate, time.monotonic() - 0.1)  # what was missed is not made up for


def load(seconds, rate, host, port):
    done, failures = [], []
    end = time.monotonic() + float(seconds)
    threads = [threading.Thread(target=load_part, args=(float(rate) / THREADS, end, host, int(port),
                                                        done, failures)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(done)} done, {len(failures)} failed, {len(done) / float(seconds):.0f} a second",
          *failures[:5], sep="\n")


def main():
    commands = {"error": error, "load": load}
    if sys.argv[1:2] and sys.argv[1] in commands:
        return commands[sys.argv[1]](*sys.argv[2:])
    print(__doc__)
    return sys.exit(2)


main()
