/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_INSTALLED_H
#define DAEMON_INSTALLED_H

#include "conf/conf.h"
#include "lvs/service.h"
#include "rules/ruleset.h"

struct carrier;

/* The rules that are in the kernel. Control thread. */
struct installed;

/* None are yet. @conf must stay. @seed: of the fan-out hash. NULL without memory. */
struct installed *installed_new(const struct director_conf *conf, const struct rules_caps *caps,
				unsigned int queues, uint32_t seed);

/* Forgets, but leaves the kernel as it is. */
void installed_free(struct installed *installed);

/* Makes the rules that @services want, with what @carrier plans, and sends the kernel the
 * difference. If somebody flushed our tables (nft flush ruleset), they are made again. */
int installed_update(struct installed *installed, const struct services *services,
		     struct carrier *carrier, struct error *err);

/* Takes them out of the kernel. */
void installed_withdraw(struct installed *installed);

#endif
