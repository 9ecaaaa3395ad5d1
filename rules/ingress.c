// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table at the devices in the kernel: installed, updated and removed in single transactions, as
 * netlink.c does it with the others. What the table has learned outlives a daemon, so its maps are
 * never emptied; the chains of a device stay while the device does. Control thread.
 */
#include "rules/ingress_rules.h"
#include "lvs/verdict.h"
#include "rules/batch.h"
#include "rules/leftover.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EGRESS_HOOK 1 /* NF_NETDEV_EGRESS: older headers do not have it */

#define TYPES(a, b, c, d, e) ((a) << 24 | (b) << 18 | (c) << 12 | (d) << 6 | (e))
#define FLOW_TYPES(addr)     TYPES(addr, addr, TYPE_INET_PROTOCOL, TYPE_INET_SERVICE, TYPE_INET_SERVICE)

static const struct {
	uint32_t key_type, key_len, value_type, value_len;
	bool counted, learns, big; /* big: the value is in network byte order */
	uint32_t ends;		   /* ms after which the kernel forgets an element */
} layouts[INGRESS_SETS] = {
	[INGRESS_LEARN] = {TYPE_MARK, 4, 0, 0, .counted = false},
	[INGRESS_LIVING] = {TYPE_MARK, 4, 0, 0, .counted = true},
	[INGRESS_DEVICES] = {TYPE_MARK, 4, TYPE_IFINDEX, 4, .counted = false},
	[INGRESS_HOPS4] = {TYPE_MARK, 4, TYPE_IPADDR, 4, .big = true},
	[INGRESS_HOPS6] = {TYPE_MARK, 4, TYPE_IP6ADDR, 16, .big = true},
	[INGRESS_CLOSING4] = {FLOW_TYPES(TYPE_IPADDR), 20, TYPE_MARK, 4, .learns = true,
			      .ends = INGRESS_CLOSING_MS},
	[INGRESS_CLOSING6] = {FLOW_TYPES(TYPE_IP6ADDR), 44, TYPE_MARK, 4, .learns = true,
			      .ends = INGRESS_CLOSING_MS},
	[INGRESS_FLOWS4] = {FLOW_TYPES(TYPE_IPADDR), 20, TYPE_MARK, 4, .counted = true,
			    .learns = true},
	[INGRESS_FLOWS6] = {FLOW_TYPES(TYPE_IP6ADDR), 44, TYPE_MARK, 4, .counted = true,
			    .learns = true},
	[INGRESS_BEGUN4] = {FLOW_TYPES(TYPE_IPADDR), 20, TYPE_MARK, 4, .learns = true,
			    .ends = INGRESS_BEGUN_MS},
	[INGRESS_BEGUN6] = {FLOW_TYPES(TYPE_IP6ADDR), 44, TYPE_MARK, 4, .learns = true,
			    .ends = INGRESS_BEGUN_MS},
};

/* What begins and ends is less than what is there: so many times is its room smaller. */
#define EDGES_SHARE 16

/*
 * The kernel could note the time of each element's last packet, which is what we want to know, but
 * nft before 1.0.7 dies when it lists such a set. So the elements count.
 */
static void put_set(struct transaction *t, enum ingress_set id, uint32_t flows)
{
	struct nlmsghdr *nlh = batch_put(t->batch, NFT_MSG_NEWSET, NFPROTO_NETDEV, NLM_F_CREATE,
					 ingress_set_names[id]);
	struct nftnl_set *set = message_set_new(t, ingress_set_names[id]);
	uint32_t flags = layouts[id].learns ? NFT_SET_EVAL : 0;

	if (!set)
		return;
	if (layouts[id].counted)
		message_set_counter(t, set);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id + 1u);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, layouts[id].key_type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, layouts[id].key_len);
	if (layouts[id].value_type) {
		flags |= NFT_SET_MAP;
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, layouts[id].value_type);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, layouts[id].value_len);
	}
	if (layouts[id].learns)
		nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE,
				  layouts[id].ends ? flows / EDGES_SHARE : flows);
	if (layouts[id].ends) {
		flags |= NFT_SET_TIMEOUT;
		nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, layouts[id].ends);
	}
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, flags);
	message_set_byteorder(t, set, !layouts[id].learns, !layouts[id].big);
	if (nlh)
		nftnl_set_nlmsg_build_payload(nlh, set);
	nftnl_set_free(set);
}

static void put_device_chain(struct transaction *t, const struct ingress_device *device, bool in)
{
	struct nlmsghdr *nlh =
		batch_put(t->batch, NFT_MSG_NEWCHAIN, NFPROTO_NETDEV, NLM_F_CREATE, device->name);
	struct nftnl_chain *chain = nftnl_chain_alloc();
	char name[INGRESS_CHAIN_STRLEN];

	if (!chain) {
		t->no_memory = true;
		return;
	}
	ingress_chain_name(name, device, in);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, t->ruleset->table);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_str(chain, NFTNL_CHAIN_DEV, device->name);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, in ? NF_NETDEV_INGRESS : EGRESS_HOOK);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, 0);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	if (nlh)
		nftnl_chain_nlmsg_build_payload(nlh, chain);
	nftnl_chain_free(chain);
}

/* Sets, chains and rules without servers and devices. */
static void put_frame(struct transaction *t, uint32_t flows)
{
	message_table(t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	for (const char *const *name = ingress_chains; *name; name++)
		message_chain(t, NFT_MSG_NEWCHAIN, *name, NULL);
	message_flush_rules(t);
	for (enum ingress_set id = 0; id < INGRESS_SETS; id++)
		put_set(t, id, flows);
	ingress_rules_put(t);
}

/* Does a server have its place in this set? */
static bool belongs(enum ingress_set id, const struct ingress_hop *hop)
{
	switch (id) {
	case INGRESS_HOPS4:
		return hop->af != AF_INET6;
	case INGRESS_HOPS6:
		return hop->af == AF_INET6;
	case INGRESS_CLOSING4:
	case INGRESS_CLOSING6:
	case INGRESS_FLOWS4:
	case INGRESS_FLOWS6:
	case INGRESS_BEGUN4:
	case INGRESS_BEGUN6:
		return false;
	case INGRESS_LEARN:
	case INGRESS_LIVING:
	case INGRESS_DEVICES:
	case INGRESS_SETS:
		break;
	}
	return true;
}

static void add_hop(struct transaction *t, struct nftnl_set *set, enum ingress_set id,
		    const struct ingress_hop *hop)
{
	const uint32_t learn = hop->mark | mark_told(t->ruleset->mark_mask);
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

	if (!elem) {
		t->no_memory = true;
		return;
	}
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, id == INGRESS_LEARN ? &learn : &hop->mark,
			   sizeof(hop->mark));
	if (id == INGRESS_DEVICES)
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, &hop->device, sizeof(hop->device));
	else if (layouts[id].value_len)
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, hop->addr.bytes,
				   layouts[id].value_len);
	if (id == INGRESS_LIVING && hop->label)
		message_elem_comment(t, elem, hop->label);
	nftnl_set_elem_add(set, elem);
}

/* These servers into, or out of, one set. */
static void put_hops(struct transaction *t, uint16_t type, enum ingress_set id,
		     const struct ingress_hop *const *hops, size_t len)
{
	for (size_t i = 0; i < len;) {
		struct nftnl_set *set = message_set_new(t, ingress_set_names[id]);
		struct nlmsghdr *nlh;
		unsigned int n = 0;

		if (!set)
			return;
		for (; i < len && n < ELEMENTS_PER_MESSAGE; i++)
			if (belongs(id, hops[i]) && ++n)
				add_hop(t, set, id, hops[i]);
		nlh = n ? batch_put(t->batch, type, NFPROTO_NETDEV,
				    type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
				    ingress_set_names[id])
			: NULL;
		if (nlh)
			nftnl_set_elems_nlmsg_build_payload(nlh, set);
		nftnl_set_free(set);
	}
}

static void put_all_hops(struct transaction *t, uint16_t type,
			 const struct ingress_hop *const *hops, size_t len)
{
	for (enum ingress_set id = 0; id < INGRESS_SETS; id++)
		put_hops(t, type, id, hops, len);
}

static struct ruleset scratch_of(const char *table, uint32_t mask, uint16_t copies)
{
	struct ruleset ruleset = {.mark_mask = mask, .copies = copies};

	strncpy(ruleset.table, table, sizeof(ruleset.table) - 1);
	return ruleset;
}

static bool chain_wanted(const struct ingress_rules *rules, const char *name)
{
	char device[INGRESS_CHAIN_STRLEN];

	for (const char *const *chain = ingress_chains; *chain; chain++)
		if (!strcmp(name, *chain))
			return true;
	for (size_t i = 0; i < rules->devices_len; i++)
		for (int in = 0; in < 2; in++) {
			ingress_chain_name(device, &rules->devices[i], in);
			if (!strcmp(name, device))
				return true;
		}
	return false;
}

/* Out with the servers and devices of before. */
static void put_clearing(struct transaction *t, const struct ingress_rules *rules,
			 const struct leftover *leftover)
{
	static const struct ingress_hop any4 = {.af = AF_INET}, any6 = {.af = AF_INET6};

	for (enum ingress_set id = 0; id < INGRESS_SETS; id++)
		if (belongs(id, &any4) || belongs(id, &any6))
			message_set_name(t, NFT_MSG_DELSETELEM, ingress_set_names[id]);
	for (size_t i = 0; i < leftover->chains_len; i++)
		if (!chain_wanted(rules, leftover->chains[i]))
			message_chain(t, NFT_MSG_DELCHAIN, leftover->chains[i], NULL);
}

static const struct ingress_hop **all_of(struct transaction *t, const struct ingress_rules *rules)
{
	const struct ingress_hop **all = calloc(rules->hops_len + 1, sizeof(struct ingress_hop *));

	if (!all)
		t->no_memory = true;
	for (size_t i = 0; all && i < rules->hops_len; i++)
		all[i] = &rules->hops[i];
	return all;
}

static int install(const struct ingress_rules *rules, struct error *err)
{
	const struct ruleset ruleset = scratch_of(rules->table, rules->mark_mask, rules->copies);
	struct transaction t = {
		.batch = batch_new(), .ruleset = &ruleset, .family = FAMILY_DEVICES};
	const struct ingress_hop **all;
	struct leftover leftover = {0};
	int ret = leftover_read(&leftover, rules->table, FAMILY_DEVICES, err);

	if (ret || !t.batch) {
		batch_free(t.batch);
		leftover_free(&leftover);
		return ret ? ret : error_set(err, -ENOMEM, "no memory for the rules");
	}
	put_frame(&t, rules->flows);
	put_clearing(&t, rules, &leftover);
	for (size_t i = 0; i < rules->devices_len; i++) {
		put_device_chain(&t, &rules->devices[i], true);
		put_device_chain(&t, &rules->devices[i], false);
		ingress_device_rules_put(&t, &rules->devices[i]);
	}
	all = all_of(&t, rules);
	if (all)
		put_all_hops(&t, NFT_MSG_NEWSETELEM, all, rules->hops_len);
	free(all);
	leftover_free(&leftover);
	return transaction_send(&t, err);
}

/* What another version made and cannot be taken over is made anew. */
int ingress_install(const struct ingress_rules *rules, struct error *err)
{
	int ret = install(rules, err);

	if (!transaction_clashed(ret))
		return ret;
	ret = ingress_remove(rules->table, err);
	return ret ? ret : install(rules, err);
}

static int hop_compare(const struct ingress_hop *a, const struct ingress_hop *b)
{
	int order = (a->mark > b->mark) - (a->mark < b->mark);

	if (!order)
		order = (a->device > b->device) - (a->device < b->device);
	return order ? order : addr_compare(&a->addr, &b->addr);
}

static int by_hop(const void *a, const void *b)
{
	return hop_compare(*(const struct ingress_hop *const *)a,
			   *(const struct ingress_hop *const *)b);
}

/* As all_of(), sorted. */
static const struct ingress_hop **sorted(struct transaction *t, const struct ingress_rules *rules)
{
	const struct ingress_hop **all = all_of(t, rules);

	if (all && rules->hops_len)
		qsort(all, rules->hops_len, sizeof(struct ingress_hop *), by_hop);
	return all;
}

int ingress_update(const struct ingress_rules *from, const struct ingress_rules *to,
		   struct error *err)
{
	const struct ruleset ruleset = scratch_of(to->table, to->mark_mask, to->copies);
	struct transaction t = {
		.batch = batch_new(), .ruleset = &ruleset, .family = FAMILY_DEVICES};
	const struct ingress_hop **gone = sorted(&t, from), **come = sorted(&t, to);
	size_t gone_len = 0, come_len = 0, i = 0, k = 0;

	t.no_memory |= !t.batch;
	while (!t.no_memory && (i < from->hops_len || k < to->hops_len)) {
		int order = i == from->hops_len ? 1
			    : k == to->hops_len ? -1
						: hop_compare(gone[i], come[k]);

		if (order < 0)
			gone[gone_len++] = gone[i++]; /* never ahead of what is read */
		else if (order > 0)
			come[come_len++] = come[k++];
		else
			i++, k++;
	}
	if (!t.no_memory) {
		put_all_hops(&t, NFT_MSG_DELSETELEM, gone, gone_len);
		put_all_hops(&t, NFT_MSG_NEWSETELEM, come, come_len);
	}
	free(gone);
	free(come);
	if (gone_len + come_len || t.no_memory)
		return transaction_send(&t, err);
	batch_free(t.batch);
	return 0;
}

/* Creating before deleting makes an absent table no error. */
int ingress_remove(const char *table, struct error *err)
{
	const struct ruleset ruleset = scratch_of(table, 0, 0);
	struct transaction t = {
		.batch = batch_new(), .ruleset = &ruleset, .family = FAMILY_DEVICES};

	if (!t.batch)
		return error_set(err, -ENOMEM, "no memory");
	message_table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	message_table(&t, NFT_MSG_DELTABLE, 0);
	return transaction_send(&t, err);
}

/* Tried with the table itself, at the loopback device, in one transaction. */
bool ingress_probe(void)
{
	const struct ingress_device lo = {.index = if_nametoindex("lo"), .name = "lo"};
	char table[32];
	struct ruleset ruleset;
	struct transaction t = {
		.batch = batch_new(), .ruleset = &ruleset, .family = FAMILY_DEVICES};

	if (!t.batch)
		return false;
	snprintf(table, sizeof(table), "nfvs-probe-%d", (int)getpid());
	ruleset = scratch_of(table, 0xffff0000, 0);
	put_frame(&t, 1024);
	put_device_chain(&t, &lo, true);
	put_device_chain(&t, &lo, false);
	ingress_device_rules_put(&t, &lo);
	message_table(&t, NFT_MSG_DELTABLE, 0);
	return !transaction_send(&t, NULL);
}
