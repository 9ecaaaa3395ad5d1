/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_GROUP_H
#define CONF_GROUP_H

#include "conf/value.h"

/*
 * Reads a whole group { ... } by the table of keys into its struct @values: unknown keys, required
 * ones that are missing, and values that cannot be are errors; what is absent gets its default.
 * @at NULL: all of it is absent. Any thread.
 */
int group_read(const struct reader *reader, enum key_group group, const config_setting_t *at,
	       void *values) __attribute__((warn_unused_result));

/* The setting of this name in the group, or NULL: for errors about it, and to know if it is there.
 */
const config_setting_t *group_at(const config_setting_t *group, const char *name);

#endif
