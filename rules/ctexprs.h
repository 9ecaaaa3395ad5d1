/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_CTEXPRS_H
#define RULES_CTEXPRS_H

#include "rules/builder.h"

/* Appends the expressions of a STMT_IF, or a STMT_TRACKED. Control thread. */
void ctexprs_if(struct builder *b, enum condition condition);
void ctexprs_fill(struct builder *b, const struct stmt *stmt);

/* The rule of a chain that counts turns: a slot, from 0 on, and on in the chain @next. */
void ctexprs_turns(struct builder *b, uint16_t modulus, enum chain_id next);

#endif
