// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statements of the layout as nf_tables expressions, the same that nft would make of the text, so
 * that "nft list" shows the daemon's rules as nfvs-rules prints them. Fields are loaded into
 * registers one behind the other and looked up as one key. The one exception is the way to the
 * queues on kernels without nft_queue, which nft cannot write: a hash, a verdict map, and a chain
 * with the xtables target NFQUEUE for each queue. Control thread.
 */
#include "rules/exprs.h"
#include "lvs/verdict.h"

#include <errno.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registers of 32 bits: keys begin at the first, what is hashed at the fifth. */
#define REG_KEY	 NFT_REG32_00
#define REG_HASH NFT_REG32_04

struct builder {
	struct nftnl_rule *rule;
	const struct ruleset *ruleset;
	enum family family;
	bool no_memory;
};

/* A new expression at the end of the rule; NULL without memory, which is remembered. */
static struct nftnl_expr *expr(struct builder *b, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	if (!e)
		b->no_memory = true;
	else
		nftnl_rule_add_expr(b->rule, e);
	return e;
}

static void payload(struct builder *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = expr(b, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static void meta_load(struct builder *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = expr(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

static void compare(struct builder *b, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = expr(b, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void mask(struct builder *b, uint32_t bits)
{
	struct nftnl_expr *e = expr(b, "bitwise");
	const uint32_t zero = 0;

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(bits));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof(bits));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
}

static void address(struct builder *b, bool source, uint32_t reg)
{
	if (b->family == FAMILY_IP6)
		payload(b, NFT_PAYLOAD_NETWORK_HEADER,
			source ? offsetof(struct ip6_hdr, ip6_src)
			       : offsetof(struct ip6_hdr, ip6_dst),
			sizeof(struct in6_addr), reg);
	else
		payload(b, NFT_PAYLOAD_NETWORK_HEADER,
			source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr),
			sizeof(struct in_addr), reg);
}

static void icmp_type(struct builder *b, uint32_t reg)
{
	const uint8_t protocol = b->family == FAMILY_IP6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	meta_load(b, NFT_META_L4PROTO, REG_KEY);
	compare(b, NFT_CMP_EQ, &protocol, sizeof(protocol));
	payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(uint8_t), reg);
}

/* Loads one field; returns how many registers it took. */
static uint32_t field_load(struct builder *b, enum field field, uint32_t reg)
{
	switch (field) {
	case FIELD_NONE:
		return 0;
	case FIELD_SADDR:
	case FIELD_DADDR:
		address(b, field == FIELD_SADDR, reg);
		return b->family == FAMILY_IP6 ? 4 : 1;
	case FIELD_PROTOCOL:
		meta_load(b, NFT_META_L4PROTO, reg);
		break;
	case FIELD_SPORT:
		payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(uint16_t), reg);
		break;
	case FIELD_DPORT:
		payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), reg);
		break;
	case FIELD_MARK:
		meta_load(b, NFT_META_MARK, reg);
		break;
	case FIELD_ICMP_TYPE:
		icmp_type(b, reg);
		break;
	}
	return 1;
}

/* Loads the fields one behind the other; returns the key's length in bytes. */
static uint32_t fields_load(struct builder *b, const enum field fields[FIELDS_MAX], uint32_t reg)
{
	uint32_t words = 0;

	for (int i = 0; i < FIELDS_MAX && fields[i]; i++)
		words += field_load(b, fields[i], reg + words);
	return words * sizeof(uint32_t);
}

static struct nftnl_expr *lookup(struct builder *b, const char *set, uint32_t reg)
{
	struct nftnl_expr *e = expr(b, "lookup");

	if (!e)
		return NULL;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, reg);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	return e;
}

static void verdict(struct builder *b, int code, const char *chain)
{
	struct nftnl_expr *e = expr(b, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

static void mark_store(struct builder *b)
{
	struct nftnl_expr *e = expr(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, REG_KEY);
}

static void mark_by(struct builder *b, const struct stmt *stmt)
{
	struct nftnl_expr *e;

	fields_load(b, stmt->fields, REG_KEY);
	e = lookup(b, set_layouts[stmt->set].name, REG_KEY);
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, REG_KEY);
	mark_store(b);
}

static void jhash(struct builder *b, uint32_t len, uint32_t modulus, uint32_t seed, uint32_t offset)
{
	struct nftnl_expr *e = expr(b, "hash");

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

static void queue_native(struct builder *b, uint16_t number)
{
	struct nftnl_expr *e = expr(b, "queue");

	if (!e)
		return;
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, number);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
}

/* The xtables target, revision 3. The library frees the info, which must be of aligned size. */
static void queue_compat(struct builder *b, uint16_t number)
{
	struct nftnl_expr *e = expr(b, "target");
	struct xt_NFQ_info_v3 *info;

	if (!e)
		return;
	info = calloc(1, 8);
	if (!info) {
		b->no_memory = true;
		return;
	}
	info->queuenum = number;
	info->queues_total = 1;
	info->flags = NFQ_FLAG_BYPASS;
	nftnl_expr_set_str(e, NFTNL_EXPR_TG_NAME, "NFQUEUE");
	nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, 3);
	nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, info, 8);
}

static void queue_first(struct builder *b, enum queue_method method, uint16_t number)
{
	switch (method) {
	case QUEUE_NATIVE:
		queue_native(b, number);
		break;
	case QUEUE_COMPAT:
		queue_compat(b, number);
		break;
	}
}

static void fan_out(struct builder *b, const struct stmt *stmt)
{
	const struct ruleset *ruleset = b->ruleset;
	struct nftnl_expr *e;
	uint32_t len;

	if (ruleset->queues == 1) {
		queue_first(b, ruleset->method, ruleset->first_queue);
		return;
	}
	len = fields_load(b, stmt->fields, REG_HASH);
	jhash(b, len, ruleset->queues, ruleset->seed, ruleset->first_queue);
	switch (ruleset->method) {
	case QUEUE_NATIVE:
		e = expr(b, "queue");
		if (!e)
			return;
		nftnl_expr_set_u32(e, NFTNL_EXPR_QUEUE_SREG_QNUM, REG_KEY);
		nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
		break;
	case QUEUE_COMPAT:
		e = lookup(b, QUEUES_MAP, REG_KEY);
		if (e)
			nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
		break;
	}
}

static void unreachable(struct builder *b)
{
	struct nftnl_expr *e = expr(b, "reject");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE,
			  b->family == FAMILY_IP6 ? ICMP6_DST_UNREACH_NOPORT : ICMP_PORT_UNREACH);
}

/* A copy goes to the packet's destination as this machine's own, and the packet itself nowhere. */
static void send_own(struct builder *b)
{
	struct nftnl_expr *e;

	address(b, false, REG_KEY);
	e = expr(b, "dup");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DUP_SREG_ADDR, REG_KEY);
	verdict(b, NF_DROP, NULL);
}

static void mark_compare(struct builder *b, uint32_t op, uint32_t value)
{
	meta_load(b, NFT_META_MARK, REG_KEY);
	mask(b, b->ruleset->mark_mask);
	compare(b, op, &value, sizeof(value));
}

/* tproxy to any port: what counts is that the expression is there. */
static void tproxy(struct builder *b)
{
	const uint8_t protocol = IPPROTO_TCP;
	const uint16_t port = htons(1);
	struct nftnl_expr *e;

	meta_load(b, NFT_META_L4PROTO, REG_KEY);
	compare(b, NFT_CMP_EQ, &protocol, sizeof(protocol));
	e = expr(b, "immediate");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, REG_KEY);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &port, sizeof(port));
	e = expr(b, "tproxy");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_TPROXY_FAMILY,
			   b->family == FAMILY_IP6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_TPROXY_REG_PORT, REG_KEY);
}

/* ct state new return: conntrack needs fragments put together as well. */
static void conntrack(struct builder *b)
{
	const uint32_t zero = 0;
	struct nftnl_expr *e = expr(b, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, REG_KEY);
	mask(b, 8); /* NF_CT_STATE_BIT(IP_CT_NEW), linux/netfilter/nf_conntrack_common.h */
	compare(b, NFT_CMP_NEQ, &zero, sizeof(zero));
	verdict(b, NFT_RETURN, NULL);
}

static void stmt_fill(struct builder *b, const struct stmt *stmt)
{
	const uint32_t bits = b->ruleset->mark_mask;

	switch (stmt->kind) {
	case STMT_NONE:
		break;
	case STMT_IN:
		fields_load(b, stmt->fields, REG_KEY);
		lookup(b, set_layouts[stmt->set].name, REG_KEY);
		break;
	case STMT_MARK:
		mark_by(b, stmt);
		break;
	case STMT_REFUSED:
		mark_compare(b, NFT_CMP_EQ, mark_refuse(bits));
		break;
	case STMT_SENT:
		mark_compare(b, NFT_CMP_EQ, mark_send(bits));
		break;
	case STMT_MARKED:
		mark_compare(b, NFT_CMP_NEQ, 0);
		break;
	case STMT_UNMARK:
		meta_load(b, NFT_META_MARK, REG_KEY);
		mask(b, ~bits);
		mark_store(b);
		break;
	case STMT_SEND:
		send_own(b);
		break;
	case STMT_PROTOCOL:
		meta_load(b, NFT_META_L4PROTO, REG_KEY);
		compare(b, NFT_CMP_EQ, &stmt->protocol, sizeof(stmt->protocol));
		break;
	case STMT_NOTRACK:
		expr(b, "notrack");
		break;
	case STMT_RETURN:
		verdict(b, NFT_RETURN, NULL);
		break;
	case STMT_GOTO:
		verdict(b, NFT_GOTO, chain_layouts[stmt->chain].name);
		break;
	case STMT_QUEUE:
		queue_first(b, b->ruleset->method, b->ruleset->first_queue);
		break;
	case STMT_FAN_OUT:
		fan_out(b, stmt);
		break;
	case STMT_UNREACHABLE:
		unreachable(b);
		break;
	case STMT_REASSEMBLE:
		if (b->ruleset->tproxy)
			tproxy(b);
		else
			conntrack(b);
		break;
	}
}

static int done(const struct builder *b)
{
	return b->no_memory ? -ENOMEM : 0;
}

int exprs_fill(struct nftnl_rule *rule, const struct rule_layout *layout,
	       const struct ruleset *ruleset, enum family family)
{
	struct builder b = {.rule = rule, .ruleset = ruleset, .family = family};

	for (int i = 0; i < STMTS_MAX && layout->stmts[i].kind; i++)
		stmt_fill(&b, &layout->stmts[i]);
	return done(&b);
}

const char *queue_chain_name(char buf[QUEUE_CHAIN_STRLEN], unsigned int number)
{
	snprintf(buf, QUEUE_CHAIN_STRLEN, "queue_%u", number);
	return buf;
}

int exprs_queue(struct nftnl_rule *rule, enum queue_method method, uint16_t number)
{
	struct builder b = {.rule = rule};

	queue_first(&b, method, number);
	return done(&b);
}

int exprs_hash(struct nftnl_rule *rule)
{
	struct builder b = {.rule = rule};

	meta_load(&b, NFT_META_MARK, REG_HASH);
	jhash(&b, sizeof(uint32_t), 2, 1, 0);
	return done(&b);
}

int exprs_reject(struct nftnl_rule *rule)
{
	struct builder b = {.rule = rule};

	unreachable(&b);
	return done(&b);
}

int exprs_notrack(struct nftnl_rule *rule)
{
	struct builder b = {.rule = rule};

	expr(&b, "notrack");
	return done(&b);
}

int exprs_dup(struct nftnl_rule *rule)
{
	struct builder b = {.rule = rule};

	send_own(&b);
	return done(&b);
}

int exprs_tproxy(struct nftnl_rule *rule)
{
	struct builder b = {.rule = rule};

	tproxy(&b);
	return done(&b);
}
