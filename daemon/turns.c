// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running services put to the list of what keeps the rules from choosing servers (conf/turns.c),
 * and where nothing does, the turns that its scheduler would take. The one idea: they are made anew
 * with each plan, from the first on, so that nothing has to be remembered; where a round then goes
 * on is the kernel's counter. Control thread.
 */
#include "daemon/turns.h"
#include "lib/array.h"
#include "lib/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct turns {
	enum schedule wanted;
	bool paused;
	struct rules_turn *items;
	size_t len, max;
};

struct turns *turns_new(enum schedule wanted)
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (turns)
		turns->wanted = wanted;
	return turns;
}

void turns_free(struct turns *turns)
{
	if (!turns)
		return;
	free(turns->items);
	free(turns);
}

void turns_want(struct turns *turns, enum schedule wanted)
{
	turns->wanted = wanted;
}

static bool same_server(const struct dest *dest, const struct dest_spec *spec)
{
	return dest->af == spec->af && dest->port == spec->port &&
	       addr_equal(&dest->addr, &spec->addr);
}

/* All its servers, but with @server's values for that one. @dests: NULL, or takes those that take
 * part, by number. */
static void see_servers(struct turns_case *which, const struct service *svc,
			const struct dest_spec *server, const struct dest *dests[TURNS_MAX + 1])
{
	struct dest_spec spec;
	struct dest *dest;

	if (server)
		(void)turns_see(which, server);
	cds_list_for_each_entry (dest, &svc->dests, list) {
		if (server && same_server(dest, server))
			continue;
		dest_get(dest, &spec);
		if (turns_see(which, &spec) && dests)
			dests[which->len - 1] = dest;
	}
}

const char *turns_refusal(const struct turns *turns, const struct service *svc,
			  const struct service_spec *spec, const struct dest_spec *server,
			  const struct datapath_case *path, char buf[SCHEDULE_WHY_MAX])
{
	struct turns_case which;

	turns_case(&which, spec, turns->wanted);
	/* A file is judged as a whole, before; its changes come one after the other. And where the
	 * daemon chooses already nothing is lost. */
	if (which.wanted != SCHEDULE_KERNEL || svc->suspended || !svc->in_turns)
		return NULL;
	which.packet_reason = datapath_obstacle(path);
	which.learned = datapath_learned(path);
	see_servers(&which, svc, server, NULL);
	return turns_obstacle(&which, buf);
}

void turns_begin(struct turns *turns, bool paused)
{
	turns->len = 0;
	turns->paused = paused;
}

static void case_of(const struct turns *turns, const struct service *svc,
		    const struct service_spec *spec, struct turns_case *which,
		    const struct dest *dests[TURNS_MAX + 1])
{
	turns_case(which, spec, turns->wanted);
	which->packet_reason = svc->packet_reason;
	which->learned = svc->learned;
	see_servers(which, svc, NULL, dests);
}

void turns_judge(struct turns *turns, struct service *svc)
{
	char buf[SCHEDULE_WHY_MAX], key[SERVICE_KEY_STRLEN];
	struct service_spec spec;
	struct turns_case which;
	const char *why;

	service_get(svc, &spec);
	case_of(turns, svc, &spec, &which, NULL);
	why = turns_obstacle(&which, buf);
	atomic_store_explicit(&svc->in_turns, !why, memory_order_relaxed);
	if (which.wanted == SCHEDULE_DAEMON || which.wanted == SCHEDULE_UNSET)
		why = NULL;
	if (why && which.wanted == SCHEDULE_KERNEL && strcmp(why, svc->daemon_reason))
		log_warn("%s: schedule is kernel, but nfvsd chooses, because %s",
			 service_key_format(key, &svc->key), why);
	snprintf(svc->daemon_reason, sizeof(svc->daemon_reason), "%s", why ? why : "");
}

int turns_list(struct turns *turns, const struct service *svc, const struct numbers *numbers)
{
	const struct dest *dests[TURNS_MAX + 1];
	uint16_t round[TURNS_MAX];
	struct service_spec spec;
	struct turns_case which;
	size_t len;

	if (turns->paused || !atomic_load_explicit(&svc->in_turns, memory_order_relaxed))
		return 0;
	service_get(svc, &spec);
	case_of(turns, svc, &spec, &which, dests);
	len = turns_fill(&which, round);
	for (size_t i = 0; i < len; i++) {
		if (!array_grow(&turns->items, turns->len, &turns->max, sizeof(*turns->items)))
			return -ENOMEM;
		turns->items[turns->len++] = (struct rules_turn){
			.service = &svc->key,
			.mark = numbers_mark(numbers, dests[round[i]]->number),
		};
	}
	return 0;
}

bool turns_paused(const struct turns *turns)
{
	return turns->paused;
}

const struct rules_turn *turns_listed(const struct turns *turns, size_t *len)
{
	*len = turns->len;
	return turns->items;
}
