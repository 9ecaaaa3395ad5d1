/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_LEFTOVER_H
#define RULES_LEFTOVER_H

#include "rules/layout.h"

/* What a table holds already, by name: an earlier daemon was killed, or ran with other queues. */
struct leftover {
	char **chains, **sets; /* owned */
	size_t chains_len, sets_len;
	bool flowtable; /* there is one */
};

/* Reads the chains and sets of @table; an absent table has none. -errno with @err. Control thread.
 */
int leftover_read(struct leftover *leftover, const char *table, enum family family,
		  struct error *err);
void leftover_free(struct leftover *leftover);

/* Does @ruleset have a chain, or a set, of this name? */
bool leftover_chain_wanted(const struct ruleset *ruleset, const char *name);
bool leftover_set_wanted(const struct ruleset *ruleset, const char *name);

#endif
