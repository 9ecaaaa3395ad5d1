// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules at the devices. The one idea: what the daemon sends itself leaves through the same
 * devices that requests come in by, so a rule there can learn from the mark of one packet what to
 * do with all that follow. What is learned is looked up before the kernel's IP stack sees the
 * packet; what is not known, fragments, and packets whose time to live ends go up to the stack, and
 * so to the queue. SYNs do, too, after what was known is forgotten; of FIN and RST the daemon gets
 * a copy. By a SYN only so much is learned that what follows goes up with its server's number, for
 * when there is no daemon (stand_in.h). Control thread.
 */
#include "rules/ingress_rules.h"
#include "lvs/verdict.h"
#include "rules/batch.h"
#include "rules/builder.h"

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdio.h>

#define TCP_FLAGS 13
#define IP_CUT	  0x3fffu      /* offset, and more fragments */
#define REG_DATA  NFT_REG32_12 /* behind the longest key */

const char *const ingress_set_names[INGRESS_SETS] = {
	[INGRESS_LEARN] = "learn",	 [INGRESS_LIVING] = "flows_in",
	[INGRESS_DEVICES] = "devices",	 [INGRESS_HOPS4] = "hops4",
	[INGRESS_HOPS6] = "hops6",	 [INGRESS_FLOWS4] = "flows4",
	[INGRESS_FLOWS6] = "flows6",	 [INGRESS_BEGUN4] = "begun4",
	[INGRESS_BEGUN6] = "begun6",	 [INGRESS_CLOSING4] = "closing4",
	[INGRESS_CLOSING6] = "closing6",
};

const char *const ingress_chains[] = {"arriving", "edges", "carried4", "carried6", "leaving", NULL};

void ingress_chain_name(char name[INGRESS_CHAIN_STRLEN], const struct ingress_device *device,
			bool in)
{
	snprintf(name, INGRESS_CHAIN_STRLEN, "%s_%u", in ? "in" : "out", device->index);
}

/* A rule that is being written. */
struct rule {
	struct builder b;
	const char *chain;
};

static struct rule rule_begin(struct transaction *t, const char *chain, enum family family)
{
	struct rule rule = {
		.b = {.rule = nftnl_rule_alloc(), .ruleset = t->ruleset, .family = family},
		.chain = chain};

	if (!rule.b.rule) {
		t->no_memory = true;
		return rule;
	}
	nftnl_rule_set_str(rule.b.rule, NFTNL_RULE_TABLE, t->ruleset->table);
	nftnl_rule_set_str(rule.b.rule, NFTNL_RULE_CHAIN, chain);
	return rule;
}

static void rule_end(struct transaction *t, struct rule *rule)
{
	struct nlmsghdr *nlh = batch_put(t->batch, NFT_MSG_NEWRULE, NFPROTO_NETDEV,
					 NLM_F_CREATE | NLM_F_APPEND, rule->chain);

	t->no_memory |= rule->b.no_memory;
	if (!rule->b.rule)
		return;
	if (nlh)
		nftnl_rule_nlmsg_build_payload(nlh, rule->b.rule);
	nftnl_rule_free(rule->b.rule);
}

/* Goes on if this byte of a header compares like that. */
static void byte(struct builder *b, uint32_t base, uint32_t offset, uint32_t op, uint8_t value)
{
	builder_payload(b, base, offset, sizeof(value), REG_KEY);
	builder_compare(b, op, &value, sizeof(value));
}

static void protocol(struct builder *b)
{
	const __be16 type = htons(b->family == FAMILY_IP6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);

	builder_meta(b, NFT_META_PROTOCOL, REG_KEY);
	builder_compare(b, NFT_CMP_EQ, &type, sizeof(type));
}

/* Whole packets of this family and protocol, that may live longer. */
static void whole(struct builder *b, uint8_t l4)
{
	const uint16_t cut = htons(IP_CUT), none = 0;
	const bool ip6 = b->family == FAMILY_IP6;

	protocol(b);
	if (!ip6) {
		builder_payload(b, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, frag_off),
				sizeof(cut), REG_KEY);
		builder_mask_short(b, cut);
		builder_compare(b, NFT_CMP_EQ, &none, sizeof(none));
	}
	byte(b, NFT_PAYLOAD_NETWORK_HEADER,
	     ip6 ? offsetof(struct ip6_hdr, ip6_hlim) : offsetof(struct iphdr, ttl), NFT_CMP_GT, 1);
	/* Behind extension headers there may be a fragment. */
	byte(b, NFT_PAYLOAD_NETWORK_HEADER,
	     ip6 ? offsetof(struct ip6_hdr, ip6_nxt) : offsetof(struct iphdr, protocol), NFT_CMP_EQ,
	     l4);
}

static void tcp_flags(struct builder *b, uint8_t bits, uint32_t op)
{
	const uint8_t none = 0;

	builder_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, sizeof(bits), REG_KEY);
	builder_mask_byte(b, bits);
	builder_compare(b, op, &none, sizeof(none));
}

/* Loads the key of a connection; returns the register behind it. */
static uint32_t key(struct builder *b)
{
	static const enum field addrs[FIELDS_MAX] = {FIELD_SADDR, FIELD_DADDR};
	static const enum field rest[FIELDS_MAX] = {FIELD_PROTOCOL, FIELD_SPORT, FIELD_DPORT};
	uint32_t reg = REG_KEY;

	reg += builder_fields(b, addrs, reg) / sizeof(uint32_t);
	return reg + builder_fields(b, rest, reg) / (uint32_t)sizeof(uint32_t);
}

static const char *flows(const struct builder *b)
{
	return ingress_set_names[b->family == FAMILY_IP6 ? INGRESS_FLOWS6 : INGRESS_FLOWS4];
}

static const char *begun(const struct builder *b)
{
	return ingress_set_names[b->family == FAMILY_IP6 ? INGRESS_BEGUN6 : INGRESS_BEGUN4];
}

static const char *closing(const struct builder *b)
{
	return ingress_set_names[b->family == FAMILY_IP6 ? INGRESS_CLOSING6 : INGRESS_CLOSING4];
}

/* Goes on if @set knows the connection, and the packet gets its server's number. */
static void known(struct builder *b, const char *set)
{
	struct nftnl_expr *e;

	(void)key(b);
	e = builder_lookup(b, set, REG_KEY);
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, REG_KEY);
	builder_mark_store(b);
}

/* @set learns the connection with the number in @data, or (@data 0) forgets it. */
static void dynset(struct builder *b, const char *set, uint32_t op, uint32_t data)
{
	struct nftnl_expr *e = builder_expr(b, "dynset");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, op);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, REG_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_DATA, data);
}

static const char *carried_chain(enum family family)
{
	return family == FAMILY_IP6 ? "carried6" : "carried4";
}

/* Most packets end at the first of these. */
static void arriving_put(struct transaction *t, enum family family)
{
	struct rule rule = rule_begin(t, "arriving", family);

	whole(&rule.b, IPPROTO_TCP);
	tcp_flags(&rule.b, TH_FIN | TH_SYN | TH_RST, NFT_CMP_EQ);
	known(&rule.b, flows(&rule.b));
	builder_verdict(&rule.b, NFT_GOTO, carried_chain(family));
	rule_end(t, &rule);

	rule = rule_begin(t, "arriving", family);
	whole(&rule.b, IPPROTO_UDP);
	known(&rule.b, flows(&rule.b));
	builder_verdict(&rule.b, NFT_GOTO, carried_chain(family));
	rule_end(t, &rule);

	rule = rule_begin(t, "arriving", family);
	whole(&rule.b, IPPROTO_TCP);
	tcp_flags(&rule.b, TH_SYN, NFT_CMP_EQ);
	known(&rule.b, begun(&rule.b));
	rule_end(t, &rule);

	rule = rule_begin(t, "arriving", family);
	whole(&rule.b, IPPROTO_TCP);
	tcp_flags(&rule.b, TH_FIN | TH_SYN | TH_RST, NFT_CMP_NEQ);
	builder_verdict(&rule.b, NFT_GOTO, "edges");
	rule_end(t, &rule);
}

static void immediate(struct builder *b, uint32_t value, uint32_t reg)
{
	struct nftnl_expr *e = builder_expr(b, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &value, sizeof(value));
}

static void tcp_only(struct builder *b)
{
	const uint8_t tcp = IPPROTO_TCP;

	protocol(b);
	builder_meta(b, NFT_META_L4PROTO, REG_KEY);
	builder_compare(b, NFT_CMP_EQ, &tcp, sizeof(tcp));
}

static void edges_put(struct transaction *t, enum family family)
{
	struct rule rule = rule_begin(t, "edges", family);
	uint32_t reg;

	tcp_only(&rule.b);
	tcp_flags(&rule.b, TH_SYN, NFT_CMP_NEQ);
	reg = key(&rule.b);
	immediate(&rule.b, 0, reg);
	dynset(&rule.b, flows(&rule.b), NFT_DYNSET_OP_DELETE, reg);
	dynset(&rule.b, begun(&rule.b), NFT_DYNSET_OP_DELETE, reg);
	dynset(&rule.b, closing(&rule.b), NFT_DYNSET_OP_DELETE, reg);
	builder_verdict(&rule.b, NFT_RETURN, NULL);
	rule_end(t, &rule);

	rule = rule_begin(t, "edges", family);
	protocol(&rule.b);
	known(&rule.b, flows(&rule.b));
	builder_meta(&rule.b, NFT_META_MARK, REG_DATA);
	(void)key(&rule.b);
	dynset(&rule.b, closing(&rule.b), NFT_DYNSET_OP_UPDATE, REG_DATA);
	rule_end(t, &rule);

	rule = rule_begin(t, "edges", family);
	protocol(&rule.b);
	known(&rule.b, flows(&rule.b));
	builder_copy(&rule.b, NULL);
	builder_verdict(&rule.b, NFT_GOTO, carried_chain(family));
	rule_end(t, &rule);
}

static void mark_lookup(struct builder *b, enum ingress_set set, uint32_t to)
{
	struct nftnl_expr *e;

	builder_meta(b, NFT_META_MARK, to ? to : REG_KEY);
	e = builder_lookup(b, ingress_set_names[set], to ? to : REG_KEY);
	if (e && to)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, to);
}

/* To the server's neighbour entry; or up, without the number, if the server lives no more. */
static void carried_put(struct transaction *t, enum family family)
{
	const bool ip6 = family == FAMILY_IP6;
	struct rule rule = rule_begin(t, carried_chain(family), family);
	struct nftnl_expr *e;

	mark_lookup(&rule.b, INGRESS_LIVING, 0);
	mark_lookup(&rule.b, ip6 ? INGRESS_HOPS6 : INGRESS_HOPS4, REG_KEY);
	mark_lookup(&rule.b, INGRESS_DEVICES, REG_HASH);
	e = builder_expr(&rule.b, "fwd");
	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_FWD_SREG_DEV, REG_HASH);
		nftnl_expr_set_u32(e, NFTNL_EXPR_FWD_SREG_ADDR, REG_KEY);
		nftnl_expr_set_u32(e, NFTNL_EXPR_FWD_NFPROTO, ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	}
	rule_end(t, &rule);

	rule = rule_begin(t, carried_chain(family), family);
	immediate(&rule.b, 0, REG_KEY);
	builder_mark_store(&rule.b);
	rule_end(t, &rule);
}

/* If the packet is one to learn by, @set learns. */
static void learn(struct builder *b, const char *set)
{
	mark_lookup(b, INGRESS_LEARN, 0);
	builder_meta(b, NFT_META_MARK, REG_KEY);
	builder_mask(b, ~mark_told(b->ruleset->mark_mask), 0, REG_DATA);
	(void)key(b);
	dynset(b, set, NFT_DYNSET_OP_UPDATE, REG_DATA);
}

/* By a SYN, that a connection begins; by anything else, that it is there, if there is room. */
static void leaving_put(struct transaction *t, enum family family)
{
	struct rule rule = rule_begin(t, "leaving", family);
	uint32_t reg;

	tcp_only(&rule.b);
	tcp_flags(&rule.b, TH_SYN, NFT_CMP_NEQ);
	learn(&rule.b, begun(&rule.b));
	rule_end(t, &rule);

	rule = rule_begin(t, "leaving", family);
	tcp_only(&rule.b);
	tcp_flags(&rule.b, TH_SYN, NFT_CMP_NEQ);
	builder_verdict(&rule.b, NFT_RETURN, NULL);
	rule_end(t, &rule);

	rule = rule_begin(t, "leaving", family);
	protocol(&rule.b);
	learn(&rule.b, flows(&rule.b));
	tcp_only(&rule.b);
	reg = key(&rule.b);
	immediate(&rule.b, 0, reg);
	dynset(&rule.b, begun(&rule.b), NFT_DYNSET_OP_DELETE, reg);
	rule_end(t, &rule);
}

void ingress_rules_put(struct transaction *t)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		arriving_put(t, family);
		edges_put(t, family);
		carried_put(t, family);
		leaving_put(t, family);
	}
}

void ingress_device_rules_put(struct transaction *t, const struct ingress_device *device)
{
	const uint32_t learn = mark_told(t->ruleset->mark_mask), none = 0;
	char name[INGRESS_CHAIN_STRLEN];
	struct rule rule;

	ingress_chain_name(name, device, true);
	rule = rule_begin(t, name, FAMILY_IP);
	builder_verdict(&rule.b, NFT_GOTO, "arriving");
	rule_end(t, &rule);

	ingress_chain_name(name, device, false);
	rule = rule_begin(t, name, FAMILY_IP);
	builder_meta(&rule.b, NFT_META_MARK, REG_KEY);
	builder_mask(&rule.b, learn, 0, REG_KEY);
	builder_compare(&rule.b, NFT_CMP_NEQ, &none, sizeof(none));
	builder_verdict(&rule.b, NFT_GOTO, "leaving");
	rule_end(t, &rule);
}
