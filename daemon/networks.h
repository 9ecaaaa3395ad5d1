/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_NETWORKS_H
#define DAEMON_NETWORKS_H

#include "lvs/addr.h"

#include <net/if.h>

/* The networks that this machine's interfaces are in, as they were when asked for. Control thread.
 */
struct networks;

/* NULL: the kernel does not tell. */
struct networks *networks_read(void);
void networks_free(struct networks *networks);

/* The longest prefix of a network of ours that @addr is in, and whose interface; 0: none. */
unsigned int networks_prefix(const struct networks *networks, uint8_t af, const union addr *addr,
			     char name[IF_NAMESIZE]);

/* Is it an address of this machine? */
bool networks_own(const struct networks *networks, uint8_t af, const union addr *addr);

#endif
