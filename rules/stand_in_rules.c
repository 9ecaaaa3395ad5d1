// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules that stand in for the daemon. What the daemon decides or lets pass has
 * a mark; what it was not there for has none, or only that by which the devices say that its
 * connection has begun. The one idea: "dup" sends a copy to any neighbour, as the daemon would send
 * the packet, and the packet itself ends. Between hash and look-up the slot is in the packet's
 * priority, because the mark may be that of a group, and a key of nft's must have a type. Control
 * thread.
 */
#include "rules/stand_in_rules.h"
#include "rules/batch.h"
#include "rules/builder.h"
#include "rules/fallback.h"

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

#define TCP_FLAGS 13
#define EDGES	  (TH_FIN | TH_SYN | TH_RST | TH_ACK)

const char *const stand_in_sets[STAND_IN_SETS] = {
	[STAND_IN_BEGUN] = "begun",	  [STAND_IN_SERVERS] = "servers",
	[STAND_IN_SLOTS] = "slots",	  [STAND_IN_GROUP_SLOTS] = "group_slots",
	[STAND_IN_SERVICES] = "services", [STAND_IN_GROUPS] = "groups",
};

const char *const stand_in_chains[STAND_IN_CHAINS] = {
	"new",	   "send",	"choose",	 "choose_group",
	"by_flow", "by_client", "group_by_flow", "group_by_client"};

/* A rule that is being written. */
static struct builder rule_begin(struct transaction *t)
{
	struct builder b = {.rule = nftnl_rule_alloc(), .ruleset = t->ruleset, .family = t->family};

	b.no_memory = !b.rule;
	return b;
}

static void rule_end(struct transaction *t, struct builder *b, int chain)
{
	struct nlmsghdr *nlh = batch_put(t->batch, NFT_MSG_NEWRULE, family_nfproto(t->family),
					 NLM_F_CREATE | NLM_F_APPEND, stand_in_chains[chain]);

	t->no_memory |= b->no_memory;
	if (!b->rule)
		return;
	nftnl_rule_set_str(b->rule, NFTNL_RULE_TABLE, t->ruleset->table);
	nftnl_rule_set_str(b->rule, NFTNL_RULE_CHAIN, stand_in_chains[chain]);
	if (nlh)
		nftnl_rule_nlmsg_build_payload(nlh, b->rule);
	nftnl_rule_free(b->rule);
}

static void meta_store(struct builder *b, uint32_t key)
{
	struct nftnl_expr *e = builder_expr(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, REG_KEY);
}

static void lookup(struct builder *b, enum stand_in_set set, uint32_t to)
{
	struct nftnl_expr *e = builder_lookup(b, stand_in_sets[set], REG_KEY);

	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, to);
}

/* Loads what services are known by; returns the register behind it. */
static uint32_t service(struct builder *b, bool group)
{
	static const enum field fields[][FIELDS_MAX] = {{FIELD_DADDR, FIELD_PROTOCOL, FIELD_DPORT},
							{FIELD_MARK}};

	return REG_KEY + builder_fields(b, fields[group], REG_KEY) / (uint32_t)sizeof(uint32_t);
}

static void to_chain(struct builder *b, int chain)
{
	builder_verdict(b, NFT_GOTO, stand_in_chains[chain]);
}

/* Goes on if these bits of the mark are not all 0. */
static void marked(struct builder *b, uint32_t bits)
{
	const uint32_t none = 0;

	builder_meta(b, NFT_META_MARK, REG_KEY);
	builder_mask(b, bits, 0, REG_KEY);
	builder_compare(b, NFT_CMP_NEQ, &none, sizeof(none));
}

static void l4(struct builder *b, uint8_t protocol)
{
	builder_meta(b, NFT_META_L4PROTO, REG_KEY);
	builder_compare(b, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

/* What begins a connection, and no other service's. */
static void put_new_one(struct transaction *t, uint8_t protocol, bool group)
{
	struct builder b = rule_begin(t);
	const uint8_t syn = TH_SYN;

	l4(&b, protocol);
	if (protocol == IPPROTO_TCP) {
		builder_payload(&b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, sizeof(syn), REG_KEY);
		builder_mask_byte(&b, EDGES);
		builder_compare(&b, NFT_CMP_EQ, &syn, sizeof(syn));
	}
	(void)service(&b, group);
	lookup(&b, group ? STAND_IN_GROUPS : STAND_IN_SERVICES, NFT_REG_VERDICT);
	rule_end(t, &b, STAND_IN_NEW);
}

/* A packet whose time to live ends is answered by this machine. */
static void put_new(struct transaction *t)
{
	const uint8_t last = 1;
	struct builder b = rule_begin(t);

	builder_payload(&b, NFT_PAYLOAD_NETWORK_HEADER,
			t->family == FAMILY_IP6 ? offsetof(struct ip6_hdr, ip6_hlim)
						: offsetof(struct iphdr, ttl),
			sizeof(last), REG_KEY);
	builder_compare(&b, NFT_CMP_LTE, &last, sizeof(last));
	builder_verdict(&b, NFT_RETURN, NULL);
	rule_end(t, &b, STAND_IN_NEW);

	b = rule_begin(t);
	builder_meta(&b, NFT_META_MARK, REG_KEY);
	builder_mask(&b, t->ruleset->mark_mask, 0, REG_KEY);
	lookup(&b, STAND_IN_BEGUN, REG_KEY);
	builder_mark_store(&b);
	to_chain(&b, STAND_IN_SEND);
	rule_end(t, &b, STAND_IN_NEW);

	b = rule_begin(t);
	marked(&b, t->ruleset->mark_mask);
	builder_verdict(&b, NFT_RETURN, NULL);
	rule_end(t, &b, STAND_IN_NEW);

	for (int group = 1; group >= 0; group--) {
		put_new_one(t, IPPROTO_TCP, group);
		put_new_one(t, IPPROTO_UDP, group);
	}
}

static void put_hash(struct transaction *t, int chain, bool by_client, int next)
{
	static const enum field fields[][FIELDS_MAX] = {{FIELD_SADDR, FIELD_SPORT}, {FIELD_SADDR}};
	struct builder b = rule_begin(t);
	const uint32_t len = builder_fields(&b, fields[by_client], REG_HASH);

	builder_jhash(&b, len, FALLBACK_SLOTS, t->ruleset->seed, 0);
	meta_store(&b, NFT_META_PRIORITY);
	to_chain(&b, next);
	rule_end(t, &b, chain);
}

static void put_choice(struct transaction *t, int chain, bool group)
{
	struct builder b = rule_begin(t);

	builder_meta(&b, NFT_META_PRIORITY, service(&b, group));
	lookup(&b, group ? STAND_IN_GROUP_SLOTS : STAND_IN_SLOTS, REG_KEY);
	builder_mark_store(&b);
	to_chain(&b, STAND_IN_SEND);
	rule_end(t, &b, chain);
}

static void put_send(struct transaction *t)
{
	struct builder b = rule_begin(t);
	struct nftnl_expr *e = builder_expr(&b, "immediate");
	const uint32_t none = 0;

	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, REG_KEY);
		nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &none, sizeof(none));
	}
	meta_store(&b, NFT_META_PRIORITY);
	builder_meta(&b, NFT_META_MARK, REG_KEY);
	lookup(&b, STAND_IN_SERVERS, REG_KEY);
	e = builder_expr(&b, "dup");
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_DUP_SREG_ADDR, REG_KEY);
	builder_verdict(&b, NF_DROP, NULL);
	rule_end(t, &b, STAND_IN_SEND);
}

void stand_in_rules_put(struct transaction *t)
{
	put_new(t);
	for (int sticky = 0; sticky < 2; sticky++) {
		put_hash(t, STAND_IN_BY_FLOW + sticky, sticky, STAND_IN_CHOOSE);
		put_hash(t, STAND_IN_GROUP_BY_FLOW + sticky, sticky, STAND_IN_CHOOSE_GROUP);
	}
	put_choice(t, STAND_IN_CHOOSE, false);
	put_choice(t, STAND_IN_CHOOSE_GROUP, true);
	put_send(t);
}
