/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_CTEXPRS_H
#define RULES_CTEXPRS_H

#include "rules/builder.h"

/* Appends the expressions of a STMT_TRACKED. Control thread. */
void ctexprs_fill(struct builder *b, const struct stmt *stmt);

#endif
