// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ruleset in the kernel: installed, updated and removed in single transactions. The one idea:
 * installing creates what may exist already, empties it, and fills it, so base chains that a killed
 * daemon left stay, and with them the packets that wait in queues. What another layout left beside
 * them is found by a dump and deleted. Control thread.
 */
#include "rules/batch.h"
#include "rules/exprs.h"
#include "rules/leftover.h"
#include "rules/messages.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

static void put_frame(struct transaction *t, const struct leftover *leftover)
{
	char chain[QUEUE_CHAIN_STRLEN];

	message_table(t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	for (enum chain_id c = 0; c < CHAINS; c++)
		if (ruleset_has_chain(t->ruleset, c))
			message_chain(t, NFT_MSG_NEWCHAIN, chain_layouts[c].name,
				      &chain_layouts[c]);
	for (uint32_t i = 0; ruleset_by_chains(t->ruleset) && i < ruleset_queues(t->ruleset); i++)
		message_chain(t, NFT_MSG_NEWCHAIN,
			      queue_chain_name(chain, ruleset_queue(t->ruleset, i)), NULL);
	message_flush_rules(t);
	if (t->ruleset->flowtable)
		message_flowtable(t, NFT_MSG_NEWFLOWTABLE);
	else if (leftover->flowtable)
		message_flowtable(t, NFT_MSG_DELFLOWTABLE);
	for (size_t i = 0; i < leftover->sets_len; i++)
		message_set_name(t, NFT_MSG_DELSETELEM, leftover->sets[i]);
	for (size_t i = 0; i < leftover->sets_len; i++)
		if (!leftover_set_wanted(t->ruleset, leftover->sets[i]))
			message_set_name(t, NFT_MSG_DELSET, leftover->sets[i]);
	for (size_t i = 0; i < leftover->chains_len; i++)
		if (!leftover_chain_wanted(t->ruleset, leftover->chains[i]))
			message_chain(t, NFT_MSG_DELCHAIN, leftover->chains[i], NULL);
	for (enum set_id s = 0; s < SETS; s++)
		if (ruleset_has_set(t->ruleset, s))
			message_set(t, s);
	if (ruleset_by_chains(t->ruleset))
		message_queues_map(t);
}

/* Pointers to all elements of a set, as message_elements() takes them; NULL without memory. */
static const struct element **all_of(struct transaction *t, const struct elements *elements)
{
	const struct element **all = calloc(elements->len + 1, sizeof(struct element *));

	if (!all)
		t->no_memory = true;
	for (size_t i = 0; all && i < elements->len; i++)
		all[i] = &elements->items[i];
	return all;
}

static void put_content(struct transaction *t)
{
	char chain[QUEUE_CHAIN_STRLEN];

	for (enum set_id s = 0; s < SETS; s++) {
		const struct elements *elements = &t->ruleset->sets[t->family][s];
		const struct element **all = all_of(t, elements);

		for (size_t i = 0; set_has_chains(s) && i < elements->len; i++)
			message_turns_chain(t, NFT_MSG_NEWCHAIN, s, &elements->items[i]);
		if (all)
			message_elements(t, NFT_MSG_NEWSETELEM, s, all, elements->len);
		free(all);
	}
	if (ruleset_by_chains(t->ruleset)) {
		message_queue_elements(t);
		for (uint32_t i = 0; i < ruleset_queues(t->ruleset); i++) {
			uint16_t number = ruleset_queue(t->ruleset, i);

			message_rule(t, queue_chain_name(chain, number), NULL, number);
		}
	}
	for (size_t i = 0; i < rule_layouts_len; i++)
		if (ruleset_has(t->ruleset, &rule_layouts[i]))
			message_rule(t, chain_layouts[rule_layouts[i].chain].name, &rule_layouts[i],
				     0);
}

/* Both tables as they are to be, over whatever is there. */
static int install(const struct ruleset *ruleset, struct error *err)
{
	struct transaction t = {.batch = batch_new(), .ruleset = ruleset};
	int ret = 0;

	if (!t.batch)
		return error_set(err, -ENOMEM, "no memory for the rules");
	for (t.family = 0; t.family < FAMILIES; t.family++) {
		struct leftover leftover = {0};

		ret = leftover_read(&leftover, ruleset->table, t.family, err);
		if (!ret) {
			put_frame(&t, &leftover);
			put_content(&t);
		}
		leftover_free(&leftover);
		if (ret) {
			batch_free(t.batch);
			return ret;
		}
	}
	return transaction_send(&t, err);
}

/* What is there under a wanted name but with another definition (an older version of nfvs made it)
 * cannot be taken over. */
int ruleset_install(const struct ruleset *ruleset, struct error *err)
{
	int ret = install(ruleset, err);

	if (!transaction_clashed(ret))
		return ret;
	ret = ruleset_remove(ruleset->table, err);
	return ret ? ret : install(ruleset, err);
}

/* The elements that only one of two sorted arrays has, side by side. */
struct difference {
	const struct element **gone, **come;
	size_t gone_len, come_len;
};

static void difference_free(struct difference *diff)
{
	free(diff->gone);
	free(diff->come);
}

static int difference_make(struct difference *diff, const struct elements *from,
			   const struct elements *to)
{
	size_t i = 0, k = 0;

	*diff = (struct difference){.gone = calloc(from->len + 1, sizeof(struct element *)),
				    .come = calloc(to->len + 1, sizeof(struct element *))};
	if (!diff->gone || !diff->come)
		return -ENOMEM;
	while (i < from->len || k < to->len) {
		int order = i == from->len ? 1
			    : k == to->len ? -1
					   : element_compare(&from->items[i], &to->items[k]);

		if (order < 0)
			diff->gone[diff->gone_len++] = &from->items[i++];
		else if (order > 0)
			diff->come[diff->come_len++] = &to->items[k++];
		else
			i++, k++;
	}
	return 0;
}

/* One set's difference into the transaction; returns how many elements change. */
static size_t put_difference(struct transaction *t, enum set_id id, const struct elements *from,
			     const struct elements *to)
{
	struct difference diff;

	if (difference_make(&diff, from, to)) {
		t->no_memory = true;
	} else {
		message_elements(t, NFT_MSG_DELSETELEM, id, diff.gone, diff.gone_len);
		for (size_t i = 0; set_has_chains(id) && i < diff.gone_len; i++)
			message_turns_chain(t, NFT_MSG_DELCHAIN, id, diff.gone[i]);
		for (size_t i = 0; set_has_chains(id) && i < diff.come_len; i++)
			message_turns_chain(t, NFT_MSG_NEWCHAIN, id, diff.come[i]);
		message_elements(t, NFT_MSG_NEWSETELEM, id, diff.come, diff.come_len);
	}
	difference_free(&diff);
	return diff.gone_len + diff.come_len;
}

int ruleset_update(const struct ruleset *from, const struct ruleset *to, struct error *err)
{
	struct transaction t = {.batch = batch_new(), .ruleset = to};
	size_t changes = 0;

	if (!t.batch)
		return error_set(err, -ENOMEM, "no memory for the rules");
	for (t.family = 0; t.family < FAMILIES; t.family++)
		for (enum set_id s = 0; s < SETS; s++)
			changes += put_difference(&t, s, &from->sets[t.family][s],
						  &to->sets[t.family][s]);
	if (changes || t.no_memory)
		return transaction_send(&t, err);
	batch_free(t.batch);
	return 0;
}

/* Creating before deleting makes an absent table no error. */
int ruleset_remove(const char *table, struct error *err)
{
	struct ruleset name = {0};
	struct transaction t = {.batch = batch_new(), .ruleset = &name};

	if (!t.batch)
		return error_set(err, -ENOMEM, "no memory");
	strncpy(name.table, table, sizeof(name.table) - 1);
	for (t.family = 0; t.family < FAMILIES; t.family++) {
		message_table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
		message_table(&t, NFT_MSG_DELTABLE, 0);
	}
	return transaction_send(&t, err);
}
