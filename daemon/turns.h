/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_TURNS_H
#define DAEMON_TURNS_H

#include "conf/datapath.h"
#include "conf/turns.h"
#include "daemon/numbers.h"
#include "lvs/service.h"
#include "rules/ruleset.h"

/* Services whose servers the rules choose, in turns, and those turns. All functions belong to the
 * control thread. */
struct turns;

/* @wanted: director.schedule. NULL without memory. */
struct turns *turns_new(enum schedule wanted);

/* NULL is fine. */
void turns_free(struct turns *turns);

/* From now on the director asks for this. */
void turns_want(struct turns *turns, enum schedule wanted);

/* Of a service that must have schedule kernel, and has it: why it could not with these values, on
 * this datapath, and with @server added or changed (NULL: as they are); else NULL. */
const char *turns_refusal(const struct turns *turns, const struct service *svc,
			  const struct service_spec *spec, const struct dest_spec *server,
			  const struct datapath_case *path, char buf[SCHEDULE_WHY_MAX]);

/* A new plan: no service has turns. @paused: none gets any, and the daemon answers for them all. */
void turns_begin(struct turns *turns, bool paused);
bool turns_paused(const struct turns *turns);

/* Decides for a service whose datapath is decided: svc->in_turns, or svc->daemon_reason. */
void turns_judge(struct turns *turns, struct service *svc);

/* If it has turns: lists them, with the numbers of its servers. -ENOMEM. */
int turns_list(struct turns *turns, const struct service *svc, const struct numbers *numbers);

/* All that are listed; valid until turns_begin(). */
const struct rules_turn *turns_listed(const struct turns *turns, size_t *len);

#endif
