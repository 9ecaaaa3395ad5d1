// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The elements by which the kernel carries connections. Each living server is in four places: its
 * number in the two sets that count, its address in the map that translates, and its slots of the
 * fallback, or its turns where the rules schedule; one of FULLNAT is in one more. For the slots the
 * servers are sorted by service, so that thousands of either cost no more than the sorting. Any
 * thread.
 */
#include "rules/flows.h"
#include "rules/fallback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 127

static enum family family_of(uint8_t af)
{
	return af == AF_INET6 ? FAMILY_IP6 : FAMILY_IP;
}

static size_t label_len(const struct rules_carried *carried)
{
	return carried->label ? strnlen(carried->label, LABEL_MAX) : 0;
}

/* Room for all labels; nothing moves afterwards. */
static int labels_reserve(struct ruleset *ruleset, const struct rules_input *input)
{
	size_t size = 1;

	for (size_t i = 0; i < input->carried_len; i++)
		size += label_len(&input->carried[i]) + 1;
	ruleset->labels = malloc(size);
	return ruleset->labels ? 0 : -ENOMEM;
}

/* Copies a label to *@end and moves that on; NULL for none. */
static const char *label_copy(char **end, const struct rules_carried *carried)
{
	size_t len = label_len(carried);
	char *label = *end;

	if (!len)
		return NULL;
	memcpy(label, carried->label, len);
	label[len] = '\0';
	*end += len + 1;
	return label;
}

static int add_flow(struct ruleset *ruleset, const struct rules_carried *carried, char **labels)
{
	struct elements *sets = ruleset->sets[family_of(carried->af)];
	const struct element flow = {.number = carried->mark, .label = label_copy(labels, carried)};
	const struct element to = {.number = carried->mark,
				   .addr = carried->addr,
				   .first = ntohs(carried->port),
				   .last = ntohs(carried->port)};
	const struct element number = {.number = carried->mark};
	int err = elements_add(&sets[SET_FLOWS_IN], &flow);

	if (!err)
		err = elements_add(&sets[SET_FLOWS_OUT], &flow);
	if (!err && carried->sourced)
		err = elements_add(&sets[SET_SOURCED], &number);
	return err ? err : elements_add(&sets[carried->port ? SET_TO_PORT : SET_TO_ADDR], &to);
}

static int key_compare(const struct service_key *a, const struct service_key *b)
{
	int order = (int)a->af - (int)b->af;

	if (!order)
		order = (a->fwmark > b->fwmark) - (a->fwmark < b->fwmark);
	if (order || a->fwmark)
		return order;
	order = addr_compare(&a->addr, &b->addr);
	if (!order)
		order = (int)a->protocol - (int)b->protocol;
	return order ? order : (int)ntohs(a->port) - (int)ntohs(b->port);
}

/* By service, and within it by number, whatever the order of the input. */
static int carried_compare(const void *a, const void *b)
{
	const struct rules_carried *x = *(const struct rules_carried *const *)a;
	const struct rules_carried *y = *(const struct rules_carried *const *)b;
	int order = key_compare(x->service, y->service);

	return order ? order : (x->mark > y->mark) - (x->mark < y->mark);
}

/* To @set, or to @marks if it is a service by firewall mark. */
static int add_keyed(struct ruleset *ruleset, const struct service_key *key, enum set_id set,
		     enum set_id marks, uint32_t number, uint16_t slot)
{
	uint16_t port = ntohs(key->port);
	const struct element element = {.addr = key->addr,
					.byte = key->protocol,
					.first = port,
					.last = port,
					.mark = key->fwmark,
					.number = number,
					.slot = slot};

	return elements_add(&ruleset->sets[family_of(key->af)][key->fwmark ? marks : set],
			    &element);
}

static int add_slot(struct ruleset *ruleset, const struct service_key *key, uint32_t number,
		    uint16_t slot)
{
	return add_keyed(ruleset, key, SET_FALLBACK, SET_FALLBACK_GROUPS, number, slot);
}

/* The slots of one service, whose @len servers these are; @scratch has room for as many. */
static int add_slots(struct ruleset *ruleset, const struct rules_carried *const *carried,
		     size_t len, struct fallback_server *scratch)
{
	const struct service_key *key = carried[0]->service;
	size_t slots[FALLBACK_SLOTS];
	int err = 0;

	if ((!key->fwmark && !key->port) || carried[0]->in_turns)
		return 0;
	for (size_t i = 0; i < len; i++)
		scratch[i] = (struct fallback_server){.weight = carried[i]->weight};
	if (!fallback_fill(slots, scratch, len))
		return 0;
	for (uint8_t i = 0; !err && i < FALLBACK_SLOTS; i++)
		err = add_slot(ruleset, key, carried[slots[i]]->mark, i);
	return err;
}

static int add_fallback(struct ruleset *ruleset, const struct rules_input *input)
{
	const size_t len = input->carried_len;
	const struct rules_carried **sorted = calloc(len, sizeof(struct rules_carried *));
	struct fallback_server *scratch = calloc(len, sizeof(*scratch));
	int err = sorted && scratch ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < len; i++)
		sorted[i] = &input->carried[i];
	if (!err)
		qsort(sorted, len, sizeof(struct rules_carried *), carried_compare);
	for (size_t i = 0, end; !err && i < len; i = end) {
		for (end = i + 1; end < len; end++)
			if (key_compare(sorted[i]->service, sorted[end]->service))
				break;
		err = add_slots(ruleset, &sorted[i], end - i, scratch);
	}
	free(sorted);
	free(scratch);
	return err;
}

/* A service's turns are its slots, and it has a chain that counts them. */
static int add_turns(struct ruleset *ruleset, const struct rules_input *input)
{
	int err = 0;

	for (size_t i = 0, first = 0; !err && i < input->turns_len; i++) {
		const struct rules_turn *turn = &input->turns[i];

		err = add_slot(ruleset, turn->service, turn->mark, (uint16_t)(i - first));
		if (i + 1 < input->turns_len && turn[1].service == turn->service)
			continue;
		if (!err)
			err = add_keyed(ruleset, turn->service, SET_TURNS, SET_TURNS_MARKS, 0,
					(uint16_t)(i - first + 1));
		first = i + 1;
	}
	return err;
}

int flows_fill(struct ruleset *ruleset, const struct rules_input *input)
{
	char *end;
	int err;

	if (!ruleset->carries || !input->carried_len)
		return 0;
	err = labels_reserve(ruleset, input);
	for (enum family f = 0; !err && input->strict && f < FAMILIES; f++)
		err = elements_add(&ruleset->sets[f][SET_STRICT],
				   &(struct element){.byte = IPPROTO_TCP});
	end = ruleset->labels;
	for (size_t i = 0; !err && i < input->carried_len; i++)
		err = add_flow(ruleset, &input->carried[i], &end);
	if (!err)
		err = add_turns(ruleset, input);
	return err ? err : add_fallback(ruleset, input);
}
