// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The carrier's side of conntrack. The one idea: conntrack is asked about a single connection only
 * when its time is up here, and about all of them only at the start or after a loss of copies.
 * Control thread, and that of nfvsadm kill, hence a lock.
 */
#include "daemon/tracking.h"
#include "daemon/conntrack.h"
#include "daemon/director.h"
#include "daemon/remnants.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define PAUSES	 20u	/* see pause_after() */
#define LATER_MS 10000u /* when the kernel does not answer */
#define DUMP_MS	 5000u	/* at least, between two readings of all that conntrack has */

struct tracking {
	struct direct direct;
	const struct numbers *numbers;
	pthread_mutex_t lock; /* of conntrack */
	struct conntrack *conntrack;
	struct newcomers newcomers;
	uint64_t next_dump;
};

struct tracking *tracking_new(const struct direct *d, const struct numbers *numbers)
{
	struct tracking *tracking = calloc(1, sizeof(*tracking));

	if (!tracking)
		return NULL;
	pthread_mutex_init(&tracking->lock, NULL);
	tracking->direct = *d;
	tracking->direct.newcomers = &tracking->newcomers;
	tracking->numbers = numbers;
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

void tracking_drop(struct tracking *tracking, const struct conn *conn)
{
	const struct flow flow = conn_request(conn);

	if (!tracking->conntrack)
		return;
	pthread_mutex_lock(&tracking->lock);
	(void)conntrack_delete(tracking->conntrack, &flow);
	pthread_mutex_unlock(&tracking->lock);
}

uint32_t tracking_keep(struct tracking *tracking, const struct conn *conn)
{
	const struct flow flow = conn_request(conn);
	uint32_t timeout = atomic_load_explicit(&conn->timeout, memory_order_relaxed);
	struct tracked tracked;
	uint64_t idle;
	uint32_t left = 0;
	int ret;

	pthread_mutex_lock(&tracking->lock);
	ret = conntrack_get(tracking->conntrack, &flow, &tracked);
	idle = ret ? timeout : (uint64_t)conntrack_idle(tracking->conntrack, &tracked) * 1000;
	if (ret && ret != -ENOENT)
		left = LATER_MS;
	else if (idle < timeout)
		left = (uint32_t)(timeout - idle);
	else if (!ret)
		(void)conntrack_delete(tracking->conntrack, &flow);
	pthread_mutex_unlock(&tracking->lock);
	return left;
}

uint64_t tracking_take_over(struct tracking *tracking)
{
	uint64_t taken;

	tracking->direct.now = director_now();
	pthread_mutex_lock(&tracking->lock);
	(void)remnants_take(tracking->conntrack, &tracking->direct, tracking->numbers, false,
			    &taken);
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
	if (remnants_take(tracking->conntrack, &tracking->direct, tracking->numbers, true, &taken))
		atomic_store_explicit(&newcomers->missed, true, memory_order_relaxed);
	pthread_mutex_unlock(&tracking->lock);
	end = director_now();
	tracking->next_dump = end + pause_after(end - now, DUMP_MS);
}

void tracking_withdraw(struct tracking *tracking)
{
	pthread_mutex_lock(&tracking->lock);
	remnants_drop(tracking->conntrack, tracking->direct.mark_mask);
	pthread_mutex_unlock(&tracking->lock);
}
