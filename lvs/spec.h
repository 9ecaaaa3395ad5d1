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
#define SCHEDULER_NAME_MAX 16 /* with the NUL, as IP_VS_SCHEDNAME_MAXLEN */

enum forward_method {
	FORWARD_NAT,
	FORWARD_DR,
	FORWARD_TUN,
	FORWARD_FULLNAT, /* nfvs's own: source and destination are rewritten */
	FORWARD_BYPASS,	 /* to where the client sent it; no server has this method */
	FORWARD_MAX
};

/* A service is known by its address or, if fwmark is not 0, by af and fwmark alone. */
struct service_key {
	uint8_t af;
	uint8_t protocol; /* TCP or UDP; of a fwmark service: 0 */
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

struct service_spec {
	struct service_key key;
	char name[SERVICE_NAME_MAX]; /* "" if none */
	char scheduler[SCHEDULER_NAME_MAX];
	uint32_t flags;	       /* SERVICE_* */
	uint32_t timeout;      /* persistence, seconds */
	uint32_t netmask;      /* AF_INET: mask, network order; AF_INET6: prefix length */
	struct match *matches; /* owned by whoever owns the spec */
	size_t matches_len;
};

struct dest_spec {
	uint8_t af;
	enum forward_method method;
	__be16 port;	/* 0: that of the packet (fwmark and all-port services) */
	int32_t weight; /* 0..2^31-1 */
	uint32_t upper; /* connections at which the server counts as overloaded; 0: never */
	uint32_t lower; /* connections below which it no longer does; 0: three quarters of upper */
	struct tunnel tunnel; /* FORWARD_TUN; else zero */
	union addr addr;
};

/* Seconds. */
struct timeouts_spec {
	uint32_t tcp, tcpfin, udp;
};

/* The same key, as IPVS compares them. */
bool service_key_equal(const struct service_key *a, const struct service_key *b);

/* For messages: "tcp 10.0.0.1:80", "fwmark 7" or "fwmark 7 IPv6". Returns @buf. */
#define SERVICE_KEY_STRLEN (ADDR_STRLEN + 16)
const char *service_key_format(char buf[SERVICE_KEY_STRLEN], const struct service_key *key);

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
