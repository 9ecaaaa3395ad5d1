// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A table of numbers for servers. The one idea: a number that became free is the last to be given
 * again, for connections in the kernel may still have it; and a server is known again by its label,
 * which the kernel keeps with the number, so the connections of a killed daemon keep their meaning.
 * Control thread.
 */
#include "daemon/numbers.h"
#include "lib/array.h"
#include "lvs/service.h"
#include "lvs/verdict.h"
#include "rules/ruleset.h"

#include <stdlib.h>
#include <string.h>

/* What the kernel showed last. */
struct counted {
	uint64_t packets, bytes;
};

struct number {
	struct dest *dest; /* NULL: free */
	char label[NUMBER_LABEL_MAX];
	struct counted in, out;
	bool listed; /* the rules have it */
};

struct numbers {
	uint32_t mask, most; /* numbers 1 .. most */
	struct number *items;
	size_t len, max; /* items[number - 1] */
	uint32_t last;	 /* given */
	/* Numbers of an earlier daemon's, by label, while their servers are waited for. */
	uint32_t *earlier;
	size_t earlier_len;
};

struct numbers *numbers_new(uint32_t mask)
{
	struct numbers *numbers = calloc(1, sizeof(*numbers));

	if (!numbers)
		return NULL;
	numbers->mask = mask;
	/* All bits would be "send". */
	numbers->most = mark_number(mask, mask);
	numbers->most -= !!numbers->most;
	return numbers;
}

void numbers_free(struct numbers *numbers)
{
	if (!numbers)
		return;
	free(numbers->earlier);
	free(numbers->items);
	free(numbers);
}

static struct number *at(const struct numbers *numbers, uint32_t number)
{
	return number && number <= numbers->len ? &numbers->items[number - 1] : NULL;
}

/* Room for this one and all before it. */
static struct number *reach(struct numbers *numbers, uint32_t number)
{
	if (!number || number > numbers->most)
		return NULL;
	while (numbers->len < number) {
		if (!array_grow(&numbers->items, numbers->len, &numbers->max,
				sizeof(*numbers->items)))
			return NULL;
		numbers->items[numbers->len++] = (struct number){0};
	}
	return &numbers->items[number - 1];
}

void number_label(char buf[NUMBER_LABEL_MAX], const struct service_key *key, uint8_t af,
		  const union addr *addr, __be16 port)
{
	char service[SERVICE_KEY_STRLEN], server[ADDR_STRLEN];

	snprintf(buf, NUMBER_LABEL_MAX, "%s > %s", service_key_format(service, key),
		 addr_format_port(server, af, addr, port));
}

/* Of a daemon before: a label without a server, which waits for it. */
static void remember(const struct living *living, void *data)
{
	struct numbers *numbers = data;
	struct number *number = reach(numbers, mark_number(numbers->mask, living->mark));

	if (!number || !living->in || strlen(living->label) >= NUMBER_LABEL_MAX)
		return;
	strcpy(number->label, living->label);
}

static int by_label(const void *a, const void *b, void *data)
{
	const struct numbers *numbers = data;

	return strcmp(numbers_label(numbers, *(const uint32_t *)a),
		      numbers_label(numbers, *(const uint32_t *)b));
}

/* Without memory the connections get other numbers, and come to the daemon with their next packet.
 */
static void remember_all(struct numbers *numbers, const char *table)
{
	(void)living_read(table, remember, numbers);
	numbers->earlier = calloc(numbers->len + 1, sizeof(*numbers->earlier));
	if (!numbers->earlier)
		return;
	for (size_t i = 0; i < numbers->len; i++)
		if (numbers->items[i].label[0])
			numbers->earlier[numbers->earlier_len++] = (uint32_t)i + 1;
	qsort_r(numbers->earlier, numbers->earlier_len, sizeof(*numbers->earlier), by_label,
		numbers);
}

void numbers_begin(struct numbers *numbers, const char *table)
{
	for (size_t i = 0; i < numbers->len; i++) {
		numbers->items[i].dest = NULL;
		numbers->items[i].listed = false;
	}
	free(numbers->earlier);
	numbers->earlier = NULL;
	numbers->earlier_len = 0;
	if (table)
		remember_all(numbers, table);
}

/* The number that an earlier daemon gave to this label, or 0. */
static uint32_t earlier(const struct numbers *numbers, const char *label)
{
	size_t low = 0, high = numbers->earlier_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint32_t number = numbers->earlier[middle];
		int order = strcmp(label, numbers_label(numbers, number));

		if (!order)
			return number;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

/* A free one that no earlier daemon gave, or 0. */
static uint32_t next_free(struct numbers *numbers)
{
	for (uint32_t tries = 0; tries < numbers->most; tries++) {
		uint32_t next = numbers->last % numbers->most + 1;
		const struct number *number = reach(numbers, next);

		if (!number)
			return 0;
		numbers->last = next;
		if (!number->dest && !(numbers->earlier_len && number->label[0]))
			return next;
	}
	return 0;
}

void numbers_keep(struct numbers *numbers, struct dest *dest)
{
	struct number *number = at(numbers, dest->number);

	if (number)
		number->dest = dest;
}

static void take(struct numbers *numbers, uint32_t number, struct dest *dest, const char *label)
{
	struct number *taken = &numbers->items[number - 1];

	*taken = (struct number){.dest = dest};
	strcpy(taken->label, label);
	dest->number = number;
}

bool numbers_give(struct numbers *numbers, struct dest *dest)
{
	char label[NUMBER_LABEL_MAX];
	uint32_t number = 0;

	if (dest->number)
		return true;
	number_label(label, &dest->vs, dest->af, &dest->addr, dest->port);
	number = earlier(numbers, label);
	if (!number || numbers->items[number - 1].dest)
		number = next_free(numbers);
	if (number)
		take(numbers, number, dest, label);
	return number;
}

void numbers_list(struct numbers *numbers, uint32_t number)
{
	struct number *listed = at(numbers, number);

	if (listed)
		listed->listed = true;
}

void numbers_settle(struct numbers *numbers)
{
	for (size_t i = 0; i < numbers->len; i++)
		if (!numbers->items[i].listed)
			numbers->items[i].in = numbers->items[i].out = (struct counted){0};
}

uint32_t numbers_mark(const struct numbers *numbers, uint32_t number)
{
	return mark_carried(numbers->mask, number);
}

const char *numbers_label(const struct numbers *numbers, uint32_t number)
{
	return at(numbers, number)->label;
}

struct dest *numbers_dest(const struct numbers *numbers, uint32_t mark)
{
	const struct number *number = at(numbers, mark_number(numbers->mask, mark));

	return number ? number->dest : NULL;
}

static void add(struct traffic *traffic, bool in, const struct counted *more)
{
	atomic_fetch_add_explicit(in ? &traffic->in_pkts : &traffic->out_pkts, more->packets,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(in ? &traffic->in_bytes : &traffic->out_bytes, more->bytes,
				  memory_order_relaxed);
}

/* To a server and the service that it belongs to. Under RCU. */
static void add_both(struct dest *dest, bool in, const struct counted *more)
{
	struct service *svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);

	add(&dest->traffic, in, more);
	if (svc)
		add(&svc->traffic, in, more);
}

/* Smaller than the last time: it counts from nothing again. */
static void count_one(const struct living *living, void *data)
{
	struct numbers *numbers = data;
	struct number *number = at(numbers, mark_number(numbers->mask, living->mark));
	struct counted *last, more = {living->packets, living->bytes};

	if (!number || !number->dest)
		return;
	last = living->in ? &number->in : &number->out;
	if (living->packets >= last->packets && living->bytes >= last->bytes) {
		more.packets -= last->packets;
		more.bytes -= last->bytes;
	}
	*last = (struct counted){living->packets, living->bytes};
	if (more.packets)
		add_both(number->dest, living->in, &more);
}

void numbers_add(struct numbers *numbers, uint32_t mark, bool in, uint64_t packets, uint64_t bytes)
{
	struct dest *dest = numbers_dest(numbers, mark);

	rcu_read_lock();
	if (dest)
		add_both(dest, in, &(struct counted){packets, bytes});
	rcu_read_unlock();
}

void numbers_count(struct numbers *numbers, const char *table)
{
	rcu_read_lock();
	(void)living_read(table, count_one, numbers);
	rcu_read_unlock();
}
