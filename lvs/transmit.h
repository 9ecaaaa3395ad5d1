/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_TRANSMIT_H
#define LVS_TRANSMIT_H

#include "lvs/direct.h"
#include "lvs/route.h"

/* The ways in which a decided packet leaves, and the answers to a sender whose packet cannot. Used
 * by the forwarding methods. Workers, under RCU. */

/* What is known of the way to a server, asked anew each second; NULL: there is none. Valid under
 * RCU. */
const struct route *dest_route(struct direct *d, struct dest *dest);

/* A router on the way to @dest said that @mtu bytes are the most: holds for 10 minutes, as in the
 * kernel. */
void dest_learn_mtu(struct direct *d, struct dest *dest, uint32_t mtu);

/* Rewritten, and on through the kernel, which routes and forwards it. */
struct verdict transmit_forward(struct direct *d, struct pkt *pkt);

/* Rewritten, and sent to its destination as this machine's own packet: no forwarding, no check of
 * its source. */
struct verdict transmit_own(struct direct *d, struct pkt *pkt);

/* To this machine itself: no schedule of the rules' is to send it elsewhere. */
struct verdict transmit_here(struct direct *d, struct pkt *pkt);

/* To the neighbour, or through the gateway, that leads to @dest, whatever its destination says.
 * @mark: of the packet when it leaves, or 0. */
struct verdict transmit_dest(struct direct *d, struct dest *dest, struct pkt *pkt, uint32_t mark);

/* The same in a tunnel; @dest's tunnel says which. */
struct verdict transmit_tunnel(struct direct *d, struct dest *dest, struct pkt *pkt);

/* Does its time to live end here? Then the sender is told, and *@verdict is set. To be asked before
 * anything is rewritten. */
bool transmit_expired(struct direct *d, struct pkt *pkt, struct verdict *verdict);

/* Drops the packet, counts @reason, and tells its sender by ICMP: @type, @code, and @info, the MTU
 * where the type has one. */
struct verdict transmit_error(struct direct *d, struct pkt *pkt, enum reason reason, uint8_t type,
			      uint8_t code, uint32_t info);

#endif
