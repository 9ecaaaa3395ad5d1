// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What nf_tables on this kernel can do, found out by trying: a table, a chain and one rule are made
 * and deleted in the same transaction, so nothing is left behind, whatever the outcome. The chain
 * has no hook: unhooking one would drop the packets that other programs have in their queues.
 * Control thread, at start.
 */
#include "rules/batch.h"
#include "rules/exprs.h"
#include "rules/flowtable.h"
#include "rules/ingress.h"
#include "rules/messages.h"
#include "rules/stand_in.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <unistd.h>

typedef int (*exprs_fn)(struct nftnl_rule *rule);

static void put_table(struct batch *batch, uint16_t type, const char *name)
{
	struct nlmsghdr *nlh = batch_put(batch, type, NFPROTO_IPV4,
					 type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, "table");
	struct nftnl_table *table = nftnl_table_alloc();

	if (nlh && table) {
		nftnl_table_set_str(table, NFTNL_TABLE_NAME, name);
		nftnl_table_nlmsg_build_payload(nlh, table);
	}
	if (table)
		nftnl_table_free(table);
}

static void put_chain(struct batch *batch, const char *table)
{
	struct nlmsghdr *nlh =
		batch_put(batch, NFT_MSG_NEWCHAIN, NFPROTO_IPV4, NLM_F_CREATE, "chain");
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (nlh && chain) {
		nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, table);
		nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, "probe");
		nftnl_chain_nlmsg_build_payload(nlh, chain);
	}
	if (chain)
		nftnl_chain_free(chain);
}

static void put_rule(struct batch *batch, const char *table, exprs_fn fill)
{
	struct nlmsghdr *nlh = batch_put(batch, NFT_MSG_NEWRULE, NFPROTO_IPV4,
					 NLM_F_CREATE | NLM_F_APPEND, "rule");
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (nlh && rule && !fill(rule)) {
		nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table);
		nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, "probe");
		nftnl_rule_nlmsg_build_payload(nlh, rule);
	}
	if (rule)
		nftnl_rule_free(rule);
}

/* Would the kernel take this rule? @fill NULL: would it take a table at all? 0 or -errno. */
static int try(exprs_fn fill, struct error *err)
{
	struct batch *batch = batch_new();
	char table[32];
	int ret;

	if (!batch)
		return error_set(err, -ENOMEM, "no memory");
	snprintf(table, sizeof(table), "nfvs-probe-%d", (int)getpid());
	put_table(batch, NFT_MSG_NEWTABLE, table);
	put_chain(batch, table);
	if (fill)
		put_rule(batch, table, fill);
	put_table(batch, NFT_MSG_DELTABLE, table);
	ret = batch_send(batch, err);
	batch_free(batch);
	return ret;
}

/* Does this rule lead to another chain, or a queue? That is tried otherwise. */
static bool goes_on(const struct rule_layout *rule)
{
	for (int i = 0; i < STMTS_MAX; i++)
		if (rule->stmts[i].kind == STMT_GOTO || rule->stmts[i].kind == STMT_FAN_OUT_OPEN)
			return true;
	return false;
}

/* Can it carry connections? Tried with the sets and rules themselves, all in the one chain. It is
 * no NAT chain, as that would need a hook; but the kernel has those where it has NAT. */
static bool carries(void)
{
	struct ruleset scratch = {.mark_mask = 0xffff0000, .carries = true};
	struct transaction t = {.batch = batch_new(), .ruleset = &scratch, .family = FAMILY_IP};

	if (!t.batch)
		return false;
	snprintf(scratch.table, sizeof(scratch.table), "nfvs-probe-%d", (int)getpid());
	message_table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	message_chain(&t, NFT_MSG_NEWCHAIN, "probe", NULL);
	for (enum set_id s = SET_CARRIED; s < SETS; s++)
		message_set(&t, s);
	for (size_t i = 0; i < rule_layouts_len; i++)
		if (rule_layouts[i].chain >= CHAIN_CARRIED && !goes_on(&rule_layouts[i]) &&
		    ruleset_has(&scratch, &rule_layouts[i]))
			message_rule(&t, "probe", &rule_layouts[i], 0);
	message_table(&t, NFT_MSG_DELTABLE, 0);
	return !transaction_send(&t, NULL);
}

static int native(struct nftnl_rule *rule)
{
	return exprs_queue(rule, QUEUE_NATIVE, 0);
}

static int compat(struct nftnl_rule *rule)
{
	return exprs_queue(rule, QUEUE_COMPAT, 0);
}

static int table_error(int code, struct error *err)
{
	if (code == -EPERM)
		return error_set(err, code,
				 "not enough privilege: CAP_NET_ADMIN is needed to load rules");
	if (code == -EOPNOTSUPP || code == -EPROTONOSUPPORT || code == -EINVAL)
		return error_set(err, -EPROTONOSUPPORT,
				 "this kernel has no nf_tables (CONFIG_NF_TABLES; try: modprobe "
				 "nf_tables)");
	return code;
}

int rules_probe(struct rules_caps *caps, struct error *err)
{
	int ret = try(NULL, err);

	if (ret)
		return table_error(ret, err);
	*caps = (struct rules_caps){
		.queue_native = !try(native, NULL),
		.queue_compat = !try(compat, NULL),
		.hash = !try(exprs_hash, NULL),
		.reject = !try(exprs_reject, NULL),
		.notrack = !try(exprs_notrack, NULL),
		.dup = !try(exprs_dup, NULL),
		.tproxy = !try(exprs_tproxy, NULL),
		.carries = carries(),
		.learns = ingress_probe(),
		.stands_in = stand_in_probe(),
		.flowtable = flowtable_probe(),
	};
	return 0;
}
