/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_WANTED_H
#define DAEMON_WANTED_H

#include "lvs/spec.h"
#include "rules/ruleset.h"

/* Collects services and servers, from the running tables or from a file, for ruleset_build().
 * Starts zeroed. Matches stay the caller's until wanted_ruleset(). Any one thread. */
struct wanted {
	struct rules_service *services;
	struct rules_server *servers;
	size_t services_len, services_max, servers_len, servers_max;
	bool no_memory;
};

/* @service is copied; its key and matches stay the caller's. */
void wanted_service(struct wanted *wanted, const struct rules_service *service);

/* A server of @service; the ports that it answers from follow from both. No matches: it is a fwmark
 * service whose marks somebody else sets, or is gone. */
void wanted_server(struct wanted *wanted, const struct rules_service *service, uint8_t af,
		   const union addr *addr, __be16 port);

/* The ruleset of all that was collected, with the other values of @params. Empties @wanted. The
 * caller owns the result; NULL with @err. */
struct ruleset *wanted_ruleset(struct wanted *wanted, const struct rules_input *params,
			       struct error *err);

#endif
