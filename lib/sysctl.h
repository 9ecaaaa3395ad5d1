/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_SYSCTL_H
#define LIB_SYSCTL_H

/* Kernel settings. Names as sysctl(8) takes them, with '/' for '.'. Any thread. */

#define SYSCTL_NAME_MAX 80

/* Without the newline; 0 or -errno. */
int sysctl_read(const char *name, char *value, int size);
int sysctl_write(const char *name, const char *value);

/* The number that a setting has; -1: there is none such. */
int sysctl_number(const char *name);

/* The same for "net/ipv4/conf/INTERFACE/NAME". */
int sysctl_of_interface(const char *interface, const char *name);

#endif
