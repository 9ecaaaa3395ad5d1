/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_CARRIER_H
#define DAEMON_CARRIER_H

#include "conf/conf.h"
#include "lvs/direct.h"
#include "rules/ruleset.h"

/*
 * Connections that the kernel carries: which services have such, which number stands for which
 * server, and what the kernel knows of them that the daemon does not see. All functions belong to
 * the control thread.
 */
struct carrier;
struct flowtable;

/* For the services and connections of @d, which stays the caller's, as @conf does. NULL without
 * memory. */
struct carrier *carrier_new(const struct director_conf *conf, const struct rules_caps *caps,
			    const struct direct *d);
void carrier_free(struct carrier *carrier);

/* Of a service that must have datapath flow: why it cannot have it with these values (NULL: its
 * own) or this server too (NULL: none); else NULL. Static storage. */
const char *carrier_refusal(const struct carrier *carrier, const struct service *svc,
			    const struct service_spec *spec, const struct dest_spec *server);

/* Likewise, of a service that must have schedule kernel. @server: one that it has, or does not. To
 * @buf, or static. */
const char *carrier_unscheduled(const struct carrier *carrier, const struct service *svc,
				const struct service_spec *spec, const struct dest_spec *server,
				char buf[SCHEDULE_WHY_MAX]);

/* From now on the director asks for these. */
void carrier_want(struct carrier *carrier, enum datapath wanted, enum schedule schedule);

/* Copies of what the kernel carries cannot be had, so it is not to carry. Before the first plan. */
void carrier_forgo(struct carrier *carrier);

/*
 * Decides for each service who carries its packets, and gives servers their numbers. What is not
 * carried any more, the daemon carries from here on. Before the rules are made; sets what is
 * for them, carried and turns, which are the carrier's until the next call. -ENOMEM.
 */
int carrier_plan(struct carrier *carrier, struct rules_input *input);

/* Does any service have connections that the kernel carries, or did one since the start? Without,
 * the rules do not speak of conntrack, which would make it track everything. */
bool carrier_used(const struct carrier *carrier);

/* The rules are in the kernel: new connections may be carried. The first time, the numbers having
 * been taken over, what a daemon before left in the kernel comes into the table. */
void carrier_settle(struct carrier *carrier);

/* The kernel forgets all that it carries: the rules are about to go. */
void carrier_withdraw(struct carrier *carrier);

/* What the kernel counted, added to the counters of servers and services. */
void carrier_count(struct carrier *carrier);

/* The kernel forgets what ended here. To be called about every 100 ms. */
void carrier_tick(struct carrier *carrier, uint64_t now);

/* Have devices or routes changed, so that a new plan is needed? */
bool carrier_stale(struct carrier *carrier);

/* The kernel forgets @conn, which goes on here, with the local endpoint that it had there. Any
 * thread under RCU. */
void carrier_drop(struct carrier *carrier, struct conn *conn);

/* How many entries conntrack has, and may have; false: the kernel carries nothing, or does not say.
 */
bool carrier_usage(const struct carrier *carrier, uint64_t *count, uint64_t *max);

/* Does the daemon choose for all services meanwhile, as conntrack is full? */
bool carrier_paused(const struct carrier *carrier);

/* How many connections were taken over from an earlier daemon. */
uint64_t carrier_restored(const struct carrier *carrier);

/* How many the rules' own schedule began while this daemon was there; the carrier's. */
struct newcomers *carrier_newcomers(struct carrier *carrier);

/* The kernel's flowtable, by which carried connections go on; the carrier's. */
struct flowtable *carrier_flowtable(const struct carrier *carrier);

#endif
