// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tables that stand in for the daemon, in the kernel: installed, updated and removed in single
 * transactions, as ingress.c does it with the one at the devices, with which they come and go.
 * Control thread.
 */
#include "rules/batch.h"
#include "rules/stand_in_rules.h"

#include <errno.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_MAX		  28
#define ADDR_TYPE(family) ((family) == FAMILY_IP6 ? TYPE_IP6ADDR : TYPE_IPADDR)
#define ADDR_LEN(family)  ((family) == FAMILY_IP6 ? 16u : 4u)
#define TYPE_CLASSID	  23 /* nft's: a packet's priority */

static const struct chain_layout hook = {
	.hook = "prerouting", .hooknum = NF_INET_PRE_ROUTING, .priority = -145};

/* Does the key begin with a mark? Else with an address. */
static bool by_mark(enum stand_in_set set)
{
	return set != STAND_IN_SLOTS && set != STAND_IN_SERVICES;
}

static bool has_slot(enum stand_in_set set)
{
	return set == STAND_IN_SLOTS || set == STAND_IN_GROUP_SLOTS;
}

static bool has_verdict(enum stand_in_set set)
{
	return set == STAND_IN_SERVICES || set == STAND_IN_GROUPS;
}

static void put_set(struct transaction *t, enum stand_in_set id)
{
	struct nlmsghdr *nlh = batch_put(t->batch, NFT_MSG_NEWSET, family_nfproto(t->family),
					 NLM_F_CREATE, stand_in_sets[id]);
	struct nftnl_set *set = message_set_new(t, stand_in_sets[id]);
	uint32_t type = TYPE_MARK, len = sizeof(uint32_t);

	if (!set)
		return;
	if (!by_mark(id)) {
		type = ADDR_TYPE(t->family);
		type = type << TYPE_BITS | TYPE_INET_PROTOCOL;
		type = type << TYPE_BITS | TYPE_INET_SERVICE;
		len = ADDR_LEN(t->family) + 2 * sizeof(uint32_t);
	}
	if (has_slot(id)) {
		type = type << TYPE_BITS | TYPE_CLASSID;
		len += sizeof(uint32_t);
	}
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_MAP);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id + 1u);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, len);
	if (has_verdict(id)) {
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	} else {
		bool address = id == STAND_IN_SERVERS;

		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE,
				  address ? ADDR_TYPE(t->family) : TYPE_MARK);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN,
				  address ? ADDR_LEN(t->family) : sizeof(uint32_t));
	}
	message_set_byteorder(t, set, by_mark(id), id != STAND_IN_SERVERS);
	if (nlh)
		nftnl_set_nlmsg_build_payload(nlh, set);
	nftnl_set_free(set);
}

static uint32_t key_write(uint8_t key[KEY_MAX], enum stand_in_set id, const struct element *element,
			  enum family family)
{
	const uint16_t port = htons(element->first);
	const uint32_t slot = element->slot;
	uint32_t len = 0;

	memset(key, 0, KEY_MAX);
	if (by_mark(id)) {
		memcpy(key, &element->mark, sizeof(element->mark));
		len = sizeof(element->mark);
	} else {
		len = ADDR_LEN(family);
		memcpy(key, element->addr.bytes, len);
		key[len] = element->byte;
		memcpy(key + len + 4, &port, sizeof(port));
		len += 8;
	}
	if (!has_slot(id))
		return len;
	memcpy(key + len, &slot, sizeof(slot));
	return len + sizeof(slot);
}

static void element_put(struct transaction *t, struct nftnl_set *set, enum stand_in_set id,
			const struct element *element)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
	uint8_t key[KEY_MAX];

	if (!elem) {
		t->no_memory = true;
		return;
	}
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, key_write(key, id, element, t->family));
	if (has_verdict(id)) {
		const int chain =
			(id == STAND_IN_GROUPS ? STAND_IN_GROUP_BY_FLOW : STAND_IN_BY_FLOW) +
			element->slot;

		nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_GOTO);
		nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, stand_in_chains[chain]);
	} else if (id == STAND_IN_SERVERS) {
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, element->addr.bytes,
				   ADDR_LEN(t->family));
	} else {
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, &element->number,
				   sizeof(element->number));
	}
	nftnl_set_elem_add(set, elem);
}

static void put_elements(struct transaction *t, uint16_t type, enum stand_in_set id,
			 const struct element *const *elements, size_t len)
{
	for (size_t i = 0; i < len;) {
		const size_t end = len - i > ELEMENTS_PER_MESSAGE ? i + ELEMENTS_PER_MESSAGE : len;
		struct nftnl_set *set = message_set_new(t, stand_in_sets[id]);
		struct nlmsghdr *nlh;

		if (!set)
			return;
		for (; i < end; i++)
			element_put(t, set, id, elements[i]);
		nlh = batch_put(t->batch, type, family_nfproto(t->family),
				type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, stand_in_sets[id]);
		if (nlh)
			nftnl_set_elems_nlmsg_build_payload(nlh, set);
		nftnl_set_free(set);
	}
}

static struct ruleset scratch_of(const struct stand_in *stand_in)
{
	struct ruleset ruleset = {.mark_mask = stand_in->mark_mask, .seed = stand_in->seed};

	memcpy(ruleset.table, stand_in->table, sizeof(ruleset.table));
	return ruleset;
}

/* @hooked: with its base chain, and not only to try it. */
static void put_frame(struct transaction *t, bool hooked)
{
	message_table(t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	for (int chain = 0; chain < STAND_IN_CHAINS; chain++)
		message_chain(t, NFT_MSG_NEWCHAIN, stand_in_chains[chain],
			      chain == STAND_IN_NEW && hooked ? &hook : NULL);
	message_flush_rules(t);
	for (enum stand_in_set id = 0; id < STAND_IN_SETS; id++) {
		put_set(t, id);
		message_set_name(t, NFT_MSG_DELSETELEM, stand_in_sets[id]);
	}
	stand_in_rules_put(t);
}

/* What only one of two sorted sets has: out of the kernel, or into it. Returns how many. */
static size_t put_difference(struct transaction *t, enum stand_in_set id,
			     const struct elements *from, const struct elements *to)
{
	const struct element **gone = calloc(from->len + 1, sizeof(struct element *));
	const struct element **come = calloc(to->len + 1, sizeof(struct element *));
	size_t gone_len = 0, come_len = 0, i = 0, k = 0;

	t->no_memory |= !gone || !come;
	while (!t->no_memory && (i < from->len || k < to->len)) {
		int order = i == from->len ? 1
			    : k == to->len ? -1
					   : element_compare(&from->items[i], &to->items[k]);

		if (order < 0)
			gone[gone_len++] = &from->items[i++];
		else if (order > 0)
			come[come_len++] = &to->items[k++];
		else
			i++, k++;
	}
	put_elements(t, NFT_MSG_DELSETELEM, id, gone, gone_len);
	put_elements(t, NFT_MSG_NEWSETELEM, id, come, come_len);
	free(gone);
	free(come);
	return gone_len + come_len;
}

static size_t put_differences(struct transaction *t, const struct stand_in *from,
			      const struct stand_in *to)
{
	size_t changes = 0;

	for (enum stand_in_set id = 0; id < STAND_IN_SETS; id++)
		changes +=
			put_difference(t, id, &from->sets[t->family][id], &to->sets[t->family][id]);
	return changes;
}

static int install(const struct stand_in *stand_in, struct error *err)
{
	static const struct stand_in none;
	const struct ruleset ruleset = scratch_of(stand_in);
	struct transaction t = {.batch = batch_new(), .ruleset = &ruleset};

	if (!t.batch)
		return error_set(err, -ENOMEM, "no memory for the rules");
	for (t.family = 0; t.family < FAMILIES; t.family++) {
		put_frame(&t, true);
		(void)put_differences(&t, &none, stand_in);
	}
	return transaction_send(&t, err);
}

/* What another version made and cannot be taken over is made anew. */
int stand_in_install(const struct stand_in *stand_in, struct error *err)
{
	int ret = install(stand_in, err);

	if (!transaction_clashed(ret))
		return ret;
	ret = ruleset_remove(stand_in->table, err);
	return ret ? ret : install(stand_in, err);
}

int stand_in_update(const struct stand_in *from, const struct stand_in *to, struct error *err)
{
	const struct ruleset ruleset = scratch_of(to);
	struct transaction t = {.batch = batch_new(), .ruleset = &ruleset};
	size_t changes = 0;

	if (!t.batch)
		return error_set(err, -ENOMEM, "no memory for the rules");
	for (t.family = 0; t.family < FAMILIES; t.family++)
		changes += put_differences(&t, from, to);
	if (changes || t.no_memory)
		return transaction_send(&t, err);
	batch_free(t.batch);
	return 0;
}

int stand_in_remove(const char *table, struct error *err)
{
	char name[sizeof(((struct ruleset *)NULL)->table)];

	snprintf(name, sizeof(name), STAND_IN_TABLE, table);
	return ruleset_remove(name, err);
}

/* Tried with the tables themselves, without the hook: unhooking would drop what is in queues. */
bool stand_in_probe(void)
{
	struct ruleset ruleset = {.mark_mask = 0xffff0000, .seed = 1};
	struct transaction t = {.batch = batch_new(), .ruleset = &ruleset};

	if (!t.batch)
		return false;
	snprintf(ruleset.table, sizeof(ruleset.table), "nfvs-probe-%d", (int)getpid());
	for (t.family = 0; t.family < FAMILIES; t.family++) {
		put_frame(&t, false);
		message_table(&t, NFT_MSG_DELTABLE, 0);
	}
	return !transaction_send(&t, NULL);
}
