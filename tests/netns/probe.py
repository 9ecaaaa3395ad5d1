# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes of a path; run without arguments for the list.

error [ttl=N] [size=N] [df] [from=PORT] HOST PORT
    sends a datagram and prints the ICMP error that comes back: TYPE CODE INFO OFFENDER
load SECONDS RATE HOST PORT
    HTTP requests, each over a connection of its own, at most RATE a second; prints "N done, N
    failed", how many took more than a second (a packet was lost and sent again), and the first
    failures
"""
import errno
import os
import select
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
PATIENCE = 10  # seconds for a connection and its answer


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


class Clock(threading.Thread):
    """Time that this machine ran. Of a moment in which nobody could do anything, as it was paused,
    little counts: who waits would find his time over before what he waits for could come."""

    TICK = 0.05

    def __init__(self):
        super().__init__(daemon=True)
        self.now = self.longest = 0.0

    def run(self):
        last = time.monotonic()
        while True:
            time.sleep(self.TICK)
            passed = time.monotonic() - last
            last += passed
            self.longest = max(self.longest, passed)
            self.now += min(passed, 4 * self.TICK)


class Load:
    """What threads that ask for the same have come to"""

    def __init__(self, seconds, rate, host, port):
        self.rate, self.address = float(rate) / THREADS, (host, int(port))
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.clock = Clock()
        self.clock.start()
        self.end = float(seconds)
        self.done, self.slow, self.failures = 0, 0, []
        self.lock = threading.Lock()

    def wait(self, sock, write, end):
        while not any(select.select([] if write else [sock], [sock] if write else [], [], 0.2)):
            if self.clock.now > end:
                raise TimeoutError(f"no {'connection' if write else 'answer'} in {PATIENCE} s")

    def get(self):
        end = self.clock.now + PATIENCE
        with socket.socket(self.family, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            failed = sock.connect_ex(self.address)
            if failed == errno.EINPROGRESS:
                self.wait(sock, True, end)
                failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, os.strerror(failed))
            sock.sendall(REQUEST)
            data, more = b"", None
            while more != b"":
                self.wait(sock, False, end)
                more = sock.recv(65536)
                data += more
        if not data.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"answer: {data[:40]!r}")

    def part(self):
        due = time.monotonic()
        while self.clock.now < self.end:
            time.sleep(max(0.0, due - time.monotonic()))
            begin, failure = self.clock.now, None
            try:
                self.get()
            except OSError as error:
                failure = f"{type(error).__name__}: {error}"
            with self.lock:
                if failure:
                    self.failures.append(failure)
                self.done += not failure
                self.slow += not failure and self.clock.now - begin > 1
            # What was missed is not made up for.
            due = max(due + 1 / self.rate, time.monotonic() - 0.1)


def load(seconds, rate, host, port):
    all_of = Load(seconds, rate, host, port)
    threads = [threading.Thread(target=all_of.part) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{all_of.done} done, {len(all_of.failures)} failed, {all_of.slow} took more than a "
          f"second, {all_of.done / float(seconds):.0f} a second", *all_of.failures[:5], sep="\n")
    if all_of.clock.longest > 1:
        print(f"nothing ran for {all_of.clock.longest:.1f} s")


def main():
    commands = {"error": error, "load": load}
    if sys.argv[1:2] and sys.argv[1] in commands:
        return commands[sys.argv[1]](*sys.argv[2:])
    print(__doc__)
    return sys.exit(2)


main()
