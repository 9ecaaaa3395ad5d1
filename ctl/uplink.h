/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_UPLINK_H
#define CTL_UPLINK_H

#include "ctl/networks.h"

/* Default routes that forwarding endangers. Any one thread. */

/* The interfaces by which a default route of IPv6 goes that came by a router advertisement, and
 * which heed advertisements only while they do not forward (accept_ra is 1). */
void uplinks_advertised(struct interfaces *out);

#endif
