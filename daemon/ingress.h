/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_INGRESS_H
#define DAEMON_INGRESS_H

#include "conf/conf.h"
#include "daemon/numbers.h"
#include "lvs/direct.h"

/* Connections to DR servers, which the kernel carries at its devices. A part of the carrier; all
 * functions belong to the control thread but ingress_drop(). */
struct ingress;

/* Borrows @conf. @possible: the kernel can do it, and the rules are nfvsd's. @stands_in: and it can
 * begin connections without us. NULL without memory. */
struct ingress *ingress_new(const struct director_conf *conf, bool possible, bool stands_in);
void ingress_free(struct ingress *ingress);

/* If not, no plan is to be made. */
bool ingress_possible(const struct ingress *ingress);

/* Not any more. */
void ingress_forgo(struct ingress *ingress);

/* A new plan, without servers. */
void ingress_begin(struct ingress *ingress);

/* This server of @svc too, all of which follow each other, if there is a way to it through such
 * devices as the kernel can carry by; else the daemon sends its packets. @mark: its number; @label:
 * until ingress_settle(). */
int ingress_add(struct ingress *ingress, const struct service *svc, struct dest *dest,
		uint32_t mark, const char *label);

/* The plan goes into the kernel, and its servers' connections may be carried: their marks are set.
 * Without servers the table goes. -errno with @err: nothing is carried. */
int ingress_settle(struct ingress *ingress, struct error *err);

/* Has something about devices or routes changed, by which a plan would be another one? */
bool ingress_stale(struct ingress *ingress);

/* Do rules in the kernel begin connections that we let pass? */
bool ingress_stands_in(const struct ingress *ingress);

/* How many servers' connections are carried. */
size_t ingress_servers(const struct ingress *ingress);

/* As conns_set_keeper() wants it. */
uint32_t ingress_keep(struct ingress *ingress, struct conn *conn);

/* The devices forget @conn. Any thread under RCU. */
void ingress_drop(const struct ingress *ingress, const struct conn *conn);

/* Likewise, with the next ingress_flush(), and many at once. */
void ingress_forget(struct ingress *ingress, const struct conn *conn);
void ingress_flush(struct ingress *ingress);

/* The connections that the table has, from before a daemon died, come into ours. Returns how many.
 */
uint64_t ingress_restore(struct ingress *ingress, struct direct *d, const struct numbers *numbers);

/* The table goes, also if a daemon before left it. */
void ingress_withdraw(struct ingress *ingress);

#endif
