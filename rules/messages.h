/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_MESSAGES_H
#define RULES_MESSAGES_H

#include "rules/transaction.h"

struct nftnl_set;
struct nftnl_set_elem;

/* nft's numbers of data types (its datatype.h), by which "nft list" knows how to print keys. */
enum {
	TYPE_INTEGER = 4,
	TYPE_IPADDR = 7,
	TYPE_IP6ADDR = 8,
	TYPE_INET_PROTOCOL = 12,
	TYPE_INET_SERVICE = 13,
	TYPE_ICMP_TYPE = 14,
	TYPE_MARK = 19,
	TYPE_IFINDEX = 20,
	TYPE_ICMP6_TYPE = 29,
	TYPE_BITS = 6 /* of each, in the type of a key of several */
};

/* Elements in one message: an attribute that holds them all has at most 64 KiB. */
#define ELEMENTS_PER_MESSAGE 300u

/* Each appends one message (message_elements: as many as are needed). @type: NFT_MSG_*. Control
 * thread. */
void message_table(struct transaction *t, uint16_t type, uint16_t flags);

/* @layout: a base chain's hook, or NULL. */
void message_chain(struct transaction *t, uint16_t type, const char *name,
		   const struct chain_layout *layout);

/* All rules of the table go. */
void message_flush_rules(struct transaction *t);

/* @layout: which rule, or NULL for that of the chain of queue @number. */
void message_rule(struct transaction *t, const char *chain, const struct rule_layout *layout,
		  uint16_t number);

/* The chain that counts the turns of an element, with its rule; or it goes, with its rule
 * (NFT_MSG_DELCHAIN), which no element may lead to any more. */
void message_turns_chain(struct transaction *t, uint16_t type, enum set_id id,
			 const struct element *element);

/* Declares a set of the layout, and the map from a queue's number to its chain. */
void message_set(struct transaction *t, enum set_id id);
void message_queues_map(struct transaction *t);

/* Deletes a set (NFT_MSG_DELSET), or all that is in it (NFT_MSG_DELSETELEM). */
void message_set_name(struct transaction *t, uint16_t type, const char *name);

/* For who makes messages about sets of his own: a set of the table, to be freed; NULL without
 * memory. In what byte order nft is to print its keys and values. An element's comment. */
struct nftnl_set *message_set_new(struct transaction *t, const char *name);
void message_set_byteorder(struct transaction *t, struct nftnl_set *set, bool host_key,
			   bool host_value);
void message_set_counter(struct transaction *t, struct nftnl_set *set);
void message_elem_comment(struct transaction *t, struct nftnl_set_elem *elem, const char *comment);

/* Adds elements to a set (NFT_MSG_NEWSETELEM) or deletes them (NFT_MSG_DELSETELEM). */
void message_elements(struct transaction *t, uint16_t type, enum set_id id,
		      const struct element *const *elements, size_t len);
void message_queue_elements(struct transaction *t);

/* flowtable.c: declares the flowtable, without devices (NFT_MSG_NEWFLOWTABLE), or deletes it
 * (NFT_MSG_DELFLOWTABLE); is there one in this table of the kernel? 0 or -errno. */
void message_flowtable(struct transaction *t, uint16_t type);
int flowtable_read(const char *table, enum family family, bool *there);

#endif
