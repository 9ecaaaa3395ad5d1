# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients and servers of a lab, all of them in this process and on one event loop.

A server greets with its name and answers anything with it, so a client knows whom it reached, and
that packets go both ways. What is started gives a Pending; Wire.wait() runs the loop until it is
settled, which is when all packets that change a state on the director have passed it.
"""
import errno
import os
import selectors
import socket
import struct
import time

TCP_PORTS = (80, 81, 443, 8080, 8081)
UDP_PORTS = (53, 5300, 5301)
IP_PKTINFO, IP_RECVERR, IPV6_RECVERR, IPV6_FREEBIND = 8, 11, 25, 78
RESET = struct.pack("ii", 1, 0)
FAILURES = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset",
            errno.EHOSTUNREACH: "unreachable", errno.EPIPE: "reset"}


def failure(sock, error):
    """The word for an error of recv() or send(); None if there was nothing yet. An ICMP error that
    came while a system call had the socket is only in its error queue."""
    number = error.errno
    if number == errno.EAGAIN:
        try:
            number = struct.unpack_from("I", sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)[1][0][2])[0]
        except BlockingIOError:
            return None
    return FAILURES.get(number, os.strerror(number))


def answered(level, kind, data):
    """What a socket was told of where a datagram went, so that the answer comes from there: the
    address, and whatever interface that takes"""
    if level == socket.IPPROTO_IPV6:
        return level, kind, data[:16] + bytes(4)
    return level, kind, bytes(4) + data[8:12] + bytes(4)


class Pending:
    """result: a word once it is there, None before"""

    def __init__(self, result=None):
        self.result = result


class Wire:
    def __init__(self):
        self.selector = selectors.DefaultSelector()

    def watch(self, sock, action, events=selectors.EVENT_READ):
        sock.setblocking(False)
        self.selector.register(sock, events, action)

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def pause(self, sock):
        if sock in self.selector.get_map():
            self.selector.unregister(sock)

    def forget(self, sock):
        if sock.fileno() >= 0:
            self.pause(sock)
            sock.close()

    def turn(self, seconds):
        for key, _ in self.selector.select(seconds):
            if key.fileobj.fileno() >= 0:
                key.data()

    def wait(self, pendings, silence=1.5, patience=10):
        """Until all have a result. If none has one after so much silence, none will; if some have,
        the others are only slow."""
        begin = time.monotonic()
        while not all(pending.result for pending in pendings):
            passed = time.monotonic() - begin
            if passed > (patience if any(pending.result for pending in pendings) else silence):
                break
            self.turn(0.05)
        for pending in pendings:
            pending.result = pending.result or "silence"


class ServerEnd:
    """One connection as its server has it"""

    def __init__(self, wire, sock, name, on_end):
        self.wire, self.sock, self.name, self.on_end = wire, sock, name, on_end
        self.stays = False  # open although the client has nothing more to say
        self.ended = Pending()
        wire.watch(sock, self.readable)
        self.say()

    def say(self):
        try:
            self.sock.send(self.name.encode() + b"\n")
        except OSError:
            pass  # reset: seen by the next read

    def readable(self):
        try:
            data = self.sock.recv(4096)
        except OSError:
            data = b""
            self.stays = False
        if data:
            return self.say()
        self.ended.result = "ended"
        if self.stays:
            return self.wire.pause(self.sock)
        return self.close()

    def close(self):
        self.wire.forget(self.sock)
        self.on_end()


class Client:
    """One connection as its client has it"""

    def __init__(self, wire, sock, address):
        self.wire, self.sock = wire, sock
        self.source = sock.getsockname()[:2]
        self.half = False  # has nothing more to say
        self.answer = Pending()
        self.ended = Pending()
        self.text = b""
        sock.setblocking(False)
        sock.connect_ex(address)
        wire.watch(sock, self.readable)

    def readable(self):
        try:
            data = self.sock.recv(4096)
        except OSError as error:
            how = failure(self.sock, error)
            return how and self.end(how)
        if not data:
            return self.end("ended")
        self.text += data
        if self.text.endswith(b"\n"):
            self.answer.result = self.text.decode().strip()
            self.text = b""

    def reset(self):
        if not self.ended.result:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.end("closed")

    def end(self, how):
        self.answer.result = self.answer.result or how
        self.ended.result = how
        self.wire.forget(self.sock)

    def ask(self):
        self.answer = Pending()
        try:
            self.sock.send(b"who?\n")
        except OSError as error:
            self.end(failure(self.sock, error) or "full")
        return self.answer


class Clients:
    """The clients of one lab, and what its servers have of them"""

    def __init__(self, wire, lab, servers):
        self.wire, self.lab = wire, lab
        self.ends = {}  # ServerEnd by the client's address and port
        self.open = {}  # Client, or a datagram socket, by name
        for name in servers:
            for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                for port in TCP_PORTS:
                    self.listen(name, family, (anywhere, port))
                for port in UDP_PORTS:
                    self.answer(name, family, (anywhere, port))

    def socket(self, place, family, kind, address):
        with self.lab[place]:
            sock = socket.socket(family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, kind == socket.SOCK_STREAM)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        sock.bind(address)
        return sock

    def listen(self, name, family, address):
        sock = self.socket(name, family, socket.SOCK_STREAM, address)
        sock.listen(100)

        def accept():
            client, peer = sock.accept()
            peer = peer[:2]
            self.ends[peer] = ServerEnd(self.wire, client, name, lambda: self.ends.pop(peer, None))

        self.wire.watch(sock, accept)

    def answer(self, name, family, address):
        sock = self.socket(name, family, socket.SOCK_DGRAM, address)

        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)

        def receive():
            try:
                _, info, _, peer = sock.recvmsg(4096, 256)
                sock.sendmsg([name.encode()], [answered(*about) for about in info], 0, peer)
            except OSError:
                pass  # about an earlier answer: its client is gone

        self.wire.watch(sock, receive)

    def connect(self, name, source, target):
        family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
        try:
            sock = self.socket("client", family, socket.SOCK_STREAM, source)
            client = Client(self.wire, sock, target)
        except OSError as error:
            return Pending(FAILURES.get(error.errno, error.strerror))
        self.open[name] = client
        return client.answer

    def datagram(self, name, source, target):
        """Sends one, from the same socket if the name is known, and waits for its answer"""
        pending = Pending()
        sock = self.open.get(name)
        if not sock:
            family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
            sock = self.socket("client", family, socket.SOCK_DGRAM, source)
            sock.connect(target)
            self.wire.watch(sock, None)
            self.open[name] = sock

        def receive():
            try:
                pending.result = sock.recv(4096).decode()
            except OSError as error:
                pending.result = failure(sock, error)

        self.wire.selector.modify(sock, selectors.EVENT_READ, receive)
        receive()  # what came after its time
        pending.result = None
        try:
            sock.send(b"who?")
        except OSError as error:
            pending.result = failure(sock, error)
        return pending

    def send(self, name):
        client = self.open.get(name)
        if not client or client.ended.result or client.half:
            return Pending("closed")
        return client.ask()

    def close(self, name, how):
        """how: client or server, who closes first; reset; half: the server's half stays open"""
        client = self.open.get(name)
        if not client or client.ended.result:
            return Pending("closed")
        end = self.ends.get(client.source)
        if how == "reset" or not end:
            client.reset()
        elif end.stays:
            end.close()
            return client.ended
        elif how == "server":
            end.sock.shutdown(socket.SHUT_WR)
        else:
            end.stays = client.half = how == "half"
            client.sock.shutdown(socket.SHUT_WR)
            if not client.half:
                return client.ended
        return end.ended if end else Pending("closed")

    def close_all(self):
        for client in self.open.values():
            if isinstance(client, Client):
                client.reset()
            else:
                self.wire.forget(client)
        self.wire.turn(0)
        for end in list(self.ends.values()):
            end.close()
        self.open = {}
