/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_SYSTEM_H
#define DAEMON_SYSTEM_H

#include "lvs/service.h"

#include <jansson.h>

/* The kernel settings that forwarding needs: what nfvsd changed, to be put back. Control thread. */
struct system;

/* @manage: set what is missing and log its old value; else only say what is missing, and the
 * command that sets it. NULL without memory. */
struct system *system_new(bool manage);

/* Looks at what the servers need, and notes which network each is in. @bypass: cache_bypass is on.
 */
void system_require(struct system *system, const struct services *services, bool bypass);

/* Conntrack is used, and has to have room for @max entries; again only does no harm. */
void system_need_conntrack(struct system *system, uint32_t max);

/* Warns, once for each server, of NAT servers that have had clients in their own network. */
void system_warn_near(const struct services *services);

/* Is conntrack counting? <0: it is not there. */
int system_counters(void);

/* There is a flowtable now, and with it conntrack counts: @before, system_counters() had this
 * value. */
void system_note_counters(struct system *system, int before);

/* What was changed, and from what, for the daemon that takes this one's place. NULL without memory.
 */
json_t *system_to_json(const struct system *system);

/* This daemon has to put that back; before anything is required. What is no such thing is left out.
 */
void system_from_json(struct system *system, const json_t *json);

/* Puts back what was changed, and frees. */
void system_free(struct system *system);

#endif
