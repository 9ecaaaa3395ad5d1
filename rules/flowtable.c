// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flowtables and their devices. The one idea: which devices one has is asked of the kernel,
 * which drops those that go away, so nothing is remembered here and the difference to what is
 * wanted is always right. A device that is named and not there fails a whole transaction, so this
 * is never part of one that has rules. Control thread.
 */
#include "rules/flowtable.h"
#include "rules/batch.h"
#include "rules/dump.h"
#include "rules/messages.h"

#include <errno.h>
#include <libnftnl/flowtable.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* @names: of devices, ended by NULL; or NULL. */
static void put(struct transaction *t, uint16_t type, const char **names)
{
	struct nlmsghdr *nlh =
		batch_put(t->batch, type, family_nfproto(t->family),
			  type == NFT_MSG_NEWFLOWTABLE ? NLM_F_CREATE : 0, "flowtable");
	struct nftnl_flowtable *flowtable = nftnl_flowtable_alloc();

	if (!flowtable) {
		t->no_memory = true;
		return;
	}
	nftnl_flowtable_set_str(flowtable, NFTNL_FLOWTABLE_TABLE, t->ruleset->table);
	nftnl_flowtable_set_str(flowtable, NFTNL_FLOWTABLE_NAME, FLOWTABLE_NAME);
	if (type == NFT_MSG_NEWFLOWTABLE || names) {
		nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_HOOKNUM, NF_NETDEV_INGRESS);
		nftnl_flowtable_set_s32(flowtable, NFTNL_FLOWTABLE_PRIO, FLOWTABLE_PRIORITY);
	}
	if (type == NFT_MSG_NEWFLOWTABLE)
		nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_FLAGS, NFT_FLOWTABLE_COUNTER);
	if (names)
		nftnl_flowtable_set_array(flowtable, NFTNL_FLOWTABLE_DEVICES, names);
	if (nlh)
		nftnl_flowtable_nlmsg_build_payload(nlh, flowtable);
	nftnl_flowtable_free(flowtable);
}

void message_flowtable(struct transaction *t, uint16_t type)
{
	put(t, type, NULL);
}

static bool offloads(const struct rule_layout *rule)
{
	for (int i = 0; i < STMTS_MAX; i++)
		if (rule->stmts[i].kind == STMT_TRACKED &&
		    rule->stmts[i].tracked == TRACKED_OFFLOAD)
			return true;
	return false;
}

/* Tried with the rule itself, in a chain without a hook. */
bool flowtable_probe(void)
{
	struct ruleset scratch = {.mark_mask = 0xffff0000};
	struct transaction t = {.batch = batch_new(), .ruleset = &scratch, .family = FAMILY_IP};
	int ret;

	if (!t.batch)
		return false;
	snprintf(scratch.table, sizeof(scratch.table), "nfvs-probe-%d", (int)getpid());
	message_table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	message_flowtable(&t, NFT_MSG_NEWFLOWTABLE);
	message_chain(&t, NFT_MSG_NEWCHAIN, "probe", NULL);
	for (size_t i = 0; i < rule_layouts_len; i++)
		if (offloads(&rule_layouts[i]))
			message_rule(&t, "probe", &rule_layouts[i], 0);
	message_table(&t, NFT_MSG_DELTABLE, 0);
	ret = t.no_memory ? -ENOMEM : batch_send(t.batch, NULL);
	batch_free(t.batch);
	return !ret;
}

/* What the kernel has under our name: its devices, as a list of names of its own. */
struct found {
	const char *table;
	char (*names)[IF_NAMESIZE];
	size_t len;
	bool there, no_memory;
};

static void keep_names(struct found *found, const char *const *names)
{
	size_t len = 0;

	while (names && names[len])
		len++;
	found->there = true;
	found->len = 0;
	free(found->names);
	found->names = calloc(len + 1, sizeof(*found->names));
	found->no_memory = !found->names;
	for (; found->names && found->len < len; found->len++)
		snprintf(found->names[found->len], IF_NAMESIZE, "%s", names[found->len]);
}

static int on_flowtable(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_flowtable *flowtable = nftnl_flowtable_alloc();
	struct found *found = data;

	if (!flowtable || nftnl_flowtable_nlmsg_parse(nlh, flowtable) < 0)
		found->no_memory = true;
	else if (!strcmp(nftnl_flowtable_get_str(flowtable, NFTNL_FLOWTABLE_TABLE), found->table) &&
		 !strcmp(nftnl_flowtable_get_str(flowtable, NFTNL_FLOWTABLE_NAME), FLOWTABLE_NAME))
		keep_names(found, nftnl_flowtable_get_array(flowtable, NFTNL_FLOWTABLE_DEVICES));
	if (flowtable)
		nftnl_flowtable_free(flowtable);
	return MNL_CB_OK;
}

static int find(struct found *found, enum family family)
{
	struct mnl_socket *nl = dump_open();
	char buf[4096];
	int ret = nl ? 0 : -errno;

	if (!ret)
		ret = dump_run(nl, dump_begin(buf, NFT_MSG_GETFLOWTABLE, family), on_flowtable,
			       found);
	if (nl)
		mnl_socket_close(nl);
	return !ret && found->no_memory ? -ENOMEM : ret;
}

int flowtable_read(const char *table, enum family family, bool *there)
{
	struct found found = {.table = table};
	int ret = find(&found, family);

	*there = found.there;
	free(found.names);
	return ret;
}

static bool has(const struct found *found, const char *name)
{
	for (size_t i = 0; i < found->len; i++)
		if (!strcmp(found->names[i], name))
			return true;
	return false;
}

static bool wanted(const struct ingress_device *devices, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(devices[i].name, name))
			return true;
	return false;
}

/* The difference into the transaction; true if there is any. */
static bool put_difference(struct transaction *t, const struct found *found,
			   const struct ingress_device *devices, size_t len)
{
	const char **names = calloc(found->len + len + 2, sizeof(char *));
	size_t gone = 0, come = 0;
	const char **more;

	if (!names) {
		t->no_memory = true;
		return false;
	}
	for (size_t i = 0; i < found->len; i++)
		if (!wanted(devices, len, found->names[i]))
			names[gone++] = found->names[i];
	more = &names[gone + 1];
	for (size_t i = 0; i < len; i++)
		if (!has(found, devices[i].name))
			more[come++] = devices[i].name;
	if (gone)
		put(t, NFT_MSG_DELFLOWTABLE, names);
	if (come)
		put(t, NFT_MSG_NEWFLOWTABLE, more);
	free(names);
	return gone + come;
}

static int follow(const char *table, enum family family, const struct ingress_device *devices,
		  size_t len)
{
	struct ruleset scratch = {0};
	struct transaction t = {.batch = batch_new(), .ruleset = &scratch, .family = family};
	struct found found = {.table = table};
	bool differs = false;
	int ret = find(&found, family);

	snprintf(scratch.table, sizeof(scratch.table), "%s", table);
	if (!ret && !found.there)
		ret = -ENOENT;
	if (!ret && t.batch)
		differs = put_difference(&t, &found, devices, len);
	if (!ret && (t.no_memory || !t.batch))
		ret = -ENOMEM;
	if (!ret && differs)
		ret = batch_send(t.batch, NULL);
	free(found.names);
	batch_free(t.batch);
	return ret;
}

int flowtable_follow(const char *table, const struct ingress_device *devices, size_t len)
{
	int ip = follow(table, FAMILY_IP, devices, len);
	int ip6 = follow(table, FAMILY_IP6, devices, len);

	return ip ? ip : ip6;
}
