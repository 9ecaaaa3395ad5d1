/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_SYSCTL_H
#define CTL_SYSCTL_H

#define SYSCTL_NAME_MAX 80

/* The number that a setting has; @name as sysctl(8) takes it, with '/' for '.'. -1: there is none
 * such. */
int sysctl_number(const char *name);

/* The same for "net/ipv4/conf/INTERFACE/NAME". */
int sysctl_of_interface(const char *interface, const char *name);

#endif
