/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_TRANSACTION_H
#define RULES_TRANSACTION_H

#include "rules/layout.h"

struct batch;
struct error;

/* A transaction as far as it concerns one table of one family at a time. */
struct transaction {
	struct batch *batch;
	const struct ruleset *ruleset;
	enum family family;
	bool no_memory; /* something could not be appended */
};

/* To the kernel, as a whole or not at all; ends it. 0, or -errno with @err. Control thread. */
int transaction_send(struct transaction *t, struct error *err);

/* Was it refused because of what is in the kernel under the same names? It has many ways to say so;
 * then the tables are to be made anew. @ret: of transaction_send(). */
bool transaction_clashed(int ret);

#endif
