/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_CONN_H
#define LVS_CONN_H

#include "lvs/dest.h"
#include "lvs/locals.h"
#include "lvs/pkt.h"
#include "lvs/wheel.h"

struct forward;
struct proto;

#define CONN_TEMPLATE  0x1u  /* persistence: which server a client goes to; carries no packets */
#define CONN_INACTIVE  0x2u  /* counted as inactive at its destination */
#define CONN_NOOUTPUT  0x4u  /* no reply was seen here (DR, TUN): the input-only state rows */
#define CONN_ASSURED   0x8u  /* a template one of whose connections was established */
#define CONN_DEAD      0x10u /* out of the table; no new use */
#define CONN_ONEPACKET 0x20u /* lives for one packet, in no table */
#define CONN_UNHASHED  0x40u /* a template that is no longer found, but still controls */
#define CONN_LOCAL     0x80u /* of FULLNAT: has conn->local[0] */

/* Whom the server of a FULLNAT connection takes for its client. */
struct conn_local {
	union addr addr;
	__be16 port;
};

/*
 * A connection. Found by (protocol, client, virtual) for requests and (protocol, server, client)
 * for replies; where FULLNAT replaces the client, that is (protocol, server, local endpoint).
 * Workers find, make and advance it; the control thread alone lets it expire.
 */
struct conn {
	struct cds_lfht_node in;  /* conns->in: client -> virtual; first: see style, traps */
	struct cds_lfht_node out; /* conns->out: server -> client */
	struct wheel_entry timer;
	struct dest *dest;	       /* one reference */
	const struct forward *forward; /* the server's method when the connection was made */
	struct conn *control;	 /* the template that made the choice, or NULL; one reference */
	union addr caddr, vaddr; /* the server's address is dest->addr */
	__be16 cport, vport, dport;
	uint8_t af, protocol;	   /* protocol of a fwmark service's template: IPPROTO_IP */
	_Atomic uint8_t flags;	   /* CONN_*; changed under lock */
	_Atomic uint8_t state;	   /* of its proto; changed under lock */
	atomic_flag lock;	   /* short: one state change */
	_Atomic uint32_t controls; /* of a template: connections that it chose for */
	_Atomic uint32_t timeout;  /* ms: life after each packet, by state */
	uint32_t fwmark;	   /* of the service, or 0 */
	_Atomic uint64_t expires;  /* ms, the caller's clock */
	struct rcu_head rcu;
	struct conn_local local[]; /* one, if CONN_LOCAL */
};

struct conns;

/* An empty table; NULL without memory. @seed: of the hash, random in production (an attacker must
 * not choose buckets). @now: ms. */
struct conns *conns_new(uint64_t seed, uint64_t now);

/* Frees all. No reader may be left. Call rcu_barrier() after it. */
void conns_free(struct conns *conns);

/* The connection of a packet in direction @dir, or NULL. For PKT_IN @flow is client -> virtual,
 * for PKT_OUT server -> client. Any thread under RCU. */
struct conn *conn_find(const struct conns *conns, const struct flow *flow, enum pkt_dir dir);

/* A template by its key (protocol, network, port 0 -> vaddr, vport), or NULL. Any thread, RCU. */
struct conn *conn_find_template(const struct conns *conns, const struct flow *key);

/* From where FULLNAT connections get their local endpoints; NULL: from nowhere. Borrowed. Before
 * any worker runs. */
void conns_set_locals(struct conns *conns, const struct locals *locals);

/*
 * A new connection to @dest for @flow (client -> virtual), put into the table and counted at the
 * destination. @flags: CONN_TEMPLATE, CONN_ONEPACKET. @dport: at the server. If another thread made
 * the same one meanwhile, *@out is that one. 0, -ENOMEM, or -EADDRNOTAVAIL: FULLNAT, and all local
 * endpoints are in use to this server and port. Worker under RCU.
 */
int conn_add(struct conns *conns, const struct flow *flow, struct dest *dest, __be16 dport,
	     uint32_t fwmark, uint32_t flags, struct conn *control, uint64_t now,
	     struct conn **out);

/* Restarts the timer: it ends timeout ms after @now. Any thread under RCU. */
void conn_touch(struct conn *conn, uint64_t now);

/* Sets the timeout (ms) and restarts the timer. Caller holds conn_lock(), any thread under RCU. */
void conn_set_timeout(struct conns *conns, struct conn *conn, uint32_t timeout, uint64_t now);

/* Short critical section around a state change. Any thread. */
void conn_lock(struct conn *conn);
void conn_unlock(struct conn *conn);

/* Ends a connection now: out of the table, uncounted, freed after a grace period. Harmless if it is
 * dead already; a template that still controls connections stays. Any thread under RCU. */
void conn_expire(struct conns *conns, struct conn *conn);

/* Makes a template unfindable; it ends with the last connection it controls. Any thread, RCU. */
void conn_invalidate(struct conns *conns, struct conn *conn);

/* Ends what is due at @now, at most @budget of them; returns true if more are due. Control thread.
 */
bool conns_expire(struct conns *conns, uint64_t now, unsigned int budget);

/* All connections and templates, in the table's order: calls @fn until it returns non-zero, and
 * returns that. Any thread under RCU. */
int conns_each(struct conns *conns, int (*fn)(struct conn *conn, void *data), void *data);

/* Connections and templates in the table. Any thread, relaxed. */
uint64_t conns_count(const struct conns *conns);

#endif
