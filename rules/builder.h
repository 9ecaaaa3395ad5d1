/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_BUILDER_H
#define RULES_BUILDER_H

#include "rules/layout.h"

#include <libnftnl/rule.h>

struct nftnl_expr;

/* Registers of 32 bits: keys begin at the first, what is hashed at the fifth. */
#define REG_KEY	 NFT_REG32_00
#define REG_HASH NFT_REG32_04

struct builder {
	struct nftnl_rule *rule;
	const struct ruleset *ruleset;
	enum family family;
	bool no_memory;
};

/* Each appends an expression; numbers are in host order. Control thread. */

/* An empty one, owned by the rule; NULL without memory, which is remembered. */
struct nftnl_expr *builder_expr(struct builder *b, const char *name);
void builder_payload(struct builder *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg);
void builder_meta(struct builder *b, uint32_t key, uint32_t reg);
void builder_address(struct builder *b, bool source, uint32_t reg);

/* What conntrack knows (NFT_CT_*), to the register of keys; and its mark, from there. */
void builder_ct(struct builder *b, uint32_t key);
void builder_ct_store(struct builder *b);

/* Loads the fields one behind the other; returns the key's length in bytes. */
uint32_t builder_fields(struct builder *b, const enum field fields[FIELDS_MAX], uint32_t reg);

/* Of the register of keys: goes on if it compares like that; keeps these bits and turns those, and
 * puts what is left to @reg. */
void builder_compare(struct builder *b, uint32_t op, const void *data, uint32_t len);
void builder_mask(struct builder *b, uint32_t bits, uint32_t turn, uint32_t reg);
void builder_mask_short(struct builder *b, __be16 bits);
void builder_mask_byte(struct builder *b, uint8_t bits);

/* The expression, for what else it is to have; or NULL. */
struct nftnl_expr *builder_lookup(struct builder *b, const char *set, uint32_t reg);

/* Of @len bytes from REG_HASH on, to the register of keys. */
void builder_jhash(struct builder *b, uint32_t len, uint32_t modulus, uint32_t seed,
		   uint32_t offset);
void builder_verdict(struct builder *b, int code, const char *chain);

/* A copy to the nflog group. */
void builder_copy(struct builder *b, const char *prefix);
void builder_copy_entry(struct builder *b);

/* The register with keys becomes the packet mark. */
void builder_mark_store(struct builder *b);

#endif
