/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_STAND_IN_RULES_H
#define RULES_STAND_IN_RULES_H

#include "rules/messages.h"
#include "rules/stand_in.h"

/* What stand_in_tables.c and stand_in_rules.c share. */
enum stand_in_chain {
	STAND_IN_NEW, /* the base chain */
	STAND_IN_SEND,
	STAND_IN_CHOOSE,
	STAND_IN_CHOOSE_GROUP,
	STAND_IN_BY_FLOW,
	STAND_IN_BY_CLIENT, /* what is sticky has the next one */
	STAND_IN_GROUP_BY_FLOW,
	STAND_IN_GROUP_BY_CLIENT,
	STAND_IN_CHAINS
};

extern const char *const stand_in_sets[STAND_IN_SETS];
extern const char *const stand_in_chains[STAND_IN_CHAINS];

/* Appends all rules, those of one family. Control thread. */
void stand_in_rules_put(struct transaction *t);

#endif
