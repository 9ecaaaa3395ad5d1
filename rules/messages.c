// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tables, chains, sets, elements and rules as nf_tables messages, one function a kind. What they
 * are made from is the layout and the ruleset; the order in which they make a transaction is
 * netlink.c's. Running out of memory is remembered in the transaction. Control thread.
 */
#include "rules/messages.h"

#include "rules/batch.h"
#include "rules/exprs.h"

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES_ID (SETS + 1u)

/* Bytes of a key or a value, more than any layout has. */
#define CONCAT_MAX 32

static struct nlmsghdr *put(struct transaction *t, uint16_t type, uint16_t flags, const char *what)
{
	return batch_put(t->batch, type, family_nfproto(t->family), flags, what);
}

void message_table(struct transaction *t, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = put(t, type, flags, "table");
	struct nftnl_table *table = nftnl_table_alloc();

	if (!table) {
		t->no_memory = true;
		return;
	}
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, t->ruleset->table);
	if (nlh)
		nftnl_table_nlmsg_build_payload(nlh, table);
	nftnl_table_free(table);
}

/* @layout: a base chain's hook, or NULL. */
void message_chain(struct transaction *t, uint16_t type, const char *name,
		   const struct chain_layout *layout)
{
	struct nlmsghdr *nlh = put(t, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0, "chains");
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (!chain) {
		t->no_memory = true;
		return;
	}
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, t->ruleset->table);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	if (layout && layout->hook) {
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, (uint32_t)layout->hooknum);
		nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, layout->priority);
		nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE,
				    layout->type ? layout->type : "filter");
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	if (nlh)
		nftnl_chain_nlmsg_build_payload(nlh, chain);
	nftnl_chain_free(chain);
}

/* The kernel's name, and length, of one field of a key. */
static uint32_t field_type(enum field field, enum family family, uint8_t *len)
{
	switch (field) {
	case FIELD_NONE:
		break;
	case FIELD_SADDR:
	case FIELD_DADDR:
		*len = family == FAMILY_IP6 ? 16 : 4;
		return family == FAMILY_IP6 ? TYPE_IP6ADDR : TYPE_IPADDR;
	case FIELD_PROTOCOL:
		*len = 1;
		return TYPE_INET_PROTOCOL;
	case FIELD_SPORT:
	case FIELD_DPORT:
		*len = 2;
		return TYPE_INET_SERVICE;
	case FIELD_MARK:
	case FIELD_NUMBER:
	case FIELD_SLOT:
		*len = 4;
		return TYPE_MARK;
	case FIELD_TURN:
		*len = 4;
		return TYPE_INTEGER;
	case FIELD_ICMP_TYPE:
		*len = 1;
		return family == FAMILY_IP6 ? TYPE_ICMP6_TYPE : TYPE_ICMP_TYPE;
	case FIELD_CHAIN: /* verdicts are of no such type */
		break;
	}
	*len = 0;
	return 0;
}

static bool is_mark(enum field field)
{
	return field == FIELD_MARK || field == FIELD_NUMBER || field == FIELD_SLOT ||
	       field == FIELD_TURN;
}

/* nft's note to itself about the byte order of keys and values, without which "nft list" would
 * print marks turned round. */
void message_set_byteorder(struct transaction *t, struct nftnl_set *set, bool host_key,
			   bool host_value)
{
	enum byteorder {
		ORDER_HOST = 1,
		ORDER_BIG = 2
	};
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (!udata) {
		t->no_memory = true;
		return;
	}
	nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_KEYBYTEORDER, host_key ? ORDER_HOST : ORDER_BIG);
	if (nftnl_set_is_set(set, NFTNL_SET_DATA_LEN))
		nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_DATABYTEORDER,
				    host_value ? ORDER_HOST : ORDER_BIG);
	nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata),
			   nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
}

static void set_byteorder(struct transaction *t, struct nftnl_set *set,
			  const struct set_layout *layout)
{
	message_set_byteorder(t, set, is_mark(layout->key[0]), is_mark(layout->value[0]));
}

struct concat {
	uint32_t type, len; /* of the whole; several fields are padded to 32 bits each */
	uint8_t lens[FIELDS_MAX];
	unsigned int fields;
};

static struct concat concat_of(const enum field fields[FIELDS_MAX], enum family family)
{
	struct concat c = {0};

	for (; c.fields < FIELDS_MAX && fields[c.fields]; c.fields++) {
		uint8_t *len = &c.lens[c.fields];

		c.type = c.type << TYPE_BITS | field_type(fields[c.fields], family, len);
		c.len += (*len + 3u) & ~3u;
	}
	if (c.fields == 1)
		c.len = c.lens[0];
	return c;
}

/* Types and lengths of key and value. */
static void set_types(struct nftnl_set *set, const struct set_layout *layout, enum family family)
{
	struct concat key = concat_of(layout->key, family);
	struct concat value = concat_of(layout->value, family);

	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, key.type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, key.len);
	if (layout->interval)
		nftnl_set_set_data(set, NFTNL_SET_DESC_CONCAT, key.lens, key.fields);
	if (layout->value[0] == FIELD_CHAIN)
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	if (!value.len)
		return;
	nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, value.type);
	nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, value.len);
}

/* The kernel gives each element a counter of its own. */
void message_set_counter(struct transaction *t, struct nftnl_set *set)
{
	struct nftnl_expr *counter = nftnl_expr_alloc("counter");

	if (counter)
		nftnl_set_add_expr(set, counter);
	else
		t->no_memory = true;
}

struct nftnl_set *message_set_new(struct transaction *t, const char *name)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set) {
		t->no_memory = true;
		return NULL;
	}
	nftnl_set_set_str(set, NFTNL_SET_TABLE, t->ruleset->table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, family_nfproto(t->family));
	return set;
}

void message_set(struct transaction *t, enum set_id id)
{
	const struct set_layout *layout = &set_layouts[id];
	struct nlmsghdr *nlh = put(t, NFT_MSG_NEWSET, NLM_F_CREATE, layout->name);
	struct nftnl_set *set = message_set_new(t, layout->name);
	uint32_t flags = 0;

	if (!set)
		return;
	if (layout->interval)
		flags |= NFT_SET_INTERVAL | NFT_SET_CONCAT;
	if (layout->value[0])
		flags |= NFT_SET_MAP;
	if (layout->counted)
		message_set_counter(t, set);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id + 1u);
	set_types(set, layout, t->family);
	set_byteorder(t, set, layout);
	if (nlh)
		nftnl_set_nlmsg_build_payload(nlh, set);
	nftnl_set_free(set);
}

/* From a queue's number to the chain that queues there. */
void message_queues_map(struct transaction *t)
{
	struct nlmsghdr *nlh = put(t, NFT_MSG_NEWSET, NLM_F_CREATE, QUEUES_MAP);
	struct nftnl_set *set = message_set_new(t, QUEUES_MAP);

	if (!set)
		return;
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_MAP);
	nftnl_set_set_u32(set, NFTNL_SET_ID, QUEUES_ID);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, TYPE_MARK);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, sizeof(uint32_t));
	nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	set_byteorder(t, set, &set_layouts[SET_MARKS]);
	if (nlh)
		nftnl_set_nlmsg_build_payload(nlh, set);
	nftnl_set_free(set);
}

/* Deletes a set, or (NFT_MSG_DELSETELEM, without elements) all that is in it. */
void message_set_name(struct transaction *t, uint16_t type, const char *name)
{
	struct nlmsghdr *nlh = put(t, type, 0, "sets");
	struct nftnl_set *set = message_set_new(t, name);

	if (!set)
		return;
	if (nlh && type == NFT_MSG_DELSETELEM)
		nftnl_set_elems_nlmsg_build_payload(nlh, set);
	else if (nlh)
		nftnl_set_nlmsg_build_payload(nlh, set);
	nftnl_set_free(set);
}

static size_t field_bytes(uint8_t *at, enum field field, const struct element *element,
			  enum family family, bool end)
{
	uint16_t port = htons(end ? element->last : element->first);
	uint8_t len;

	field_type(field, family, &len);
	switch (field) {
	case FIELD_NONE:
		break;
	case FIELD_SADDR:
	case FIELD_DADDR:
		memcpy(at, element->addr.bytes, len);
		break;
	case FIELD_PROTOCOL:
	case FIELD_ICMP_TYPE:
		*at = element->byte;
		break;
	case FIELD_SPORT:
	case FIELD_DPORT:
		memcpy(at, &port, len);
		break;
	case FIELD_MARK:
		memcpy(at, &element->mark, len);
		break;
	case FIELD_NUMBER:
		memcpy(at, &element->number, len);
		break;
	case FIELD_SLOT:
	case FIELD_TURN:
		memcpy(at, &(uint32_t){element->slot}, len);
		break;
	case FIELD_CHAIN:
		break;
	}
	return len;
}

/* An element's key or value, or with @end the upper end of its range; returns its length. */
static uint32_t concat_bytes(uint8_t bytes[CONCAT_MAX], const enum field fields[FIELDS_MAX],
			     const struct element *element, enum family family, bool end)
{
	size_t at = 0, len = 0;

	memset(bytes, 0, CONCAT_MAX);
	for (int i = 0; i < FIELDS_MAX && fields[i]; i++) {
		len = field_bytes(bytes + at, fields[i], element, family, end);
		at += (len + 3) & ~(size_t)3;
	}
	return (uint32_t)(fields[1] ? at : len);
}

/* As nft writes an element's comment, so that "nft list" shows it. */
void message_elem_comment(struct transaction *t, struct nftnl_set_elem *elem, const char *comment)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (!udata) {
		t->no_memory = true;
		return;
	}
	nftnl_udata_put_strz(udata, NFTNL_UDATA_SET_ELEM_COMMENT, comment);
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(udata),
			   nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
}

static void elem_goto(struct nftnl_set_elem *elem, const char *chain)
{
	nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_GOTO);
	nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, chain);
}

static void elem_fill(struct transaction *t, struct nftnl_set *set, const struct set_layout *layout,
		      const struct element *element)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
	char chain[TURNS_CHAIN_STRLEN];
	uint8_t bytes[CONCAT_MAX];
	uint32_t len;

	if (!elem) {
		t->no_memory = true;
		return;
	}
	len = concat_bytes(bytes, layout->key, element, t->family, false);
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, bytes, len);
	if (layout->interval) {
		concat_bytes(bytes, layout->key, element, t->family, true);
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY_END, bytes, len);
	}
	if (layout->value[0] == FIELD_CHAIN) {
		elem_goto(elem, turns_chain_name(chain, t->family, element));
	} else if (layout->value[0]) {
		len = concat_bytes(bytes, layout->value, element, t->family, false);
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, bytes, len);
	}
	if (layout->counted && element->label)
		message_elem_comment(t, elem, element->label);
	nftnl_set_elem_add(set, elem);
}

/* Adds to a set, or deletes from it, @len elements, as many to a message as fit. */
void message_elements(struct transaction *t, uint16_t type, enum set_id id,
		      const struct element *const *elements, size_t len)
{
	const struct set_layout *layout = &set_layouts[id];

	for (size_t i = 0; i < len;) {
		struct nftnl_set *set = message_set_new(t, layout->name);
		struct nlmsghdr *nlh;
		size_t end = i + ELEMENTS_PER_MESSAGE < len ? i + ELEMENTS_PER_MESSAGE : len;

		if (!set)
			return;
		for (; i < end; i++)
			elem_fill(t, set, layout, elements[i]);
		nlh = put(t, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, layout->name);
		if (nlh)
			nftnl_set_elems_nlmsg_build_payload(nlh, set);
		nftnl_set_free(set);
	}
}

void message_queue_elements(struct transaction *t)
{
	struct nftnl_set *set = message_set_new(t, QUEUES_MAP);
	char chain[QUEUE_CHAIN_STRLEN];
	struct nlmsghdr *nlh;

	if (!set)
		return;
	for (uint32_t i = 0; i < ruleset_queues(t->ruleset); i++) {
		struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
		uint32_t number = ruleset_queue(t->ruleset, i);

		if (!elem) {
			t->no_memory = true;
			break;
		}
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, &number, sizeof(number));
		elem_goto(elem, queue_chain_name(chain, number));
		nftnl_set_elem_add(set, elem);
	}
	nlh = put(t, NFT_MSG_NEWSETELEM, NLM_F_CREATE, QUEUES_MAP);
	if (nlh)
		nftnl_set_elems_nlmsg_build_payload(nlh, set);
	nftnl_set_free(set);
}

/* Appends @rule, which it takes, to @chain. @what: static text. */
static void put_rule(struct transaction *t, const char *chain, struct nftnl_rule *rule,
		     const char *what)
{
	struct nlmsghdr *nlh;

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, t->ruleset->table);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	nlh = put(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, what);
	if (nlh)
		nftnl_rule_nlmsg_build_payload(nlh, rule);
	nftnl_rule_free(rule);
}

void message_rule(struct transaction *t, const char *chain, const struct rule_layout *layout,
		  uint16_t number)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int err;

	if (!rule) {
		t->no_memory = true;
		return;
	}
	err = layout ? exprs_fill(rule, layout, t->ruleset, t->family)
		     : exprs_queue(rule, t->ruleset->method, number);
	if (err)
		t->no_memory = true;
	put_rule(t, chain, rule, layout ? chain_layouts[layout->chain].name : "chains of queues");
}

void message_turns_chain(struct transaction *t, uint16_t type, enum set_id id,
			 const struct element *element)
{
	char chain[TURNS_CHAIN_STRLEN];
	struct nftnl_rule *rule;

	message_chain(t, type, turns_chain_name(chain, t->family, element), NULL);
	if (type != NFT_MSG_NEWCHAIN)
		return;
	rule = nftnl_rule_alloc();
	if (!rule) {
		t->no_memory = true;
		return;
	}
	if (exprs_turns(rule, t->ruleset, t->family, element->slot, turns_chain_next(id)))
		t->no_memory = true;
	put_rule(t, chain, rule, "chains of turns");
}

void message_flush_rules(struct transaction *t)
{
	struct nlmsghdr *nlh = put(t, NFT_MSG_DELRULE, 0, "old rules");
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule) {
		t->no_memory = true;
		return;
	}
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, t->ruleset->table);
	if (nlh)
		nftnl_rule_nlmsg_build_payload(nlh, rule);
	nftnl_rule_free(rule);
}
