// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel settings that the services in use need: IPv4 and IPv6 forwarding. One table says what is
 * needed when; a setting is touched only once a service needs it, logged with its old value, and
 * put back on a clean stop. Control thread.
 */
#include "daemon/system.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setting {
	const char *name; /* as sysctl(8) prints it, with '/' for '.' */
	const char *value;
	uint8_t af; /* needed once a service of this family exists */
	const char *why;
};

static const struct setting settings[] = {
	{"net/ipv4/ip_forward", "1", AF_INET, "packets are forwarded to IPv4 real servers"},
	{"net/ipv6/conf/all/forwarding", "1", AF_INET6,
	 "packets are forwarded to IPv6 real servers"},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

struct system {
	bool manage;
	bool seen[SETTINGS];	/* looked at already */
	char old[SETTINGS][32]; /* "": not changed by us */
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

static void setting_apply(struct system *system, size_t i)
{
	const struct setting *setting = &settings[i];
	char value[sizeof(system->old[i])] = "";
	int ret;

	system->seen[i] = true;
	if (sysctl_read(setting->name, value, sizeof(value)) || !strcmp(value, setting->value))
		return;
	if (!system->manage) {
		log_warn("%s is %s, but %s; set it with: sysctl -w %s=%s", setting->name, value,
			 setting->why, setting->name, setting->value);
		return;
	}
	ret = sysctl_write(setting->name, setting->value);
	if (ret) {
		log_err("%s is %s and cannot be set to %s: %s; %s", setting->name, value,
			setting->value, strerror(-ret), setting->why);
		return;
	}
	log_info("%s set from %s to %s: %s", setting->name, value, setting->value, setting->why);
	memcpy(system->old[i], value, sizeof(value));
}

struct families {
	bool inet, inet6;
};

static int family_note(struct service *svc, void *data)
{
	struct families *families = data;

	if (svc->key.af == AF_INET)
		families->inet = true;
	else
		families->inet6 = true;
	return families->inet && families->inet6;
}

void system_require(struct system *system, const struct services *services)
{
	struct families families = {0};

	rcu_read_lock();
	services_each(services, family_note, &families);
	rcu_read_unlock();
	for (size_t i = 0; i < SETTINGS; i++)
		if (!system->seen[i] &&
		    (settings[i].af == AF_INET ? families.inet : families.inet6))
			setting_apply(system, i);
}

void system_free(struct system *system)
{
	if (!system)
		return;
	for (size_t i = 0; i < SETTINGS; i++) {
		if (!system->old[i][0])
			continue;
		if (sysctl_write(settings[i].name, system->old[i]))
			log_warn("%s cannot be put back to %s", settings[i].name, system->old[i]);
		else
			log_info("%s put back to %s", settings[i].name, system->old[i]);
	}
	free(system);
}
