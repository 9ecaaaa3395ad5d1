// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a service of the file chooses its servers: a scheduler by its name, and flags by the names
 * that this scheduler has for them, so that one which would change nothing is a mistake that is
 * found. Called by model.c; any thread.
 */
#include "conf/scheduling.h"
#include "conf/group.h"
#include "sched/schedulers.h"

#include <stdio.h>
#include <string.h>

/* "sh-fallback, sh-port", or "none". Returns @buf. */
static const char *flag_names(char buf[64], const struct scheduler *sched)
{
	size_t len = 0;

	snprintf(buf, 64, "none");
	for (size_t i = 0; i < SCHEDULER_FLAGS; i++)
		if (sched->flags[i])
			len += (size_t)snprintf(buf + len, 64 - len, "%s%s", len ? ", " : "",
						sched->flags[i]);
	return buf;
}

int scheduling_read(const struct reader *reader, const config_setting_t *at,
		    const struct service_values *values, struct service_spec *spec)
{
	const struct scheduler *sched = scheduler_find(values->scheduler);
	char text[sizeof(values->scheduler_flags)], names[64], *rest = text, *name;

	memcpy(spec->scheduler, values->scheduler, sizeof(spec->scheduler));
	memcpy(text, values->scheduler_flags, sizeof(text));
	while (*text && (name = strsep(&rest, ","))) {
		uint32_t flag;

		name += strspn(name, " ");
		for (size_t len = strlen(name); len && name[len - 1] == ' '; len--)
			name[len - 1] = '\0';
		flag = scheduler_flag(sched, name);
		if (!flag)
			return reader_fault(reader, group_at(at, "scheduler_flags"),
					    "scheduler_flags: '%s' is no flag of %s (known: %s)",
					    name, sched->name, flag_names(names, sched));
		spec->flags |= flag;
	}
	return 0;
}
