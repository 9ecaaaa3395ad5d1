// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whom a scheduler chooses among, and at which weights. The one idea: backup servers and slow start
 * are made by what schedulers see, the pool and dest_weight(), so none of them knows of either; and
 * a service that has neither is left exactly as IPVS would have it.
 *
 * The pool holds the regular servers, or the backups alone while no regular one has weight: those
 * that would not be chosen must not have their places in the tables of dh, sh and mh.
 *
 * In its slow start a server has a growing part of its weight, so many of SLOW_STEPS. A weight of 1
 * has no parts; so meanwhile all weights of the service are multiplied, which changes nothing where
 * only their ratios count. To a scheduler that takes them for numbers it would; there they grow as
 * whole numbers. Where a client's server hangs on the weights they stay, for each step would send
 * clients elsewhere. Control thread, called from service.c and services.c.
 */
#include "lvs/pool.h"
#include "lvs/services.h"

#define SLOW_STEPS 20u

/* Do the backups serve? */
static bool backups_needed(const struct service *svc)
{
	const struct dest *dest;
	bool able = false;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		if (!dest->full_weight)
			continue;
		if (!dest->backup)
			return false;
		able = true;
	}
	return able;
}

void pool_leave(struct service *svc, struct dest *dest)
{
	if (cds_list_empty(&dest->pool))
		return;
	if (svc->sched->forget)
		svc->sched->forget(svc, dest);
	cds_list_del_init(&dest->pool);
	svc->pool_len--;
}

/* The pool keeps the order of the list. */
static void pool_choose(struct service *svc)
{
	bool backups = backups_needed(svc);
	struct cds_list_head *at = &svc->pool;
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->dests, list)
		if (dest->backup != backups)
			pool_leave(svc, dest);
	cds_list_for_each_entry (dest, &svc->dests, list) {
		if (dest_stands_back(dest) != (dest->backup && !backups))
			atomic_fetch_xor_explicit(&dest->flags, DEST_BACK, memory_order_relaxed);
		if (dest->backup != backups)
			continue;
		if (cds_list_empty(&dest->pool)) {
			cds_list_add(&dest->pool, at);
			svc->pool_len++;
		}
		at = &dest->pool;
	}
}

/* What weights are multiplied with, so that none grows too large. */
static int32_t weights_scale(const struct service *svc)
{
	const struct dest *dest;
	int32_t most = 1;

	if (!svc->rising || svc->sched->weights != WEIGHTS_RATIOS)
		return 1;
	cds_list_for_each_entry (dest, &svc->dests, list)
		most = dest->full_weight > most ? dest->full_weight : most;
	return most > INT32_MAX / (int32_t)SLOW_STEPS ? INT32_MAX / most : (int32_t)SLOW_STEPS;
}

void pool_weigh(struct service *svc)
{
	int32_t scale = weights_scale(svc);
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		int64_t weight = (int64_t)dest->full_weight * scale;

		if (dest->rise && svc->sched->weights != WEIGHTS_FIXED)
			weight = weight * dest->rise / SLOW_STEPS;
		if (dest->full_weight && !weight)
			weight = 1;
		if (weight != dest_weight(dest))
			atomic_store_explicit(&dest->weight, (int32_t)weight, memory_order_relaxed);
	}
}

int pool_update(struct service *svc)
{
	if (svc->suspended)
		return 0;
	pool_weigh(svc);
	pool_choose(svc);
	return svc->sched->update ? svc->sched->update(svc) : 0;
}

static uint64_t slow_start_ms(const struct service *svc, const struct dest *dest)
{
	return (dest->own_slow_start ? dest->slow_start : svc->slow_start) * 1000ull;
}

bool pool_rise(struct service *svc, struct dest *dest)
{
	const struct dest *other;

	if (!slow_start_ms(svc, dest) || svc->sched->weights == WEIGHTS_FIXED)
		return false;
	cds_list_for_each_entry (other, &svc->dests, list) {
		if (other == dest || !other->full_weight || other->backup != dest->backup)
			continue;
		dest->rise = 1;
		dest->rise_since = 0;
		svc->rising++;
		svc->rise_due = 0;
		return true;
	}
	return false;
}

void pool_settle(struct service *svc, struct dest *dest)
{
	if (dest->rise)
		svc->rising--;
	dest->rise = 0;
}

/* Moves @dest on to where it should be; true if that is a change. */
static bool dest_step(struct service *svc, struct dest *dest, uint64_t now)
{
	uint64_t ms = slow_start_ms(svc, dest), due, step;

	if (!dest->rise_since)
		dest->rise_since = now;
	step = ms ? (now - dest->rise_since) * SLOW_STEPS / ms : SLOW_STEPS;
	if (step >= SLOW_STEPS) {
		pool_settle(svc, dest);
		return true;
	}
	due = dest->rise_since + ((step + 1) * ms + SLOW_STEPS - 1) / SLOW_STEPS;
	svc->rise_due = svc->rise_due < due ? svc->rise_due : due;
	step = step ? step : 1;
	if (step == dest->rise)
		return false;
	dest->rise = (uint32_t)step;
	return true;
}

bool pool_step(struct service *svc, uint64_t now)
{
	bool changed = false;
	struct dest *dest;

	if (!svc->rising || now < svc->rise_due)
		return svc->rising;
	svc->rise_due = UINT64_MAX;
	cds_list_for_each_entry (dest, &svc->dests, list)
		if (dest->rise)
			changed |= dest_step(svc, dest, now);
	if (!changed)
		return true;
	pthread_spin_lock(&svc->lock);
	pool_weigh(svc);
	/* What cannot be told now is told with the next step, or change. */
	if (svc->sched->update)
		(void)svc->sched->update(svc);
	pthread_spin_unlock(&svc->lock);
	return svc->rising;
}
