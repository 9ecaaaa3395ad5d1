/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_LINKS_H
#define DAEMON_LINKS_H

#include "lvs/addr.h"
#include "rules/ingress.h"

/* What the kernel's routing tells of devices and of the way to an address, and when that changes.
 * Control thread. */
struct links;

/* NULL with errno. */
struct links *links_open(void);
void links_close(struct links *links);

/* Has anything about devices, addresses or routes changed since the last call? True the first time.
 */
bool links_changed(struct links *links);

/* A device that is up, that packets of others come in by as they are on the wire. */
struct link {
	struct ingress_device device;
	uint32_t mtu;
};

/* All of them, by index. *@out is the caller's to free. Not: loopback, members of a bridge or bond,
 * what carries VLANs (its own packets could be taken for theirs), tunnels, what is down. 0 or
 * -errno. */
int links_read(struct links *links, struct link **out, size_t *len);

/* Where packets to an address go. */
struct hop {
	union addr addr; /* the neighbour: the address itself, or a router */
	uint32_t device;
	uint32_t mtu; /* of the route; 0: the device's */
};

/* False: there is no way, or the address is this machine's. */
bool links_hop(struct links *links, uint8_t af, const union addr *addr, struct hop *out);

#endif
