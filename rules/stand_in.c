// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From servers to the elements of the tables that stand in for the daemon: each has its place in
 * two maps, and its slots of those of its service. The one idea is that of ruleset.c: only elements
 * change, so that two states can be compared by merging. Any thread.
 */
#include "rules/stand_in.h"
#include "lvs/verdict.h"
#include "rules/fallback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static enum family family_of(uint8_t af)
{
	return af == AF_INET6 ? FAMILY_IP6 : FAMILY_IP;
}

static struct element element_of(const struct service_key *key)
{
	const uint16_t port = ntohs(key->port);

	if (key->fwmark)
		return (struct element){.mark = key->fwmark};
	return (struct element){
		.addr = key->addr, .byte = key->protocol, .first = port, .last = port};
}

static int add_server(struct stand_in *stand_in, const struct stand_in_server *server)
{
	struct elements *sets = stand_in->sets[family_of(server->af)];
	const uint32_t learn = server->mark | mark_told(stand_in->mark_mask);
	const struct element begun = {.mark = server->mark, .number = learn};
	const struct element to = {.mark = learn, .addr = server->addr};
	int err = elements_add(&sets[STAND_IN_BEGUN], &begun);

	return err ? err : elements_add(&sets[STAND_IN_SERVERS], &to);
}

/* The slots of one service, whose @len servers these are; @scratch has room for as many. */
static int add_service(struct stand_in *stand_in, const struct stand_in_server *servers, size_t len,
		       struct fallback_server *scratch)
{
	const struct service_key *key = servers->service;
	struct elements *sets = stand_in->sets[family_of(key->af)];
	struct element element = element_of(key);
	size_t slots[FALLBACK_SLOTS];
	int err;

	if (!key->fwmark && !key->port)
		return 0;
	for (size_t i = 0; i < len; i++)
		scratch[i] = (struct fallback_server){.weight = servers[i].weight};
	if (!fallback_fill(slots, scratch, len))
		return 0;
	element.slot = servers->sticky;
	err = elements_add(&sets[key->fwmark ? STAND_IN_GROUPS : STAND_IN_SERVICES], &element);
	for (uint8_t i = 0; !err && i < FALLBACK_SLOTS; i++) {
		element.slot = i;
		element.number = servers[slots[i]].mark | mark_told(stand_in->mark_mask);
		err = elements_add(&sets[key->fwmark ? STAND_IN_GROUP_SLOTS : STAND_IN_SLOTS],
				   &element);
	}
	return err;
}

static int fill(struct stand_in *stand_in, const struct stand_in_server *servers, size_t len)
{
	struct fallback_server *scratch = calloc(len + 1, sizeof(*scratch));
	int err = scratch ? 0 : -ENOMEM;

	for (size_t i = 0, end; !err && i < len; i = end) {
		for (end = i; !err && end < len && servers[end].service == servers[i].service;
		     end++)
			err = add_server(stand_in, &servers[end]);
		if (!err)
			err = add_service(stand_in, &servers[i], end - i, scratch);
	}
	free(scratch);
	return err;
}

struct stand_in *stand_in_build(const char *table, uint32_t mark_mask, uint32_t seed,
				const struct stand_in_server *servers, size_t len)
{
	struct stand_in *stand_in = calloc(1, sizeof(*stand_in));

	if (!stand_in)
		return NULL;
	snprintf(stand_in->table, sizeof(stand_in->table), STAND_IN_TABLE, table);
	stand_in->mark_mask = mark_mask;
	stand_in->seed = seed;
	if (fill(stand_in, servers, len)) {
		stand_in_free(stand_in);
		return NULL;
	}
	for (enum family f = 0; f < FAMILIES; f++)
		for (enum stand_in_set s = 0; s < STAND_IN_SETS; s++)
			if (stand_in->sets[f][s].len)
				qsort(stand_in->sets[f][s].items, stand_in->sets[f][s].len,
				      sizeof(struct element), element_compare);
	return stand_in;
}

void stand_in_free(struct stand_in *stand_in)
{
	if (!stand_in)
		return;
	for (enum family f = 0; f < FAMILIES; f++)
		for (enum stand_in_set s = 0; s < STAND_IN_SETS; s++)
			free(stand_in->sets[f][s].items);
	free(stand_in);
}
