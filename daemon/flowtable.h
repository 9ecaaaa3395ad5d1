/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_FLOWTABLE_H
#define DAEMON_FLOWTABLE_H

#include "conf/conf.h"
#include "daemon/numbers.h"
#include "daemon/offloads.h"
#include "rules/ruleset.h"

/* Carried connections that go on by the kernel's flowtable: whether there are such, by which
 * devices, and what they count. A part of the carrier; control thread, but for what says otherwise.
 * Where a struct conntrack is taken, it is the caller's in turn. */
struct flowtable;

/* Borrows @conf. NULL without memory. */
struct flowtable *flowtable_new(const struct director_conf *conf, const struct rules_caps *caps);
void flowtable_free(struct flowtable *flowtable);

/* Why there is none; NULL: there is one as soon as the kernel carries a connection. Static storage.
 */
const char *flowtable_why(const struct flowtable *flowtable);

/* Not any more: @why, static storage. */
void flowtable_forgo(struct flowtable *flowtable, const char *why);

/* Who is there; for the observer, any thread. */
struct offloads *flowtable_offloads(const struct flowtable *flowtable);

/* Who says of a connection that both of its ends have closed it; before flowtable_settle(). */
void flowtable_set_over(struct flowtable *flowtable,
			bool (*over)(const struct flow *flow, void *data), void *data);

/* The rules are in the kernel, with a flowtable in them: it gets devices once it has
 * connections. */
void flowtable_settle(struct flowtable *flowtable);

/* Devices are followed, and conntrack is asked what some of the connections count. About every 100
 * ms, after flowtable_settle(). */
void flowtable_tick(struct flowtable *flowtable, struct conntrack *ct, uint64_t now);

/* All are asked for, if they are not very many. */
void flowtable_ask(struct flowtable *flowtable, struct conntrack *ct, uint64_t now);

/* What they counted to the servers' counters. */
void flowtable_count(struct flowtable *flowtable, struct numbers *numbers);

/* An entry of conntrack that was just read: is it, or was it until now, in the flowtable? Then
 * *@idle ms have passed since its last packet, as far as is known. */
bool flowtable_idle(struct flowtable *flowtable, const struct tracked *tracked, uint64_t now,
		    uint64_t *idle);

/* Conntrack has @flow no more. */
void flowtable_gone(struct flowtable *flowtable, const struct flow *flow);

/* Conntrack forgets @flow, with what it counted until then. As conntrack_delete(). Any thread. */
int flowtable_delete(struct flowtable *flowtable, struct conntrack *ct, const struct flow *flow,
		     uint64_t now);

/* Conntrack forgets those whose mark @fn knows, so that their packets come by the rules again. */
void flowtable_expel(struct flowtable *flowtable, struct conntrack *ct,
		     bool (*fn)(uint32_t mark, void *data), void *data, uint64_t now);

/* What a daemon before left there, or what was missed. */
void flowtable_found(struct flowtable *flowtable, const struct tracked *tracked, uint64_t now);

#endif
