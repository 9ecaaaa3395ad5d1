# SPDX-License-Identifier: GPL-2.0-or-later
"""A service manager in small: runs a COMMAND as systemd does a unit of Type=notify.

What it is told is printed, and what it is to store is kept: when the command then ends with status 0 it
is started again, with that. SIGTERM goes on to the command, whose end is that of this program.
"""
import os
import signal
import socket
import subprocess
import sys
import threading

kept = []
names = []


def receive(sock):
    while True:
        text, fds, _, _ = socket.recv_fds(sock, 4096, 4)
        print(text.decode().replace("\n", " "), flush=True)
        words = dict(line.split("=", 1) for line in text.decode().splitlines())
        if "FDSTORE" in words:
            kept[:] = fds
            names[:] = [words["FDNAME"]]
        else:
            for fd in fds:  # of a barrier: closed, it says that all was read
                os.close(fd)
        if "FDSTOREREMOVE" in words and names == [words["FDNAME"]]:
            kept.clear()


def run(command):
    """In a child whose pid the variables name, and with what is kept from descriptor 3 on."""
    script = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"] if kept else []
    env = dict(os.environ, LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(names)) if kept else None
    place = (lambda: os.dup2(kept[0], 3)) if kept else None
    return subprocess.Popen(script + command, env=env, preexec_fn=place, pass_fds=[3] if kept else [])


def main():
    path = os.environ["NOTIFY_SOCKET"]
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    threading.Thread(target=receive, args=(sock,), daemon=True).start()
    while True:
        child = run(sys.argv[1:])
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        status = child.wait()
        if status or not kept:
            sys.exit(status)


main()
