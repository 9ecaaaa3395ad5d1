// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The words that rules are written in: single nf_tables expressions, appended to a rule. Fields are
 * loaded into registers one behind the other, to be looked up as one key. Running out of memory is
 * remembered, so that a rule can be written without asking after each word. Control thread.
 */
#include "rules/builder.h"
#include "lvs/verdict.h"

#include <libnftnl/expr.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/ip6.h>
#include <netinet/ip.h>

struct nftnl_expr *builder_expr(struct builder *b, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	if (!e)
		b->no_memory = true;
	else
		nftnl_rule_add_expr(b->rule, e);
	return e;
}

void builder_payload(struct builder *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = builder_expr(b, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

void builder_meta(struct builder *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = builder_expr(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

static void ct_load(struct builder *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = builder_expr(b, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
}

void builder_compare(struct builder *b, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = builder_expr(b, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void bitwise(struct builder *b, const void *bits, const void *turn, uint32_t len,
		    uint32_t reg)
{
	struct nftnl_expr *e = builder_expr(b, "bitwise");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, bits, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, turn, len);
}

void builder_mask(struct builder *b, uint32_t bits, uint32_t turn, uint32_t reg)
{
	bitwise(b, &bits, &turn, sizeof(bits), reg);
}

void builder_mask_short(struct builder *b, __be16 bits)
{
	const __be16 zero = 0;

	bitwise(b, &bits, &zero, sizeof(bits), REG_KEY);
}

void builder_mask_byte(struct builder *b, uint8_t bits)
{
	const uint8_t zero = 0;

	bitwise(b, &bits, &zero, sizeof(bits), REG_KEY);
}

void builder_ct(struct builder *b, uint32_t key)
{
	ct_load(b, key, REG_KEY);
}

void builder_ct_store(struct builder *b)
{
	struct nftnl_expr *e = builder_expr(b, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_SREG, REG_KEY);
}

void builder_address(struct builder *b, bool source, uint32_t reg)
{
	if (b->family == FAMILY_IP6)
		builder_payload(b, NFT_PAYLOAD_NETWORK_HEADER,
				source ? offsetof(struct ip6_hdr, ip6_src)
				       : offsetof(struct ip6_hdr, ip6_dst),
				sizeof(struct in6_addr), reg);
	else
		builder_payload(b, NFT_PAYLOAD_NETWORK_HEADER,
				source ? offsetof(struct iphdr, saddr)
				       : offsetof(struct iphdr, daddr),
				sizeof(struct in_addr), reg);
}

static void icmp_type(struct builder *b, uint32_t reg)
{
	const uint8_t protocol = b->family == FAMILY_IP6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	builder_meta(b, NFT_META_L4PROTO, REG_KEY);
	builder_compare(b, NFT_CMP_EQ, &protocol, sizeof(protocol));
	builder_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(uint8_t), reg);
}

/* Loads one field; returns how many registers it took. */
static uint32_t field_load(struct builder *b, enum field field, uint32_t reg)
{
	switch (field) {
	case FIELD_NONE:
		return 0;
	case FIELD_SADDR:
	case FIELD_DADDR:
		builder_address(b, field == FIELD_SADDR, reg);
		return b->family == FAMILY_IP6 ? 4 : 1;
	case FIELD_PROTOCOL:
		builder_meta(b, NFT_META_L4PROTO, reg);
		break;
	case FIELD_SPORT:
		builder_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(uint16_t), reg);
		break;
	case FIELD_DPORT:
		builder_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), reg);
		break;
	case FIELD_MARK:
		builder_meta(b, NFT_META_MARK, reg);
		break;
	case FIELD_NUMBER: /* always the first of a key, where masks are */
		ct_load(b, NFT_CT_MARK, reg);
		builder_mask(b, mark_send(b->ruleset->mark_mask), 0, REG_KEY);
		break;
	case FIELD_SLOT:
		ct_load(b, NFT_CT_MARK, reg);
		break;
	case FIELD_TURN:  /* made by its rule: ctexprs.c */
	case FIELD_CHAIN: /* no key has it */
		return 0;
	case FIELD_ICMP_TYPE:
		icmp_type(b, reg);
		break;
	}
	return 1;
}

uint32_t builder_fields(struct builder *b, const enum field fields[FIELDS_MAX], uint32_t reg)
{
	uint32_t words = 0;

	for (int i = 0; i < FIELDS_MAX && fields[i]; i++)
		words += field_load(b, fields[i], reg + words);
	return words * sizeof(uint32_t);
}

struct nftnl_expr *builder_lookup(struct builder *b, const char *set, uint32_t reg)
{
	struct nftnl_expr *e = builder_expr(b, "lookup");

	if (!e)
		return NULL;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, reg);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	return e;
}

void builder_verdict(struct builder *b, int code, const char *chain)
{
	struct nftnl_expr *e = builder_expr(b, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

void builder_jhash(struct builder *b, uint32_t len, uint32_t modulus, uint32_t seed,
		   uint32_t offset)
{
	struct nftnl_expr *e = builder_expr(b, "hash");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SREG, REG_HASH);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_DREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_MODULUS, modulus);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SEED, seed);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
	if (offset)
		nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_OFFSET, offset);
}

static void log_to(struct builder *b, uint16_t group, const char *prefix)
{
	struct nftnl_expr *e = builder_expr(b, "log");

	if (!e)
		return;
	if (prefix)
		nftnl_expr_set_str(e, NFTNL_EXPR_LOG_PREFIX, prefix);
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, group);
}

void builder_copy(struct builder *b, const char *prefix)
{
	log_to(b, b->ruleset->copies, prefix);
}

void builder_copy_entry(struct builder *b)
{
	log_to(b, rules_entries(b->ruleset->copies), NULL);
}

void builder_mark_store(struct builder *b)
{
	struct nftnl_expr *e = builder_expr(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, REG_KEY);
}
