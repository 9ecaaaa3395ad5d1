// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions about virtual addresses: do their packets come here? A machine sees what it does
 * itself, but not how others route; there it goes by whether a packet has come. nfvsadm.
 */
#include "ctl/check.h"
#include "lib/sysctl.h"

/* arp_ignore 1, 2, 8: not for addresses of other interfaces; 3: not for those of scope host. */
static bool ignores_arp(const char *interface)
{
	int all = sysctl_of_interface("all", "arp_ignore");
	int own = sysctl_of_interface(interface, "arp_ignore");
	int most = all > own ? all : own;

	return most == 1 || most == 2 || most == 8;
}

/* Does another machine have it? Then that has been told. */
static bool taken(const struct check *check, const struct check_vip *vip, const char *interface)
{
	const struct probe *probe = probes_find(&check->probes, vip->af, &vip->addr, interface);

	for (size_t i = 0; probe && i < probe->answers_len; i++)
		if (!networks_own_mac(check->networks, probe->answers[i]))
			return true;
	return false;
}

/* Neighbours on @interface ask who has it. */
static void ask_answered(struct check *check, const struct check_vip *vip, const char *interface)
{
	int length = vip->af == AF_INET6 ? 128 : 32;
	struct finding *finding;
	char text[ADDR_STRLEN];

	addr_format(text, vip->af, &vip->addr);
	if (networks_has(check->networks, interface, vip->af, &vip->addr) ||
	    (vip->local && vip->af == AF_INET && !ignores_arp(interface))) {
		findings_add(&check->findings, FINDING_OK, "vip",
			     "virtual address %s is on this machine, and neighbours on %s are told",
			     text, interface);
		return;
	}
	if (taken(check, vip, interface))
		return;
	if (vip->used) {
		findings_add(&check->findings, FINDING_OK, "vip",
			     "virtual address %s is routed to this machine: packets for it have "
			     "come",
			     text);
		return;
	}
	finding = findings_add(
		&check->findings, FINDING_PROBLEM, "vip",
		vip->local ? "virtual address %s is on this machine, but neighbours on "
			     "%s who ask for it get no answer, and no packet for it has "
			     "come"
			   : "virtual address %s is on no interface, neighbours on %s "
			     "who ask for it get no answer, and no packet for it has "
			     "come",
		text, interface);
	finding_fix(finding, "ip addr add %s/%d dev %s", text, length, interface);
}

/* In no network of ours: routers have to send it here. */
static void ask_routed(struct check *check, const struct check_vip *vip)
{
	char text[ADDR_STRLEN];

	addr_format(text, vip->af, &vip->addr);
	if (vip->used)
		findings_add(&check->findings, FINDING_OK, "vip",
			     "virtual address %s is routed to this machine: packets for it have "
			     "come",
			     text);
	else
		findings_add(&check->findings, FINDING_HINT, "vip",
			     "virtual address %s is in no network of this machine: routers have to "
			     "send it here, and no packet for it has come yet",
			     text);
}

/* What this machine sends to an address of its own it sends from there too, and servers that have
 * the address drop what claims to come from themselves. If the sender binds another address, it is
 * this machine that drops the answers (of IPv4), for the same reason. One line tells of all. */
static void ask_own_clients(struct check *check)
{
	const struct check_vip *first = NULL;
	char text[ADDR_STRLEN], more[48] = "";
	size_t vips = 0;

	for (size_t i = 0; i < check->vips_len; i++) {
		if (!check->vips[i].local || !check->vips[i].given)
			continue;
		vips++;
		if (!first)
			first = &check->vips[i];
	}
	if (!first)
		return;
	if (vips > 1)
		snprintf(more, sizeof(more), " (and %zu more)", vips - 1);
	findings_add(
		&check->findings, FINDING_NOTE, "own-clients",
		"programs on this machine that ask virtual address %s%s get no answer from its "
		"dr and tun servers, which have it as this machine has: use method nat or "
		"fullnat for them, or have it on no interface, only routed here",
		addr_format(text, first->af, &first->addr), more);
}

void check_vips(struct check *check)
{
	for (size_t i = 0; i < check->vips_len; i++) {
		const struct check_vip *vip = &check->vips[i];

		for (size_t j = 0; j < vip->around.len; j++)
			ask_answered(check, vip, vip->around.names[j]);
		if (!vip->around.len)
			ask_routed(check, vip);
	}
	ask_own_clients(check);
}
