#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP connections whose both ends tell how they ended; run without arguments for the list.

Lines: "up" once all connections are made, then for each that ends "reset", "closed" or "timeout"
and the seconds since the program was told (SIGUSR1) that they are about to be ended.
"""
import errno
import selectors
import signal
import socket
import sys
import time

told = [time.monotonic()]


def say(word):
    print(word, "%.2f" % (time.monotonic() - told[0]), flush=True)


def end_of(error):
    return "reset" if error.errno == errno.ECONNRESET else errno.errorcode[error.errno]


def serve(port, blast):
    """serve PORT quiet|blast: takes connections, echoes or sends without end"""
    listener = socket.create_server(("::", int(port)), family=socket.AF_INET6,
                                    dualstack_ipv6=True, backlog=1024)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    block = bytes(65536)
    print("ready", flush=True)
    while True:
        for key, events in selector.select():
            sock = key.fileobj
            if sock is listener:
                peer, _ = listener.accept()
                peer.setblocking(False)
                selector.register(peer, selectors.EVENT_READ |
                                  (selectors.EVENT_WRITE if blast == "blast" else 0))
                continue
            try:
                if events & selectors.EVENT_READ:
                    data = sock.recv(65536)
                    if not data:
                        say("closed")
                        selector.unregister(sock)
                        sock.close()
                        continue
                    if blast != "blast":
                        sock.send(data)
                if events & selectors.EVENT_WRITE:
                    sock.send(block)
            except BlockingIOError:
                pass
            except OSError as error:
                say(end_of(error))
                selector.unregister(sock)
                sock.close()


def connect(count, host, port, busy, *bind):
    """connect COUNT HOST PORT quiet|read|chat [SOURCE]: keeps connections until they end"""
    source = (bind[0], 0) if bind else None
    selector = selectors.DefaultSelector()
    left = 0
    for _ in range(int(count)):
        sock = socket.create_connection((host, int(port)), timeout=5, source_address=source)
        if busy != "read":
            sock.sendall(b"x")
        assert sock.recv(1)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        left += 1
    print("up", flush=True)
    while left:
        ready = selector.select(0.02)
        if busy == "chat":
            for key in list(selector.get_map().values()):
                try:
                    key.fileobj.send(b"y" * 100)
                except BlockingIOError:
                    pass
                except OSError as error:
                    say(end_of(error))
                    selector.unregister(key.fileobj)
                    left -= 1
        for key, _ in ready:
            sock = key.fileobj
            if sock.fileno() not in selector.get_map():
                continue
            try:
                data = sock.recv(1 << 20)
                if data:
                    continue
                say("closed")
            except BlockingIOError:
                continue
            except OSError as error:
                say(end_of(error))
            selector.unregister(sock)
            sock.close()
            left -= 1


def main():
    commands = {"serve": serve, "connect": connect}
    signal.signal(signal.SIGUSR1, lambda *_: told.__setitem__(0, time.monotonic()))
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        for command in commands.values():
            print(command.__doc__)
        sys.exit(2)
    commands[sys.argv[1]](*sys.argv[2:])


main()
