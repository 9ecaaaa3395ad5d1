// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends the connections that a filter selects. The one idea: the table is walked in small portions,
 * and each connection is ended where the walk meets it, so that neither their number nor that of
 * all others costs memory or holds anybody up. "nfvsadm kill" runs on a thread of libuv's pool, a
 * drain's deadline in slices of the control thread; a lock gives both the same outbox in turns.
 */
#include "daemon/killer.h"
#include "daemon/carrier.h"
#include "daemon/routes.h"
#include "lvs/forward.h"
#include "lvs/reset.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define PORTION	 1024u
#define PAUSE_NS 1000000 /* after a portion in which something was sent */

struct killer {
	pthread_mutex_t lock;
	struct director *director;
	struct sender *sender;
	struct direct direct;
	struct outbox outbox;
	struct stats stats; /* written with the lock held */
};

struct killer *killer_new(struct director *director, struct sender *sender, struct router *router)
{
	struct killer *killer = calloc(1, sizeof(*killer));

	if (!killer)
		return NULL;
	pthread_mutex_init(&killer->lock, NULL);
	killer->director = director;
	killer->sender = sender;
	director_decide(director, &killer->direct);
	killer->direct.router = router;
	killer->direct.outbox = &killer->outbox;
	killer->direct.stats = &killer->stats;
	return killer;
}

void killer_free(struct killer *killer)
{
	if (!killer)
		return;
	sender_close(killer->sender);
	routes_close(killer->direct.router);
	pthread_mutex_destroy(&killer->lock);
	free(killer);
}

const struct stats *killer_stats(const struct killer *killer)
{
	return &killer->stats;
}

static void flush(struct killer *killer)
{
	if (killer->sender)
		sender_flush(killer->sender, &killer->outbox, killer->direct.router,
			     &killer->stats);
	killer->outbox.len = killer->outbox.errors = 0;
}

/* What the walk passes along. */
struct passing {
	struct killer *killer;
	struct kill *kill;
};

static void end_template(struct conns *conns, struct conn *template)
{
	conn_invalidate(conns, template); /* what it controls goes on */
	conn_expire(conns, template);
}

/* Does it go on, as far as we can see? */
static bool goes_on(const struct conn *conn)
{
	const struct proto *proto = proto_find(conn->protocol);
	uint8_t state = atomic_load_explicit(&conn->state, memory_order_relaxed);

	return !(proto->over && proto->over(state));
}

static bool end(struct killer *killer, struct conn *conn, enum ending how)
{
	struct direct *d = &killer->direct;

	if (how == ENDING_KEEP)
		return goes_on(conn);
	if (how == ENDING_EXPIRE || conn->protocol != IPPROTO_TCP) {
		conn_expire(d->conns, conn);
		return true;
	}
	if (!conn_kill(d->conns, conn, d->now))
		return false;
	carrier_drop(director_carrier(killer->director), conn);
	reset_ends(d, conn);
	if (killer->outbox.len + 2 > OUTBOX_MAX)
		flush(killer);
	return true;
}

static void meet(struct conn *conn, void *data)
{
	struct passing *passing = data;
	struct killer *killer = passing->killer;
	struct kill *kill = passing->kill;
	bool template = atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_TEMPLATE;

	if (kill->dest && conn->dest != kill->dest)
		return;
	if (template && !(kill->filter.set & FILTER_STATE))
		return;
	if (!filter_matches(&kill->filter, conn, killer->direct.now))
		return;
	if (template)
		end_template(killer->direct.conns, conn);
	if (template || end(killer, conn, kill->how))
		kill->ended++;
}

bool killer_step(struct killer *killer, struct kill *kill, unsigned int n, uint64_t now)
{
	struct passing passing = {killer, kill};
	bool more;

	pthread_mutex_lock(&killer->lock);
	killer->direct.now = now;
	more = conns_walk(killer->direct.conns, &kill->walk, n, meet, &passing);
	flush(killer);
	pthread_mutex_unlock(&killer->lock);
	return more;
}

void killer_run(struct killer *killer, struct kill *kill)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	uint64_t before = kill->ended;

	while (killer_step(killer, kill, PORTION, director_now())) {
		if (kill->ended != before)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		before = kill->ended;
	}
}
