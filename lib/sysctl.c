// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel settings, through /proc/sys of this process's network namespace. Each is read anew: others
 * change them too. Any thread.
 */
#include "lib/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *setting_open(const char *name, const char *mode)
{
	char path[SYSCTL_NAME_MAX + 16];

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	return fopen(path, mode);
}

int sysctl_read(const char *name, char *value, int size)
{
	FILE *file = setting_open(name, "re");
	int ret = 0;

	if (!file)
		return -errno;
	if (!fgets(value, size, file))
		ret = -EIO;
	else
		value[strcspn(value, "\n")] = '\0';
	fclose(file);
	return ret;
}

int sysctl_write(const char *name, const char *value)
{
	FILE *file = setting_open(name, "we");
	int ret = 0;

	if (!file)
		return -errno;
	if (fputs(value, file) < 0)
		ret = -EIO;
	if (fclose(file))
		ret = -errno;
	return ret;
}

int sysctl_number(const char *name)
{
	char value[32], *end;
	long number;

	if (sysctl_read(name, value, sizeof(value)))
		return -1;
	number = strtol(value, &end, 10);
	return end == value ? -1 : (int)number;
}

int sysctl_of_interface(const char *interface, const char *name)
{
	char full[SYSCTL_NAME_MAX];

	snprintf(full, sizeof(full), "net/ipv4/conf/%s/%s", interface, name);
	return sysctl_number(full);
}
