/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_TUNNEL_ERROR_H
#define LVS_TUNNEL_ERROR_H

#include "lvs/direct.h"

/*
 * Is @pkt, an ICMP error to this machine, about a tunnel packet that went to a real server for a
 * connection of ours? Then the client is told, about the packet that it sent, and *@verdict is set.
 * False: it is somebody else's. Worker, under RCU.
 */
bool tunnel_error(struct direct *d, const struct pkt *pkt, struct verdict *verdict);

#endif
