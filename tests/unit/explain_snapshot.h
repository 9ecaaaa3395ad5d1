/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_EXPLAIN_SNAPSHOT_H
#define TESTS_EXPLAIN_SNAPSHOT_H

#include "tests/unit/direct_build.h"

#include <limits.h>
#include <string.h>

/* All that asking could change and nobody may notice. */
struct snapshot {
	uint64_t conns, reasons[REASON_MAX];
	struct {
		uint32_t active, inactive, persistent, refs;
		uint64_t conns, in_pkts;
		int64_t credit;
		uint8_t sched_state[SCHEDULER_STATE_MAX];
	} services[4][4];
	unsigned int services_len;
	uint64_t expires; /* of all connections and templates, added up */
};

static inline void snapshot_conn(struct conn *conn, void *data)
{
	struct snapshot *s = data;

	s->expires += atomic_load(&conn->expires) + atomic_load(&conn->timeout) +
		      atomic_load(&conn->controls) + atomic_load(&conn->flags) +
		      atomic_load(&conn->state);
}

static inline int snapshot_service(struct service *svc, void *data)
{
	struct snapshot *s = data;
	struct dest *dest;
	int i = 0;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		s->services[s->services_len][i].active = dest_active(dest);
		s->services[s->services_len][i].inactive = dest_inactive(dest);
		s->services[s->services_len][i].persistent = atomic_load(&dest->persistent);
		s->services[s->services_len][i].refs = atomic_load(&dest->refs);
		s->services[s->services_len][i].conns = atomic_load(&dest->traffic.conns);
		s->services[s->services_len][i].in_pkts = atomic_load(&dest->traffic.in_pkts);
		s->services[s->services_len][i].credit = dest->credit;
		memcpy(s->services[s->services_len][i++].sched_state, svc->sched_state,
		       sizeof(svc->sched_state));
	}
	s->services_len++;
	return 0;
}

static inline void snapshot_take(const struct lab *lab, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	s->conns = conns_count(lab->d.conns);
	for (int i = 0; i < REASON_MAX; i++)
		s->reasons[i] = lab_reason(lab, (enum reason)i);
	rcu_read_lock();
	conns_walk(lab->d.conns, &(struct conns_walk){0}, UINT_MAX, snapshot_conn, s);
	services_each(lab->d.services, snapshot_service, s);
	rcu_read_unlock();
}

#endif
