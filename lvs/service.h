/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SERVICE_H
#define LVS_SERVICE_H

#include "lvs/dest.h"
#include "lvs/proto.h"
#include "lvs/scheduler.h"

#include <pthread.h>

struct persistence_engine;

/*
 * Virtual services, their look-up, and the list of destinations in each. Workers look up under
 * RCU and never block; the control thread, alone, adds, edits and deletes. The destinations and the
 * scheduler's state change together under the service's short spin lock.
 */
struct service {
	struct cds_lfht_node node; /* first: see style, traps */
	struct service_key key;
	/* changed by the control thread, read by workers */
	_Atomic uint32_t flags;	  /* SERVICE_* */
	_Atomic uint32_t timeout; /* persistence, seconds */
	_Atomic uint32_t netmask; /* see struct service_spec */
	const struct persistence_engine *_Atomic engine;
	/* second cache line, which each packet wants */
	_Atomic uint32_t limit;	   /* connections at most; 0: no limit */
	_Atomic bool has_timeouts; /* some of these are not 0 */
	struct traffic traffic;
	struct proto_timeouts timeouts; /* 0: as all have it */
	/* under lock */
	pthread_spinlock_t lock;
	struct cds_list_head dests; /* newest first, as IPVS keeps them */
	struct cds_list_head pool;  /* those that the scheduler chooses among, in this order */
	uint32_t dests_len, pool_len;
	uint32_t room; /* with a limit: so many more for certain; 0: count them */
	const struct scheduler *sched;
	_Alignas(16) uint8_t sched_state[SCHEDULER_STATE_MAX];
	/* control thread */
	uint64_t serial; /* no other service has or had it */
	char name[SERVICE_NAME_MAX];
	struct match *matches; /* owned */
	size_t matches_len;
	bool from_file;
	bool suspended;			      /* see service_suspend() */
	enum datapath datapath;		      /* as asked for */
	enum schedule schedule;		      /* likewise */
	bool carried;			      /* conntrack carries its new connections */
	bool learned;			      /* the devices carry them */
	const char *packet_reason;	      /* if not: why; static */
	_Atomic bool in_turns;		      /* the kernel chooses its servers; anybody reads */
	char daemon_reason[SCHEDULE_WHY_MAX]; /* if not, and it is asked for: why; else "" */
	uint32_t slow_start;		      /* seconds, of servers without one of their own */
	uint32_t rising;		      /* servers in their slow start */
	uint64_t rise_due;		      /* ms: nothing changes before */
	struct cds_list_head rise;	      /* in the table's, see services_rise() */
	struct services *table;
	struct rcu_head rcu;
};

/* See DEST_ALIGN. */
#define SERVICE_ALIGN 64u
_Static_assert(offsetof(struct service, limit) == 64 &&
		       offsetof(struct service, traffic) + offsetof(struct traffic, turn) <= 128,
	       "a packet touches more than one cache line of its service");

struct services;

/* An empty table; NULL without memory. @seed: of the hash, random in production. */
struct services *services_new(uint64_t seed);

/* Frees the table with all services and destinations. No reader may be left. */
void services_free(struct services *services);

/*
 * The service of a new flow to (daddr, dport) with packet mark @mark, in IPVS's order: fwmark
 * service, exact address and port, the :21 service for FTP data, the :0 service. NULL if none.
 * Any thread under RCU; the result is valid until it leaves RCU.
 */
struct service *services_find(const struct services *services, const struct flow *flow,
			      uint32_t mark);

/* The service with exactly this key, or NULL. Any thread under RCU. */
struct service *services_get(const struct services *services, const struct service_key *key);

/* All services, in no order: calls @fn(svc, data) until it returns non-zero, and returns that.
 * Any thread under RCU. */
int services_each(const struct services *services, int (*fn)(struct service *svc, void *data),
		  void *data);

/* All destinations, those in the trash too (their connections' replies still come back): calls
 * @fn(dest, data) for each. Control thread. */
void services_each_dest(const struct services *services, void (*fn)(struct dest *dest, void *data),
			void *data);

/* Does the source of @flow serve its protocol, by NAT? Any thread under RCU. */
bool services_answer_from(const struct services *services, const struct flow *flow);

/* How many servers were ever removed. Control thread. */
uint64_t services_removals(const struct services *services);

/*
 * The changes below belong to the control thread. Errors are those of IPVS: -EEXIST, -ESRCH (no
 * such service), -ENOENT (no such destination), -ERANGE (weight, thresholds), -EINVAL (a
 * server's address that addr_is_unicast() is not), -ENOMEM.
 */

/* Adds a service; takes a copy of the matches. @sched: from scheduler_find(). */
int service_add(struct services *services, const struct service_spec *spec,
		const struct scheduler *sched, struct service **out);

/* Changes scheduler, flags, timeout, netmask, name and matches. Connections stay. */
int service_edit(struct service *svc, const struct service_spec *spec,
		 const struct scheduler *sched);

/* Removes the service with its destinations, which wait in the trash for their connections. */
int service_del(struct services *services, struct service *svc);

/* Gives @spec what it does not say (SAYS_*) as @svc has it. */
void service_complete(const struct service *svc, struct service_spec *spec);

/* What an administrator would write; spec->matches points into the service. */
void service_get(const struct service *svc, struct service_spec *spec);

/* A destination by address and port, or NULL. */
struct dest *service_dest(const struct service *svc, uint8_t af, const union addr *addr,
			  __be16 port);

/* Adds to the head of the list, or revives the same server from the trash with its counters. */
int service_dest_add(struct services *services, struct service *svc, const struct dest_spec *spec,
		     struct dest **out);
int service_dest_edit(struct service *svc, const struct dest_spec *spec, struct dest **out);
int service_dest_del(struct services *services, struct service *svc, struct dest *dest);

/* All its servers came up together: none has a slow start. */
void service_settle(struct service *svc);

/* Many servers are about to be added, edited or removed: the scheduler is told by
 * service_resume(), once, as each time costs what the whole service does. What is removed is not
 * chosen any more meanwhile, what is added not yet. */
void service_suspend(struct service *svc);
int service_resume(struct service *svc);

/* Slow starts: takes the steps that are due. To be called about every 100 ms; @now: ms. */
void services_rise(struct services *services, uint64_t now);

/* Estimates the rates of a part of all services and servers; see ESTIMATOR_MS. */
void services_estimate(struct services *services);

/* Frees what lay in the trash without a reference for 120 s (IP_VS_DEST_TRASH_PERIOD); true if
 * there was any. @now: ms. */
bool services_sweep(struct services *services, uint64_t now);

/* Has the service as many connections as its limit allows? Any thread; takes svc->lock. */
bool service_full(struct service *svc);

/* dest_bind() for a connection, by the limit of @dest's service too, as exactly. -EUSERS: the
 * service is full; -ENOSPC: the server is. Any thread under RCU. */
int service_bind(struct dest *dest);

/* dest_oblige(), and the service has one more too. Any thread under RCU. */
void service_oblige(struct dest *dest);

/* The destination for a new connection, or NULL. Worker, under RCU; takes svc->lock. */
struct dest *service_schedule(struct service *svc, const struct flow *flow,
			      const struct sched_time *time);

/* What schedulers do once a minute, for all services. Control thread. */
void services_minute(struct services *services, const struct sched_time *time);

#endif
