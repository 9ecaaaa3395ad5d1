// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel settings that the servers in use need. The one idea: a setting is touched only once a
 * server needs it, logged with its old value, and put back on a clean stop. NAT needs some: its
 * packets are forwarded by the kernel, as those of cache_bypass are, and where a client comes in by
 * the interface that leads to the server, the kernel would tell it the short cut (ICMP redirect).
 * What the other methods send is the director's own. Control thread.
 */
#include "daemon/system.h"
#include "ctl/networks.h"
#include "ctl/uplink.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/sysctl.h"
#include "lvs/forward.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS "net/netfilter/nf_conntrack_acct"

/* One that was looked at. */
struct knob {
	char name[SYSCTL_NAME_MAX]; /* as sysctl(8) prints it, with '/' for '.' */
	char old[32];		    /* "": not changed by us */
};

struct knobs {
	struct knob *items;
	size_t len, max;
};

struct system {
	bool manage;
	uint32_t conntrack; /* entries that were asked for */
	struct knobs needed;
	struct knobs beside;  /* what the kernel changes along with them */
	struct knobs uplinks; /* what keeps default routes: set before all these, put back after */
};

struct system *system_new(bool manage)
{
	struct system *system = calloc(1, sizeof(*system));

	if (system)
		system->manage = manage;
	return system;
}

static void knob_apply(const struct system *system, struct knob *knob, const char *wanted,
		       const char *why)
{
	char value[sizeof(knob->old)] = "";
	int ret;

	if (sysctl_read(knob->name, value, sizeof(value)) || !strcmp(value, wanted))
		return;
	if (!system->manage) {
		log_warn("%s is %s, but %s; set it with: sysctl -w %s=%s", knob->name, value, why,
			 knob->name, wanted);
		return;
	}
	ret = sysctl_write(knob->name, wanted);
	if (ret) {
		log_err("%s is %s and cannot be set to %s: %s; %s", knob->name, value, wanted,
			strerror(-ret), why);
		return;
	}
	log_info("%s set from %s to %s: %s", knob->name, value, wanted, why);
	memcpy(knob->old, value, sizeof(value));
}

/* A new setting at the end of @list, or NULL without memory. */
static struct knob *knob_add(struct knobs *list, const char *name)
{
	struct knob *knob;

	if (!array_grow(&list->items, list->len, &list->max, sizeof(*knob)))
		return NULL;
	knob = &list->items[list->len++];
	*knob = (struct knob){0};
	snprintf(knob->name, sizeof(knob->name), "%s", name);
	return knob;
}

static bool looked_at(const struct knobs *list, const char *name)
{
	for (size_t i = 0; i < list->len; i++)
		if (!strcmp(list->items[i].name, name))
			return true;
	return false;
}

/* Looks at a setting, the first time that it is asked for. Without memory that is the next change.
 */
static void need(const struct system *system, struct knobs *list, const char *name,
		 const char *wanted, const char *why)
{
	struct knob *knob;

	if (looked_at(list, name))
		return;
	knob = knob_add(list, name);
	if (knob)
		knob_apply(system, knob, wanted, why);
}

/* Keeps the present values of all settings that @pattern means. */
static void remember(struct system *system, const char *pattern)
{
	char path[SYSCTL_NAME_MAX + 16];
	struct knob *knob;
	glob_t found;

	snprintf(path, sizeof(path), "/proc/sys/%s", pattern);
	if (glob(path, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		knob = knob_add(&system->beside, found.gl_pathv[i] + sizeof("/proc/sys/") - 1);
		if (knob && sysctl_read(knob->name, knob->old, sizeof(knob->old)))
			system->beside.len--;
	}
	globfree(&found);
}

static void need_no_redirects(struct system *system, const char *interface)
{
	const char *why = "clients in the network of a NAT server must not be told to go there";
	char name[SYSCTL_NAME_MAX];

	need(system, &system->needed, "net/ipv4/conf/all/send_redirects", "0", why);
	snprintf(name, sizeof(name), "net/ipv4/conf/%s/send_redirects", interface);
	need(system, &system->needed, name, "0", why);
}

struct look {
	struct system *system;
	struct networks *networks;
	bool bypass; /* director.cache_bypass */
};

/* The default routes of IPv6 must outlast that this machine forwards. */
static void need_uplinks(struct system *system)
{
	char name[SYSCTL_NAME_MAX];
	struct interfaces uplinks;

	uplinks_advertised(&uplinks);
	for (size_t i = 0; i < uplinks.len; i++) {
		snprintf(name, sizeof(name), "net/ipv6/conf/%s/accept_ra", uplinks.names[i]);
		need(system, &system->uplinks, name, "2",
		     "with forwarding of IPv6 router advertisements are ignored, and the default "
		     "route that came by one is lost");
	}
}

/* Switching it on, the kernel does so for each interface, and stops to take redirects; switching it
 * off it does the reverse, whatever had been there (inet_forward_change()). */
static void need_forwarding(struct system *system, uint8_t af, const char *why)
{
	const char *name = af == AF_INET6 ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward";

	if (looked_at(&system->needed, name))
		return;
	if (af == AF_INET6)
		need_uplinks(system);
	if (system->manage && sysctl_number(name) == 0) {
		remember(system, af == AF_INET6 ? "net/ipv6/conf/*/forwarding"
						: "net/ipv4/conf/*/forwarding");
		if (af == AF_INET)
			remember(system, "net/ipv4/conf/*/accept_redirects");
	}
	need(system, &system->needed, name, "1", why);
}

/* FULLNAT's packets are only where the kernel carries them. */
static bool is_forwarded(const struct dest *dest)
{
	const struct service *svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);

	switch (atomic_load_explicit(&dest->forward, memory_order_relaxed)->method) {
	case FORWARD_NAT:
		return true;
	case FORWARD_FULLNAT:
		return svc && svc->carried;
	case FORWARD_DR:
	case FORWARD_TUN:
	case FORWARD_BYPASS:
	case FORWARD_MAX:
		break;
	}
	return false;
}

static void look_at(const struct look *look, struct dest *dest)
{
	char interface[IF_NAMESIZE];
	unsigned int prefix;

	if (!is_forwarded(dest))
		return;
	need_forwarding(look->system, dest->af,
			dest->af == AF_INET6 ? "packets are forwarded to IPv6 real servers"
					     : "packets are forwarded to IPv4 real servers");
	if (!look->networks || networks_own(look->networks, dest->af, &dest->addr))
		return;
	prefix = networks_prefix(look->networks, dest->af, &dest->addr, interface);
	atomic_store_explicit(&dest->near_prefix, (uint8_t)prefix, memory_order_relaxed);
	if (prefix && dest->af == AF_INET)
		need_no_redirects(look->system, interface);
}

static int look_at_service(struct service *svc, void *data)
{
	const struct look *look = data;
	struct dest *dest;

	if (look->bypass && svc->key.fwmark)
		need_forwarding(look->system, svc->key.af,
				"cache_bypass lets packets go where they were sent");
	cds_list_for_each_entry (dest, &svc->dests, list)
		look_at(look, dest);
	return 0;
}

void system_require(struct system *system, const struct services *services, bool bypass)
{
	struct look look = {system, networks_read(), bypass};

	rcu_read_lock();
	services_each(services, look_at_service, &look);
	rcu_read_unlock();
	networks_free(look.networks);
}

void system_need_conntrack(struct system *system, uint32_t max)
{
	const char *name = "net/netfilter/nf_conntrack_max";
	char wanted[16], old[sizeof(((struct knob *)0)->old)] = "";
	struct knob *knob = NULL;

	if (!max || system->conntrack == max)
		return;
	system->conntrack = max;
	for (size_t i = 0; i < system->needed.len; i++)
		if (!strcmp(system->needed.items[i].name, name))
			knob = &system->needed.items[i];
	if (!knob)
		knob = knob_add(&system->needed, name);
	if (!knob)
		return;
	memcpy(old, knob->old, sizeof(old)); /* of the daemon before this one */
	snprintf(wanted, sizeof(wanted), "%u", max);
	knob_apply(system, knob, wanted, "director.conntrack_max says so");
	if (old[0])
		memcpy(knob->old, old, sizeof(old));
}

int system_counters(void)
{
	return sysctl_number(COUNTERS);
}

/* The kernel switches it on by itself where a rule asks how many packets there were. */
void system_note_counters(struct system *system, int before)
{
	struct knob *knob;

	if (before || looked_at(&system->needed, COUNTERS))
		return;
	knob = knob_add(&system->needed, COUNTERS);
	if (!knob)
		return;
	snprintf(knob->old, sizeof(knob->old), "0");
	log_info(
		"%s set from 0 to 1: what passes through a flowtable is counted by conntrack alone",
		COUNTERS);
}

static int warn_near(struct service *svc, void *data)
{
	char server[ADDR_STRLEN];
	struct dest *dest;

	(void)data;
	cds_list_for_each_entry (dest, &svc->dests, list) {
		if (atomic_load_explicit(&dest->near, memory_order_relaxed) != NEAR_SEEN)
			continue;
		atomic_store_explicit(&dest->near, NEAR_TOLD, memory_order_relaxed);
		log_warn("NAT server %s and a client of it are in one network: if the server "
			 "answers "
			 "the client directly, their connection fails; give the server a route to "
			 "its own network through the director, or use method dr or fullnat",
			 addr_format_port(server, dest->af, &dest->addr, dest->port));
	}
	return 0;
}

void system_warn_near(const struct services *services)
{
	rcu_read_lock();
	services_each(services, warn_near, NULL);
	rcu_read_unlock();
}

static json_t *knobs_to_json(const struct knobs *list)
{
	json_t *json = json_object();

	for (size_t i = 0; i < list->len; i++)
		if (list->items[i].old[0])
			json_object_set_new(json, list->items[i].name,
					    json_string(list->items[i].old));
	return json;
}

json_t *system_to_json(const struct system *system)
{
	return json_pack("{s:o, s:o, s:o}", "needed", knobs_to_json(&system->needed), "beside",
			 knobs_to_json(&system->beside), "uplinks",
			 knobs_to_json(&system->uplinks));
}

static void knobs_from_json(struct knobs *list, const json_t *json)
{
	const char *name;
	struct knob *knob;
	const json_t *old;

	json_object_foreach ((json_t *)json, name, old) {
		if (!json_is_string(old) || strlen(name) >= SYSCTL_NAME_MAX)
			continue;
		knob = knob_add(list, name);
		if (knob)
			snprintf(knob->old, sizeof(knob->old), "%s", json_string_value(old));
	}
}

void system_from_json(struct system *system, const json_t *json)
{
	knobs_from_json(&system->needed, json_object_get(json, "needed"));
	knobs_from_json(&system->beside, json_object_get(json, "beside"));
	knobs_from_json(&system->uplinks, json_object_get(json, "uplinks"));
}

static void put_back(const struct knob *knob)
{
	if (!knob->old[0])
		return;
	if (sysctl_write(knob->name, knob->old))
		log_warn("%s cannot be put back to %s", knob->name, knob->old);
	else
		log_info("%s put back to %s", knob->name, knob->old);
}

/* Only what is not as it was; an interface may be gone. */
static void put_back_beside(const struct knob *knob)
{
	char value[sizeof(knob->old)];

	if (!sysctl_read(knob->name, value, sizeof(value)) && strcmp(value, knob->old) != 0)
		put_back(knob);
}

void system_free(struct system *system)
{
	if (!system)
		return;
	for (size_t i = 0; i < system->needed.len; i++)
		put_back(&system->needed.items[i]);
	for (size_t i = 0; i < system->beside.len; i++)
		put_back_beside(&system->beside.items[i]);
	for (size_t i = 0; i < system->uplinks.len; i++)
		put_back(&system->uplinks.items[i]);
	free(system->uplinks.items);
	free(system->needed.items);
	free(system->beside.items);
	free(system);
}
