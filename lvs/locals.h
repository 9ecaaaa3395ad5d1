/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_LOCALS_H
#define LVS_LOCALS_H

#include "lvs/addr.h"

/*
 * The director's own addresses and ports that FULLNAT sends from. Each family's are thought of as
 * one row of (address, port) endpoints, so that a running number goes through all of them before
 * one comes again. Constant after it was made, but for what locals_keep() adds; any thread.
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

/* Conntrack gives its endpoints of ports @first .. @last of each address. Before any worker runs.
 */
void locals_track(struct locals *locals, uint16_t first, uint16_t last);

/* How many those are, likewise; without locals_track() more than there can be connections. */
uint64_t locals_tracked(const struct locals *locals, uint8_t af);

/* @addr where it stays, if it is one of them or was when an earlier daemon ran, of which not too
 * many are kept. NULL: too many; or @locals is. Any thread. */
const union addr *locals_keep(struct locals *locals, uint8_t af, const union addr *addr);

/* Is it one of them? Any thread. */
bool locals_has(const struct locals *locals, uint8_t af, const union addr *addr);

/* The address of endpoint number @n, modulo their count, which must not be 0; in *@port its port.
 * Owned by @locals. */
const union addr *locals_get(const struct locals *locals, uint8_t af, uint64_t n, __be16 *port);

#endif
