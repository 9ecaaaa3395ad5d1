// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drains. The one idea: a drain is a small state machine at the control thread's timer, and no
 * client has to stay for it; so it goes on when nfvsadm is interrupted, and what it needs to know
 * (is the server still there, has somebody given it a weight, how many connections has it) it looks
 * up anew at each turn instead of being told. It holds a reference to its server. Control thread.
 */
#include "daemon/drain.h"
#include "ctl/reader.h"
#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SURVEY_MS 1000u /* between two looks whether what is left is over */
#define PORTION	  1024u
#define SLICE_MS  5u /* of a walk through the connections, in one turn */

enum drain_state {
	DRAIN_ON,     /* nothing new; waits for the end, or its deadline */
	DRAIN_ENDING, /* the deadline has come: the walk goes on */
	DRAIN_DONE    /* nothing is left, or what was to become of it has */
};

struct drain {
	struct cds_list_head list;
	struct dest *dest; /* one reference */
	struct drain_spec spec;
	enum drain_state state;
	int32_t weight;			/* before */
	uint64_t deadline, next_survey; /* ms */
	bool walking;			/* kill is begun: a survey, or the end */
	struct kill kill;
	uint64_t ended; /* by us */
};

struct drains {
	struct director *director;
	struct killer *killer;
	struct cds_list_head list;
};

struct drains *drains_new(struct director *director, struct killer *killer)
{
	struct drains *drains = calloc(1, sizeof(*drains));

	if (!drains)
		return NULL;
	drains->director = director;
	drains->killer = killer;
	CDS_INIT_LIST_HEAD(&drains->list);
	return drains;
}

static void drain_end(struct drain *drain)
{
	dest_drain(drain->dest, false);
	dest_put(drain->dest);
	cds_list_del(&drain->list);
	free(drain);
}

void drains_free(struct drains *drains)
{
	struct drain *drain, *next;

	if (!drains)
		return;
	cds_list_for_each_entry_safe (drain, next, &drains->list, list)
		drain_end(drain);
	free(drains);
}

static const char *service_text(char buf[SERVICE_KEY_STRLEN], const struct drain *drain)
{
	return service_key_format(buf, &drain->dest->vs);
}

static const char *server_text(char buf[ADDR_STRLEN], const struct dest *dest)
{
	return addr_format_port(buf, dest->af, &dest->addr, dest->port);
}

static void say(const struct drain *drain, const char *text)
{
	char service[SERVICE_KEY_STRLEN], server[ADDR_STRLEN];

	log_info("drain of %s, server of %s: %s", server_text(server, drain->dest),
		 service_text(service, drain), text);
}

static struct drain *find(const struct drains *drains, const struct dest *dest)
{
	struct drain *drain;

	cds_list_for_each_entry (drain, &drains->list, list)
		if (drain->dest == dest)
			return drain;
	return NULL;
}

/* The one server of @svc that @which means. */
static int find_server(const struct service *svc, const struct filter *which, struct dest **out,
		       struct error *err)
{
	struct dest *dest, *found = NULL;
	char text[ADDR_STRLEN];

	cds_list_for_each_entry (dest, &svc->dests, list) {
		if (dest->af != which->server_af || !addr_equal(&dest->addr, &which->server))
			continue;
		if (which->set & FILTER_DPORT && dest->port != which->server_port)
			continue;
		if (found)
			return error_set(err, -EEXIST,
					 "the service has several servers %s: say which port",
					 addr_format(text, dest->af, &dest->addr));
		found = dest;
	}
	if (!found)
		return error_set(err, -ENOENT, "the service has no server %s",
				 which->set & FILTER_DPORT
					 ? addr_format_port(text, which->server_af, &which->server,
							    which->server_port)
					 : addr_format(text, which->server_af, &which->server));
	*out = found;
	return 0;
}

static int find_dest(const struct drains *drains, const struct filter *which, struct dest **out,
		     struct error *err)
{
	char text[SERVICE_KEY_STRLEN];
	struct service *svc;

	rcu_read_lock();
	svc = services_get(director_services(drains->director), &which->service);
	rcu_read_unlock(); /* only this thread could remove it */
	if (!svc)
		return error_set(err, -ESRCH, "no service %s",
				 service_key_format(text, &which->service));
	return find_server(svc, which, out, err);
}

static int set_weight(struct drains *drains, struct dest *dest, int32_t weight, struct error *err)
{
	struct dest_spec spec;
	int ret;

	dest_get(dest, &spec);
	spec.weight = weight;
	ret = director_dest_edit(drains->director, &dest->vs, &spec, err);
	/* The rules have weights, too; if they cannot follow now, they do with the next change. */
	if (!ret)
		(void)director_commit(drains->director, NULL);
	return ret;
}

static struct drain *drain_new(struct drains *drains, struct dest *dest, struct error *err)
{
	struct drain *drain = calloc(1, sizeof(*drain));
	struct dest_spec spec;

	if (!drain) {
		error_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	dest_get(dest, &spec);
	drain->weight = spec.weight;
	drain->dest = dest;
	atomic_fetch_add_explicit(&dest->refs, 1, memory_order_relaxed);
	cds_list_add(&drain->list, &drains->list);
	return drain;
}

int drains_start(struct drains *drains, const struct drain_spec *spec, uint64_t now,
		 struct error *err)
{
	struct drain *drain;
	struct dest *dest;
	int ret = find_dest(drains, &spec->which, &dest, err);

	if (ret)
		return ret;
	drain = find(drains, dest);
	if (!drain)
		drain = drain_new(drains, dest, err);
	if (!drain)
		return -ENOMEM;
	ret = set_weight(drains, dest, 0, err);
	if (ret) {
		drain_end(drain);
		return ret;
	}
	drain->walking = false;
	cds_list_move(&drain->list, &drains->list);
	dest_drain(dest, true);
	drain->spec = *spec;
	drain->state = DRAIN_ON;
	drain->deadline = now + 1000ull * spec->deadline;
	drain->next_survey = now;
	say(drain, "begins");
	return 0;
}

int drains_undo(struct drains *drains, const struct filter *which, struct error *err)
{
	struct drain *drain;
	struct dest *dest;
	int ret = find_dest(drains, which, &dest, err);

	if (ret)
		return ret;
	drain = find(drains, dest);
	if (!drain)
		return error_set(err, -ENOENT, "this server is not drained");
	ret = set_weight(drains, dest, drain->weight, err);
	if (ret)
		return ret;
	say(drain, "taken back");
	drain_end(drain);
	return 0;
}

static uint32_t left(const struct drain *drain)
{
	return dest_total(drain->dest);
}

static void drain_done(struct drain *drain)
{
	char text[96];

	drain->walking = false;
	drain->state = DRAIN_DONE;
	snprintf(text, sizeof(text), "done: %" PRIu64 " connections were ended, %u are left",
		 drain->ended, left(drain));
	say(drain, text);
}

static void walk_begin(struct drain *drain, enum ending how)
{
	drain->kill = (struct kill){.dest = drain->dest, .how = how};
	drain->walking = true;
}

/* True once the walk is at its end. */
static bool walk_on(struct drains *drains, struct drain *drain, uint64_t now)
{
	uint64_t start = director_now();

	while (killer_step(drains->killer, &drain->kill, PORTION, now))
		if (director_now() - start >= SLICE_MS)
			return false;
	drain->walking = false;
	return true;
}

static void tick_ending(struct drains *drains, struct drain *drain, uint64_t now)
{
	bool ended = walk_on(drains, drain, now);

	if (ended) {
		drain->ended = drain->kill.ended;
		drain_done(drain);
	}
}

/* Closed connections are remembered, and counted, for minutes. Without an active one a look at the
 * rest says whether any of it goes on. */
static void tick_survey(struct drains *drains, struct drain *drain, uint64_t now)
{
	if (!drain->walking) {
		if (dest_active(drain->dest) || now < drain->next_survey)
			return;
		walk_begin(drain, ENDING_KEEP);
	}
	if (!walk_on(drains, drain, now))
		return;
	drain->next_survey = now + SURVEY_MS;
	if (!drain->kill.ended && !dest_active(drain->dest))
		drain_done(drain);
}

static void tick_on(struct drains *drains, struct drain *drain, uint64_t now)
{
	if (!left(drain)) {
		drain_done(drain);
	} else if (!drain->spec.has_deadline || now < drain->deadline) {
		tick_survey(drains, drain, now);
	} else if (drain->spec.then == ENDING_KEEP) {
		drain_done(drain);
	} else {
		drain->state = DRAIN_ENDING;
		walk_begin(drain, drain->spec.then);
		tick_ending(drains, drain, now);
	}
}

/* Has somebody ended it? Then it is freed. */
static bool drain_overtaken(struct drain *drain)
{
	struct dest *dest = drain->dest;
	struct dest_spec spec;

	dest_get(dest, &spec);
	if (!(atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_AVAILABLE))
		say(drain, "ends, for the server was removed");
	else if (spec.weight)
		say(drain, "ends, for the server was given a weight");
	else
		return false;
	drain_end(drain);
	return true;
}

void drains_tick(struct drains *drains, uint64_t now)
{
	struct drain *drain, *next;

	cds_list_for_each_entry_safe (drain, next, &drains->list, list) {
		if (drain_overtaken(drain))
			continue;
		switch (drain->state) {
		case DRAIN_ON:
			tick_on(drains, drain, now);
			break;
		case DRAIN_ENDING:
			tick_ending(drains, drain, now);
			break;
		case DRAIN_DONE:
			break;
		}
	}
}

static json_t *drain_json(const struct drain *drain, uint64_t now)
{
	static const char *const states[] = {
		[DRAIN_ON] = "draining", [DRAIN_ENDING] = "ending", [DRAIN_DONE] = "drained"};
	const struct dest *dest = drain->dest;
	char text[ADDR_STRLEN];
	json_t *json = json_pack(
		"{s:o, s:{s:s, s:i}, s:s, s:I, s:I, s:I, s:I}", "service", key_to_json(&dest->vs),
		"server", "address", addr_format(text, dest->af, &dest->addr), "port",
		ntohs(dest->port), "state", states[drain->state], "weight",
		(json_int_t)drain->weight, "active", (json_int_t)dest_active(dest), "inactive",
		(json_int_t)dest_inactive(dest), "ended",
		(json_int_t)(drain->state == DRAIN_ENDING ? drain->kill.ended : drain->ended));

	if (!json || !drain->spec.has_deadline)
		return json;
	json_object_set_new(json, "deadline",
			    json_integer((json_int_t)(drain->deadline > now
							      ? (drain->deadline - now + 999) / 1000
							      : 0)));
	json_object_set_new(json, "then", json_string(ending_name(drain->spec.then)));
	return json;
}

json_t *drains_json(const struct drains *drains, uint64_t now)
{
	json_t *rows = json_array();
	struct drain *drain;

	cds_list_for_each_entry (drain, &drains->list, list)
		json_array_append_new(rows, drain_json(drain, now));
	return rows;
}

json_t *drains_last(const struct drains *drains, uint64_t now)
{
	struct drain *drain;

	cds_list_for_each_entry (drain, &drains->list, list)
		return drain_json(drain, now);
	return NULL;
}

static void read_server(struct reader *reader, struct filter *which)
{
	struct reader server;

	reader_need(reader, "server");
	if (reader->ret)
		return;
	reader_open(&server, reader_get(reader, "server"), "server", reader->err);
	reader_need(&server, "address");
	reader_addr(&server, "address", &which->server_af, &which->server);
	reader_port(&server, "port", &which->server_port);
	which->set = FILTER_SERVICE | FILTER_SERVER | FILTER_DPORT;
	reader->ret = reader_close(&server);
}

/* A row of drains_json(), as far as it does not say what is known anyway. */
static int row_read(const json_t *row, struct drain_spec *spec, struct drain *state,
		    struct error *err)
{
	struct reader reader;
	char text[16];

	reader_open(&reader, row, "drain", err);
	reader_need(&reader, "service");
	if (!reader.ret)
		reader.ret =
			key_from_json(reader_get(&reader, "service"), &spec->which.service, err);
	read_server(&reader, &spec->which);
	if (reader_string(&reader, "state", text, sizeof(text)))
		state->state = strcmp(text, "drained") ? DRAIN_ON : DRAIN_DONE;
	reader_u32(&reader, "weight", INT32_MAX, (uint32_t *)&state->weight);
	reader_uint(&reader, "ended", 0, INT64_MAX, &state->ended);
	spec->has_deadline = reader_u32(&reader, "deadline", INT32_MAX, &spec->deadline);
	if (reader_string(&reader, "then", text, sizeof(text)))
		spec->then = ending_parse(text);
	if (spec->then == ENDING_MAX)
		reader_fail(&reader, "'then' must be reset, expire or keep");
	(void)reader_get(&reader, "active");
	(void)reader_get(&reader, "inactive");
	return reader_close(&reader);
}

int drains_resume(struct drains *drains, const json_t *row, uint64_t now, struct error *err)
{
	struct drain_spec spec = {.then = ENDING_RESET};
	struct drain was = {0}, *drain;
	int ret = row_read(row, &spec, &was, err);

	if (!ret)
		ret = drains_start(drains, &spec, now, err);
	if (ret)
		return ret;
	drain = cds_list_first_entry(&drains->list, struct drain, list);
	drain->weight = was.weight;
	drain->state = was.state;
	drain->ended = was.ended;
	return 0;
}
