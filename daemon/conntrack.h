/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_CONNTRACK_H
#define DAEMON_CONNTRACK_H

#include "lib/err.h"
#include "lvs/pkt.h"

/* The kernel's table of connections, asked over netlink: one request at a time, each waited for.
 * One thread at a time, each of @ct. */
struct conntrack;

/* What conntrack counted, from the client [0] and from the server [1], those included that passed
 * by a flowtable; 0 if it does not count. */
struct volume {
	uint64_t packets[2], bytes[2];
};

/* An entry of it. Ports and addresses in network order, the mark in host order. */
struct tracked {
	struct flow flow;   /* client -> virtual: as its first packet had it */
	union addr server;  /* who answers */
	__be16 server_port; /* from which port */
	union addr local;   /* to whom: the client, or whom the server takes for it */
	__be16 local_port;
	uint8_t tcp_state; /* TCP_CONNTRACK_*; of TCP only */
	bool assured;	   /* both ends have spoken: the kernel keeps it when its table is full */
	bool offloaded;	   /* to a flowtable: conntrack sees none of its packets */
	bool client_closed_first; /* the first FIN was the client's; of TCP only */
	uint32_t mark;		  /* conntrack mark */
	uint32_t remaining;	  /* s until the kernel forgets it */
	struct volume volume;
};

/* Opens a socket and reads the kernel's timeouts. -errno with @err. */
int conntrack_open(struct conntrack **out, struct error *err);

/* NULL is fine. */
void conntrack_close(struct conntrack *ct);

/* The entry of @flow (client -> virtual). -ENOENT: there is none; -ETIMEDOUT: no answer within a
 * second; else -errno. */
int conntrack_get(struct conntrack *ct, const struct flow *flow, struct tracked *out);

/* Likewise the entry whose answers are @reply (server -> whom it takes for its client). */
int conntrack_get_reply(struct conntrack *ct, const struct flow *reply, struct tracked *out);

/* Makes the kernel forget @flow (client -> virtual). -ENOENT: it knew nothing of it; else as above.
 */
int conntrack_delete(struct conntrack *ct, const struct flow *flow);

/* What nfnetlink_log says of a copy's entry. -ENOMEM, -EBADMSG. Any thread. */
int conntrack_parse(const void *payload, size_t len, uint8_t af, struct tracked *out);

/*
 * Calls @fn for each entry, of both families, whose mark has @mark in the bits of @mask; for @mark
 * 0 for each that has any bit of @mask. @fn makes no request of @ct. An entry that comes or goes
 * meanwhile may be missed. 0 or -errno, perhaps after some calls.
 */
int conntrack_dump(struct conntrack *ct, uint32_t mark, uint32_t mask,
		   void (*fn)(const struct tracked *tracked, void *data), void *data);

/*
 * Whole seconds since the last packet, in either direction, of an entry that was just read: how
 * much of the timeout of its state has passed. Never too many; 0 if that cannot be known:
 * offloaded, of neither TCP nor UDP, or with more left than its timeout.
 */
uint32_t conntrack_idle(const struct conntrack *ct, const struct tracked *tracked);

/* How many entries there are and may be, in this network namespace. -ENOENT: the kernel tracks
 * nothing. Any thread. */
int conntrack_usage(uint64_t *count, uint64_t *max);

#endif
