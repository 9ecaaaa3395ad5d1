// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statements about connections that the kernel carries: conntrack's direction, status and mark,
 * copies to the daemon, slots, and NAT, as exprs.c has the others. A packet that
 * conntrack does not see ends any rule that asks about it. Control thread.
 */
#include "rules/ctexprs.h"
#include "rules/fallback.h"
#include "lvs/verdict.h"

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/tcp.h>

/* enum ip_conntrack_dir, which the kernel keeps to itself. */
enum {
	DIR_ORIGINAL,
	DIR_REPLY
};

/* Where they are in a TCP header, and which of them begin or end a connection. */
#define TCP_FLAGS 13
#define EDGES	  (TH_FIN | TH_SYN | TH_RST)

static void direction(struct builder *b, uint8_t wanted)
{
	builder_ct(b, NFT_CT_DIRECTION);
	builder_compare(b, NFT_CMP_EQ, &wanted, sizeof(wanted));
}

/* Goes on if these bits of what conntrack knows are not all 0. */
static void any_bit(struct builder *b, uint32_t key, uint32_t bits)
{
	const uint32_t zero = 0;

	builder_ct(b, key);
	builder_mask(b, bits, 0, REG_KEY);
	builder_compare(b, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* Goes on if none of these bits is in the mark that was loaded. */
static void no_bit(struct builder *b, uint32_t bits)
{
	const uint32_t zero = 0;

	builder_mask(b, bits, 0, REG_KEY);
	builder_compare(b, NFT_CMP_EQ, &zero, sizeof(zero));
}

static void tcp_flags(struct builder *b, uint8_t bits, uint8_t other_than)
{
	const uint8_t tcp = IPPROTO_TCP;

	builder_meta(b, NFT_META_L4PROTO, REG_KEY);
	builder_compare(b, NFT_CMP_EQ, &tcp, sizeof(tcp));
	builder_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, sizeof(bits), REG_KEY);
	builder_mask_byte(b, bits);
	builder_compare(b, NFT_CMP_NEQ, &other_than, sizeof(other_than));
}

static void tell(struct builder *b, bool has)
{
	const uint32_t told = mark_told(b->ruleset->mark_mask);

	builder_ct(b, NFT_CT_MARK);
	builder_mask(b, ~told, has ? told : 0, REG_KEY);
	builder_ct_store(b);
}

/* The sum of both directions has 64 bits, in host order: is any of them set that makes it large? */
static void many(struct builder *b)
{
	const uint64_t bits = ~(uint64_t)(OFFLOAD_PACKETS - 1), zero = 0;
	struct nftnl_expr *e;

	builder_ct(b, NFT_CT_PKTS);
	e = builder_expr(b, "bitwise");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(bits));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof(bits));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
	builder_compare(b, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void offload(struct builder *b)
{
	struct nftnl_expr *e = builder_expr(b, "flow_offload");

	if (e)
		nftnl_expr_set_str(e, NFTNL_EXPR_FLOW_TABLE_NAME, FLOWTABLE_NAME);
}

static void unseen(struct builder *b)
{
	const uint32_t bit = mark_unseen(b->ruleset->mark_mask);

	builder_meta(b, NFT_META_MARK, REG_KEY);
	builder_mask(b, ~bit, bit, REG_KEY);
	builder_mark_store(b);
}

static void save(struct builder *b)
{
	builder_meta(b, NFT_META_MARK, REG_KEY);
	builder_ct_store(b);
}

static void running(struct builder *b, uint32_t modulus)
{
	struct nftnl_expr *e = builder_expr(b, "numgen");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_DREG, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_TYPE, NFT_NG_INCREMENTAL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_MODULUS, modulus);
}

static void turns(struct builder *b, uint32_t modulus)
{
	running(b, modulus);
	builder_ct_store(b);
}

void ctexprs_turns(struct builder *b, uint16_t modulus, enum chain_id next)
{
	turns(b, modulus);
	builder_verdict(b, NFT_GOTO, chain_layouts[next].name);
}

/* Puts what the map has for the fields to @reg. */
static void map(struct builder *b, const struct stmt *stmt, uint32_t reg)
{
	struct nftnl_expr *e;

	builder_fields(b, stmt->fields, REG_KEY);
	e = builder_lookup(b, set_layouts[stmt->set].name, REG_KEY);
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, reg);
}

static void bit(struct builder *b, uint32_t mark)
{
	any_bit(b, NFT_CT_MARK, mark);
	builder_meta(b, NFT_META_MARK, REG_KEY);
	builder_mask(b, ~mark, mark, REG_KEY);
	builder_mark_store(b);
}

static void by_client(struct builder *b)
{
	builder_address(b, true, REG_HASH);
	builder_jhash(b, b->family == FAMILY_IP6 ? 16 : 4, FALLBACK_SLOTS, b->ruleset->seed, 0);
	builder_ct_store(b);
}

static void forget(struct builder *b)
{
	struct nftnl_expr *e = builder_expr(b, "immediate");
	const uint32_t zero = 0;

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, REG_KEY);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &zero, sizeof(zero));
	builder_ct_store(b);
}

/* The port, if the map has one, lies behind the address. */
static void dnat(struct builder *b, const struct stmt *stmt)
{
	bool ip6 = b->family == FAMILY_IP6;
	struct nftnl_expr *e;

	map(b, stmt, REG_KEY);
	e = builder_expr(b, "nat");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, REG_KEY);
	if (set_layouts[stmt->set].value[1])
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, REG_KEY + (ip6 ? 4 : 1));
}

static void port_load(struct builder *b, uint16_t port, uint32_t reg)
{
	struct nftnl_expr *e = builder_expr(b, "immediate");
	const __be16 value = htons(port);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &value, sizeof(value));
}

/* Both ends of the range of ports lie behind the address. */
static void snat(struct builder *b, const struct stmt *stmt)
{
	bool ip6 = b->family == FAMILY_IP6;
	const uint32_t first = REG_KEY + (ip6 ? 4 : 1), last = first + 1;
	struct nftnl_expr *e;

	running(b, ruleset_sources(b->ruleset, b->family));
	e = builder_lookup(b, set_layouts[stmt->set].name, REG_KEY);
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, REG_KEY);
	port_load(b, b->ruleset->first_port, first);
	port_load(b, b->ruleset->last_port, last);
	e = builder_expr(b, "nat");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, first);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MAX, last);
}

void ctexprs_if(struct builder *b, enum condition condition)
{
	const uint32_t bits = b->ruleset->mark_mask;

	switch (condition) {
	case IF_UNMARKED:
		builder_meta(b, NFT_META_MARK, REG_KEY);
		no_bit(b, bits);
		break;
	case IF_UNNUMBERED:
		builder_meta(b, NFT_META_MARK, REG_KEY);
		no_bit(b, mark_send(bits));
		break;
	case IF_CONFIRMED:
		any_bit(b, NFT_CT_STATUS, IPS_CONFIRMED);
		break;
	case IF_INVALID:
		any_bit(b, NFT_CT_STATE, NF_CT_STATE_INVALID_BIT);
		break;
	case IF_CARRIED:
		any_bit(b, NFT_CT_MARK, bits);
		break;
	case IF_ORIGINAL:
		direction(b, DIR_ORIGINAL);
		break;
	case IF_REPLY:
		direction(b, DIR_REPLY);
		break;
	case IF_EDGE:
		tcp_flags(b, EDGES, 0);
		break;
	case IF_RELATED:
		any_bit(b, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_RELATED));
		break;
	case IF_LATE:
		tcp_flags(b, EDGES | TH_ACK, TH_SYN);
		break;
	case IF_ASSURED:
		any_bit(b, NFT_CT_STATUS, IPS_ASSURED);
		break;
	case IF_OPENS:
		tcp_flags(b, TH_SYN, 0);
		break;
	case IF_TOLD:
		any_bit(b, NFT_CT_MARK, mark_told(bits));
		break;
	case IF_NEW:
		any_bit(b, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW));
		break;
	case IF_OFFLOADED:
		any_bit(b, NFT_CT_STATUS, IPS_OFFLOAD);
		break;
	case IF_ANSWERED:
		any_bit(b, NFT_CT_STATUS, IPS_SEEN_REPLY);
		break;
	case IF_MANY:
		many(b);
		break;
	}
}

void ctexprs_fill(struct builder *b, const struct stmt *stmt)
{
	const uint32_t bits = b->ruleset->mark_mask;

	switch (stmt->tracked) {
	case TRACKED_UNSEEN:
		unseen(b);
		break;
	case TRACKED_TELL:
		tell(b, true);
		break;
	case TRACKED_UNTELL:
		tell(b, false);
		break;
	case TRACKED_COPY:
		builder_copy(b, NULL);
		break;
	case TRACKED_COPY_FIRST:
		builder_copy(b, RULES_CHOSEN);
		break;
	case TRACKED_SAVE:
		save(b);
		break;
	case TRACKED_TURNS:
		turns(b, FALLBACK_SLOTS);
		break;
	case TRACKED_BY_TURNS:
		map(b, stmt, NFT_REG_VERDICT);
		break;
	case TRACKED_BIT:
		bit(b, number_bit(bits, stmt->bit));
		break;
	case TRACKED_BY_CLIENT:
		by_client(b);
		break;
	case TRACKED_CHOOSE:
		map(b, stmt, REG_KEY);
		builder_ct_store(b);
		break;
	case TRACKED_FORGET:
		forget(b);
		break;
	case TRACKED_DNAT:
		dnat(b, stmt);
		break;
	case TRACKED_SNAT:
		snat(b, stmt);
		break;
	case TRACKED_OFFLOAD:
		offload(b);
		break;
	case TRACKED_COPY_ENTRY:
		builder_copy_entry(b);
		break;
	}
}
