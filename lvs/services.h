/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SERVICES_H
#define LVS_SERVICES_H

#include "lvs/service.h"

/* What service.c needs of the table and the trash, beside the public functions in service.h. All:
 * control thread. */

/* Makes @svc findable; counts it and gives it its serial number. The key must not be there yet. */
void services_insert(struct services *services, struct service *svc);

/* Takes @svc out; readers may still hold it. False if it is not there any more. Under RCU. */
bool services_remove(struct services *services, struct service *svc);

/* @svc has a server in its slow start: services_rise() is to look after it. */
void services_watch(struct service *svc);

/* What is to be estimated, from now on or no more; a server beside its service, but where there are
 * very many. */
void services_measure(struct service *svc, struct traffic *traffic);

/* @dest is about to come into a service: packets of its own are known from now on until it goes to
 * the trash. 0 or -ENOMEM. */
int services_learn(struct services *services, struct dest *dest);

/* Keeps a removed destination, with its reference, until services_sweep() or trash_take(). */
void trash_put(struct services *services, struct dest *dest);

/* The destination that was removed from the service @vs and is wanted again, or NULL. */
struct dest *trash_take(struct services *services, const struct service_key *vs,
			const struct dest_spec *spec);

#endif
