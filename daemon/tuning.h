/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_TUNING_H
#define DAEMON_TUNING_H

#include "daemon/director.h"

#include <jansson.h>

/* The settings as an administrator sees them, by the names and bounds of their keys. Control
 * thread. */

/* All, or the one that is called @name: a new list of {"name", "value", "default", "min", "max"};
 * NULL with @err: there is none, or no memory. */
json_t *tuning_json(const struct director *director, const char *name, struct error *err);

/* -errno with @err: no such setting, or its value is out of bounds. */
int tuning_set(struct director *director, const char *name, uint64_t value, struct error *err);

#endif
