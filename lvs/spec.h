/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SPEC_H
#define LVS_SPEC_H

#include "lvs/tunnel.h"

/*
 * What an administrator asks for, as plain values: the configuration file, the control protocol
 * and the director all speak in these. No pointers but a service's match list; ports in network
 * order where the type says so. The unset value of every field is zero unless said otherwise.
 */

#define SERVICE_NAME_MAX   64
#define ENGINE_NAME_MAX	   16	 /* with the NUL, as IP_VS_PENAME_MAXLEN */
#define SLOW_START_MAX	   86400 /* seconds */
#define SCHEDULE_WHY_MAX   160
#define SCHEDULER_NAME_MAX 16 /* with the NUL, as IP_VS_SCHEDNAME_MAXLEN */

enum forward_method {
	FORWARD_NAT,
	FORWARD_DR,
	FORWARD_TUN,
	FORWARD_FULLNAT, /* nfvs's own: source and destination are rewritten */
	FORWARD_BYPASS,	 /* to where the client sent it; no server has this method */
	FORWARD_MAX
};

/* Who carries the packets of decided connections: the daemon (packet), or the kernel (flow), where
 * it can. */
enum datapath {
	DATAPATH_UNSET, /* of a service: as the director has it */
	DATAPATH_AUTO,	/* flow if that is possible */
	DATAPATH_PACKET,
	DATAPATH_FLOW
};

/* Who chooses a server for a new connection: the daemon, or rules into which the scheduler is
 * compiled, where that can be done exactly. */
enum schedule {
	SCHEDULE_UNSET, /* of a service: as the director has it */
	SCHEDULE_AUTO,	/* the kernel if that is possible */
	SCHEDULE_DAEMON,
	SCHEDULE_KERNEL
};

/* A service is known by its address or, if fwmark is not 0, by af and fwmark alone. */
struct service_key {
	uint8_t af;
	uint8_t protocol; /* TCP, UDP or SCTP; of a fwmark service: 0 */
	__be16 port;	  /* 0: all ports (persistent services only, as in IPVS) */
	uint32_t fwmark;
	union addr addr;
};

/* One line of a firewall-mark group: these packets are marked with the service's fwmark. */
struct match {
	uint8_t af, protocol;
	uint16_t first, last; /* ports, host order, both included */
	union addr addr;
};

#define SERVICE_PERSISTENT 0x01u /* IP_VS_SVC_F_PERSISTENT */
#define SERVICE_ONEPACKET  0x04u /* IP_VS_SVC_F_ONEPACKET */
#define SERVICE_SCHED1	   0x08u /* IP_VS_SVC_F_SCHED1 .. 3: what they mean is up to the scheduler */
#define SERVICE_SCHED2	   0x10u
#define SERVICE_SCHED3	   0x20u
#define SERVICE_SCHED	   0x38u /* any of them */

/* Seconds that a connection lives in a state after its last packet; lvs/timeouts.h knows which. */
struct timeouts_spec {
	uint32_t tcp, tcpfin, udp;
	uint32_t syn_sent, syn_recv, time_wait, close, close_wait, last_ack, listen, synack;
	uint32_t sctp_init1, sctp_init, sctp_cookie_sent, sctp_cookie_replied, sctp_cookie_wait,
		sctp_cookie, sctp_cookie_echoed, sctp_established, sctp_shutdown_sent,
		sctp_shutdown_received, sctp_shutdown_ack_sent, sctp_rejected, sctp_closed;
};

struct service_spec {
	struct service_key key;
	char name[SERVICE_NAME_MAX]; /* "" if none */
	char scheduler[SCHEDULER_NAME_MAX];
	uint32_t flags;		      /* SERVICE_* */
	uint32_t timeout;	      /* persistence, seconds */
	uint32_t netmask;	      /* AF_INET: mask, network order; AF_INET6: prefix length */
	char engine[ENGINE_NAME_MAX]; /* of persistence; "": by address */
	struct match *matches;	      /* owned by whoever owns the spec */
	size_t matches_len;
	uint32_t limit;	     /* connections at most; 0: no limit */
	uint32_t slow_start; /* seconds, of servers that do not say it themselves; 0: none */
	enum datapath datapath;
	enum schedule schedule;
	struct timeouts_spec timeouts; /* of its connections; 0: as all have it */
	uint32_t says;		       /* SAYS_LIMIT, SAYS_SLOW_START, SAYS_TIMEOUTS */
};

/* What ipvsadm has no word for: an edit that does not say it leaves it as it is; a new service, or
 * server, is then without. */
#define SAYS_LIMIT	0x1u
#define SAYS_SLOW_START 0x2u /* of a server: has one of its own, not its service's */
#define SAYS_BACKUP	0x4u
#define SAYS_TIMEOUTS	0x8u

struct dest_spec {
	uint8_t af;
	enum forward_method method;
	__be16 port;	/* 0: that of the packet (fwmark and all-port services) */
	int32_t weight; /* 0..2^31-1 */
	uint32_t upper; /* connections at which the server counts as overloaded; 0: never */
	uint32_t lower; /* connections below which it no longer does; 0: three quarters of upper */
	uint32_t limit; /* connections at most, even of clients that belong to it; 0: no limit */
	uint32_t slow_start;  /* seconds from coming up to its full weight, if SAYS_SLOW_START */
	bool backup;	      /* for when no other server has weight */
	uint8_t says;	      /* SAYS_* */
	struct tunnel tunnel; /* FORWARD_TUN; else zero */
	union addr addr;
};

/* The same key, as IPVS compares them. */
bool service_key_equal(const struct service_key *a, const struct service_key *b);

/* For messages: "tcp 10.0.0.1:80", "fwmark 7" or "fwmark 7 IPv6". Returns @buf. */
#define SERVICE_KEY_STRLEN (ADDR_STRLEN + 16)
const char *service_key_format(char buf[SERVICE_KEY_STRLEN], const struct service_key *key);

/* Of a persistent service that spans ports each packet keeps its own: lvs/schedule.c. */
static inline bool service_keeps_port(uint32_t flags, const struct service_key *key)
{
	return (flags & SERVICE_PERSISTENT) && !key->port;
}

/* The keyword of the configuration ("nat") and of ipvsadm's listing ("Masq"); static storage. */
const char *forward_method_name(enum forward_method method);
const char *forward_method_title(enum forward_method method);

/* "ipip"; and of flags: "none", "full", "remote"; static storage. */
const char *tunnel_type_name(enum tunnel_type type);
const char *tunnel_checksum_name(uint8_t flags);

/*
 * Which member of a tunnel cannot be so, as the configuration and the control protocol call it
 * ("tunnel", "tunnel_port", "tunnel_checksum"), and @why; NULL: it can. Static storage.
 */
const char *tunnel_fault(const struct tunnel *tunnel, const char **why);

/* The netmask that means one client each: 255.255.255.255 or 128. */
uint32_t netmask_full(uint8_t af);

/* @matches marks a packet to (addr, port) of this protocol; port in network order. */
bool match_contains(const struct match *match, uint8_t af, uint8_t protocol, const union addr *addr,
		    __be16 port);

#endif
