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
#include "lib/array.h"
#include "lib/log.h"
#include "lvs/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64

/* One that was looked at. */
struct setting {
	char name[NAME_MAX_LEN]; /* as sysctl(8) prints it, with '/' for '.' */
	char old[32];		 /* "": not changed by us */
};

struct system {
	bool manage;
	struct setting *settings;
	size_t len, max;
};

struct system *system_new(bool manage)
{
	struct system *system = calloc(1, sizeof(*system));

	if (system)
		system->manage = manage;
	return system;
}

static int sysctl_read(const char *name, char *value, int size)
{
	char path[128];
	FILE *file;
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (!fgets(value, size, file))
		ret = -EIO;
	else
		value[strcspn(value, "\n")] = '\0';
	fclose(file);
	return ret;
}

static int sysctl_write(const char *name, const char *value)
{
	char path[128];
	FILE *file;
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	if (fputs(value, file) < 0)
		ret = -EIO;
	if (fclose(file))
		ret = -errno;
	return ret;
}

static void setting_apply(const struct system *system, struct setting *setting, const char *wanted,
			  const char *why)
{
	char value[sizeof(setting->old)] = "";
	int ret;

	if (sysctl_read(setting->name, value, sizeof(value)) || !strcmp(value, wanted))
		return;
	if (!system->manage) {
		log_warn("%s is %s, but %s; set it with: sysctl -w %s=%s", setting->name, value,
			 why, setting->name, wanted);
		return;
	}
	ret = sysctl_write(setting->name, wanted);
	if (ret) {
		log_err("%s is %s and cannot be set to %s: %s; %s", setting->name, value, wanted,
			strerror(-ret), why);
		return;
	}
	log_info("%s set from %s to %s: %s", setting->name, value, wanted, why);
	memcpy(setting->old, value, sizeof(value));
}

/* Looks at a setting, the first time that it is asked for. */
static void need(struct system *system, const char *name, const char *wanted, const char *why)
{
	struct setting *setting;

	for (size_t i = 0; i < system->len; i++)
		if (!strcmp(system->settings[i].name, name))
			return;
	if (!array_grow(&system->settings, system->len, &system->max, sizeof(*setting)))
		return; /* asked again with the next change */
	setting = &system->settings[system->len++];
	*setting = (struct setting){0};
	snprintf(setting->name, sizeof(setting->name), "%s", name);
	setting_apply(system, setting, wanted, why);
}

static void need_no_redirects(struct system *system, const char *interface)
{
	const char *why = "clients in the network of a NAT server must not be told to go there";
	char name[NAME_MAX_LEN];

	need(system, "net/ipv4/conf/all/send_redirects", "0", why);
	snprintf(name, sizeof(name), "net/ipv4/conf/%s/send_redirects", interface);
	need(system, name, "0", why);
}

struct look {
	struct system *system;
	struct networks *networks;
	bool bypass; /* director.cache_bypass */
};

static void need_forwarding(struct system *system, uint8_t af, const char *why)
{
	need(system, af == AF_INET6 ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward", "1",
	     why);
}

static void look_at(const struct look *look, struct dest *dest)
{
	char interface[IF_NAMESIZE];
	unsigned int prefix;

	if (atomic_load_explicit(&dest->forward, memory_order_relaxed)->method != FORWARD_NAT)
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

void system_free(struct system *system)
{
	if (!system)
		return;
	for (size_t i = 0; i < system->len; i++) {
		const struct setting *setting = &system->settings[i];

		if (!setting->old[0])
			continue;
		if (sysctl_write(setting->name, setting->old))
			log_warn("%s cannot be put back to %s", setting->name, setting->old);
		else
			log_info("%s put back to %s", setting->name, setting->old);
	}
	free(system->settings);
	free(system);
}
