// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A group of the file to its struct. The one idea: nothing is looked up by name in code; the table
 * of keys is gone through, for the settings that are there and for the keys that have to be.
 * Called by conf.c and model.c; any thread.
 */
#include "conf/group.h"
#include "conf/absent.h"

#include <errno.h>
#include <string.h>

#define MORE ", ..."

/* Appends to @text; of what is too long for it the first words and an ellipsis. */
static void append(char *text, size_t size, const char *more)
{
	size_t len = strlen(text), end = strlen(MORE);

	if (len >= end && !strcmp(text + len - end, MORE))
		return;
	if (len + strlen(more) + 2 * end < size)
		snprintf(text + len, size - len, "%s%s", len ? ", " : "", more);
	else
		snprintf(text + len, size - len, MORE);
}

/* Names what was probably meant: a similar key, a group that has the key, or else what there is. */
static int fault_unknown(const struct reader *reader, enum key_group group,
			 const config_setting_t *at)
{
	const char *name = config_setting_name(at), *where = key_group_name(group);
	const struct key *nearest = key_nearest(group, name);
	char owners[64] = "", known[192] = "";

	if (group == GROUP_DIRECTOR && absent_why(name))
		return reader_fault(reader, at, "unknown key '%s' (in %s): %s", name, where,
				    absent_why(name));
	if (nearest)
		return reader_fault(reader, at, "unknown key '%s' (in %s); did you mean '%s'?",
				    name, where, nearest->name);
	for (size_t i = 0; i < keys_len; i++) {
		if (!strcmp(keys[i].name, name))
			append(owners, sizeof(owners), key_group_name(keys[i].group));
		if (keys[i].group == group)
			append(known, sizeof(known), keys[i].name);
	}
	if (owners[0])
		return reader_fault(reader, at, "unknown key '%s' (in %s); it belongs to: %s", name,
				    where, owners);
	return reader_fault(reader, at, "unknown key '%.40s' (in %s, which has: %s)", name, where,
			    known);
}

const config_setting_t *group_at(const config_setting_t *group, const char *name)
{
	return group ? config_setting_get_member(group, name) : NULL;
}

int group_read(const struct reader *reader, enum key_group group, const config_setting_t *at,
	       void *values)
{
	const config_setting_t *setting;
	const struct key *key;
	int ret = 0;

	for (size_t i = 0; i < keys_len; i++)
		if (keys[i].group == group)
			value_init(&keys[i], values);
	for (int i = 0; at && !ret && i < config_setting_length(at); i++) {
		setting = config_setting_get_elem(at, (unsigned int)i);
		key = key_find(group, config_setting_name(setting));
		ret = key ? value_read(reader, key, setting, values)
			  : fault_unknown(reader, group, setting);
	}
	for (size_t i = 0; at && !ret && i < keys_len; i++)
		if (keys[i].group == group && keys[i].required && !group_at(at, keys[i].name))
			ret = reader_fault(reader, at, "missing key '%s' (in %s)", keys[i].name,
					   key_group_name(group));
	return ret;
}
