// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions that only the neighbours can answer: does a real server, or a machine that is none of
 * ours, say that a virtual address is its own? The one idea: the servers are asked for their own
 * addresses at the same time, so that an answer can be put down to one of them. nfvsadm.
 */
#include "ctl/check.h"
#include "ctl/solicit.h"

#include <errno.h>
#include <string.h>

static const char *protocol(uint8_t af)
{
	return af == AF_INET6 ? "neighbour solicitations" : "ARP";
}

/* Virtual addresses where they are neighbours', and on the wires of servers that have them too. */
static void add_vips(struct check *check, const struct interfaces *wires)
{
	for (size_t i = 0; i < check->vips_len; i++) {
		const struct check_vip *vip = &check->vips[i];

		for (size_t j = 0; j < vip->around.len; j++)
			probes_add(&check->probes, check->networks, vip->af, &vip->addr,
				   vip->around.names[j]);
		for (size_t j = 0; j < wires->len; j++)
			probes_add(&check->probes, check->networks, vip->af, &vip->addr,
				   wires->names[j]);
	}
}

static void add_servers(struct check *check, struct interfaces *wires)
{
	for (size_t i = 0; i < check->table.dests_len; i++) {
		const struct dest_spec *spec = &check->table.dests[i].spec;
		const struct check_server *server = check_server_find(check, spec->af, &spec->addr);

		if (server->way.local)
			continue;
		for (size_t j = 0; j < server->around.len; j++)
			probes_add(&check->probes, check->networks, spec->af, &spec->addr,
				   server->around.names[j]);
		if (!check_near(server))
			continue;
		probes_add(&check->probes, check->networks, spec->af, &spec->addr,
			   server->way.name);
		if (spec->method == FORWARD_DR || spec->method == FORWARD_TUN)
			interfaces_add(wires, server->way.name);
	}
}

/* The server whose address this is on the wire of the probe's interface, or NULL. Many have
 * addresses of both families; then the one of the same is told. */
static const struct dest_spec *server_of(const struct check *check, const struct probe *probe,
					 const uint8_t mac[MAC_LEN])
{
	const struct dest_spec *found = NULL;

	for (size_t i = 0; i < check->table.dests_len; i++) {
		const struct dest_spec *spec = &check->table.dests[i].spec;
		const struct probe *own =
			probes_find(&check->probes, spec->af, &spec->addr, probe->name);

		if (!own || !probe_answered_by(own, mac))
			continue;
		if (spec->af == probe->af)
			return spec;
		found = spec;
	}
	return found;
}

static void tell_server(struct check *check, const struct probe *probe,
			const struct dest_spec *spec)
{
	char text[ADDR_STRLEN], virtual[ADDR_STRLEN];
	bool tunnel = spec->method == FORWARD_TUN;
	struct finding *finding;

	addr_format(text, spec->af, &spec->addr);
	addr_format(virtual, probe->af, &probe->addr);
	finding = findings_add(&check->findings, FINDING_PROBLEM, "arp",
			       "real server %s (%s) answers %s for the virtual address %s on %s: "
			       "neighbours send to it instead of here",
			       text, forward_method_name(spec->method), protocol(probe->af),
			       virtual, probe->name);
	if (tunnel || spec->method == FORWARD_DR)
		finding_fix(finding, "on the server, nfvs-realserver up --method %s --vip %s",
			    forward_method_name(spec->method), virtual);
	else
		finding_fix(finding, "on the server, remove %s, which it has no need of", virtual);
}

static void tell_other(struct check *check, const struct probe *probe, const struct check_vip *vip,
		       const uint8_t mac[MAC_LEN])
{
	bool ours = interfaces_have(&vip->around, probe->name);
	char virtual[ADDR_STRLEN], who[MAC_STRLEN];

	addr_format(virtual, probe->af, &probe->addr);
	mac_format(who, mac);
	if (!vip->local)
		findings_add(&check->findings, ours ? FINDING_PROBLEM : FINDING_HINT, "duplicate",
			     "another machine (%s) answers %s for the virtual address %s on %s, "
			     "and it is not on this one: that is as it should be only if the other "
			     "is the active director",
			     who, protocol(probe->af), virtual, probe->name);
	else
		finding_fix(findings_add(&check->findings, ours ? FINDING_PROBLEM : FINDING_HINT,
					 "duplicate",
					 "another machine (%s) answers %s for the virtual address "
					 "%s on %s, and it is on this one too",
					 who, protocol(probe->af), virtual, probe->name),
			    "remove %s from one of the two", virtual);
}

static void judge_vip(struct check *check, const struct probe *probe, const struct check_vip *vip)
{
	char virtual[ADDR_STRLEN];
	size_t others = 0;

	for (size_t i = 0; i < probe->answers_len; i++) {
		const uint8_t *mac = probe->answers[i];
		const struct dest_spec *spec;

		if (networks_own_mac(check->networks, mac))
			continue;
		others++;
		spec = server_of(check, probe, mac);
		if (spec)
			tell_server(check, probe, spec);
		else
			tell_other(check, probe, vip, mac);
	}
	if (!others)
		findings_add(&check->findings, FINDING_OK, "arp",
			     "no other machine answers %s for %s on %s", protocol(probe->af),
			     addr_format(virtual, probe->af, &probe->addr), probe->name);
}

/* Silence may have reasons, such as a server that is switched off for now. */
static void judge_server(struct check *check, const struct probe *probe,
			 const struct check_server *server)
{
	char text[ADDR_STRLEN];

	if (!check_near(server) || strcmp(probe->name, server->way.name))
		return;
	addr_format(text, probe->af, &probe->addr);
	if (!probe->answers_len)
		findings_add(&check->findings, FINDING_HINT, "up",
			     "real server %s does not answer %s on %s: it is down, or not there",
			     text, protocol(probe->af), probe->name);
	else
		findings_add(&check->findings, FINDING_OK, "up", "real server %s is there on %s",
			     text, probe->name);
}

static void tell_unasked(struct check *check, const struct probe *probe)
{
	struct finding *finding = findings_add(
		&check->findings, FINDING_UNASKED, "arp",
		"whether servers and other machines on %s answer %s for virtual addresses: %s",
		probe->name, protocol(probe->af), strerror(-probe->err));

	if (probe->err == -EPERM || probe->err == -EACCES)
		finding_fix(finding, "run this as root (it needs CAP_NET_RAW)");
}

void check_neighbours(struct check *check)
{
	struct interfaces wires = {0};

	add_servers(check, &wires);
	add_vips(check, &wires);
	probes_run(&check->probes);
	for (size_t i = 0; i < check->probes.len; i++) {
		const struct probe *probe = &check->probes.items[i];
		const struct check_vip *vip = check_vip_find(check, probe->af, &probe->addr);
		const struct check_server *server =
			check_server_find(check, probe->af, &probe->addr);

		if (probe->err)
			tell_unasked(check, probe);
		else if (vip)
			judge_vip(check, probe, vip);
		else
			judge_server(check, probe, server);
	}
	if (check->probes.left_out)
		findings_add(&check->findings, FINDING_UNASKED, "arp",
			     "neighbours about %zu more addresses: at most %d at a time",
			     check->probes.left_out, PROBES_MAX);
}
