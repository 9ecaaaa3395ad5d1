// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm set: the settings that IPVS has in /proc/sys/net/ipv4/vs, shown and changed while nfvsd
 * runs. What they are called, and what they may be, the daemon knows. nfvsadm.
 */
#include "ctl/word.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static json_int_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

static void print_settings(const json_t *settings)
{
	const json_t *setting;
	char range[32];
	size_t i;

	printf("%-26s %12s %12s  %s\n", "setting", "value", "default", "range");
	json_array_foreach (settings, i, setting) {
		snprintf(range, sizeof(range), "%" PRId64 "..%" PRId64,
			 (int64_t)number(setting, "min"), (int64_t)number(setting, "max"));
		printf("%-26s %12" PRId64 " %12" PRId64 "  %s\n",
		       json_string_value(json_object_get(setting, "name")),
		       (int64_t)number(setting, "value"), (int64_t)number(setting, "default"),
		       range);
	}
}

static int show(struct session *session, const char *name, bool as_json)
{
	json_t *settings;
	int ret = word_fetch(session, json_pack("{s:s, s:s*}", "command", "settings", "name", name),
			     "settings", &settings);

	if (ret)
		return ret;
	if (as_json)
		word_print_json(settings);
	else
		print_settings(settings);
	json_decref(settings);
	return 0;
}

/* Says what the setting may be; or what is wrong with its name, which only the daemon knows. */
static int refuse(struct session *session, const char *name, const char *text)
{
	const json_t *setting;
	json_t *settings;
	int ret = word_fetch(session, json_pack("{s:s, s:s}", "command", "settings", "name", name),
			     "settings", &settings);

	if (ret)
		return ret;
	setting = json_array_get(settings, 0);
	ret = session_fail(
		"%s: '%s' is no value: wanted a number (%" PRId64 " .. %" PRId64 "), true or false",
		name, text, (int64_t)number(setting, "min"), (int64_t)number(setting, "max"));
	json_decref(settings);
	return ret;
}

/* As a file or a sysctl has it: true is 1. False: it is none. */
static bool read_value(const char *text, uint32_t *out)
{
	unsigned long long value;
	char *end;

	if (!strcmp(text, "true") || !strcmp(text, "false")) {
		*out = !strcmp(text, "true");
		return true;
	}
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-') || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

static int change(struct session *session, const char *name, const char *text)
{
	struct result result = {0};
	uint32_t value = 0;
	int ret;

	if (!read_value(text, &value))
		return refuse(session, name, text);
	ret = session_call(session,
			   json_pack("{s:s, s:s, s:I}", "command", "set", "name", name, "value",
				     (json_int_t)value),
			   NULL, NULL, &result);
	return !ret && result.code ? session_fail("%s", result.err.text) : ret;
}

int set_main(struct session *session, int argc, const char *const *argv)
{
	bool as_json = argc > 1 && !strcmp(argv[1], "--json");
	const char *const *names = argv + 1 + as_json;
	int len = argc - 1 - as_json;

	if (len && (!names[0][0] || names[0][0] == '-'))
		return word_misused(argv[0], names[0]);
	if (len > 1 && as_json)
		return word_misused(argv[0], names[1]);
	if (len > 2)
		return word_misused(argv[0], names[2]);
	return len == 2 ? change(session, names[0], names[1])
			: show(session, len ? names[0] : NULL, as_json);
}
