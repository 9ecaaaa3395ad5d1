# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab of tests/netns/lab.bash for one process: the same topology and addresses, but its network
namespaces have no names, are entered by a system call, and are gone when this process is.

                     br-c                       br-s
    client eth0 -----+------- director ---------+---- eth0 rs1, rs2, rs3
    10.1.0.2         |    10.1.0.1  10.2.0.1          10.2.0.11 ...
    clients 10.8/16  +------------------------------- eth1 rs1, rs2, rs3   10.1.0.11 ...

Real servers have the virtual addresses too, keep silent about them, unpack tunnels, and answer from
a virtual address by eth1: such answers never pass the director, as under DR and TUN they must not.

In an emulated machine a process costs a tenth of a second, so there is none where it can be helped.
"""
import ctypes
import os
import signal
import subprocess

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(libc, name)(*args):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Namespace:
    """A network namespace; "with" it, what is opened or started is inside."""

    def __init__(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call("unshare", CLONE_NEWNET)
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call("setns", home, CLONE_NEWNET)
        os.close(home)
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.home = None

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call("setns", self.fd, CLONE_NEWNET)

    def __exit__(self, *_):
        call("setns", self.home, CLONE_NEWNET)
        os.close(self.home)

    def spawn(self, words, **more):
        with self:
            return subprocess.Popen(words, preexec_fn=die_with_parent, **more)

    def batch(self, program, lines):
        """ip, ip6 (which is "ip -6") or nft with these lines as its input"""
        words = {"ip": ["ip", "-batch", "-"], "ip6": ["ip", "-6", "-batch", "-"],
                 "nft": ["nft", "-f", "-"]}[program]
        with self:
            subprocess.run(words, input="\n".join(lines) + "\n", text=True, check=True)

    def sysctl(self, value, *names):
        with self:
            for name in names:
                with open(f"/proc/sys/net/{name}", "w") as file:
                    file.write(str(value))

    def open(self, name):
        """A file of /proc/net, to be read again and again"""
        with self:
            return os.open(f"/proc/thread-self/net/{name}", os.O_RDONLY)


def quiet():
    """A namespace as a plain host has it, but for what takes time or comes by itself"""
    namespace = Namespace()
    for which in ("all", "default"):
        namespace.sysctl(0, f"ipv6/conf/{which}/accept_dad", f"ipv6/conf/{which}/accept_ra")
        namespace.sysctl(1, f"ipv4/conf/{which}/rp_filter")
    namespace.sysctl(0, "ipv4/ip_forward")
    return namespace


# Who may be a client, and what may be a virtual address: whole networks, so that every run of a
# scenario can have addresses that none had before it.
CLIENTS, CLIENTS6 = "10.8.0.0/16", "fd08::/64"
VIRTUAL, VIRTUAL6 = "10.9.0.0/16", "fd09::/64"
SERVERS = ("rs1", "rs2", "rs3")

GUE_PORT = 6080
TUNNELS = ("ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6")  # kernel modules
TUNNEL_DEVICES = ("tunl0", "sit0", "ip6tnl0", "gre0", "ip6gre0")


def without_filter():
    """A namespace where a packet may come in where no answer would go out"""
    namespace = quiet()
    for which in ("all", "default"):
        namespace.sysctl(0, f"ipv4/conf/{which}/rp_filter")
    return namespace


class Lab:
    """Namespaces by name: client, dir, rs1, rs2, rs3."""

    def __init__(self):
        subprocess.run(["modprobe", "-a", *TUNNELS], check=True)
        self.namespaces = {name: quiet() for name in ("client", "dir")}
        self.namespaces.update({name: without_filter() for name in SERVERS})
        self["dir"].batch("ip", self.director())
        self["client"].batch("ip", self.host("10.1.0.2", "fd00:1::2", "10.1.0.1", "fd00:1::1") + [
            f"route add local {CLIENTS} dev lo", f"route add local {CLIENTS6} dev lo"])
        for i, name in enumerate(SERVERS, 11):
            self[name].batch("ip", self.server(i))
            self[name].batch("ip6", [f"fou add port {GUE_PORT} gue",
                                     f"rule add from {VIRTUAL6} table 100"])
            self[name].sysctl(1, "ipv4/conf/all/arp_ignore")
            self[name].sysctl(2, "ipv4/conf/all/arp_announce")

    def close(self):
        for namespace in self.namespaces.values():
            os.close(namespace.fd)

    def __getitem__(self, name):
        return self.namespaces[name]

    def director(self):
        lines = ["link set lo up", f"route add local {VIRTUAL} dev lo",
                 f"route add local {VIRTUAL6} dev lo"]
        for bridge, side in (("br-c", 1), ("br-s", 2)):
            lines += [f"link add {bridge} type bridge", f"link set {bridge} up",
                      f"addr add 10.{side}.0.1/24 dev {bridge}",
                      f"addr add fd00:{side}::1/64 dev {bridge} nodad"]
        for name in ("client",) + SERVERS:
            port = name.replace("rs", "s").replace("client", "c0")
            bridge = "br-c" if name == "client" else "br-s"
            lines += [f"link add {port} type veth peer name eth0 netns {self[name].path}",
                      f"link set {port} master {bridge} up"]
        for name in SERVERS:
            port = name.replace("rs", "a")
            lines += [f"link add {port} type veth peer name eth1 netns {self[name].path}",
                      f"link set {port} master br-c up"]
        return lines + [f"route add {CLIENTS} via 10.1.0.2", f"route add {CLIENTS6} via fd00:1::2"]

    @staticmethod
    def host(address, address6, router, router6):
        return ["link set lo up", "link set eth0 up", f"addr add {address}/24 dev eth0",
                f"addr add {address6}/64 dev eth0 nodad", f"route add default via {router}",
                f"route add default via {router6}"]

    def server(self, i):
        lines = self.host(f"10.2.0.{i}", f"fd00:2::{i}", "10.2.0.1", "fd00:2::1") + [
            "link set eth1 up", f"addr add 10.1.0.{i}/24 dev eth1",
            f"addr add fd00:1::{i}/64 dev eth1 nodad", f"route add local {VIRTUAL} dev lo",
            f"route add local {VIRTUAL6} dev lo", f"rule add from {VIRTUAL} table 100",
            f"route add {CLIENTS} via 10.1.0.2 table 100",
            f"route add {CLIENTS6} via fd00:1::2 table 100", f"fou add port {GUE_PORT} gue"]
        lines += [f"link set {device} up" for device in TUNNEL_DEVICES]
        if i == 13:  # a gre device wants a checksum always or never
            lines += [f"link add gre{i} type gre local 10.2.0.{i} remote 10.2.0.1 icsum",
                      f"link add greb{i} type ip6gre local fd00:2::{i} remote fd00:2::1 icsum",
                      f"link set gre{i} up", f"link set greb{i} up"]
        return lines
