/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_CONN_H
#define LVS_CONN_H

#include "lvs/dest.h"
#include "lvs/locals.h"
#include "lvs/pkt.h"
#include "lvs/slab.h"
#include "lvs/wheel.h"

#include <string.h>
#include <urcu/lfstack.h>

struct forward;
struct proto;
struct template_key;

#define CONN_TEMPLATE  0x1u  /* persistence: which server a client goes to; carries no packets */
#define CONN_INACTIVE  0x2u  /* counted as inactive at its destination */
#define CONN_NOOUTPUT  0x4u  /* no reply was seen here (DR, TUN): the input-only state rows */
#define CONN_ASSURED   0x8u  /* a template one of whose connections was established */
#define CONN_KILLED    0x8u  /* no template: its packets are dropped and answered by a RST */
#define CONN_DEAD      0x10u /* out of the table; no new use */
#define CONN_ONEPACKET 0x20u /* lives for one packet, in no table */
#define CONN_UNHASHED  0x40u /* a template that is no longer found, but still controls */
#define CONN_LOCAL     0x80u /* of FULLNAT: its local endpoint is known, see lvs/endpoint.h */
/* Not kept, for conn_add(): */
#define CONN_RESTORED 0x100u /* it is there in the kernel: no limit refuses it */
#define CONN_CHOSEN   0x200u /* likewise, and the kernel carries it, by a rule's choice */

/* Of what a persistence engine read in a packet; zero: nothing. */
struct digest {
	uint64_t low, high;
};

/*
 * A connection. Found by (protocol, client, virtual) for requests and (protocol, server, client)
 * for replies; where FULLNAT replaces the client, that is (protocol, server, local endpoint).
 * Workers find, make and advance it; the control thread alone lets it expire.
 */
struct conn {
	/* first cache line */
	struct cds_lfht_node in; /* conns->in: client -> virtual; first: see style, traps */
	union {
		struct cds_lfht_node out; /* conns->out: server -> client */
		struct digest digest;	  /* of a template, which has no replies */
	};
	struct dest *dest;	  /* one reference */
	_Atomic uint64_t expires; /* ms, the caller's clock */
	_Atomic uint32_t timeout; /* ms: life after each packet, by state */
	__be16 cport, vport, dport;
	uint8_t af, protocol;  /* protocol of a fwmark service's template: IPPROTO_IP */
	_Atomic uint8_t flags; /* CONN_*; changed under lock */
	_Atomic uint8_t state; /* of its proto; changed under lock */
	atomic_flag lock;      /* short: one state change */
	/* Constant: how the server was reached when the connection was made, see conn_method(), and
	 * whether the kernel carries it as long as it can, see dest_carried(). */
	uint8_t method : 7, carried : 1;
	/* second cache line */
	struct conn *control; /* the template that made the choice, or NULL; one reference */
	union {
		struct wheel_entry timer;
		/* once it is dead, and so in no wheel */
		struct rcu_head rcu;
		struct cds_lfs_node left; /* before that, if the kernel has to forget it */
	};
	uint32_t born; /* s, the clock of expires */
	union {
		_Atomic uint32_t controls;    /* of a template: connections that it chose for */
		_Atomic uint32_t client_next; /* else of TCP: see lvs/reset.h */
	};
	union {
		_Atomic uint32_t server_next; /* of TCP: see lvs/reset.h */
		uint32_t bypass_mark;	      /* of a bypassed connection: its service's */
	};
	union {
		__be16 lport; /* with CONN_LOCAL: the local endpoint's */
		/* of DR: how many the devices had carried when they were asked last; control
		 * thread */
		uint16_t carried_packets;
	};
	_Atomic uint8_t in_pkts; /* from the client, 255 and more being one: lvs/defence.h */
	_Atomic bool twin;	 /* one that came later may have the same replies: conns.c */
	/* Of the client and the virtual one: 4 or 16 bytes each, see conn_client(). With CONN_LOCAL
	 * then the local one: 4 bytes, or where the 16 are. The server's is dest->addr. */
	__be32 addrs[];
};

/* What a packet touches in an IPv4 connection are two cache lines, side by side. With the buckets
 * of two hashes, about 16 bytes each, even one of IPv6 stays below 192 bytes. */
#define CONN_SIZE4 128u
_Static_assert(offsetof(struct conn, control) == 64, "the first cache line has changed");
_Static_assert(offsetof(struct conn, addrs) + 3 * 4 <= CONN_SIZE4, "IPv4 takes too much memory");
#define CONN_SIZE6	 (offsetof(struct conn, addrs) + 2 * sizeof(union addr))
#define CONN_SIZE6_LOCAL (CONN_SIZE6 + sizeof(union addr *))
_Static_assert(CONN_SIZE6_LOCAL <= 152 && CONN_SIZE6 % _Alignof(union addr *) == 0,
	       "IPv6 takes too much memory");

static inline union addr conn_addr(const struct conn *conn, unsigned int i)
{
	union addr addr = {.ip6 = {0}};

	if (conn->af == AF_INET6)
		memcpy(&addr, &conn->addrs[4 * i], sizeof(addr));
	else
		addr.ip = conn->addrs[i];
	return addr;
}

static inline union addr conn_client(const struct conn *conn)
{
	return conn_addr(conn, 0);
}

static inline union addr conn_virtual(const struct conn *conn)
{
	return conn_addr(conn, 1);
}

/* Whom the server of a FULLNAT connection takes for its client: one of a few of our own, which are
 * elsewhere if they are large. Only where conn_has_local(). */
static inline union addr conn_local(const struct conn *conn)
{
	const union addr *addr;

	if (conn->af != AF_INET6)
		return conn_addr(conn, 2);
	memcpy(&addr, &conn->addrs[8], sizeof(addr));
	return *addr;
}

static inline bool conn_has_local(const struct conn *conn)
{
	return atomic_load_explicit(&conn->flags, memory_order_acquire) & CONN_LOCAL;
}

/* Is it of FULLNAT, and its local endpoint conntrack's to know? */
static inline bool conn_lacks_local(const struct conn *conn)
{
	return conn->method == FORWARD_FULLNAT && !conn_has_local(conn);
}

/* From the client to the virtual service, as its packets come in. */
static inline struct flow conn_request(const struct conn *conn)
{
	return (struct flow){.af = conn->af,
			     .protocol = conn->protocol,
			     .saddr = conn_client(conn),
			     .daddr = conn_virtual(conn),
			     .sport = conn->cport,
			     .dport = conn->vport};
}

/* How many connections a template chose for; 0 if it is none. */
static inline uint32_t conn_controls(const struct conn *conn)
{
	bool template = atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_TEMPLATE;

	return template ? atomic_load_explicit(&conn->controls, memory_order_relaxed) : 0;
}

/* How its packets are forwarded. */
const struct forward *conn_method(const struct conn *conn);

/* The mark by which the kernel carries it now; 0: its packets go through the daemon, as those of a
 * connection by another method than its server has by now. */
static inline uint32_t conn_carried(const struct conn *conn)
{
	const struct forward *now =
		atomic_load_explicit(&conn->dest->forward, memory_order_relaxed);

	return conn->carried && now == conn_method(conn) ? dest_carried(conn->dest) : 0;
}

struct conns;

/* An empty table; NULL without memory. @seed: of the hash, random in production (an attacker must
 * not choose buckets). @now: ms. */
struct conns *conns_new(uint64_t seed, uint64_t now);

/* Frees all, after waiting for all that ended. No reader may be left; not under RCU. */
void conns_free(struct conns *conns);

/* The connection of a packet in direction @dir, or NULL. For PKT_IN @flow is client -> virtual,
 * for PKT_OUT server -> client. Any thread under RCU. */
struct conn *conn_find(const struct conns *conns, const struct flow *flow, enum pkt_dir dir);

/* A template by its key, or NULL. Any thread, RCU. */
struct conn *conn_find_template(const struct conns *conns, const struct template_key *key);

/* From where FULLNAT connections get their local endpoints, endpoint number @first first; NULL:
 * from nowhere. Borrowed until conns_free(). Before any worker runs. */
void conns_set_locals(struct conns *conns, struct locals *locals, uint32_t first);

/*
 * A new connection to @dest for @flow (client -> virtual), put into the table and counted at the
 * destination. @flags: CONN_ONEPACKET, CONN_RESTORED, CONN_CHOSEN, or 0. @dport: at the server. If
 * another thread made the same one meanwhile, *@out is that one. 0, -ENOMEM, or -EADDRNOTAVAIL:
 * FULLNAT, and all local endpoints are in use to this server and port; -EUSERS, -ENOSPC: the
 * service, or the server, has as many connections as its limit allows. Worker under RCU.
 */
int conn_add(struct conns *conns, const struct flow *flow, struct dest *dest, __be16 dport,
	     uint32_t fwmark, uint32_t flags, struct conn *control, uint64_t now,
	     struct conn **out);

/* A new template, likewise; 0 or -ENOMEM. Worker under RCU. */
int conn_add_template(struct conns *conns, const struct template_key *key, struct dest *dest,
		      __be16 dport, uint64_t now, struct conn **out);

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

/* The same in two steps. Out of the table; false if it does not end. Then, on true, uncounted. */
bool conn_retire(struct conns *conns, struct conn *conn);
void conn_release(struct conns *conns, struct conn *conn);

/*
 * Who knows what the kernel carries. When such a connection is due, @keep says for how many ms more
 * it lives, because packets of it came by since the daemon saw one; 0: it ends, and the kernel has
 * forgotten it. Called under RCU, by conns_expire(). Before any worker runs.
 */
void conns_set_keeper(struct conns *conns, uint32_t (*keep)(struct conn *conn, void *data),
		      void *data);

/* Calls @forget for each connection that ended otherwise, and that the kernel may still carry; then
 * it is freed. Control thread, not under RCU. */
void conns_forget(struct conns *conns, void (*forget)(const struct conn *conn, void *data),
		  void *data);

/* Ends @conn, which the kernel does not carry, or for another than this. Any thread under RCU. */
void conn_supersede(struct conns *conns, struct conn *conn);

/* Makes a template unfindable; it ends with the last connection it controls. Any thread, RCU. */
void conn_invalidate(struct conns *conns, struct conn *conn);

/* Ends what is due at @now, at most @budget of them; returns true if more are due. Control thread.
 */
bool conns_expire(struct conns *conns, uint64_t now, unsigned int budget);

/* The firewall mark of its service, or 0. */
uint32_t conn_fwmark(const struct conn *conn);

/* A way through all connections and templates, in no order, in portions. To begin: all zero.
 * Nothing is to be freed. */
struct conns_walk {
	unsigned int slab;
	struct slab_cursor at;
};

/*
 * Calls @fn for about the next @n connections and templates, and returns true if there may be more.
 * What is in the table from the first portion to the last is met exactly once; what comes or goes
 * meanwhile, at most once for each time that it came. Enters RCU for one portion at a time, so a
 * walk through millions holds up no reclamation. Any thread, not under RCU.
 */
bool conns_walk(struct conns *conns, struct conns_walk *walk, unsigned int n,
		void (*fn)(struct conn *conn, void *data), void *data);

/* Lets a new walk begin at a place that @random chooses, instead of at the beginning: for samples.
 * It goes on to the end, not around. Any thread. */
void conns_walk_at(const struct conns *conns, struct conns_walk *walk, uint64_t random);

/* Connections and templates in the table. Any thread, relaxed. */
uint64_t conns_count(const struct conns *conns);

#endif
