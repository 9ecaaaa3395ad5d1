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

void wanted_service(struct wanted *wanted, const struct service_key *key,
		    const struct match *matches, size_t matches_len)
{
	if (!array_grow(&wanted->services, wanted->services_len, &wanted->services_max,
			sizeof(*wanted->services))) {
		wanted->no_memory = true;
		return;
	}
	wanted->services[wanted->services_len++] =
		(struct rules_service){.key = *key, .matches = matches, .matches_len = matches_len};
}

static void add_ports(struct wanted *wanted, uint8_t af, const union addr *addr, uint8_t protocol,
		      uint16_t first, uint16_t last)
{
	if (!array_grow(&wanted->servers, wanted->servers_len, &wanted->servers_max,
			sizeof(*wanted->servers))) {
		wanted->no_memory = true;
		return;
	}
	wanted->servers[wanted->servers_len++] = (struct rules_server){
		.af = af, .protocol = protocol, .first = first, .last = last, .addr = *addr};
}

/* A persistent fwmark service keeps a packet's port, another sends it to the server's. */
static void add_group_ports(struct wanted *wanted, const struct match *matches, size_t len,
			    uint8_t af, const union addr *addr, uint16_t port)
{
	if (!len) {
		add_ports(wanted, af, addr, 0, 0, UINT16_MAX);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		add_ports(wanted, af, addr, matches[i].protocol, matches[i].first, matches[i].last);
		if (port)
			add_ports(wanted, af, addr, matches[i].protocol, port, port);
	}
}

void wanted_server(struct wanted *wanted, const struct service_key *key,
		   const struct match *matches, size_t matches_len, uint8_t af,
		   const union addr *addr, __be16 port)
{
	uint16_t from = ntohs(port ? port : key->port);

	if (key->fwmark) {
		add_group_ports(wanted, matches, matches_len, af, addr, ntohs(port));
		return;
	}
	if (!key->port) {
		add_ports(wanted, af, addr, key->protocol, 0, UINT16_MAX);
		return;
	}
	add_ports(wanted, af, addr, key->protocol, from, from);
	if (key->port != htons(FTP_PORT) || key->protocol != IPPROTO_TCP)
		return;
	add_ports(wanted, af, addr, key->protocol, FTP_DATA_PORT, FTP_DATA_PORT);
	add_ports(wanted, af, addr, key->protocol, UNPRIVILEGED, UINT16_MAX);
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
