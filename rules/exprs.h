/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_EXPRS_H
#define RULES_EXPRS_H

#include "rules/layout.h"

#include <libnftnl/rule.h>

/* The map that, with QUEUE_COMPAT, leads from a queue number to the chain that queues there. */
#define QUEUES_MAP "queues"

/* Room for the name of such a chain, "queue_N". */
#define QUEUE_CHAIN_STRLEN 16
const char *queue_chain_name(char buf[QUEUE_CHAIN_STRLEN], unsigned int number);

/* Appends the expressions of a rule of the layout. -ENOMEM. Control thread. */
int exprs_fill(struct nftnl_rule *rule, const struct rule_layout *layout,
	       const struct ruleset *ruleset, enum family family);

/* That of a chain that counts turns. -ENOMEM. */
int exprs_turns(struct nftnl_rule *rule, const struct ruleset *ruleset, enum family family,
		uint16_t modulus, enum chain_id next);

/* Single expressions, for the rules that only QUEUE_COMPAT needs and for probing. -ENOMEM. */
int exprs_queue(struct nftnl_rule *rule, enum queue_method method, uint16_t number);
int exprs_hash(struct nftnl_rule *rule);
int exprs_reject(struct nftnl_rule *rule);
int exprs_notrack(struct nftnl_rule *rule);
int exprs_dup(struct nftnl_rule *rule);
int exprs_tproxy(struct nftnl_rule *rule);

#endif
