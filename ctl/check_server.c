// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions about real servers that the routing table answers: is there a way to each, and is it
 * one that the forwarding method can use? nfvsadm.
 */
#include "ctl/check.h"

#include <errno.h>
#include <string.h>

#define INNER_MTU 1500u /* what clients that know nothing of tunnels send */

static void ask_method(struct check *check, const struct dest_spec *spec,
		       const struct check_server *server)
{
	char text[ADDR_STRLEN], gateway[ADDR_STRLEN];
	const struct way *way = &server->way;
	struct finding *finding;

	addr_format(text, spec->af, &spec->addr);
	if (spec->method == FORWARD_DR && way->routed) {
		finding = findings_add(
			&check->findings, FINDING_PROBLEM, "on-link",
			"real server %s (dr) is not in a network of this machine: the way to it "
			"is by gateway %s on %s, which gets packets for the virtual address and "
			"does not know what they are for",
			text, addr_format(gateway, spec->af, &way->gateway), way->name);
		finding_fix(finding, "method tun or fullnat, or a network in common with it");
	} else if (spec->method == FORWARD_DR && !way->local) {
		findings_add(&check->findings, FINDING_OK, "on-link",
			     "real server %s (dr) is in a network of %s", text, way->name);
	}
}

static void ask_tunnel(struct check *check, const struct dest_spec *spec,
		       const struct check_server *server)
{
	const struct way *way = &server->way;
	char text[ADDR_STRLEN];
	size_t overhead;

	if (spec->method != FORWARD_TUN || way->local || !way->mtu)
		return;
	addr_format(text, spec->af, &spec->addr);
	overhead = tunnel_overhead(&spec->tunnel, spec->af, true);
	if (way->mtu >= INNER_MTU + overhead) {
		findings_add(&check->findings, FINDING_OK, "mtu",
			     "the way to real server %s (tun) takes packets of %u bytes", text,
			     INNER_MTU);
		return;
	}
	finding_fix(
		findings_add(&check->findings, FINDING_HINT, "mtu",
			     "the way to real server %s (tun) has MTU %u: packets of more than "
			     "%zu bytes do not fit into its tunnel, and their sender is told so",
			     text, way->mtu, way->mtu > overhead ? way->mtu - overhead : 0),
		"MTU %zu along the way to it and on %s, or a smaller MSS at the server",
		INNER_MTU + overhead, way->name);
}

static void ask_server(struct check *check, const struct dest_spec *spec,
		       const struct check_server *server)
{
	const struct way *way = &server->way;
	char text[ADDR_STRLEN], gateway[ADDR_STRLEN];

	addr_format(text, spec->af, &spec->addr);
	if (server->ret) {
		finding_fix(findings_add(&check->findings, FINDING_PROBLEM, "route",
					 "there is no route to real server %s: %s", text,
					 strerror(-server->ret)),
			    "ip route add %s via GATEWAY", text);
		return;
	}
	if (way->local)
		findings_add(&check->findings, FINDING_OK, "route",
			     "real server %s is this machine", text);
	else if (way->routed)
		findings_add(&check->findings, FINDING_OK, "route",
			     "the way to real server %s is by %s, gateway %s", text, way->name,
			     addr_format(gateway, spec->af, &way->gateway));
	else
		findings_add(&check->findings, FINDING_OK, "route",
			     "the way to real server %s is by %s", text, way->name);
	ask_method(check, spec, server);
	ask_tunnel(check, spec, server);
}

/* DR and TUN leave the packet as it is; then the kernel delivers it only if the virtual address is
 * this machine's too. */
static void ask_local(struct check *check, const struct check_vip *vip,
		      const struct dest_spec *spec, const struct check_server *server)
{
	char text[ADDR_STRLEN], virtual[ADDR_STRLEN];

	if (server->ret || !server->way.local || vip->local ||
	    (spec->method != FORWARD_DR && spec->method != FORWARD_TUN))
		return;
	addr_format(text, spec->af, &spec->addr);
	addr_format(virtual, vip->af, &vip->addr);
	finding_fix(findings_add(&check->findings, FINDING_PROBLEM, "local",
				 "real server %s (%s) is this machine, but the virtual address %s "
				 "is not on it, so that its packets are not delivered",
				 text, forward_method_name(spec->method), virtual),
		    "ip addr add %s/%d dev lo", virtual, vip->af == AF_INET6 ? 128 : 32);
}

/* The address must be this machine's, or answers of servers do not come here. */
static void ask_sources(struct check *check, const struct dest_spec *spec,
			const struct check_server *server)
{
	char text[ADDR_STRLEN];
	struct way way;

	if (spec->method != FORWARD_FULLNAT)
		return;
	for (size_t i = 0; i < check->locals_len; i++) {
		const struct check_local *local = &check->locals[i];

		if (local->af != spec->af)
			continue;
		addr_format(text, local->af, &local->addr);
		if (!ways_find(check->ways, local->af, &local->addr, &way) && way.local) {
			findings_add(&check->findings, FINDING_OK, "local-address",
				     "%s of director.local_addresses is on this machine", text);
			continue;
		}
		finding_fix(findings_add(&check->findings, FINDING_PROBLEM, "local-address",
					 "%s of director.local_addresses is on no interface: the "
					 "answers of fullnat servers do not come here",
					 text),
			    "ip addr add %s/%d dev %s", text, local->af == AF_INET6 ? 128 : 32,
			    server->ret || server->way.local ? "lo" : server->way.name);
	}
}

void check_servers(struct check *check)
{
	for (size_t i = 0; i < check->table.dests_len; i++) {
		const struct dest_spec *spec = &check->table.dests[i].spec;
		const struct check_server *server = check_server_find(check, spec->af, &spec->addr);

		ask_server(check, spec, server);
		ask_sources(check, spec, server);
	}
	check_each(check, ask_local);
}
