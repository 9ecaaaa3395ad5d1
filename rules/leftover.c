// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is in the kernel under the name of our table before we come: two dumps, reduced to names.
 * Which of them stay is decided by the layout. Control thread, when rules are installed.
 */
#include "rules/leftover.h"
#include "rules/dump.h"
#include "rules/exprs.h"
#include "rules/messages.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/set.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

/* A list of names that grows, and whose they must be. */
struct names {
	const char *table;
	char **items;
	size_t len;
	bool no_memory;
};

static void names_add(struct names *names, const char *name)
{
	char **more = reallocarray(names->items, names->len + 1, sizeof(*more));
	char *copy = strdup(name);

	if (more)
		names->items = more;
	if (!more || !copy) {
		names->no_memory = true;
		free(copy);
		return;
	}
	names->items[names->len++] = copy;
}

static int on_chain(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	struct names *names = data;

	if (!chain || nftnl_chain_nlmsg_parse(nlh, chain) < 0)
		names->no_memory = true;
	else if (!strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), names->table))
		names_add(names, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
	if (chain)
		nftnl_chain_free(chain);
	return MNL_CB_OK;
}

static int on_set(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();
	struct names *names = data;

	if (!set || nftnl_set_nlmsg_parse(nlh, set) < 0)
		names->no_memory = true;
	else if (!strcmp(nftnl_set_get_str(set, NFTNL_SET_TABLE), names->table))
		names_add(names, nftnl_set_get_str(set, NFTNL_SET_NAME));
	if (set)
		nftnl_set_free(set);
	return MNL_CB_OK;
}

/* @type: NFT_MSG_GETCHAIN, or NFT_MSG_GETSET: sets are dumped table by table. */
static int dump(struct mnl_socket *nl, uint16_t type, enum family family, mnl_cb_t callback,
		struct names *names)
{
	char buf[4096];
	struct nlmsghdr *nlh = dump_begin(buf, type, family);
	struct nftnl_set *set;
	int ret;

	if (type == NFT_MSG_GETSET) {
		set = nftnl_set_alloc();
		if (!set)
			return -ENOMEM;
		nftnl_set_set_str(set, NFTNL_SET_TABLE, names->table);
		nftnl_set_nlmsg_build_payload(nlh, set);
		nftnl_set_free(set);
	}
	ret = dump_run(nl, nlh, callback, names);
	return !ret && names->no_memory ? -ENOMEM : ret;
}

int leftover_read(struct leftover *leftover, const char *table, enum family family,
		  struct error *err)
{
	struct names chains = {.table = table}, sets = {.table = table};
	struct mnl_socket *nl = dump_open();
	int ret = nl ? 0 : -errno;
	bool flowtable = false;

	if (!ret)
		ret = dump(nl, NFT_MSG_GETCHAIN, family, on_chain, &chains);
	if (!ret)
		ret = dump(nl, NFT_MSG_GETSET, family, on_set, &sets);
	if (nl)
		mnl_socket_close(nl);
	if (!ret)
		ret = flowtable_read(table, family, &flowtable);
	*leftover = (struct leftover){.chains = chains.items,
				      .sets = sets.items,
				      .flowtable = flowtable,
				      .chains_len = chains.len,
				      .sets_len = sets.len};
	return ret ? error_set(err, ret, "cannot read the rules in the kernel: %s", strerror(-ret))
		   : 0;
}

void leftover_free(struct leftover *leftover)
{
	for (size_t i = 0; i < leftover->chains_len; i++)
		free(leftover->chains[i]);
	for (size_t i = 0; i < leftover->sets_len; i++)
		free(leftover->sets[i]);
	free(leftover->chains);
	free(leftover->sets);
}

bool leftover_chain_wanted(const struct ruleset *ruleset, const char *name)
{
	char queue[QUEUE_CHAIN_STRLEN];

	for (enum chain_id c = 0; c < CHAINS; c++)
		if (ruleset_has_chain(ruleset, c) && !strcmp(name, chain_layouts[c].name))
			return true;
	for (uint32_t i = 0; ruleset_by_chains(ruleset) && i < ruleset_queues(ruleset); i++)
		if (!strcmp(name, queue_chain_name(queue, ruleset_queue(ruleset, i))))
			return true;
	return false;
}

bool leftover_set_wanted(const struct ruleset *ruleset, const char *name)
{
	for (enum set_id s = 0; s < SETS; s++)
		if (ruleset_has_set(ruleset, s) && !strcmp(name, set_layouts[s].name))
			return true;
	return ruleset_by_chains(ruleset) && !strcmp(name, QUEUES_MAP);
}
