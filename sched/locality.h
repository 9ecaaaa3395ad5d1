/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_LOCALITY_H
#define SCHED_LOCALITY_H

#include "lvs/service.h"

#include <urcu/list.h>
#include <urcu/hlist.h>

#define LOCALITY_BITS 10
#define LOCALITY_SIZE (1u << LOCALITY_BITS)
#define LOCALITY_MANY \
	16384u /* more sites than this are too many, half more the most there can be */

/* A server as it is remembered, which may leave the pool and come back. */
struct place {
	struct cds_list_head node; /* in locality->places */
	struct dest *dest;	   /* NULL: not in the pool now */
	uint32_t members;	   /* that refer to it; none: it is freed */
	int32_t weight;		   /* when it left */
	uint8_t af;
	__be16 port;
	union addr addr;
};

struct member {
	struct cds_list_head node; /* in site->members */
	struct place *place;
};

/* A destination address, and the servers that have its content. */
struct site {
	struct cds_hlist_node node; /* in locality->buckets */
	struct cds_list_head members;
	uint32_t len;
	union addr addr;
	uint64_t used, changed; /* ms: last looked up; last gained or lost a member */
};

struct locality {
	struct cds_hlist_head buckets[LOCALITY_SIZE];
	struct cds_list_head places;
	uint32_t sites, gone; /* gone: places without a dest */
	uint32_t rover, runs;
};

/* The table of a service whose scheduler is lblc or lblcr; @state: or a copy of its state. All
 * below under svc->lock. */
struct locality *locality_of(const void *state);

/* The site of the flow's destination address, or NULL. */
struct site *locality_find(const struct locality *locality, const struct flow *flow);

/* A new one without members; NULL: the table is full, or no memory. */
struct site *locality_add(struct locality *locality, const struct flow *flow, uint64_t now);

/* The member that was added last, or NULL. */
static inline struct member *site_first(const struct site *site)
{
	return site->len ? cds_list_entry(site->members.next, struct member, node) : NULL;
}

bool locality_full(const struct locality *locality);

/* Makes @dest the first member, unless it is one; false: no memory, nothing is changed. */
bool site_insert(struct locality *locality, struct site *site, struct dest *dest, uint64_t now);
void site_remove(struct locality *locality, struct site *site, struct member *member, uint64_t now);

/* The schedulers' init(), update(), forget(), free(), and tick() with the seconds after which a
 * site is forgotten. */
int locality_init(struct service *svc);
int locality_update(struct service *svc);
void locality_forget(struct service *svc, struct dest *dest);
void locality_free(struct service *svc);
void locality_tick(struct service *svc, uint64_t now, uint32_t expiration);

#endif
