// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statements of the layout as nf_tables expressions, the same that nft would make of the text, so
 * that "nft list" shows the daemon's rules as nfvs-rules prints them. The one exception is the way
 * to the queues on kernels without nft_queue, which nft cannot write: a hash, a verdict map, and a
 * chain with the xtables target NFQUEUE for each queue. What connections that the kernel carries
 * need is in ctexprs.c. Control thread.
 */
#include "rules/exprs.h"
#include "rules/builder.h"
#include "rules/ctexprs.h"
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

static void mark_by(struct builder *b, const struct stmt *stmt)
{
	struct nftnl_expr *e;

	builder_fields(b, stmt->fields, REG_KEY);
	e = builder_lookup(b, set_layouts[stmt->set].name, REG_KEY);
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, REG_KEY);
	builder_mark_store(b);
}

static void queue_native(struct builder *b, uint16_t number)
{
	struct nftnl_expr *e = builder_expr(b, "queue");

	if (!e)
		return;
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, number);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
}

/* The xtables target, revision 3. The library frees the info, which must be of aligned size. */
static void queue_compat(struct builder *b, uint16_t number)
{
	struct nftnl_expr *e = builder_expr(b, "target");
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

static void fan_out(struct builder *b, const struct stmt *stmt, uint16_t first)
{
	const struct ruleset *ruleset = b->ruleset;
	struct nftnl_expr *e;
	uint32_t len;

	if (ruleset->queues == 1) {
		queue_first(b, ruleset->method, first);
		return;
	}
	len = builder_fields(b, stmt->fields, REG_HASH);
	builder_jhash(b, len, ruleset->queues, ruleset->seed, first);
	switch (ruleset->method) {
	case QUEUE_NATIVE:
		e = builder_expr(b, "queue");
		if (!e)
			return;
		nftnl_expr_set_u32(e, NFTNL_EXPR_QUEUE_SREG_QNUM, REG_KEY);
		nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
		break;
	case QUEUE_COMPAT:
		e = builder_lookup(b, QUEUES_MAP, REG_KEY);
		if (e)
			nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
		break;
	}
}

static void unreachable(struct builder *b)
{
	struct nftnl_expr *e = builder_expr(b, "reject");

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

	builder_address(b, false, REG_KEY);
	e = builder_expr(b, "dup");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DUP_SREG_ADDR, REG_KEY);
	builder_verdict(b, NF_DROP, NULL);
}

static void mark_compare(struct builder *b, uint32_t op, uint32_t value)
{
	builder_meta(b, NFT_META_MARK, REG_KEY);
	builder_mask(b, b->ruleset->mark_mask, 0, REG_KEY);
	builder_compare(b, op, &value, sizeof(value));
}

/* tproxy to any port: what counts is that the expression is there. */
static void tproxy(struct builder *b)
{
	const uint8_t protocol = IPPROTO_TCP;
	const uint16_t port = htons(1);
	struct nftnl_expr *e;

	builder_meta(b, NFT_META_L4PROTO, REG_KEY);
	builder_compare(b, NFT_CMP_EQ, &protocol, sizeof(protocol));
	e = builder_expr(b, "immediate");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, REG_KEY);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &port, sizeof(port));
	e = builder_expr(b, "tproxy");
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

	builder_ct(b, NFT_CT_STATE);
	/* NF_CT_STATE_BIT(IP_CT_NEW), linux/netfilter/nf_conntrack_common.h */
	builder_mask(b, 8, 0, REG_KEY);
	builder_compare(b, NFT_CMP_NEQ, &zero, sizeof(zero));
	builder_verdict(b, NFT_RETURN, NULL);
}

static void stmt_fill(struct builder *b, const struct stmt *stmt)
{
	const uint32_t bits = b->ruleset->mark_mask;

	switch (stmt->kind) {
	case STMT_NONE:
		break;
	case STMT_IN:
		builder_fields(b, stmt->fields, REG_KEY);
		builder_lookup(b, set_layouts[stmt->set].name, REG_KEY);
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
	case STMT_LEARNING:
		builder_meta(b, NFT_META_MARK, REG_KEY);
		builder_mask(b, mark_told(bits), 0, REG_KEY);
		builder_compare(b, NFT_CMP_NEQ, &(uint32_t){0}, sizeof(uint32_t));
		break;
	case STMT_UNMARK:
		builder_meta(b, NFT_META_MARK, REG_KEY);
		builder_mask(b, ~bits, 0, REG_KEY);
		builder_mark_store(b);
		break;
	case STMT_SEND:
		send_own(b);
		break;
	case STMT_PROTOCOL:
		builder_meta(b, NFT_META_L4PROTO, REG_KEY);
		builder_compare(b, NFT_CMP_EQ, &stmt->protocol, sizeof(stmt->protocol));
		break;
	case STMT_NOTRACK:
		builder_expr(b, "notrack");
		break;
	case STMT_RETURN:
		builder_verdict(b, NFT_RETURN, NULL);
		break;
	case STMT_GOTO:
		builder_verdict(b, NFT_GOTO, chain_layouts[stmt->chain].name);
		break;
	case STMT_QUEUE:
		queue_first(b, b->ruleset->method, b->ruleset->first_queue);
		break;
	case STMT_FAN_OUT:
		fan_out(b, stmt, b->ruleset->first_queue);
		break;
	case STMT_FAN_OUT_OPEN:
		fan_out(b, stmt, ruleset_queue(b->ruleset, b->ruleset->queues));
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
	case STMT_IF:
		ctexprs_if(b, stmt->condition);
		break;
	case STMT_TRACKED:
		ctexprs_fill(b, stmt);
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

int exprs_turns(struct nftnl_rule *rule, const struct ruleset *ruleset, enum family family,
		uint16_t modulus, enum chain_id next)
{
	struct builder b = {.rule = rule, .ruleset = ruleset, .family = family};

	ctexprs_turns(&b, modulus, next);
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

	builder_meta(&b, NFT_META_MARK, REG_HASH);
	builder_jhash(&b, sizeof(uint32_t), 2, 1, 0);
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

	builder_expr(&b, "notrack");
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
