# SPDX-License-Identifier: GPL-2.0-or-later
"""Made-up scenarios of single packets: what a director could live through, by a seed.

A seed first chooses what the director is like (services, schedulers and their flags, persistence,
settings), and then, step by step, what happens. Any packet may come at any time, also those that no
sane client would send, as state tables are for these too.
"""
import random

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh")
FLAGS = {"sh": ("sh-fallback", "sh-port", "flag-3"), "mh": ("mh-fallback", "mh-port", "flag-3")}
ANY_FLAGS = ("flag-1", "flag-2", "flag-3")
# One of these has the first service of a history, by its seed: any 20 in a row have all of them, and so
# each scheduler, and each way in which flags change what sh and mh do.
CASES = [(name, flags) for name in SCHEDULERS
         for flags in ([[], FLAGS[name][:1], FLAGS[name][1:2], FLAGS[name][:2]] if name in FLAGS
                       else [[]])]
CLIENTS_FLAGS = ("A", "A", "A", "FA", "FA", "R", "S", "PA", "SA", "RA", "SF", "-", "F")
CHUNKS = ("data", "init", "init-ack", "cookie-echo", "cookie-ack", "shutdown", "shutdown-ack",
          "shutdown-complete", "error", "abort", "sack", "cookie-echo+abort", "heartbeat")
SERVERS_FLAGS = ("SA", "SA", "SA", "A", "A", "FA", "R", "S", "RA", "PA", "F")
FIRST = {"t": "S", "u": "udp", "s": "init"}
HANDSHAKE = {"t": (("packet", "S"), ("answer", "SA"), ("packet", "A")),
             "u": (("packet", "udp"), ("answer", "udp")),
             "s": (("packet", "init"), ("answer", "init-ack"), ("packet", "cookie-echo"),
                   ("answer", "cookie-ack"))}
# Settings and what they may be: the first is the default.
SETTINGS = {"conn_reuse_mode": (1, 0, 2, 3), "expire_nodest_conn": (0, 1),
            "expire_quiescent_template": (0, 1), "sloppy_tcp": (0, 1), "sloppy_sctp": (0, 1), "schedule_icmp": (0, 1),
            "nat_icmp_send": (0, 1), "secure_tcp": (0, 3), "drop_packet": (0, 3)}
DEFENCES = ("secure_tcp", "drop_packet")  # take effect with the next tick of a second
TICK = 1.5
# With schedule_icmp an error about an answer begins a connection. These then look up the address that
# the answer was sent to, the client's, in IPVS; in nfvs that of the service, as for all packets.
BY_TARGET = ("dh", "lblc", "lblcr")
TUNNELS = ("", " --tun-type gre", " --tun-type gre --tun-csum", " --tun-type gue --tun-port 6080",
           " --tun-type gue --tun-port 6080 --tun-csum",
           " --tun-type gue --tun-port 6080 --tun-remcsum")
KINDS = {"-t {}:80": 40, "-u {}:53": 20, "-f FWM": 25, "-t {}:0": 6, "-u {}:0": 4, "-t {}:21": 5,
         "--sctp-service {}:80": 10}
# What the kernel can carry (NFVS_DATAPATH=auto): datagrams and streams to NAT servers.
CARRIED = ("-t {}:80", "-u {}:53", "-t {}:0", "-u {}:0")


class Service:
    """key: as the tools name it. protocols: of its packets."""

    def __init__(self, maker, kind):
        self.maker, self.kind = maker, kind
        self.key = kind.format(maker.virtual) + (" -6" if maker.six and kind == "-f FWM" else "")
        self.protocols = {"-t": "t", "-u": "u", "-f": "tus", "--": "s"}[kind[:2]]
        self.port = kind.rpartition(":")[2] if ":" in kind else "0"
        self.servers = []
        self.methods = {}
        self.lost = set()
        self.there = False

    def options(self):
        choose = self.maker.random
        name = choose.choice(self.maker.schedulers)
        flags = [flag for flag in FLAGS.get(name, ANY_FLAGS) if choose.random() < 0.4]
        if name not in FLAGS and choose.random() > 0.3:
            flags = []
        if self.maker.case:
            name, flags = self.maker.case
            self.maker.case = None
        words = f"-s {name}"
        if flags:
            words += " -b " + ",".join(flags)
        needs = self.kind != "-f FWM" and self.port in ("0", "21")
        if needs or choose.random() < 0.35:
            words += f" -p {choose.choice((1, 2, 3, 60, 300, 300))}"
            if choose.random() < 0.4:
                words += " -M " + choose.choice(("64", "112", "120") if self.maker.six else
                                                ("255.255.255.0", "255.255.0.0", "255.255.255.248"))
        if "u" in self.protocols and not self.maker.carried and choose.random() < 0.25:
            words += " -o"
        return words

    def target(self):
        """One of the places that packets of this service may go to, with its protocol"""
        choose, protocol = self.maker.random, self.maker.random.choice(self.protocols)
        if self.kind == "-f FWM":
            number = choose.choice(self.maker.marked)
            name = f"{'W' if self.maker.six else 'V'}{number}"
            return f"{name}:{choose.choice((80, 80, 443, 53))}", protocol
        port = self.port
        if port == "0":
            port = choose.choice((80, 443, 5000, 53))
        elif port == "21" and choose.random() < 0.4:
            port = choose.choice((20, 2000, 40000))
        return f"{self.maker.virtual}:{port}", protocol

    def method(self, server):
        """Other than NAT keeps the port, so ipvsadm makes it the service's own. A server is direct
        for ever or never: IPVS keeps one route a server, and a direct connection gets lost on the
        one that another method has looked up."""
        choose = self.maker.random
        if server.rpartition(":")[2] != self.port or self.maker.carried:
            return "-m"
        if self.methods.setdefault(server, choose.random() < 0.25):
            return choose.choice(("-g", ""))
        return "-m" if choose.random() < 0.7 else "-i" + choose.choice(TUNNELS)

    def weight(self):
        choose = self.maker.random
        weight = choose.choice((0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 10, 100))
        if choose.random() < 0.8:
            return f"-w {weight}"
        upper = choose.randint(1, 8)
        lower = choose.choice(("", f" -y {upper // 2}", f" -y {upper}"))
        return f"-w {weight} -x {upper}{lower}"

    def server(self):
        port = self.port
        if self.kind != "-f FWM" and self.maker.random.random() < 0.6:
            port = self.maker.random.choice(("8080", "8081"))
        return f"RS{self.maker.random.randint(1, 9)}{self.maker.suffix}:{port}"

    def remove(self):
        """A server that was removed alone, shortly before, does not return with the next such
        service: IPVS then sets its counters to zero, but for what it has not yet added up."""
        self.lost.update(server for server in self.methods if server not in self.servers)
        self.there = False
        return f"-D {self.key}"

    def add(self, server):
        self.servers = [other for other in self.servers if other != server] + [server]
        return f"-a {self.key} -r {server} {self.method(server)} {self.weight()}"


class History:
    """lines() yields the steps. @carried: all services are such as the kernel can carry, and what is
    over is left alone, as conntrack and IPVS do not remember it for the same time."""

    def __init__(self, seed, schedulers=SCHEDULERS, settings=tuple(SETTINGS), carried=False):
        self.random = random.Random(f"history {seed}")
        self.carried = carried
        self.schedulers = schedulers
        self.six = self.random.random() < 0.3
        self.suffix = "6" if self.six else ""
        self.virtual = "VIP" + self.suffix
        self.clients = [self.random.choice((0, 1, 1, 7)) * 256 + self.random.randint(1, 250)
                        for _ in range(self.random.choice((2, 6, 12)))]
        self.marked = [self.random.randint(1, 250) for _ in range(self.random.choice((1, 3, 8)))]
        kinds = {kind: KINDS[kind] for kind in (CARRIED if carried else KINDS)}
        self.services = {}
        for _ in range(self.random.choice((1, 1, 2, 3))):
            kind = self.random.choices(list(kinds), kinds.values())[0]
            self.services.setdefault(kind, Service(self, kind))
        self.settings = [name for name in settings if self.random.random() < 0.2]
        self.case = CASES[seed % len(CASES)]
        if self.case[0] not in schedulers:
            self.case = None
        elif self.case[0] in BY_TARGET and "schedule_icmp" in self.settings:
            self.settings.remove("schedule_icmp")
        if "schedule_icmp" in self.settings:
            self.schedulers = [name for name in schedulers if name not in BY_TARGET] or schedulers
        self.flows = []
        self.port = 1024

    def service(self):
        return self.random.choice(list(self.services.values()))

    def begin(self):
        """One service is always there: IPVS without any takes its hooks out, and then the director's
        own stack answers what is left of others; nfvs stays silent also then."""
        yield f"-A -t VIP2{self.suffix}:9 -s rr"
        for name in self.settings:
            yield from self.set(name, self.random.choice(SETTINGS[name][1:]))
        for service in self.services.values():
            yield from self.create(service)

    def set(self, name, value):
        if name == "drop_packet" and value:
            yield f"set am_droprate {self.random.randint(2, 5)}"
        yield f"set {name} {value}"
        if name in DEFENCES:
            yield f"wait {TICK}"

    def create(self, service):
        service.there = True
        yield f"-A {service.key} {service.options()}"
        servers = {service.server() for _ in range(self.random.randint(1, 6))}
        for server in service.servers + sorted(servers - set(service.servers) - service.lost):
            if self.random.random() < 0.9:
                yield service.add(server)

    def flow(self):
        self.port += 1
        target, protocol = self.service().target()
        port = self.port if self.random.random() < 0.98 else 20
        self.flows.append((f"H{self.random.choice(self.clients)}:{port}", target, protocol))
        return self.flows[-1]

    def what(self, protocol, flags):
        """A packet that does not begin anything"""
        return "udp" if protocol == "u" else self.random.choice(flags if protocol == "t" else CHUNKS)

    def make_new(self):
        client, target, protocol = self.flow()
        yield f"packet {client} {target} {FIRST[protocol]}"

    def old(self):
        return self.random.choice(self.flows[-30:]) if self.flows else self.flow()

    def over(self, flow):
        if self.carried:
            self.flows = [other for other in self.flows if other != flow]

    def one_more(self, word, all_flags):
        flow = client, target, protocol = self.old()
        what = self.what(protocol, all_flags)
        yield f"{word} {client} {target} {what}"
        if protocol == "t" and ("R" in what or "F" in what or what == "-"):
            self.over(flow)

    def make_more(self):
        yield from self.one_more("packet", CLIENTS_FLAGS)

    def make_answer(self):
        yield from self.one_more("answer", SERVERS_FLAGS)

    def make_handshake(self):
        flow = client, target, protocol = self.flow()
        for word, what in HANDSHAKE[protocol]:
            yield f"{word} {client} {target} {what}"
        if protocol == "t" and self.random.random() < 0.4:
            for word, what in (("packet", "FA"), ("answer", "FA"), ("packet", "A")):
                yield f"{word} {client} {target} {what}"
            self.over(flow)

    def make_error(self):
        client, target, protocol = self.old() if self.random.random() < 0.7 else self.flow()
        yield f"error {client} {target} {HANDSHAKE[protocol][-1][1]}"

    def make_edit(self):
        service = self.service()
        server = self.random.choice(service.servers or [service.server()])
        yield f"-e {service.key} -r {server} {service.method(server)} {service.weight()}"

    def make_add(self):
        service = self.service()
        gone = [server for server in service.methods if server not in service.servers]
        server = self.random.choice(gone) if gone and self.random.random() < 0.5 else \
            service.server()
        if server not in service.lost:
            yield service.add(server)

    def make_delete(self):
        service = self.service()
        server = self.random.choice(service.servers or [service.server()])
        if server in service.servers:
            service.servers.remove(server)
            service.methods.setdefault(server, False)
        yield f"-d {service.key} -r {server}"
        yield from self.flushed()

    def flushed(self):
        """With this setting both end the connections of a server that is removed, but not at once."""
        if "expire_nodest_conn" in self.settings:
            yield "wait 0.3"

    def make_service(self):
        service = self.service()
        if service.there and self.random.random() < 0.6:
            yield f"-E {service.key} {service.options()}"
        elif service.there:
            yield service.remove()
            yield from self.flushed()
        else:
            yield from self.create(service)

    def make_setting(self):
        if self.settings:
            name = self.random.choice(self.settings)
            yield from self.set(name, self.random.choice(SETTINGS[name]))

    def make_wait(self):
        yield f"wait {self.random.choice((0.5, 1.5, 2.5))}"

    def make_zero(self):
        yield f"-Z {self.service().key}" if self.random.random() < 0.5 else "-Z"

    def lines(self):
        yield from self.begin()
        makers = {self.make_new: 30, self.make_handshake: 14, self.make_more: 26,
                  self.make_answer: 16, self.make_error: 2, self.make_edit: 9, self.make_add: 4,
                  self.make_delete: 4, self.make_service: 2, self.make_setting: 1,
                  self.make_wait: 0.7, self.make_zero: 0.3}
        while True:
            yield from self.random.choices(list(makers), makers.values())[0]()
