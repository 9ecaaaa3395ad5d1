# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios: what they are written in, how one is made up, and how a long one is cut short.

A scenario is lines of text. A line that begins with a dash is for ipvsadm and nfvsadm; the others:

    connect NAME CLIENT:PORT VIRTUAL:PORT [close]   a TCP connection, kept open or closed at once
    send NAME                                       something to say over it, and an answer
    close NAME [client|server|reset|half]           who closes first; half: only the client
    udp NAME CLIENT:PORT VIRTUAL:PORT               a datagram, and an answer
    wait SECONDS

Addresses are names: C1 C2 C3 are clients, VIP and VIP2 virtual, RS1 RS2 RS3 servers (TCP ports 80,
81, 443, 8080 and 8081, UDP 53, 5300 and 5301), each with a 6 behind it for IPv6. The servers take
every method of forwarding: GUE at port 6080; of GRE, RS3 wants checksums and the others none. FWM
is a firewall mark, which what goes to VIP2 carries once a line has named it. Every run gets
addresses and a mark of its own, so that nothing is left from the one before.
"""
import ipaddress
import random
import re

NAMES = re.compile(r"\b(C[123]|VIP2?|RS[123])(6?)\b")
PORTS_OF_NAT = (":8080", ":8081", ":5300", ":5301")  # of made-up servers


class Names:
    """The addresses of run number @run"""

    def __init__(self, run):
        if run >= 1 << 14:
            raise ValueError("too many runs")
        self.mark = run
        self.addresses = {}
        for i, name in enumerate(("VIP", "VIP2", "C1", "C2", "C3")):
            net, net6 = (("10.9.0.0", "fd09::"), ("10.8.0.0", "fd08::"))[i >= 2]
            self.addresses[name] = ipaddress.ip_address(net) + run * 4 + i % 2 + (i == 4) * 2
            self.addresses[name + "6"] = ipaddress.ip_address(net6) + run * 4 + i % 2 + (i == 4) * 2
        for i in (1, 2, 3):
            self.addresses[f"RS{i}"] = ipaddress.ip_address(f"10.2.0.1{i}")
            self.addresses[f"RS{i}6"] = ipaddress.ip_address(f"fd00:2::1{i}")

    def text(self, line):
        """The line with addresses in place of names, as the tools want them"""
        def address(match):
            found = self.addresses[match[0]]
            return f"[{found}]" if found.version == 6 else str(found)

        return NAMES.sub(address, line).replace("FWM", str(self.mark))

    def marking(self):
        """Rules that mark what goes to VIP2, for nft"""
        for family, name in (("ip", "VIP2"), ("ip6", "VIP26")):
            yield f"add table {family} marks"
            yield f"add chain {family} marks early {{ type filter hook prerouting priority -250; }}"
            yield (f"add rule {family} marks early {family} daddr {self.addresses[name]} "
                   f"meta mark set {self.mark}")

    def endpoint(self, word):
        name, _, port = word.rpartition(":")
        return str(self.addresses[name]), int(port)

    def is_virtual(self, word):
        """Is this a virtual address of the run, as a list of connections shows it?"""
        mine = {self.text(name) for name in ("VIP", "VIP2", "VIP6", "VIP26")}
        mine.add(str(ipaddress.ip_address(self.mark)))
        return word.rpartition(":")[0] in mine


def read(path):
    with open(path) as file:
        lines = (line.strip() for line in file)
        return [line for line in lines if line and not line.startswith("#")]


class Maker:
    """Makes up lines, one at a time, from what it has made up before"""

    def __init__(self, seed, scheduler):
        self.random = random.Random(f"{seed} {scheduler}")
        self.scheduler = scheduler
        self.services = {"-t VIP:80": {}}  # and their servers: weight by "RS1:8080"
        self.direct = {}  # by service and server
        self.open = []
        self.flows = {}
        self.serial = 0
        self.first = [f"-A -t VIP:80 -s {scheduler}"]
        for server in self.random.sample(("RS1", "RS2", "RS3"), 3):
            port = self.random.choice((80, 8080))
            self.first.append(self.add("-t VIP:80", f"{server}:{port}"))

    def weight(self):
        weight = self.random.choice((0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 10))
        if self.random.random() < 0.9:
            return f"-w {weight}"
        upper = self.random.randint(2, 12)
        return f"-w {weight} -x {upper}" + self.random.choice(("", f" -y {upper // 2}"))

    def method(self, service, server):
        """How to forward. Other than NAT keeps the port, so ipvsadm makes it the service's own. A
        server is direct for ever or never: IPVS keeps one route a server, and a direct connection
        gets lost on the one that another method has looked up."""
        if server.endswith(PORTS_OF_NAT):
            return "-m"
        if self.direct.setdefault((service, server), self.random.random() < 0.4):
            return self.random.choice(("-g", ""))
        gre = "--tun-csum" if server.startswith("RS3") else "--tun-nocsum"
        gue = self.random.choice(("", " --tun-nocsum", " --tun-csum", " --tun-remcsum"))
        return self.random.choice(("-m", "-i", "-i --tun-type ipip",
                                   f"-i --tun-type gue --tun-port 6080{gue}",
                                   f"-i --tun-type gre {gre}"))

    def add(self, service, server):
        weight = self.services[service].setdefault(server, self.weight())
        return f"-a {service} -r {server} {self.method(service, server)} {weight}"

    def new(self, kind):
        self.serial += 1
        name = f"{kind}{self.serial}"
        return name, f"C{self.random.randint(1, 3)}:{20000 + self.serial}"

    def make_connect(self):
        name, source = self.new("c")
        services = [s for s in self.services if not s.startswith("-u")]
        target = self.random.choice(services or ["-t VIP:80"])[3:]
        if target == "FWM":
            target = self.random.choice(("VIP2:80", "VIP2:443"))
        self.open.append(name)
        return f"connect {name} {source} {target}"

    def make_connect_close(self):
        return self.make_connect() + " close"

    def make_close(self):
        if not self.open:
            return self.make_connect()
        how = self.random.choice(("client", "client", "server", "reset", "half"))
        name = self.random.choice(self.open)
        if how != "half":
            self.open.remove(name)
        return f"close {name} {how}"

    def make_send(self):
        return f"send {self.random.choice(self.open)}" if self.open else self.make_connect()

    def make_udp(self):
        targets = [s for s in self.services if s.startswith("-u")]
        if self.flows and self.random.random() < 0.4:
            return self.flows[self.random.choice(list(self.flows))]
        if not targets:
            return self.make_service()
        name, source = self.new("u")
        self.flows[name] = f"udp {name} {source} {self.random.choice(targets)[3:]}"
        return self.flows[name]

    def make_service(self):
        key = self.random.choice(("-t VIP:80", "-t VIP:81", "-t VIP2:80", "-u VIP:53", "-u VIP2:53",
                                  "-f FWM"))
        scheduler = self.scheduler if self.random.random() < 0.8 else \
            self.random.choice(("rr", "wrr", "lc", "wlc"))
        persistent = self.random.choice(("", "", "", " -p 300"))
        if key in self.services and self.random.random() < 0.5:
            return f"-E {key} -s {scheduler}{persistent}"
        self.services.setdefault(key, {})
        return f"-A {key} -s {scheduler}{persistent}"  # there already: refused

    def make_remove_service(self):
        key = self.random.choice(list(self.services) or ["-t VIP:80"])
        if key == "-t VIP:80":
            return f"-Z {key}"
        self.services.pop(key)
        return f"-D {key}"

    def server_of(self, service):
        own = "0" if service == "-f FWM" else service.rpartition(":")[2]
        ports = ("5300", "5301") if service.startswith("-u") else ("8080", "8081")
        ports += (own, own)
        return f"RS{self.random.randint(1, 3)}:{self.random.choice(ports)}"

    def make_add(self):
        service = self.random.choice(list(self.services))
        return self.add(service, self.server_of(service))

    def make_edit(self):
        service = self.random.choice(list(self.services))
        server = self.random.choice(list(self.services[service]) or [self.server_of(service)])
        return f"-e {service} -r {server} {self.method(service, server)} {self.weight()}"

    def make_delete(self):
        service = self.random.choice(list(self.services))
        server = self.random.choice(list(self.services[service]) or [self.server_of(service)])
        self.services[service].pop(server, None)
        return f"-d {service} -r {server}"

    def line(self):
        if self.first:
            return self.first.pop(0)
        makers = {self.make_connect: 30, self.make_connect_close: 12, self.make_close: 18,
                  self.make_send: 5, self.make_udp: 10, self.make_service: 4,
                  self.make_remove_service: 2, self.make_add: 6, self.make_edit: 9,
                  self.make_delete: 4}
        return self.random.choices(list(makers), makers.values())[0]()


def lines(seed, scheduler):
    """A made-up scenario without end; every fourth is of IPv6"""
    maker = Maker(seed, scheduler)
    suffix = r"\g<0>6" if maker.random.random() < 0.25 else r"\g<0>"
    while True:
        yield NAMES.sub(suffix, maker.line())


def about(lines):
    """For each line the service that it is about, as VIP:80; of VIP2 all are one with the mark's"""
    known = {}
    for line in lines:
        words = line.split()
        if line.startswith("-"):
            target = words[2] if len(words) > 2 else None
        else:
            if words[0] in ("connect", "udp"):
                known[words[1]] = words[3]
            target = known.get(words[1])
        yield "FWM" if target and target.startswith("VIP2") else target


def shrink(lines, fails, patience):
    """The shortest part of the scenario that still fails: the lines about one service, if that will
    do, and then without ever smaller pieces. patience() says when to stop."""
    services = list(about(lines))
    for service in sorted(set(services) - {None}, key=services.count):
        alone = [line for line, target in zip(lines, services) if target == service]
        if fails(alone):
            lines = alone
            break
    size = len(lines) // 2
    while size:
        at = 0
        while at < len(lines) and patience():
            less = lines[:at] + lines[at + size:]
            if fails(less):
                lines = less
            else:
                at += size
        size = size // 2
    return lines
