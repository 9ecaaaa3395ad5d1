// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What nfvsadm check asks about: each virtual and each real address once, whatever the number of
 * services that have it, with what the kernel says of it. nfvsadm.
 */
#include "ctl/check.h"
#include "lib/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct check_vip *check_vip_find(const struct check *check, uint8_t af, const union addr *addr)
{
	for (size_t i = 0; i < check->vips_len; i++)
		if (check->vips[i].af == af && addr_equal(&check->vips[i].addr, addr))
			return &check->vips[i];
	return NULL;
}

struct check_server *check_server_find(const struct check *check, uint8_t af,
				       const union addr *addr)
{
	for (size_t i = 0; i < check->servers_len; i++)
		if (check->servers[i].af == af && addr_equal(&check->servers[i].addr, addr))
			return &check->servers[i];
	return NULL;
}

bool check_near(const struct check_server *server)
{
	return !server->ret && !server->way.local && !server->way.routed;
}

/* Has the server to have the virtual address too, and is it another machine? */
static bool given(const struct check *check, const struct dest_spec *spec)
{
	return (spec->method == FORWARD_DR || spec->method == FORWARD_TUN) &&
	       !networks_own(check->networks, spec->af, &spec->addr);
}

static int add_vip(struct check *check, const struct table_service *svc, uint8_t af,
		   const union addr *addr, struct error *err)
{
	struct check_vip *vip = check_vip_find(check, af, addr);
	struct way way;

	if (!vip) {
		if (!array_grow(&check->vips, check->vips_len, &check->vips_max,
				sizeof(*check->vips)))
			return error_set(err, -ENOMEM, "no memory");
		vip = &check->vips[check->vips_len++];
		*vip = (struct check_vip){.af = af, .addr = *addr};
		vip->local = !ways_find(check->ways, af, addr, &way) && way.local;
		networks_around(check->networks, af, addr, &vip->around);
	}
	vip->used |= svc->row.counters.in_pkts > 0;
	for (size_t i = 0; i < svc->dests_len; i++) {
		const struct dest_spec *spec = &check->table.dests[svc->dests + i].spec;

		vip->nat |= spec->method == FORWARD_NAT;
		vip->given |= given(check, spec);
	}
	return 0;
}

static int add_server(struct check *check, const struct dest_spec *spec, struct error *err)
{
	struct check_server *server = check_server_find(check, spec->af, &spec->addr);

	if (server)
		return 0;
	if (!array_grow(&check->servers, check->servers_len, &check->servers_max,
			sizeof(*check->servers)))
		return error_set(err, -ENOMEM, "no memory");
	server = &check->servers[check->servers_len++];
	*server = (struct check_server){.af = spec->af, .addr = spec->addr};
	server->ret = ways_find(check->ways, spec->af, &spec->addr, &server->way);
	networks_around(check->networks, spec->af, &spec->addr, &server->around);
	return 0;
}

/* Where packets for anywhere go, and so where those from anywhere should come from. Addresses of
 * documentation (RFC 5737, RFC 3849) stand for anywhere. */
static void find_uplinks(struct check *check)
{
	static const char *const anywhere[] = {"192.0.2.1", "2001:db8::1"};

	for (size_t i = 0; i < 2; i++) {
		struct way way;
		union addr addr;
		uint8_t af;

		check->uplinks[i].len = 0;
		if (!addr_parse(anywhere[i], &af, &addr) &&
		    !ways_find(check->ways, af, &addr, &way) && !way.local)
			interfaces_add(&check->uplinks[i], way.name);
	}
}

int check_collect(struct check *check, struct error *err)
{
	int ret = 0;

	find_uplinks(check);
	for (size_t i = 0; !ret && i < check->table.services_len; i++) {
		const struct table_service *svc = &check->table.services[i];
		const struct service_spec *spec = &svc->row.spec;

		if (!spec->key.fwmark)
			ret = add_vip(check, svc, spec->key.af, &spec->key.addr, err);
		for (size_t j = 0; !ret && j < spec->matches_len; j++)
			ret = add_vip(check, svc, spec->matches[j].af, &spec->matches[j].addr, err);
		for (size_t j = 0; !ret && j < svc->dests_len; j++)
			ret = add_server(check, &check->table.dests[svc->dests + j].spec, err);
	}
	return ret;
}

void check_each(struct check *check,
		void (*ask)(struct check *check, const struct check_vip *vip,
			    const struct dest_spec *spec, const struct check_server *server))
{
	for (size_t i = 0; i < check->table.services_len; i++) {
		const struct table_service *svc = &check->table.services[i];
		const struct service_spec *spec = &svc->row.spec;

		for (size_t j = 0; j < svc->dests_len; j++) {
			const struct dest_spec *dest = &check->table.dests[svc->dests + j].spec;
			const struct check_server *server =
				check_server_find(check, dest->af, &dest->addr);

			if (!spec->key.fwmark)
				ask(check, check_vip_find(check, spec->key.af, &spec->key.addr),
				    dest, server);
			for (size_t k = 0; k < spec->matches_len; k++)
				ask(check,
				    check_vip_find(check, spec->matches[k].af,
						   &spec->matches[k].addr),
				    dest, server);
		}
	}
}
