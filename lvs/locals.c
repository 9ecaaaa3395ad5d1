// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pool of local endpoints of FULLNAT. The one idea: it holds no state. Which endpoints are
 * taken is what the table of replies knows (conn.c): an endpoint may serve once for each server and
 * port, and whoever wants one tries them in turn. Made by the control thread, read by workers.
 */
#include "lvs/locals.h"

#include <pthread.h>
#include <stdlib.h>

#define EARLIER_MAX 64u

struct row {
	union addr *addrs;
	size_t len;
};

struct locals {
	struct row v4, v6;
	uint16_t first, last;
	uint32_t tracked; /* ports of each that are conntrack's */
	pthread_mutex_t lock;
	union addr earlier[EARLIER_MAX]; /* of either family; what is there stays */
	size_t earlier_len;		 /* under lock */
};

static struct row *row_of(const struct locals *locals, uint8_t af)
{
	return (struct row *)(af == AF_INET6 ? &locals->v6 : &locals->v4);
}

struct locals *locals_new(const struct locals_addr *addrs, size_t len, uint16_t first,
			  uint16_t last)
{
	struct locals *locals = calloc(1, sizeof(*locals));

	if (!locals)
		return NULL;
	pthread_mutex_init(&locals->lock, NULL);
	locals->first = first;
	locals->last = last;
	locals->v4.addrs = calloc(len + 1, sizeof(union addr));
	locals->v6.addrs = calloc(len + 1, sizeof(union addr));
	if (!locals->v4.addrs || !locals->v6.addrs) {
		locals_free(locals);
		return NULL;
	}
	for (size_t i = 0; i < len; i++) {
		struct row *row = row_of(locals, addrs[i].af);

		row->addrs[row->len++] = addrs[i].addr;
	}
	return locals;
}

void locals_free(struct locals *locals)
{
	if (!locals)
		return;
	pthread_mutex_destroy(&locals->lock);
	free(locals->v4.addrs);
	free(locals->v6.addrs);
	free(locals);
}

uint64_t locals_count(const struct locals *locals, uint8_t af)
{
	if (!locals)
		return 0;
	return (uint64_t)row_of(locals, af)->len * (uint64_t)(locals->last - locals->first + 1);
}

void locals_track(struct locals *locals, uint16_t first, uint16_t last)
{
	locals->tracked = (uint32_t)(last - first + 1);
}

uint64_t locals_tracked(const struct locals *locals, uint8_t af)
{
	if (!locals || !locals->tracked)
		return UINT64_MAX;
	return (uint64_t)row_of(locals, af)->len * locals->tracked;
}

static const union addr *find(const union addr *addrs, size_t len, const union addr *addr)
{
	for (size_t i = 0; i < len; i++)
		if (addr_equal(&addrs[i], addr))
			return &addrs[i];
	return NULL;
}

bool locals_has(const struct locals *locals, uint8_t af, const union addr *addr)
{
	return locals && find(row_of(locals, af)->addrs, row_of(locals, af)->len, addr);
}

const union addr *locals_keep(struct locals *locals, uint8_t af, const union addr *addr)
{
	const union addr *kept;

	if (!locals)
		return NULL;
	kept = find(row_of(locals, af)->addrs, row_of(locals, af)->len, addr);
	if (kept)
		return kept;
	pthread_mutex_lock(&locals->lock);
	kept = find(locals->earlier, locals->earlier_len, addr);
	if (!kept && locals->earlier_len < EARLIER_MAX) {
		locals->earlier[locals->earlier_len] = *addr;
		kept = &locals->earlier[locals->earlier_len++];
	}
	pthread_mutex_unlock(&locals->lock);
	return kept;
}

/* Neighbours in the row are of different addresses: what follows each other goes to all of them. */
const union addr *locals_get(const struct locals *locals, uint8_t af, uint64_t n, __be16 *port)
{
	const struct row *row = row_of(locals, af);
	uint64_t ports = (uint64_t)(locals->last - locals->first + 1);

	*port = htons((uint16_t)(locals->first + n / row->len % ports));
	return &row->addrs[n % row->len];
}
