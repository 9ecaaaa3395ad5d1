/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_NETWORKS_H
#define CTL_NETWORKS_H

#include "lvs/addr.h"

#include <net/if.h>

#define MAC_LEN 6

/* The networks that this machine's interfaces are in, as they were when asked for. One thread. */
struct networks;

/* NULL: the kernel does not tell. */
struct networks *networks_read(void);
void networks_free(struct networks *networks);

/* The longest prefix of a network of ours that @addr is in, and whose interface; 0: none. */
unsigned int networks_prefix(const struct networks *networks, uint8_t af, const union addr *addr,
			     char name[IF_NAMESIZE]);

/* Is it an address of this machine? */
bool networks_own(const struct networks *networks, uint8_t af, const union addr *addr);

/* Is it an address of the interface @name? */
bool networks_has(const struct networks *networks, const char *name, uint8_t af,
		  const union addr *addr);

/* The first address of the interface @name. -ENOENT: it has none of the family. */
int networks_address(const struct networks *networks, const char *name, uint8_t af,
		     union addr *out);

/* Interfaces, some of which may have been left out as too many. */
#define INTERFACES_MAX 16
struct interfaces {
	char names[INTERFACES_MAX][IF_NAMESIZE];
	size_t len;
};

bool interfaces_have(const struct interfaces *interfaces, const char *name);
void interfaces_add(struct interfaces *interfaces, const char *name); /* once */

/* Those that are up and have a neighbour of @addr for an address: a network, and not loopback. */
void networks_around(const struct networks *networks, uint8_t af, const union addr *addr,
		     struct interfaces *out);

/* The address of the interface on an Ethernet where neighbours can be asked. -EOPNOTSUPP: it is
 * none, or down. */
int networks_mac(const struct networks *networks, const char *name, uint8_t mac[MAC_LEN]);

/* Has any interface of ours this one? */
bool networks_own_mac(const struct networks *networks, const uint8_t mac[MAC_LEN]);

#endif
