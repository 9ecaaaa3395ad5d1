// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pool of local endpoints of FULLNAT. The one idea: it holds no state. Which endpoints are
 * taken is what the table of replies knows (conn.c): an endpoint may serve once for each server and
 * port, and whoever wants one tries them in turn. Made by the control thread, read by workers.
 */
#include "lvs/locals.h"

#include <stdlib.h>

struct row {
	union addr *addrs;
	size_t len;
};

struct locals {
	struct row v4, v6;
	uint16_t first, last;
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

/* Neighbours in the row are of different addresses: what follows each other goes to all of them. */
const union addr *locals_get(const struct locals *locals, uint8_t af, uint64_t n, __be16 *port)
{
	const struct row *row = row_of(locals, af);
	uint64_t ports = (uint64_t)(locals->last - locals->first + 1);

	*port = htons((uint16_t)(locals->first + n / row->len % ports));
	return &row->addrs[n % row->len];
}
