// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The forwarding methods, in one explicit array: a method is added by one file and one line. Looked
 * up when a destination is made or changed, never for a packet.
 */
#include "lvs/forward.h"

static const struct forward *const forwards[FORWARD_MAX] = {
	[FORWARD_NAT] = &forward_nat,	    [FORWARD_DR] = &forward_dr,
	[FORWARD_TUN] = &forward_tun,	    [FORWARD_FULLNAT] = &forward_fullnat,
	[FORWARD_BYPASS] = &forward_bypass,
};

const struct forward *forward_find(enum forward_method method)
{
	return method < FORWARD_MAX ? forwards[method] : NULL;
}
