// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What workers decide by, beside services and connections. The one idea: they hold pointers into
 * this from their start to their end, and single values in it change under them, so a reload needs
 * no hand-over. Control thread.
 */
#include "daemon/deciding.h"
#include "daemon/routes.h"
#include "lvs/defence.h"

#include <stdlib.h>
#include <sys/random.h>

#define OBSERVE_MS 1000u

struct deciding {
	struct settings settings;
	struct locals *locals;
	struct bypass bypass;
	struct asked asked;
	uint32_t seed;
	uint64_t next_observe; /* ms */
};

/* Always available, never in a service's list; its weight means that it is not quiesced. */
static struct dest *stand_in(uint8_t af)
{
	const struct service_key nobody = {.af = af};
	const struct dest_spec spec = {.af = af, .method = FORWARD_BYPASS, .weight = 1};
	struct dest *dest = dest_new(&spec, &nobody);

	if (dest)
		atomic_fetch_or_explicit(&dest->flags, DEST_AVAILABLE, memory_order_relaxed);
	return dest;
}

struct deciding *deciding_new(const struct director_conf *conf)
{
	struct deciding *deciding = calloc(1, sizeof(*deciding));

	if (!deciding)
		return NULL;
	deciding->settings = (struct settings)SETTINGS_INIT;
	deciding->locals = locals_new(conf->locals.items, conf->locals.len, conf->local_ports.first,
				      conf->local_ports.last);
	deciding->bypass = (struct bypass){stand_in(AF_INET), stand_in(AF_INET6)};
	if (getrandom(&deciding->seed, sizeof(deciding->seed), 0) != sizeof(deciding->seed) ||
	    !deciding->locals || !deciding->bypass.v4 || !deciding->bypass.v6) {
		deciding_free(deciding);
		return NULL;
	}
	locals_track(deciding->locals, conf->flow_ports.first, conf->flow_ports.last);
	deciding_load(deciding, NULL, conf);
	routes_observe(&deciding->settings);
	return deciding;
}

void deciding_free(struct deciding *deciding)
{
	if (!deciding)
		return;
	if (deciding->bypass.v4)
		dest_put(deciding->bypass.v4);
	if (deciding->bypass.v6)
		dest_put(deciding->bypass.v6);
	locals_free(deciding->locals);
	free(deciding);
}

void deciding_set(struct deciding *deciding, enum setting_id id, uint32_t value)
{
	atomic_store_explicit(&deciding->settings.values[id], value, memory_order_relaxed);
}

void deciding_load(struct deciding *deciding, const struct director_conf *from,
		   const struct director_conf *to)
{
	for (unsigned int id = 0; id < SETTING_MAX; id++)
		if (!from || from->settings[id] != to->settings[id])
			deciding_set(deciding, id, to->settings[id]);
}

void deciding_defend(struct deciding *deciding, uint64_t available)
{
	defence_update(&deciding->settings, available);
}

const struct settings *deciding_settings(const struct deciding *deciding)
{
	return &deciding->settings;
}

void deciding_observe(struct deciding *deciding, uint64_t now)
{
	if (now < deciding->next_observe)
		return;
	deciding->next_observe = now + OBSERVE_MS;
	routes_observe(&deciding->settings);
}

bool deciding_bypass(const struct deciding *deciding)
{
	return setting(&deciding->settings, SETTING_CACHE_BYPASS);
}

bool deciding_near(struct deciding *deciding)
{
	return atomic_exchange_explicit(&deciding->settings.near, 0, memory_order_relaxed);
}

struct locals *deciding_locals(const struct deciding *deciding)
{
	return deciding->locals;
}

void deciding_fill(struct deciding *deciding, struct direct *direct)
{
	direct->settings = &deciding->settings;
	direct->bypass = &deciding->bypass;
	direct->asked = &deciding->asked;
	direct->seed = deciding->seed;
}
