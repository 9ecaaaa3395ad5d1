/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_INGRESS_H
#define RULES_INGRESS_H

#include "lib/err.h"
#include "lvs/pkt.h"

#include <net/if.h>

/*
 * How the kernel carries connections to DR servers: at the devices, before its own routing sees a
 * packet. A table of the family netdev remembers the server's number of a connection from a packet
 * of it that the daemon sends, and passes what comes after it to the server's neighbour entry. All
 * functions belong to the control thread.
 */

/* A network device that requests may come in by, and leave by. */
struct ingress_device {
	uint32_t index;
	char name[IF_NAMESIZE];
};

/* Where packets with a server's number go. */
struct ingress_hop {
	uint32_t mark; /* the number, in the bits of mark_mask: mark_carried() */
	uint8_t af;
	union addr addr;   /* a neighbour: the server, or the router to it */
	uint32_t device;   /* index */
	const char *label; /* as in struct rules_carried; borrowed */
};

/* All that the table is made from. Borrowed. */
struct ingress_rules {
	const char *table;
	uint32_t mark_mask;
	uint16_t copies; /* nflog group: FIN and RST */
	uint32_t flows; /* room for connections, of each family; a table that is there keeps its own
			 */
	const struct ingress_device *devices;
	size_t devices_len;
	const struct ingress_hop *hops;
	size_t hops_len;
};

/* Can this kernel do it: nft_fwd_netdev, hooks for what leaves a device, maps that learn? */
bool ingress_probe(void);

/* Puts the table into the kernel in one transaction. If it is there already, what it has learned
 * and the chains of devices stay. */
int ingress_install(const struct ingress_rules *rules, struct error *err);

/* Turns the installed @from into @to, of the same devices: only servers come and go. */
int ingress_update(const struct ingress_rules *from, const struct ingress_rules *to,
		   struct error *err);

/* An absent table is no error. */
int ingress_remove(const char *table, struct error *err);

/* What the table knows of a connection. */
enum ingress_phase {
	INGRESS_CLOSING, /* a FIN or RST came */
	INGRESS_OPEN,
	INGRESS_BEGUN /* only a SYN was sent; that it forgets by itself */
};

/* A connection that the table has learned. */
struct ingress_flow {
	struct flow flow; /* client -> virtual */
	uint32_t mark;
	uint64_t packets; /* since then, and the one by which it learned; INGRESS_OPEN only */
	enum ingress_phase phase;
};

/* -ENOENT: it has no such connection. */
int ingress_flow_get(const char *table, const struct flow *flow, struct ingress_flow *out);

/* It forgets them; those that it has not are no error. */
int ingress_flows_delete(const char *table, const struct flow *flows, size_t len);

/* Calls @fn for all of them, in the order of the phases; what is closing may come as open, too. No
 * table is no error. */
int ingress_flows_read(const char *table, void (*fn)(const struct ingress_flow *flow, void *data),
		       void *data);

#endif
