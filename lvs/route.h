/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_ROUTE_H
#define LVS_ROUTE_H

#include "lvs/addr.h"

/* How the kernel would send to an address: what it takes to do so for it. */
struct route {
	union addr saddr; /* the source that it chooses */
	uint32_t mtu;	  /* bytes, path MTU included; 0: no way to the address */
	bool local;	  /* the address is this machine's */
};

/* Asks the kernel, who is the only one to know. The implementation is daemon/routes.c's: the packet
 * decision itself makes no system call. Called by workers, about once a second and server. */
struct router {
	void (*find)(struct router *router, uint8_t af, const union addr *daddr, struct route *out);
	/* The MTU of an interface, bytes; 0: there is no such interface. Rarely asked. */
	uint32_t (*mtu)(struct router *router, uint32_t ifindex);
};

#endif
