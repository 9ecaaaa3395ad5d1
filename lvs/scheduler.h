/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SCHEDULER_H
#define LVS_SCHEDULER_H

#include "lvs/pkt.h"

struct cds_list_head;
struct dest;
struct service;
struct settings;

/* When something is chosen, and by which settings. */
struct sched_time {
	uint64_t now; /* ms, monotonic */
	const struct settings *settings;
};

/*
 * What a choice was made from, for "nfvsadm explain": a few named values. The names are words for
 * people ("current weight") and, with dashes, for programs; static storage.
 */
enum sched_fact_kind {
	FACT_NUMBER,
	FACT_YES,   /* number is 0 or 1 */
	FACT_SERVER /* dest, or NULL: none */
};

struct sched_fact {
	const char *name;
	enum sched_fact_kind kind;
	int64_t number;
	const struct dest *dest;
};

#define SCHED_FACTS_MAX 8

struct sched_facts {
	struct sched_fact items[SCHED_FACTS_MAX];
	size_t len;
};

/* Adds one; what does not fit is left out. */
void facts_number(struct sched_facts *facts, const char *name, int64_t number);
void facts_yes(struct sched_facts *facts, const char *name, bool yes);
void facts_server(struct sched_facts *facts, const char *name, const struct dest *dest);

/* What weights are to a scheduler, and so what it sees of a slow start (lvs/pool.c). */
enum sched_weights {
	WEIGHTS_RATIOS,	 /* only their ratios count: they may be multiplied */
	WEIGHTS_NUMBERS, /* of connections, say */
	WEIGHTS_FIXED	 /* none, or a client's server hangs on them: there is no slow start */
};

#define SCHEDULER_FLAGS 3 /* SERVICE_SCHED1 .. 3 */

/*
 * How a service picks a destination for a new connection. One member a file in sched/. The state
 * that moves with each choice (a position, a current weight) is a small plain struct of state_size
 * bytes at svc->sched_state: a copy of it can be tried without consequences, which is how
 * "nfvsadm explain" looks ahead. All functions are called with svc->lock held.
 */
struct scheduler {
	const char *name;
	const char *about; /* for the manual: half a sentence */
	bool ipvs;	   /* the kernel's IPVS has it, too, and chooses the same */
	size_t state_size; /* 0..SCHEDULER_STATE_MAX */
	enum sched_weights weights;
	/* What SERVICE_SCHED1 .. 3 are called ("sh-port"); NULL: it has no such flag. */
	const char *flags[SCHEDULER_FLAGS];
	/* The choice among svc->pool, or NULL: nobody can take it. Changes nothing but @state. */
	struct dest *(*pick)(const struct service *svc, const struct flow *flow, void *state);
	/* After pick() chose @dest (or NULL) for a connection: what is remembered outside of
	 * @state, a table of destinations say. Never called for a look ahead. Optional. */
	void (*commit)(struct service *svc, const struct flow *flow, struct dest *dest,
		       const struct sched_time *time);
	/* Once a minute. Optional. */
	void (*tick)(struct service *svc, const struct sched_time *time);
	/* Sets up svc->sched_state for the present pool. Optional: the state is then all zero. */
	int (*init)(struct service *svc);
	/* After a destination came into svc->pool, left it, or was edited (weight). Optional. */
	int (*update)(struct service *svc);
	/* Before @dest leaves svc->pool: nothing in the state may point to it afterwards. Optional.
	 */
	void (*forget)(struct service *svc, struct dest *dest);
	/* Before svc->sched_state goes away. Optional. */
	void (*free)(struct service *svc);
	/* What pick() will go by. @state is a copy, which it may use up as pick() would. Optional.
	 */
	void (*explain)(const struct service *svc, const struct flow *flow, void *state,
			struct sched_facts *facts);
	/*
	 * Where nothing but weights decides, and in turns: one round of a pool with these weights,
	 * in its order, as the numbers of its servers in @weights; NULL: there are no such. Writes
	 * at most @max to @turns, and returns how many a round has, which may be more; 0: nobody
	 * has weight. Pure; any thread.
	 */
	uint64_t (*turns)(const int32_t *weights, size_t len, uint16_t *turns, size_t max);
	/* A server's load as pick() compares it, and what that is called. Optional. */
	int64_t (*load)(const struct dest *dest);
	const char *load_name;
};

#define SCHEDULER_STATE_MAX 64

#endif
