// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Settings by name. The one idea: a setting is a key of the configuration, so its name, default and
 * bounds are those of the key, and are written down nowhere else. Control thread.
 */
#include "daemon/tuning.h"
#include "conf/absent.h"
#include "conf/keys.h"
#include "conf/value.h"
#include "daemon/deciding.h"

#include <errno.h>
#include <inttypes.h>

static uint32_t largest(const struct key *key)
{
	return key->type == KEY_BOOL ? 1 : key->max;
}

/* What the key is when no file says it. */
static uint32_t initial(const struct key *key)
{
	struct director_conf conf;

	value_init(key, &conf);
	return conf.settings[key_setting(key)];
}

static json_t *setting_json(const struct director *director, const struct key *key)
{
	const struct settings *settings = deciding_settings(director_deciding(director));

	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", key->name, "value",
			 (json_int_t)setting(settings, key_setting(key)), "default",
			 (json_int_t)initial(key), "min", (json_int_t)key->min, "max",
			 (json_int_t)largest(key));
}

/* The key of a setting, or NULL with @err. */
static const struct key *find(const char *name, struct error *err)
{
	const struct key *key = key_find(GROUP_DIRECTOR, name), *nearest;

	if (key && key_setting(key) != SETTING_MAX)
		return key;
	nearest = key_nearest(GROUP_DIRECTOR, name);
	if (key)
		error_set(err, -ENOENT, "%s cannot be changed at run time", name);
	else if (absent_why(name))
		error_set(err, -ENOENT, "there is no setting %s: %s", name, absent_why(name));
	else if (nearest && key_setting(nearest) != SETTING_MAX)
		error_set(err, -ENOENT, "there is no setting %s; did you mean %s?", name,
			  nearest->name);
	else
		error_set(err, -ENOENT, "there is no setting %s (nfvsadm set lists them)", name);
	return NULL;
}

json_t *tuning_json(const struct director *director, const char *name, struct error *err)
{
	const struct key *only = name ? find(name, err) : NULL;
	json_t *rows;

	if (name && !only)
		return NULL;
	rows = json_array();
	for (size_t i = 0; i < keys_len; i++)
		if (only ? &keys[i] == only : key_setting(&keys[i]) != SETTING_MAX)
			json_array_append_new(rows, setting_json(director, &keys[i]));
	if (!rows)
		error_set(err, -ENOMEM, "no memory");
	return rows;
}

int tuning_set(struct director *director, const char *name, uint64_t value, struct error *err)
{
	const struct key *key = find(name, err);

	if (!key)
		return -ENOENT;
	if (value < key->min || value > largest(key))
		return error_set(err, -ERANGE, "%s: %" PRIu64 " is not in %u .. %u", name, value,
				 key->min, largest(key));
	deciding_set(director_deciding(director), key_setting(key), (uint32_t)value);
	if (key_setting(key) == SETTING_CACHE_BYPASS)
		director_outdated(director); /* it needs forwarding */
	return 0;
}
