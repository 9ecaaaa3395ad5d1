// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel settings, read anew for each question. nfvsadm. */
#include "ctl/sysctl.h"

#include <stdio.h>

int sysctl_number(const char *name)
{
	char path[SYSCTL_NAME_MAX + 16];
	int number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &number) != 1)
		number = -1;
	fclose(file);
	return number;
}

int sysctl_of_interface(const char *interface, const char *name)
{
	char full[SYSCTL_NAME_MAX];

	snprintf(full, sizeof(full), "net/ipv4/conf/%s/%s", interface, name);
	return sysctl_number(full);
}
