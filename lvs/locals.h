/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_LOCALS_H
#define LVS_LOCALS_H

#include "lvs/addr.h"

/*
 * The director's own addresses and ports that FULLNAT sends from. Each family's are thought of as
 * one row of (address, port) endpoints, so that a running number goes through all of them before
 * one comes again. Constant after it was made; any thread.
 */
struct locals;

struct locals_addr {
	uint8_t af;
	union addr addr;
};

/* A copy of @addrs, of both families, with ports @first .. @last (host order, both included) of
 * each. NULL without memory. */
struct locals *locals_new(const struct locals_addr *addrs, size_t len, uint16_t first,
			  uint16_t last);
void locals_free(struct locals *locals);

/* How many endpoints the family has; 0 also if @locals is NULL. */
uint64_t locals_count(const struct locals *locals, uint8_t af);

/* The address of endpoint number @n, modulo their count, which must not be 0; in *@port its port.
 * Owned by @locals. */
const union addr *locals_get(const struct locals *locals, uint8_t af, uint64_t n, __be16 *port);

#endif
