// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The carrier's side of conntrack. The one idea: conntrack is asked about a single connection only
 * when its time is up here, and about all of them only at the start or after a loss of copies.
 * Control thread, and that of nfvsadm kill, hence a lock.
 */
#include "daemon/tracking.h"
#include "daemon/conntrack.h"
#include "daemon/director.h"
#include "daemon/flowtable.h"
#include "daemon/remnants.h"
#include "lvs/endpoint.h"
#include "lvs/forward.h"
#include "lvs/proto.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#define PAUSES	 20u	/* see pause_after() */
#define LATER_MS 10000u /* when the kernel does not answer */
#define DUMP_MS	 5000u	/* at least, between two readings of all that conntrack has */

struct tracking {
	struct direct direct;
	struct numbers *numbers;
	struct flowtable *flowtable;
	pthread_mutex_t lock; /* of conntrack */
	struct conntrack *conntrack;
	struct newcomers newcomers;
	uint64_t next_dump;
};

static bool over(const struct flow *flow, void *data)
{
	const struct tracking *tracking = data;
	const struct conn *conn;
	uint8_t state = 0;

	if (flow->protocol != IPPROTO_TCP)
		return false;
	rcu_read_lock();
	conn = conn_find(tracking->direct.conns, flow, PKT_IN);
	if (conn)
		state = atomic_load_explicit(&conn->state, memory_order_relaxed);
	rcu_read_unlock();
	return state == TCP_TIMEWAIT || state == TCP_CLOSED;
}

struct tracking *tracking_new(const struct direct *d, struct numbers *numbers,
			      struct flowtable *flowtable)
{
	struct tracking *tracking = calloc(1, sizeof(*tracking));

	if (!tracking)
		return NULL;
	pthread_mutex_init(&tracking->lock, NULL);
	tracking->direct = *d;
	tracking->direct.newcomers = &tracking->newcomers;
	tracking->numbers = numbers;
	tracking->flowtable = flowtable;
	flowtable_set_over(flowtable, over, tracking);
	return tracking;
}

void tracking_free(struct tracking *tracking)
{
	if (!tracking)
		return;
	conntrack_close(tracking->conntrack);
	pthread_mutex_destroy(&tracking->lock);
	free(tracking);
}

int tracking_open(struct tracking *tracking, struct error *err)
{
	return conntrack_open(&tracking->conntrack, err);
}

struct newcomers *tracking_newcomers(struct tracking *tracking)
{
	return &tracking->newcomers;
}

/* Has conntrack's entry, @tracked, another endpoint than the client's? */
static bool sourced(const struct tracked *tracked)
{
	return tracked->local_port != tracked->flow.sport ||
	       !addr_equal(&tracked->local, &tracked->flow.saddr);
}

/* Caller holds the lock. 0, or as conntrack_get(). */
static int learn(struct tracking *tracking, struct conn *conn)
{
	const struct flow flow = conn_request(conn);
	struct tracked tracked;
	int ret = conntrack_get(tracking->conntrack, &flow, &tracked);

	if (!ret && sourced(&tracked))
		(void)endpoint_learn(tracking->direct.conns, conn, &tracked.local,
				     tracked.local_port);
	return ret;
}

void tracking_forget(struct tracking *tracking, const struct conn *conn)
{
	const struct flow flow = conn_request(conn);

	if (!tracking->conntrack)
		return;
	pthread_mutex_lock(&tracking->lock);
	(void)flowtable_delete(tracking->flowtable, tracking->conntrack, &flow, director_now());
	pthread_mutex_unlock(&tracking->lock);
}

void tracking_drop(struct tracking *tracking, struct conn *conn)
{
	if (tracking->conntrack && conn_lacks_local(conn)) {
		pthread_mutex_lock(&tracking->lock);
		(void)learn(tracking, conn);
		pthread_mutex_unlock(&tracking->lock);
	}
	tracking_forget(tracking, conn);
}

static void answer(const struct flow *flow, void *data)
{
	struct tracking *tracking = data;
	struct conns *conns = tracking->direct.conns;
	struct conn *conn;
	int ret;

	rcu_read_lock();
	conn = conn_find(conns, flow, PKT_IN);
	if (conn && conn_lacks_local(conn)) {
		pthread_mutex_lock(&tracking->lock);
		ret = learn(tracking, conn);
		pthread_mutex_unlock(&tracking->lock);
		if (ret == -ENOENT)
			endpoint_give(conns, conn, tracking->direct.now);
	}
	rcu_read_unlock();
}

void tracking_answer(struct tracking *tracking, uint64_t now)
{
	if (!tracking->conntrack)
		return;
	tracking->direct.now = now;
	asked_take(tracking->direct.asked, answer, tracking);
}

uint32_t tracking_keep(struct tracking *tracking, const struct conn *conn)
{
	const struct flow flow = conn_request(conn);
	uint32_t timeout = atomic_load_explicit(&conn->timeout, memory_order_relaxed);
	const uint64_t now = director_now();
	struct tracked tracked;
	uint64_t idle;
	uint32_t left = 0;
	int ret;

	pthread_mutex_lock(&tracking->lock);
	ret = conntrack_get(tracking->conntrack, &flow, &tracked);
	if (ret)
		idle = timeout;
	else if (!flowtable_idle(tracking->flowtable, &tracked, now, &idle))
		idle = (uint64_t)conntrack_idle(tracking->conntrack, &tracked) * 1000;
	if (ret && ret != -ENOENT)
		left = LATER_MS;
	else if (idle < timeout)
		left = (uint32_t)(timeout - idle);
	else if (!ret)
		(void)flowtable_delete(tracking->flowtable, tracking->conntrack, &flow, now);
	else
		flowtable_gone(tracking->flowtable, &flow);
	pthread_mutex_unlock(&tracking->lock);
	return left;
}

uint64_t tracking_take_over(struct tracking *tracking)
{
	uint64_t taken;

	tracking->direct.now = director_now();
	pthread_mutex_lock(&tracking->lock);
	(void)remnants_take(tracking->conntrack, &tracking->direct, tracking->numbers,
			    tracking->flowtable, false, &taken);
	pthread_mutex_unlock(&tracking->lock);
	return taken;
}

uint64_t pause_after(uint64_t took, uint64_t ms)
{
	return took * PAUSES > ms ? took * PAUSES : ms;
}

void tracking_take_missed(struct tracking *tracking, uint64_t now)
{
	struct newcomers *newcomers = &tracking->newcomers;
	uint64_t taken, end;

	if (!tracking->conntrack || now < tracking->next_dump ||
	    !atomic_exchange_explicit(&newcomers->missed, false, memory_order_relaxed))
		return;
	tracking->direct.now = now;
	pthread_mutex_lock(&tracking->lock);
	if (remnants_take(tracking->conntrack, &tracking->direct, tracking->numbers,
			  tracking->flowtable, true, &taken))
		atomic_store_explicit(&newcomers->missed, true, memory_order_relaxed);
	pthread_mutex_unlock(&tracking->lock);
	end = director_now();
	tracking->next_dump = end + pause_after(end - now, DUMP_MS);
}

void tracking_miss(struct tracking *tracking)
{
	atomic_store_explicit(&tracking->newcomers.missed, true, memory_order_relaxed);
	tracking->next_dump = 0;
}

/* Has this number left the rules? */
static bool gone(uint32_t mark, void *data)
{
	const struct dest *dest = numbers_dest(data, mark);

	return !dest || !dest_carried(dest) ||
	       !atomic_load_explicit(&dest->forward, memory_order_relaxed)->tracked;
}

void tracking_settle(struct tracking *tracking)
{
	flowtable_settle(tracking->flowtable);
	pthread_mutex_lock(&tracking->lock);
	flowtable_expel(tracking->flowtable, tracking->conntrack, gone, tracking->numbers,
			director_now());
	pthread_mutex_unlock(&tracking->lock);
}

void tracking_tick(struct tracking *tracking, uint64_t now)
{
	pthread_mutex_lock(&tracking->lock);
	flowtable_tick(tracking->flowtable, tracking->conntrack, now);
	pthread_mutex_unlock(&tracking->lock);
}

void tracking_ask(struct tracking *tracking)
{
	pthread_mutex_lock(&tracking->lock);
	flowtable_ask(tracking->flowtable, tracking->conntrack, director_now());
	pthread_mutex_unlock(&tracking->lock);
}

void tracking_withdraw(struct tracking *tracking)
{
	pthread_mutex_lock(&tracking->lock);
	remnants_drop(tracking->conntrack, tracking->direct.mark_mask);
	pthread_mutex_unlock(&tracking->lock);
}

struct own_tracker {
	struct tracker tracker;
	struct conntrack *conntrack;
};

static int find(struct tracker *tracker, const struct flow *reply, struct flow *request)
{
	const struct own_tracker *own = caa_container_of(tracker, struct own_tracker, tracker);
	struct tracked tracked;
	int ret = conntrack_get_reply(own->conntrack, reply, &tracked);

	if (!ret)
		*request = tracked.flow;
	return ret;
}

struct tracker *tracker_new(void)
{
	struct own_tracker *own = calloc(1, sizeof(*own));

	if (!own)
		return NULL;
	own->tracker.find = find;
	if (conntrack_open(&own->conntrack, &(struct error){""})) {
		free(own);
		return NULL;
	}
	return &own->tracker;
}

void tracker_free(struct tracker *tracker)
{
	struct own_tracker *own;

	if (!tracker)
		return;
	own = caa_container_of(tracker, struct own_tracker, tracker);
	conntrack_close(own->conntrack);
	free(own);
}
