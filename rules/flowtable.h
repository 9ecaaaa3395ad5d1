/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_FLOWTABLE_H
#define RULES_FLOWTABLE_H

#include "rules/ingress.h"

/*
 * The flowtable of each table: connections in it are forwarded by the kernel at the device that
 * they come in by, past routing, conntrack and all rules. The rules put them there (layout.c); here
 * is the object, and by which devices. Control thread.
 */

/* Can this kernel do it? */
bool flowtable_probe(void);

/* Those of both families serve @devices from now on, and no others. -ENOENT: there is none, or a
 * device is gone by now. */
int flowtable_follow(const char *table, const struct ingress_device *devices, size_t len);

#endif
