// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every key of a configuration file. The one idea: a key is a row of this table and nothing else.
 * The reader (group.c), nfvsd -t and nfvs.conf(5) (manual.c) are made from it, so they cannot
 * differ. Constant data and look-ups in it; any thread.
 */
#include "conf/keys.h"
#include "conf/conf.h"

#include <string.h>

/* Where the value goes. */
#define AT(type, member) \
	.offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)

#define DAYS_31 2678400 /* the longest time that ipvsadm takes */

static const struct key_word rules_words[] = {{"managed", true}, {"external", false}, {NULL, 0}};
static const struct key_word system_words[] = {{"manage", true}, {"check", false}, {NULL, 0}};
static const struct key_word datapath_words[] = {
	{"auto", DATAPATH_AUTO}, {"packet", DATAPATH_PACKET}, {"flow", DATAPATH_FLOW}, {NULL, 0}};
static const struct key_word schedule_words[] = {{"auto", SCHEDULE_AUTO},
						 {"daemon", SCHEDULE_DAEMON},
						 {"kernel", SCHEDULE_KERNEL},
						 {NULL, 0}};
static const struct key_word family_words[] = {{"ipv4", AF_INET}, {"ipv6", AF_INET6}, {NULL, 0}};
static const struct key_word protocol_words[] = {
	{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}, {NULL, 0}};
static const struct key_word method_words[] = {
	{"nat", FORWARD_NAT},	      {"dr", FORWARD_DR}, {"tun", FORWARD_TUN},
	{"fullnat", FORWARD_FULLNAT}, {NULL, 0},
};
static const struct key_word tunnel_words[] = {
	{"ipip", TUNNEL_IPIP}, {"gue", TUNNEL_GUE}, {"gre", TUNNEL_GRE}, {NULL, 0}};
static const struct key_word checksum_words[] = {
	{"none", 0}, {"full", TUNNEL_CSUM}, {"remote", TUNNEL_REMCSUM}, {NULL, 0}};

const struct key keys[] = {
	{GROUP_FILE, "director", KEY_GROUP, AT(file_values, director),
	 .about = "The daemon itself. A change of its keys needs a restart, but for datapath, "
		  "schedule and those from cache_bypass on, which IPVS has in "
		  "/proc/sys/net/ipv4/vs; nfvsadm set changes these at run time."},
	{GROUP_FILE, "timeouts", KEY_GROUP, AT(file_values, timeouts),
	 .about = "How long a silent connection is remembered, by its state."},
	{GROUP_FILE, "services", KEY_LIST, AT(file_values, services),
	 .about = "The virtual services, each a group."},

	{GROUP_DIRECTOR, "workers", KEY_NUMBER, .initial = "0", .max = 256,
	 AT(director_conf, workers),
	 .about = "Threads that decide packets, each with a queue of its own; 0: one for each CPU "
		  "that nfvsd may use."},
	{GROUP_DIRECTOR, "first_queue", KEY_NUMBER, .initial = "0", .max = 65534,
	 AT(director_conf, first_queue),
	 .about = "The first NFQUEUE number. The workers have first_queue and those that follow; "
		  "one more, first_queue + workers, is for packets that the kernel has to cut "
		  "first; behind it each worker has another, for what begins a connection."},
	{GROUP_DIRECTOR, "queue_length", KEY_NUMBER, .initial = "4096", .min = 64, .max = 32768,
	 AT(director_conf, queue_length),
	 .about = "Packets that may wait in each queue; what comes on top is dropped and counted "
		  "(nfvsadm status). What begins a connection to nat servers that the kernel "
		  "carries, of a service that is not persistent, goes on instead, to a server by "
		  "the schedule that is compiled into the rules."},
	{GROUP_DIRECTOR, "conntrack_max", KEY_NUMBER, .initial = "0", .max = INT32_MAX,
	 AT(director_conf, conntrack_max),
	 .about = "The connections of the whole machine that conntrack has room for. Set "
		  "(net.netfilter.nf_conntrack_max) once the kernel carries connections to nat "
		  "servers, and put back when nfvsd stops; 0: as it is. When 98 % are in use, what "
		  "would begin such a connection is refused and counted (nfvsadm status: "
		  "conntrack_full), until less than 95 % are."},
	{GROUP_DIRECTOR, "flowtable", KEY_BOOL, .initial = "true", AT(director_conf, flowtable),
	 .about = "Connections that the kernel carries to nat servers go on by a flowtable, past "
		  "its routing and all rules, once there were some packets of them; where it has "
		  "one that fits (nfvsadm status)."},
	{GROUP_DIRECTOR, "flows_max", KEY_NUMBER, .initial = "4194304", .min = 1024, .max = 1 << 26,
	 AT(director_conf, flows_max),
	 .about = "The connections to dr servers, of IPv4 and of IPv6 each, that the devices have "
		  "room for; what comes on top passes through nfvsd. With older kernels a table "
		  "that an earlier nfvsd left keeps its size."},
	{GROUP_DIRECTOR, "table", KEY_NAME, .initial = "nfvs", AT(director_conf, table),
	 .about =
		 "The name of the nftables tables (families ip, ip6 and netdev) that nfvsd owns. "
		 "With _dr behind it, that of two more, by which dr services go on without nfvsd."},
	{GROUP_DIRECTOR, "rules", KEY_WORD, .initial = "managed", .words = rules_words,
	 AT(director_conf, rules_managed),
	 .about = "managed: nfvsd puts its rules into the kernel and takes them out. external: it "
		  "touches no rule, the administrator loads what nfvs-rules prints."},
	{GROUP_DIRECTOR, "datapath", KEY_WORD, .initial = "packet", .words = datapath_words,
	 AT(director_conf, datapath),
	 .about =
		 "Who carries the packets of a connection once it is decided. packet: nfvsd, every "
		 "one of them. flow: the kernel, by conntrack or at its devices; nfvsd gets the "
		 "first, and copies of those that change the connection's state. auto: flow for "
		 "the services for which it is possible, as nfvsadm status tells: TCP and UDP, "
		 "all servers with the methods nat and fullnat, or all with dr; no one-packet "
		 "services, and FTP with dr only. See datapath of a service."},
	{GROUP_DIRECTOR, "schedule", KEY_WORD, .initial = "daemon", .words = schedule_words,
	 AT(director_conf, schedule),
	 .about =
		 "Who chooses the server of a new connection. daemon: nfvsd. kernel: the rules "
		 "themselves, in turns; nfvsd gets copies only. auto: the kernel, for the services "
		 "for which that is possible, as nfvsadm status tells: datapath flow by conntrack, "
		 "scheduler rr or wrr of at most 256 turns, and nothing that only nfvsd "
		 "can know: no persistence, no limit, upper or backup, no slow_start with wrr. "
		 "With kernel a service for which it is not possible is an error, unless it says "
		 "daemon. Needs the datapath auto or flow."},
	{GROUP_DIRECTOR, "system", KEY_WORD, .initial = "manage", .words = system_words,
	 AT(director_conf, system_managed),
	 .about = "manage: nfvsd sets the sysctls that the services need (forwarding of IPv4 and "
		  "IPv6; no ICMP redirects on the networks of NAT servers) and puts them back when "
		  "it stops. check: it only says which are missing."},
	{GROUP_DIRECTOR, "mark_mask", KEY_NUMBER, .initial = "0xffff0000", .min = 2,
	 .max = UINT32_MAX, AT(director_conf, mark_mask),
	 .about = "The bits of a packet's mark that nfvs uses: the highest ones, two or more, "
		  "without a gap. The rest belongs to the administrator; a fwmark must lie in it."},
	{GROUP_DIRECTOR, "local_addresses", KEY_ADDRESSES, .unset = "default: none",
	 AT(director_conf, locals),
	 .about = "This machine's own addresses that fullnat servers get their packets from, of "
		  "either family: [\"10.2.0.1\", \"fd00:2::1\"]. They must be on an interface, and "
		  "the servers must have a way to them."},
	{GROUP_DIRECTOR, "local_ports", KEY_RANGE, .initial = "1024-32767",
	 AT(director_conf, local_ports),
	 .about = "The ports of each of local_addresses that fullnat uses. Each carries one "
		  "connection to each server and port at a time. Keep out of "
		  "net.ipv4.ip_local_port_range, unless the addresses serve nothing else."},
	{GROUP_DIRECTOR, "flow_ports", KEY_RANGE, .initial = "32768-65535",
	 AT(director_conf, flow_ports),
	 .about = "Likewise, with datapath flow. They may lie in net.ipv4.ip_local_port_range, for "
		  "the kernel keeps them apart; not in local_ports, or the datapath is packet."},
	{GROUP_DIRECTOR, "cache_bypass", KEY_BOOL, .initial = "false",
	 AT(director_conf, settings[SETTING_CACHE_BYPASS]),
	 .about = "Connections of a firewall-mark service that has no server go where the client "
		  "sent them, unless that is this machine: for clusters of transparent caches."},
	{GROUP_DIRECTOR, "pmtu_disc", KEY_BOOL, .initial = "true",
	 AT(director_conf, settings[SETTING_PMTU_DISC]),
	 .about =
		 "true: the sender of a packet that must not be cut (DF), and is too large for its "
		 "server's tunnel, is told so. false: tunnels cut it. IPv6 packets are never cut."},
	{GROUP_DIRECTOR, "conn_reuse_mode", KEY_NUMBER, .initial = "1", .max = INT32_MAX,
	 AT(director_conf, settings[SETTING_CONN_REUSE_MODE]),
	 .about = "What a new SYN (SCTP: INIT) does to the remembered connection with its "
		  "addresses and ports, unless a template chose its server. Bits. 0: "
		  "nothing, it belongs to that one. 1: one that is in TIME_WAIT or CLOSE "
		  "(SCTP: CLOSED) ends, and a server is chosen anew. 2: likewise, and in "
		  "FIN_WAIT too where answers are not seen (dr, tun)."},
	{GROUP_DIRECTOR, "expire_nodest_conn", KEY_BOOL, .initial = "false",
	 AT(director_conf, settings[SETTING_EXPIRE_NODEST_CONN]),
	 .about = "true: the connections of a server that is removed end; what still comes "
		  "for them is judged as new. And a SYN on a connection of a server of "
		  "weight 0 begins another, at another server unless persistent keeps its "
		  "client there. false: their packets are dropped in "
		  "silence, so that adding the server again revives them."},
	{GROUP_DIRECTOR, "expire_quiescent_template", KEY_BOOL, .initial = "false",
	 AT(director_conf, settings[SETTING_EXPIRE_QUIESCENT_TEMPLATE]),
	 .about = "true: a client of a persistent service no longer keeps a server whose "
		  "weight is 0."},
	{GROUP_DIRECTOR, "sloppy_tcp", KEY_BOOL, .initial = "false",
	 AT(director_conf, settings[SETTING_SLOPPY_TCP]),
	 .about = "true: any TCP packet but a RST starts a connection, not a SYN alone: for "
		  "a director that takes over from another."},
	{GROUP_DIRECTOR, "sloppy_sctp", KEY_BOOL, .initial = "false",
	 AT(director_conf, settings[SETTING_SLOPPY_SCTP]),
	 .about = "true: any SCTP packet but an ABORT starts an association, not an INIT "
		  "alone."},
	{GROUP_DIRECTOR, "schedule_icmp", KEY_BOOL, .initial = "false",
	 AT(director_conf, settings[SETTING_SCHEDULE_ICMP]),
	 .about = "true: an ICMP error about a packet of a service, which belongs to no "
		  "connection here, is given to a server as the packet inside would be: for "
		  "clusters of directors."},
	{GROUP_DIRECTOR, "drop_entry", KEY_NUMBER, .initial = "0", .max = 3,
	 AT(director_conf, settings[SETTING_DROP_ENTRY]),
	 .about = "A defence against floods: each second a part of the connections, 1/32, "
		  "is looked through at random, and those go that are half open (SYN_RECV, "
		  "SYNACK), or idle for a minute after few packets, and templates whose "
		  "connections were never established. 0: never. 1: while memory is short "
		  "(amemthresh), which then turns it into 2 and back. 3: always."},
	{GROUP_DIRECTOR, "drop_packet", KEY_NUMBER, .initial = "0", .max = 3,
	 AT(director_conf, settings[SETTING_DROP_PACKET]),
	 .about = "A defence against floods: drops each N-th packet that would begin a "
		  "connection. 0, 1, 2, 3: as drop_entry. N is amemthresh / (amemthresh - "
		  "free memory), or with 3 am_droprate."},
	{GROUP_DIRECTOR, "secure_tcp", KEY_NUMBER, .initial = "0", .max = 3,
	 AT(director_conf, settings[SETTING_SECURE_TCP]),
	 .about = "A defence against floods: a TCP state table that takes a connection for "
		  "established only after a packet of the server, where its answers are "
		  "seen. 0, 1, 2, 3: as drop_entry."},
	{GROUP_DIRECTOR, "am_droprate", KEY_NUMBER, .initial = "10", .max = INT32_MAX,
	 AT(director_conf, settings[SETTING_AM_DROPRATE]),
	 .about = "The N of drop_packet = 3; 0: none is dropped."},
	{GROUP_DIRECTOR, "amemthresh", KEY_NUMBER, .initial = "1024", .max = INT32_MAX,
	 AT(director_conf, settings[SETTING_AMEMTHRESH]),
	 .about = "Memory is short when fewer pages of it (getconf PAGESIZE) are free or "
		  "buffers."},
	{GROUP_DIRECTOR, "nat_icmp_send", KEY_BOOL, .initial = "false",
	 AT(director_conf, settings[SETTING_NAT_ICMP_SEND]),
	 .about = "true: a nat server whose packet belongs to no connection is told so, by "
		  "port unreachable. false: the packet passes on."},
	{GROUP_DIRECTOR, "run_estimation", KEY_BOOL, .initial = "true",
	 AT(director_conf, settings[SETTING_RUN_ESTIMATION]),
	 .about = "false: no rates are estimated (nfvsadm -L --rate)."},
	{GROUP_DIRECTOR, "lblc_expiration", KEY_NUMBER, .initial = "86400", .max = DAYS_31,
	 AT(director_conf, settings[SETTING_LBLC_EXPIRATION]),
	 .about =
		 "Seconds after which the scheduler lblc forgets a destination address that nobody "
		 "asked for. It looks every 30 minutes."},
	{GROUP_DIRECTOR, "lblcr_expiration", KEY_NUMBER, .initial = "86400", .max = DAYS_31,
	 AT(director_conf, settings[SETTING_LBLCR_EXPIRATION]),
	 .about =
		 "The same for lblcr, which also takes a server away from an address whose servers "
		 "have not changed for as long."},
	{GROUP_DIRECTOR, "group", KEY_NAME, .unset = "default: root alone",
	 AT(director_conf, group), .about = "The group whose members may use the control socket."},

	{GROUP_TIMEOUTS, "tcp", KEY_NUMBER, .initial = "900", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, tcp), .about = "Seconds, of an established TCP connection."},
	{GROUP_TIMEOUTS, "tcpfin", KEY_NUMBER, .initial = "120", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, tcpfin),
	 .about = "Seconds, of a TCP connection that one side has closed (FIN)."},
	{GROUP_TIMEOUTS, "udp", KEY_NUMBER, .initial = "300", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, udp), .about = "Seconds, of a UDP flow."},
	{GROUP_TIMEOUTS, "syn_sent", KEY_NUMBER, .initial = "120", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, syn_sent),
	 .about = "Seconds, of a TCP connection that the server opens (SYN_SENT)."},
	{GROUP_TIMEOUTS, "syn_recv", KEY_NUMBER, .initial = "60", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, syn_recv),
	 .about = "Seconds, of a TCP connection that the client opens (SYN_RECV)."},
	{GROUP_TIMEOUTS, "time_wait", KEY_NUMBER, .initial = "120", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, time_wait),
	 .about = "Seconds, of a TCP connection that both sides have closed."},
	{GROUP_TIMEOUTS, "close", KEY_NUMBER, .initial = "10", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, close), .about = "Seconds, of a TCP connection that was reset."},
	{GROUP_TIMEOUTS, "close_wait", KEY_NUMBER, .initial = "60", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, close_wait),
	 .about = "Seconds, of a TCP connection that the client has closed (CLOSE_WAIT)."},
	{GROUP_TIMEOUTS, "last_ack", KEY_NUMBER, .initial = "30", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, last_ack), .about = "Seconds, of a TCP connection in LAST_ACK."},
	{GROUP_TIMEOUTS, "listen", KEY_NUMBER, .initial = "120", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, listen), .about = "Seconds, of a TCP connection in LISTEN."},
	{GROUP_TIMEOUTS, "synack", KEY_NUMBER, .initial = "120", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, synack),
	 .about = "Seconds, of a TCP connection in SYNACK, which secure_tcp leads into."},
	{GROUP_TIMEOUTS, "sctp_init1", KEY_NUMBER, .initial = "4", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_init1),
	 .about = "Seconds, of an SCTP association after the first INIT."},
	{GROUP_TIMEOUTS, "sctp_init", KEY_NUMBER, .initial = "61", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_init),
	 .about = "Seconds, of an SCTP association after another INIT."},
	{GROUP_TIMEOUTS, "sctp_cookie_sent", KEY_NUMBER, .initial = "61", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_cookie_sent),
	 .about = "Seconds, of an SCTP association in COOKIE_SENT."},
	{GROUP_TIMEOUTS, "sctp_cookie_replied", KEY_NUMBER, .initial = "61", .min = 1,
	 .max = DAYS_31, AT(timeouts_spec, sctp_cookie_replied),
	 .about = "Seconds, of an SCTP association in COOKIE_REPLIED."},
	{GROUP_TIMEOUTS, "sctp_cookie_wait", KEY_NUMBER, .initial = "61", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_cookie_wait),
	 .about = "Seconds, of an SCTP association in COOKIE_WAIT."},
	{GROUP_TIMEOUTS, "sctp_cookie", KEY_NUMBER, .initial = "61", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_cookie), .about = "Seconds, of an SCTP association in COOKIE."},
	{GROUP_TIMEOUTS, "sctp_cookie_echoed", KEY_NUMBER, .initial = "61", .min = 1,
	 .max = DAYS_31, AT(timeouts_spec, sctp_cookie_echoed),
	 .about = "Seconds, of an SCTP association in COOKIE_ECHOED."},
	{GROUP_TIMEOUTS, "sctp_established", KEY_NUMBER, .initial = "900", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_established),
	 .about = "Seconds, of an SCTP association that is established."},
	{GROUP_TIMEOUTS, "sctp_shutdown_sent", KEY_NUMBER, .initial = "61", .min = 1,
	 .max = DAYS_31, AT(timeouts_spec, sctp_shutdown_sent),
	 .about = "Seconds, of an SCTP association in SHUTDOWN_SENT."},
	{GROUP_TIMEOUTS, "sctp_shutdown_received", KEY_NUMBER, .initial = "61", .min = 1,
	 .max = DAYS_31, AT(timeouts_spec, sctp_shutdown_received),
	 .about = "Seconds, of an SCTP association in SHUTDOWN_RECEIVED."},
	{GROUP_TIMEOUTS, "sctp_shutdown_ack_sent", KEY_NUMBER, .initial = "61", .min = 1,
	 .max = DAYS_31, AT(timeouts_spec, sctp_shutdown_ack_sent),
	 .about = "Seconds, of an SCTP association in SHUTDOWN_ACK_SENT."},
	{GROUP_TIMEOUTS, "sctp_rejected", KEY_NUMBER, .initial = "4", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_rejected),
	 .about = "Seconds, of an SCTP association that was rejected."},
	{GROUP_TIMEOUTS, "sctp_closed", KEY_NUMBER, .initial = "61", .min = 1, .max = DAYS_31,
	 AT(timeouts_spec, sctp_closed),
	 .about = "Seconds, of an SCTP association that is closed."},

	{GROUP_SERVICE, "name", KEY_TEXT, .unset = "default: none", AT(service_values, name),
	 .about = "What people call it; shown by nfvsadm explain. It need not be unique."},
	{GROUP_SERVICE, "protocol", KEY_WORD, .words = protocol_words,
	 .unset = "required with address", AT(service_values, protocol),
	 .about = "The transport protocol of a service by address."},
	{GROUP_SERVICE, "address", KEY_ADDRESS, .unset = "this or fwmark is required",
	 AT(service_values, address), .about = "The virtual address, IPv4 or IPv6."},
	{GROUP_SERVICE, "port", KEY_NUMBER, .max = 65535, .unset = "required with address",
	 AT(service_values, port),
	 .about = "The port of a service by address; 0: all ports of the address that no other "
		  "service has, which needs persistent."},
	{GROUP_SERVICE, "fwmark", KEY_NUMBER, .min = 1, .max = UINT32_MAX,
	 .unset = "default: a service by address", AT(service_values, fwmark),
	 .about = "Makes it a firewall-mark service: its packets are those that match describes, "
		  "and those that any rule of the administrator has given this mark (before "
		  "priority -149 of the prerouting hook)."},
	{GROUP_SERVICE, "family", KEY_WORD, .words = family_words,
	 .unset = "default: that of match, else ipv4", AT(service_values, family),
	 .about = "The address family of a firewall-mark service. A mark can have a service in "
		  "each."},
	{GROUP_SERVICE, "match", KEY_LIST, .unset = "default: empty", AT(service_values, match),
	 .about = "Of a firewall-mark service: which packets nfvs itself counts to it, each entry "
		  "a group. All of one address family."},
	{GROUP_SERVICE, "scheduler", KEY_SCHEDULER, .initial = "wlc", AT(service_values, scheduler),
	 .about = "How a server is chosen for a new connection: see below."},
	{GROUP_SERVICE, "scheduler_flags", KEY_TEXT, .unset = "default: none",
	 AT(service_values, scheduler_flags),
	 .about = "Flags of the scheduler, separated by commas: sh-fallback and sh-port of sh, "
		  "mh-fallback and mh-port of mh, maglev-port of maglev. Any other is an error. "
		  "flag-1, flag-2 and flag-3 are their general names."},
	{GROUP_SERVICE, "method", KEY_WORD, .initial = "nat", .words = method_words,
	 AT(service_values, method),
	 .about =
		 "How packets reach the servers that do not say it themselves. nat: the "
		 "destination is rewritten, and the source of replies, which must come back "
		 "through the director. dr: the packet goes to the server as it is, which has the "
		 "virtual address too and answers the client itself (nfvs-realserver prepares it). "
		 "tun: likewise, inside a tunnel. fullnat: the source is rewritten as well, to one "
		 "of local_addresses. A server that is this machine itself gets its packets by "
		 "local delivery."},
	{GROUP_SERVICE, "tunnel", KEY_WORD, .initial = "ipip", .words = tunnel_words,
	 AT(service_values, tunnel.type),
	 .about = "With method tun, how packets are wrapped for the servers that do not say it "
		  "themselves. ipip: IPv4 or IPv6 directly in either. gue: in UDP, so that routers "
		  "spread the flows. gre: the oldest, which most firewalls know."},
	{GROUP_SERVICE, "tunnel_port", KEY_NUMBER, .min = 1, .max = 65535,
	 .unset = "required with tunnel gue", AT(service_values, tunnel.port),
	 .about = "The UDP port on which the servers take gue packets."},
	{GROUP_SERVICE, "tunnel_checksum", KEY_WORD, .initial = "none", .words = checksum_words,
	 AT(service_values, tunnel.checksum),
	 .about = "full: gue and gre packets carry a checksum over all of them. remote: of gue; "
		  "and the server makes the checksum of a packet inside that has none yet, because "
		  "it was sent by this machine."},
	{GROUP_SERVICE, "persistent", KEY_NUMBER, .min = 1, .max = DAYS_31,
	 .unset = "default: not persistent", AT(service_values, persistent),
	 .about = "Seconds for which a client keeps its server after its last new connection."},
	{GROUP_SERVICE, "persistent_mask", KEY_MASK, .unset = "default: each client for itself",
	 AT(service_values, mask),
	 .about = "Clients of one network are one client for persistent: the length of its prefix "
		  "(1 to 32, IPv6: to 128), or for IPv4 a mask such as \"255.255.255.0\"."},
	{GROUP_SERVICE, "one_packet", KEY_BOOL, .initial = "false", AT(service_values, one_packet),
	 .about = "Schedules every datagram anew and remembers none. For UDP, and for "
		  "firewall-mark services that have UDP."},
	{GROUP_SERVICE, "datapath", KEY_WORD, .unset = "default: that of the director",
	 .words = datapath_words, AT(service_values, datapath),
	 .about = "The same for this service alone. With flow, what makes that impossible is an "
		  "error."},
	{GROUP_SERVICE, "schedule", KEY_WORD, .unset = "default: that of the director",
	 .words = schedule_words, AT(service_values, schedule),
	 .about = "The same for this service alone. With kernel, what makes that impossible is an "
		  "error."},
	{GROUP_SERVICE, "limit", KEY_NUMBER, .initial = "0", .max = INT32_MAX,
	 AT(service_values, limit),
	 .about = "The most connections that the service has at a time, all its servers together; "
		  "what comes on top is refused and counted (nfvsadm status: service_full). 0: no "
		  "limit."},
	{GROUP_SERVICE, "slow_start", KEY_NUMBER, .initial = "0", .max = SLOW_START_MAX,
	 AT(service_values, slow_start),
	 .about =
		 "Seconds in which a server that comes up (is added, comes back, or had weight 0) "
		 "grows to its full weight, by a twentieth at a time, if others serve already. "
		 "Meanwhile all weights of the service are multiplied by 20, which changes no "
		 "ratio, so that a weight of 1 can grow as well; but with ovf, lblc and lblcr, for "
		 "which weights are numbers of connections, they grow as whole numbers. Without "
		 "effect with rr and lc, which do not look at weights, and with dh, sh, mh and "
		 "maglev, which keep each client's server. 0: at once."},
	{GROUP_SERVICE, "timeouts", KEY_GROUP, .unset = "default: as all have it",
	 AT(service_values, timeouts),
	 .about = "How long a silent connection of this service is remembered: the keys of the "
		  "outer group timeouts, for the protocols that the service has. Persistence has "
		  "its own."},
	{GROUP_SERVICE, "servers", KEY_LIST, .unset = "default: empty", AT(service_values, servers),
	 .about = "The real servers, each a group. The order counts as that of ipvsadm -a commands "
		  "would: schedulers meet the last one first."},

	{GROUP_MATCH, "address", KEY_ADDRESS, .required = true, AT(match_values, address),
	 .about = "The virtual address, IPv4 or IPv6."},
	{GROUP_MATCH, "protocol", KEY_WORD, .required = true, .words = protocol_words,
	 AT(match_values, protocol), .about = "The transport protocol."},
	{GROUP_MATCH, "ports", KEY_PORTS, .required = true, AT(match_values, ports),
	 .about = "Ports and ranges of ports, separated by commas: \"80,443,8000-8100\"."},

	{GROUP_SERVER, "address", KEY_ADDRESS, .required = true, AT(server_values, address),
	 .about = "Where the server is; of the same family as its service, unless its method is "
		  "tun."},
	{GROUP_SERVER, "port", KEY_NUMBER, .initial = "0", .max = 65535, AT(server_values, port),
	 .about =
		 "Its port; 0: that of the service or, where that has all ports or a mark, the one "
		 "that the packet came for."},
	{GROUP_SERVER, "weight", KEY_NUMBER, .initial = "1", .max = INT32_MAX,
	 AT(server_values, weight),
	 .about = "Its share, for wrr and wlc; 0: no new connections (drained)."},
	{GROUP_SERVER, "method", KEY_WORD, .words = method_words,
	 .unset = "default: that of the service", AT(server_values, method),
	 .about = "How packets reach this server."},
	{GROUP_SERVER, "tunnel", KEY_WORD, .words = tunnel_words,
	 .unset = "default: that of the service", AT(server_values, tunnel.type),
	 .about = "How packets are wrapped for this server. A server that says it takes neither "
		  "tunnel_port nor tunnel_checksum over from its service."},
	{GROUP_SERVER, "tunnel_port", KEY_NUMBER, .min = 1, .max = 65535,
	 .unset = "default: that of the service", AT(server_values, tunnel.port),
	 .about = "The UDP port on which it takes gue packets."},
	{GROUP_SERVER, "tunnel_checksum", KEY_WORD, .words = checksum_words,
	 .unset = "default: that of the service", AT(server_values, tunnel.checksum),
	 .about = "What checksum its packets carry."},
	{GROUP_SERVER, "upper", KEY_NUMBER, .initial = "0", .max = INT32_MAX,
	 AT(server_values, upper),
	 .about = "From this many connections on it gets no more; 0: no limit."},
	{GROUP_SERVER, "lower", KEY_NUMBER, .initial = "0", .max = INT32_MAX,
	 AT(server_values, lower),
	 .about = "Below this many it gets connections again; 0: three quarters of upper."},
	{GROUP_SERVER, "limit", KEY_NUMBER, .initial = "0", .max = INT32_MAX,
	 AT(server_values, limit),
	 .about = "The most connections that it has at a time, not even exceeded for clients that "
		  "persistent keeps on it: those are refused and counted (nfvsadm status: "
		  "server_full). Closed connections count until they are forgotten. 0: no limit."},
	{GROUP_SERVER, "backup", KEY_BOOL, .initial = "false", AT(server_values, backup),
	 .about = "true: gets connections only while no server of the service without this has "
		  "weight. When one has again, clients that persistent kept here go there; "
		  "connections stay."},
	{GROUP_SERVER, "slow_start", KEY_NUMBER, .max = SLOW_START_MAX,
	 .unset = "default: that of the service", AT(server_values, slow_start),
	 .about = "Seconds in which it grows to its full weight; 0: at once."},
};

const size_t keys_len = sizeof(keys) / sizeof(keys[0]);

const char *key_group_name(enum key_group group)
{
	static const char *const names[GROUP_MAX] = {
		[GROUP_FILE] = "file",	       [GROUP_DIRECTOR] = "director",
		[GROUP_TIMEOUTS] = "timeouts", [GROUP_SERVICE] = "service",
		[GROUP_MATCH] = "match",       [GROUP_SERVER] = "server",
	};

	return names[group];
}

const struct key *key_find(enum key_group group, const char *name)
{
	for (size_t i = 0; i < keys_len; i++)
		if (keys[i].group == group && !strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

enum setting_id key_setting(const struct key *key)
{
	const size_t first = offsetof(struct director_conf, settings);

	if (key->group != GROUP_DIRECTOR || key->offset < first ||
	    key->offset >= first + sizeof(((struct director_conf *)NULL)->settings))
		return SETTING_MAX;
	return (enum setting_id)((key->offset - first) / sizeof(uint32_t));
}
