/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_POOL_H
#define LVS_POOL_H

#include "lvs/service.h"

/* What service.c and services.c need of the pool. All: control thread. */

/* Makes svc->pool and the weights what they should be after a change of svc->dests, and tells the
 * scheduler. Caller holds svc->lock. */
int pool_update(struct service *svc);

/* Before @dest leaves svc->dests. Caller holds svc->lock. */
void pool_leave(struct service *svc, struct dest *dest);

/* Only the weights; the scheduler is not told. Caller holds svc->lock. */
void pool_weigh(struct service *svc);

/* @dest, of svc->dests, had no weight and has: its slow start begins, if it has one and others
 * serve. Before pool_update(). True if it does. */
bool pool_rise(struct service *svc, struct dest *dest);

/* It has no slow start any more. Before pool_update(). */
void pool_settle(struct service *svc, struct dest *dest);

/* Takes the steps that are due. @now: ms. Takes svc->lock. False: no server has a slow start any
 * more. */
bool pool_step(struct service *svc, uint64_t now);

#endif
