/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_FLOWS_H
#define RULES_FLOWS_H

#include "rules/layout.h"

/* Adds to the sets what makes the kernel carry connections: numbers, addresses and labels of
 * servers, and the fallback's slots. Borrows @input. -ENOMEM. Any thread. */
int flows_fill(struct ruleset *ruleset, const struct rules_input *input);

#endif
