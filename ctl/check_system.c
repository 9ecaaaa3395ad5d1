// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions about kernel settings. Only NAT needs any, as only its packets are routed by the
 * kernel: they must be forwarded, senders must not be told a shorter way, and rp_filter must let
 * them in. What cache_bypass lets go on is forwarded, too. A machine that forwards must keep its
 * own default route. nfvsadm.
 */
#include "ctl/check.h"
#include "ctl/uplink.h"
#include "lib/sysctl.h"

#include <string.h>

/* The setting must be @wanted, where 1 is on; @why goes on the sentence that says what it is. */
static void need(struct check *check, const char *question, const char *name, int wanted,
		 const char *why)
{
	int value = sysctl_number(name);

	if (value < 0)
		return;
	if (wanted > 1 ? value == wanted : !value == !wanted)
		findings_add(&check->findings, FINDING_OK, question, "%s is %d", name, value);
	else
		finding_fix(findings_add(&check->findings, FINDING_PROBLEM, question,
					 "%s is %d, but %s", name, value, why),
			    "sysctl -w %s=%d", name, wanted);
}

static const char *forwarding_of(uint8_t af)
{
	return af == AF_INET6 ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward";
}

static void need_forwarding(struct check *check, uint8_t af, const char *interface)
{
	const char *all = forwarding_of(af);
	const char *why = "packets of NAT servers are forwarded by the kernel";
	char name[SYSCTL_NAME_MAX];

	need(check, "forwarding", all, 1, why);
	if (sysctl_number(all) == 0) /* then that of the interface follows from it */
		return;
	snprintf(name, sizeof(name), "net/%s/conf/%s/forwarding", af == AF_INET6 ? "ipv6" : "ipv4",
		 interface);
	need(check, "forwarding", name, 1, why);
}

/* A packet that leaves by the interface by which it came makes the kernel tell its sender the short
 * cut. Clients are where the virtual address is a neighbour, or come by the default route. */
static void ask_redirects(struct check *check, const struct check_vip *vip,
			  const struct check_server *server)
{
	const char *why = "clients that come by the interface of a NAT server must not be told to "
			  "go there themselves";
	const char *interface = server->way.name;
	char name[SYSCTL_NAME_MAX];

	if (server->af != AF_INET || !check_near(server) ||
	    (!interfaces_have(&vip->around, interface) &&
	     !interfaces_have(check_uplinks(check, AF_INET), interface)))
		return;
	need(check, "redirects", "net/ipv4/conf/all/send_redirects", 0, why);
	snprintf(name, sizeof(name), "net/ipv4/conf/%s/send_redirects", interface);
	need(check, "redirects", name, 0, why);
}

static void ask_nat(struct check *check, const struct check_vip *vip, const struct dest_spec *spec,
		    const struct check_server *server)
{
	if (spec->method != FORWARD_NAT || server->ret || server->way.local)
		return;
	need_forwarding(check, spec->af, server->way.name);
	for (size_t i = 0; i < vip->around.len; i++)
		need_forwarding(check, vip->af, vip->around.names[i]);
	ask_redirects(check, vip, server);
}

/* Is there a service whose packets cache_bypass may let go on? */
static bool bypasses(const struct check *check, uint8_t af)
{
	for (size_t i = 0; check->bypass && i < check->table.services_len; i++) {
		const struct service_key *key = &check->table.services[i].row.spec.key;

		if (key->fwmark && key->af == af)
			return true;
	}
	return false;
}

static void ask_bypass(struct check *check, uint8_t af)
{
	if (bypasses(check, af))
		need(check, "forwarding", forwarding_of(af), 1,
		     "what cache_bypass lets go where it was sent is forwarded by the kernel");
}

/* Does this machine forward IPv6, or will it? */
static bool forwards(const struct check *check)
{
	if (bypasses(check, AF_INET6))
		return true;
	for (size_t i = 0; i < check->table.dests_len; i++) {
		const struct dest_spec *spec = &check->table.dests[i].spec;

		if (spec->af == AF_INET6 && spec->method == FORWARD_NAT)
			return true;
	}
	return sysctl_number("net/ipv6/conf/all/forwarding") > 0;
}

static void ask_uplinks(struct check *check)
{
	char name[SYSCTL_NAME_MAX];
	struct interfaces uplinks;

	if (!forwards(check))
		return;
	uplinks_advertised(&uplinks);
	for (size_t i = 0; i < uplinks.len; i++) {
		snprintf(name, sizeof(name), "net/ipv6/conf/%s/accept_ra", uplinks.names[i]);
		need(check, "forwarding", name, 2,
		     "with forwarding of IPv6 router advertisements are ignored, and the default "
		     "route that came by one is lost");
	}
}

void check_system(struct check *check)
{
	ask_uplinks(check); /* first, as a default route does not come back by itself */
	check_each(check, ask_nat);
	ask_bypass(check, AF_INET);
	ask_bypass(check, AF_INET6);
}

/* Would rp_filter of @interface drop what comes from @source? */
static bool filtered(const struct check *check, const char *interface, const union addr *source)
{
	union addr own;

	return (sysctl_of_interface("all", "rp_filter") > 0 ||
		sysctl_of_interface(interface, "rp_filter") > 0) &&
	       !networks_address(check->networks, interface, AF_INET, &own) &&
	       !ways_enter(check->ways, interface, source, &own);
}

/* Both settings count, and the greater one wins. */
static void fix_filter(struct finding *finding, const char *interface)
{
	finding_fix(finding, "sysctl -w net/ipv4/conf/%s/rp_filter=2", interface);
}

/* A server that can be heard on another interface than the one by which it is reached will answer
 * there. */
static void ask_answers(struct check *check, const struct check_vip *vip,
			const struct dest_spec *spec, const struct check_server *server)
{
	char text[ADDR_STRLEN];

	(void)vip;
	if (spec->method != FORWARD_NAT || spec->af != AF_INET || server->ret || server->way.local)
		return;
	addr_format(text, spec->af, &spec->addr);
	for (size_t i = 0; i < server->around.len; i++) {
		const char *name = server->around.names[i];
		const struct probe *probe =
			probes_find(&check->probes, spec->af, &spec->addr, name);

		if (!strcmp(name, server->way.name) && !server->way.routed)
			continue;
		if (!probe || !probe->answers_len || !filtered(check, name, &spec->addr))
			continue;
		fix_filter(findings_add(&check->findings, FINDING_PROBLEM, "rp_filter",
					"NAT server %s is a neighbour on %s, but the way to it is "
					"by %s: rp_filter drops what it answers there",
					text, name, server->way.name),
			   name);
	}
}

/* Requests from beyond a router come to the virtual address where it is a neighbour's. */
static void ask_requests(struct check *check, const struct check_vip *vip)
{
	const struct interfaces *uplinks = check_uplinks(check, AF_INET);
	char text[ADDR_STRLEN];
	union addr far;
	uint8_t af;

	if (vip->af != AF_INET || !vip->nat || !uplinks->len || !vip->around.len ||
	    addr_parse("192.0.2.1", &af, &far))
		return;
	addr_format(text, vip->af, &vip->addr);
	for (size_t i = 0; i < vip->around.len; i++) {
		const char *name = vip->around.names[i];

		if (interfaces_have(uplinks, name) || !filtered(check, name, &far))
			continue;
		fix_filter(findings_add(&check->findings, FINDING_HINT, "rp_filter",
					"requests to %s from other networks may come by %s, but "
					"the default route is by %s: then rp_filter drops them",
					text, name, uplinks->names[0]),
			   name);
	}
}

void check_filter(struct check *check)
{
	check_each(check, ask_answers);
	for (size_t i = 0; i < check->vips_len; i++)
		ask_requests(check, &check->vips[i]);
}
