/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SERVICE_H
#define LVS_SERVICE_H

#include "lvs/dest.h"
#include "lvs/scheduler.h"

#include <pthread.h>

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
	struct traffic traffic;
	/* under lock */
	pthread_spinlock_t lock;
	struct cds_list_head dests; /* newest first, as IPVS keeps them */
	struct cds_list_head pool;  /* those that the scheduler chooses among, in this order */
	uint32_t dests_len, pool_len;
	const struct scheduler *sched;
	_Alignas(16) uint8_t sched_state[SCHEDULER_STATE_MAX];
	/* control thread */
	uint64_t serial; /* no other service has or had it */
	char name[SERVICE_NAME_MAX];
	struct match *matches; /* owned */
	size_t matches_len;
	bool from_file;
	struct rcu_head rcu;
};

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
void services_each_dest(const struct services *services,
			void (*fn)(const struct dest *dest, void *data), void *data);

/* How many services there are; any thread, relaxed. */
uint32_t services_count(const struct services *services);

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

/* Frees what lay in the trash without a reference for 120 s (IP_VS_DEST_TRASH_PERIOD); true if
 * there was any. @now: ms. */
bool services_sweep(struct services *services, uint64_t now);

/* The destination for a new connection, or NULL. Worker, under RCU; takes svc->lock. */
struct dest *service_schedule(struct service *svc, const struct flow *flow,
			      const struct sched_time *time);

/* What schedulers do once a minute, for all services. Control thread. */
void services_minute(struct services *services, const struct sched_time *time);

/* The one that service_schedule() would return now, changing nothing. Any thread under RCU. */
struct dest *service_peek(struct service *svc, const struct flow *flow);

#endif
