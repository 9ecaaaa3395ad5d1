/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_DEST_H
#define LVS_DEST_H

#include "lvs/estimator.h"
#include "lvs/spec.h"

struct forward;
struct realserver;
struct route_entry;
struct service;

#define DEST_AVAILABLE                                                                            \
	0x1u		    /* in a service's list; cleared in the trash (IP_VS_DEST_F_AVAILABLE) \
			     */
#define DEST_OVERLOAD 0x2u  /* between upper and lower threshold (IP_VS_DEST_F_OVERLOAD) */
#define DEST_FULL     0x4u  /* has as many connections as its limit allows */
#define DEST_DRAINING 0x10u /* nfvsadm drain: nothing new, not by a template either */
#define DEST_BACK     0x8u  /* a backup that stands back, for others have weight */

#define NEAR_SEEN 1u /* and the administrator is to be told */
#define NEAR_TOLD 2u

/*
 * A destination: one real server inside one service. It outlives its place in the service as long
 * as a connection refers to it (IPVS's trash), and comes back with its counters when the same
 * server is added again meanwhile.
 */
struct dest {
	/* first cache line, which each packet reads: set when made, then constant */
	union addr addr;
	__be16 port;
	uint8_t af;
	/* changed by the control thread */
	_Atomic uint8_t near_prefix;   /* length of the prefix of its network, if it is ours too */
	_Atomic uint32_t carried;      /* see dest_carried() */
	_Atomic(struct service *) svc; /* NULL in the trash; under RCU */
	const struct forward *_Atomic forward;
	_Atomic int32_t weight;	 /* see dest_weight() */
	_Atomic uint32_t tunnel; /* see dest_tunnel() */
	/* changed by workers, rarely */
	_Atomic uint32_t flags;		   /* DEST_* */
	_Atomic uint32_t pmtu;		   /* bytes, learned from a router; 0: none */
	struct route_entry *_Atomic route; /* lvs/route.c's; under RCU */
	/* second cache line, which each packet changes */
	_Atomic uint32_t total;	     /* connections: all of them, */
	_Atomic uint32_t active;     /* and those that are active */
	_Atomic uint32_t persistent; /* templates */
	_Atomic uint32_t refs;	     /* one for the list or trash, one a conn */
	struct traffic traffic;
	/* of new connections, of errors, and of the control thread */
	struct cds_list_head list;  /* in service->dests or trash; service->lock */
	struct cds_list_head known; /* in services.c's index while it is in a service */
	struct cds_list_head pool;  /* in service->pool, or in none; service->lock */
	_Atomic uint32_t upper, lower, limit;
	_Atomic uint8_t near;	     /* NAT: has had a client in its own network, NEAR_* */
	_Atomic uint64_t pmtu_until; /* ms */
	_Atomic uint64_t local_full; /* FULLNAT: ms, until when no local endpoint is looked for */
	int64_t credit;		     /* the scheduler's, of wrr-smooth; service->lock */
	int32_t last_weight; /* the last full_weight that was not 0, for mh; service->lock */
	/* control thread */
	bool answers;		 /* has, or had, connections whose answers come back through here */
	bool from_file;		 /* the configuration file asks for it */
	_Atomic uint32_t number; /* that stands for it in marks, see dest_carried(); 0: none. The
				    observer reads it */
	bool backup;		 /* see lvs/pool.c, as for all of these */
	bool own_slow_start;
	uint32_t slow_start; /* seconds, if it has its own */
	uint32_t rise;	     /* steps of its slow start taken; 0: it has its full weight */
	uint64_t rise_since; /* ms; 0: not known yet */
	int32_t full_weight; /* what the administrator set */
	struct realserver *realserver; /* in lvs/realservers.c's table, or NULL */
	struct service_key vs;	       /* whose it is or was: identity in the trash */
	uint64_t serial;	       /* of the service that it is or was in */
	uint64_t idle_since;	       /* ms; in the trash without references since */
	struct rcu_head rcu;
};

/* Not by an alignment of the type: list heads stand in for the object where lists end. */
#define DEST_ALIGN 64u
_Static_assert(offsetof(struct dest, total) == 64 &&
		       offsetof(struct dest, traffic) + offsetof(struct traffic, turn) <= 128,
	       "a packet touches more than two cache lines of its server");

/*
 * Its number as a mark, in the bits that nfvs owns (lvs/verdict.h), by which the kernel is told to
 * carry a connection to it; 0: its packets go through the daemon. Any thread.
 */
static inline uint32_t dest_carried(const struct dest *dest)
{
	return atomic_load_explicit(&dest->carried, memory_order_relaxed);
}

/* Over a threshold, or at its limit: nothing new. */
static inline bool dest_overloaded(const struct dest *dest)
{
	return atomic_load_explicit(&dest->flags, memory_order_relaxed) &
	       (DEST_OVERLOAD | DEST_FULL);
}

/* May it be chosen for a new connection: not overloaded, weight > 0? Worker, service->lock. */
static inline bool dest_usable(const struct dest *dest)
{
	return !dest_overloaded(dest) &&
	       atomic_load_explicit(&dest->weight, memory_order_relaxed) > 0;
}

/* Not even a client that belongs to it can be taken. */
static inline bool dest_full(const struct dest *dest)
{
	return atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_FULL;
}

/* A backup that is not needed now: not even a client that came to it before is sent to it. */
static inline bool dest_stands_back(const struct dest *dest)
{
	return atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_BACK;
}

static inline bool dest_draining(const struct dest *dest)
{
	return atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_DRAINING;
}

/* Control thread. */
static inline void dest_drain(struct dest *dest, bool on)
{
	if (on)
		atomic_fetch_or_explicit(&dest->flags, DEST_DRAINING, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&dest->flags, ~DEST_DRAINING, memory_order_relaxed);
}

/* The weight to schedule by: the administrator's, but while some server of the service is in its
 * slow start (lvs/pool.c). */
static inline int32_t dest_weight(const struct dest *dest)
{
	return atomic_load_explicit(&dest->weight, memory_order_relaxed);
}

/* Packed into one word, so that a worker never sees half of a change. */
static inline struct tunnel dest_tunnel(const struct dest *dest)
{
	uint32_t word = atomic_load_explicit(&dest->tunnel, memory_order_relaxed);

	return (struct tunnel){
		.type = word & 0xff, .flags = word >> 8 & 0xff, .port = (__be16)(word >> 16)};
}

static inline uint32_t dest_active(const struct dest *dest)
{
	return atomic_load_explicit(&dest->active, memory_order_relaxed);
}

/* Active and inactive connections, the count that thresholds and limits look at. */
static inline uint32_t dest_total(const struct dest *dest)
{
	return atomic_load_explicit(&dest->total, memory_order_relaxed);
}

static inline uint32_t dest_inactive(const struct dest *dest)
{
	uint32_t active = dest_active(dest), total = dest_total(dest);

	return total > active ? total - active : 0; /* some may have ended in between */
}

/* 256 * active + total: what lc and wlc minimise (lvs-semantics, Linux 6.1
 * ip_vs_dest_conn_overhead). */
static inline int64_t dest_overhead(const struct dest *dest)
{
	return 256 * (int64_t)dest_active(dest) + (int64_t)dest_total(dest);
}

/* A new destination with one reference, not in any list; NULL without memory. Control thread. */
struct dest *dest_new(const struct dest_spec *spec, const struct service_key *vs);

/* Takes the changeable values of @spec over and judges thresholds and limit anew. Control thread.
 */
void dest_set(struct dest *dest, const struct dest_spec *spec);

/* The reverse of dest_new()/dest_set(): what an administrator would write. Control thread. */
void dest_get(const struct dest *dest, struct dest_spec *spec);

/* Gives @spec what it does not say (SAYS_*) as @dest has it. Control thread. */
void dest_complete(const struct dest *dest, struct dest_spec *spec);

/* One more, one less connection (or template). dest_bind() counts it as inactive, as IPVS does; it
 * returns false, and nothing is counted, if the server is full: however many threads call it, there
 * are never more than its limit allows. Templates always fit. Both move DEST_OVERLOAD by IPVS's
 * hysteresis. Any thread under RCU. */
bool dest_bind(struct dest *dest, bool template);
/* A connection that is there already: no limit refuses it. */
void dest_oblige(struct dest *dest);
void dest_unbind(struct dest *dest, bool template, bool active);

/* A connection became active or inactive. Any thread under RCU. */
void dest_activate(struct dest *dest, bool active);

/* Forgets what lvs/route.c knows. For who frees the destination. */
void dest_forget_route(struct dest *dest);

/* Drops a reference; the last one frees after a grace period. Any thread. */
void dest_put(struct dest *dest);

#endif
