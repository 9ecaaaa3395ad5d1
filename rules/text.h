/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_TEXT_H
#define RULES_TEXT_H

#include "rules/layout.h"

/* What nft calls things in one family, and what the two files that write nft scripts share. Any
 * thread. */
struct family_words {
	const char *table, *addr_type, *icmp_type, *saddr, *daddr, *icmp, *unreachable;
	uint8_t af;
	enum family family;
};

/* What a key is made of, masks included. */
void text_key(FILE *out, const struct stmt *stmt, const struct ruleset *ruleset,
	      const struct family_words *w);

/* A statement whose kind is STMT_IF, or STMT_TRACKED. */
void cttext_if(FILE *out, enum condition condition, const struct ruleset *ruleset);
void cttext_print(FILE *out, const struct stmt *stmt, const struct ruleset *ruleset,
		  const struct family_words *w);

#endif
