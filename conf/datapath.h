/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_DATAPATH_H
#define CONF_DATAPATH_H

#include "lvs/spec.h"

/* What decides who carries a service's packets, once they are decided: the kernel (datapath flow)
 * or the daemon (packet). */
struct datapath_case {
	const struct service_spec *spec;
	enum datapath wanted; /* the service's own wish, or else the director's */
	uint32_t methods;     /* bits 1 << FORWARD_*: by which its servers are reached */
	bool managed;	      /* the rules are nfvsd's */
	bool carries, learns; /* the kernel can carry by conntrack; at its devices */
	bool apart;	      /* of fullnat: conntrack has ports that the daemon does not give */
	bool forwards;	      /* likewise: this machine forwards, or is made to */
};

/* That of a service with these values, on a machine where all is possible, without servers. */
struct datapath_case datapath_case(const struct service_spec *spec, enum datapath director);

/* Why the daemon carries the packets of such a service, in a few words; NULL: the kernel does.
 * Static storage. Any thread. */
const char *datapath_obstacle(const struct datapath_case *which);

/* If there is no obstacle: does the kernel carry them at its devices, which learn from what the
 * daemon sends, and not by conntrack? Any thread. */
bool datapath_learned(const struct datapath_case *which);

#endif
