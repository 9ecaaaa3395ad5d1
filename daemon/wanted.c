// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the rules have to know of services and servers. The director asks for the running ones,
 * nfvs-rules for those of a file; both come to the same ruleset through here. The one thing to
 * decide: from which ports a server's answers can come, which conn_schedule() determines. Control
 * thread, or the main thread of nfvs-rules.
 */
#include "daemon/wanted.h"
#include "lib/array.h"

#include <errno.h>
#include <stdlib.h>

#define FTP_PORT      21
#define FTP_DATA_PORT 20
#define UNPRIVILEGED  1024

void wanted_service(struct wanted *wanted, const struct rules_service *service)
{
	if (!array_grow(&wanted->services, wanted->services_len, &wanted->services_max,
			sizeof(*wanted->services))) {
		wanted->no_memory = true;
		return;
	}
	wanted->services[wanted->services_len++] = *service;
}

static void add_ports(struct wanted *wanted, const struct rules_server *server, uint8_t protocol,
		      uint16_t first, uint16_t last)
{
	if (!array_grow(&wanted->servers, wanted->servers_len, &wanted->servers_max,
			sizeof(*wanted->servers))) {
		wanted->no_memory = true;
		return;
	}
	wanted->servers[wanted->servers_len] = *server;
	wanted->servers[wanted->servers_len].protocol = protocol;
	wanted->servers[wanted->servers_len].first = first;
	wanted->servers[wanted->servers_len++].last = last;
}

/* A persistent fwmark service keeps a packet's port, another sends it to the server's. */
static void add_group_ports(struct wanted *wanted, const struct rules_service *service,
			    const struct rules_server *server, uint16_t port)
{
	if (!service->matches_len) {
		add_ports(wanted, server, 0, 0, UINT16_MAX);
		return;
	}
	for (size_t i = 0; i < service->matches_len; i++) {
		const struct match *match = &service->matches[i];

		add_ports(wanted, server, match->protocol, match->first, match->last);
		if (port)
			add_ports(wanted, server, match->protocol, port, port);
	}
}

void wanted_server(struct wanted *wanted, const struct rules_service *service, uint8_t af,
		   const union addr *addr, __be16 port)
{
	const struct rules_server server = {.af = af, .addr = *addr, .carried = service->carried};
	const struct service_key *key = &service->key;
	uint16_t from = ntohs(port ? port : key->port);

	if (key->fwmark) {
		add_group_ports(wanted, service, &server, ntohs(port));
		return;
	}
	if (!key->port) {
		add_ports(wanted, &server, key->protocol, 0, UINT16_MAX);
		return;
	}
	add_ports(wanted, &server, key->protocol, from, from);
	if (key->port != htons(FTP_PORT) || key->protocol != IPPROTO_TCP)
		return;
	add_ports(wanted, &server, key->protocol, FTP_DATA_PORT, FTP_DATA_PORT);
	add_ports(wanted, &server, key->protocol, UNPRIVILEGED, UINT16_MAX);
}

struct ruleset *wanted_ruleset(struct wanted *wanted, const struct rules_input *params,
			       struct error *err)
{
	struct rules_input input = *params;
	struct ruleset *ruleset = NULL;

	input.services = wanted->services;
	input.services_len = wanted->services_len;
	input.servers = wanted->servers;
	input.servers_len = wanted->servers_len;
	if (wanted->no_memory)
		error_set(err, -ENOMEM, "no memory for the rules");
	else
		ruleset = ruleset_build(&input, err);
	free(wanted->services);
	free(wanted->servers);
	*wanted = (struct wanted){0};
	return ruleset;
}
