// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the control socket can be asked. The one idea: a table of {name, members, function}; the
 * members are read, strictly, before the function is called. After a change the kernel's rules
 * follow at once. If they cannot, then what only the rules would make work is taken back (a new
 * service, a new server), and what works without them stands (an edit, a removal: packets that are
 * still queued pass on) and the client is told so; the next change tries again. Control thread.
 */
#include "daemon/handlers.h"
#include "daemon/carrier.h"
#include "ctl/reader.h"
#include "daemon/ending.h"
#include "daemon/explanation.h"
#include "daemon/tuning.h"
#include "daemon/upgrade.h"
#include "lvs/timeouts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum member {
	MEMBER_KEY = 1,	      /* "service": its key */
	MEMBER_KEY_MAYBE = 2, /* the same, or nothing: all services */
	MEMBER_SERVICE = 4,   /* "service": all of it */
	MEMBER_SERVER = 8,    /* "server" */
	MEMBER_ENGINE = 16,   /* "engine", maybe */
	MEMBER_TIMEOUTS = 32, /* "timeouts" */
	MEMBER_COUNTERS = 64, /* "counters", maybe */
	MEMBER_FLOW = 128,    /* "flow", and maybe "mark" */
	MEMBER_SETTING = 256, /* "name" and "value", maybe */
	MEMBER_PATH = 512     /* "path", maybe */
};

/* The members of a request, read. */
struct params {
	bool has_service, counters;
	struct service_spec service; /* matches are owned; of a key the rest is zero */
	struct dest_spec server;
	struct timeouts_spec timeouts;
	struct flow flow;
	uint32_t mark;
	bool has_name, has_value;
	char name[64]; /* of a setting */
	uint64_t value;
	bool has_path;
	char path[PATH_MAX];
};

static void read_service(struct reader *reader, unsigned int members, struct params *params)
{
	const json_t *json = reader_get(reader, "service");

	if (!json && members & MEMBER_KEY_MAYBE)
		return;
	reader_need(reader, "service");
	if (reader->ret)
		return;
	reader->ret = members & MEMBER_SERVICE
			      ? service_from_json(json, &params->service, reader->err)
			      : key_from_json(json, &params->service.key, reader->err);
	params->has_service = !reader->ret;
}

static int read_params(const json_t *request, unsigned int members, struct params *params,
		       struct error *err)
{
	struct reader reader;
	uint64_t mark = 0;
	char text[64];

	reader_open(&reader, request, "request", err);
	reader_string(&reader, "command", text, sizeof(text));
	if (members & (MEMBER_KEY | MEMBER_KEY_MAYBE | MEMBER_SERVICE))
		read_service(&reader, members, params);
	if (members & MEMBER_ENGINE)
		reader_string(&reader, "engine", params->service.engine,
			      sizeof(params->service.engine));
	if (members & MEMBER_COUNTERS)
		reader_bool(&reader, "counters", &params->counters);
	if (members & MEMBER_SERVER) {
		reader_need(&reader, "server");
		if (!reader.ret)
			reader.ret =
				dest_from_json(reader_get(&reader, "server"), &params->server, err);
	}
	if (members & MEMBER_TIMEOUTS) {
		reader_need(&reader, "timeouts");
		if (!reader.ret)
			reader.ret = timeouts_from_json(reader_get(&reader, "timeouts"),
							&params->timeouts, err);
	}
	if (members & MEMBER_SETTING) {
		params->has_name =
			reader_string(&reader, "name", params->name, sizeof(params->name));
		params->has_value = reader_uint(&reader, "value", 0, UINT32_MAX, &params->value);
	}
	if (members & MEMBER_PATH)
		params->has_path =
			reader_string(&reader, "path", params->path, sizeof(params->path));
	if (members & MEMBER_FLOW) {
		reader_need(&reader, "flow");
		if (!reader.ret)
			reader.ret =
				flow_from_json(reader_get(&reader, "flow"), &params->flow, err);
		reader_uint(&reader, "mark", 0, UINT32_MAX, &mark);
		params->mark = (uint32_t)mark;
	}
	return reader_close(&reader);
}

static struct service *find(const struct handling *handling, const struct service_key *key)
{
	struct service *svc;

	rcu_read_lock();
	svc = services_get(director_services(handling->director), key);
	rcu_read_unlock();
	return svc; /* only this thread could remove it */
}

/* An error that IPVS would report in the same place. */
static int refuse(struct answer *answer, int code, const char *text)
{
	return error_set(&answer->result.err, code, "%s", text);
}

/* One that it has no word for: the sentence is what counts. */
static int refuse_own(struct answer *answer, int code, const char *text, const char *detail)
{
	answer->result.own = true;
	return error_set(&answer->result.err, code, "%s%s", text, detail);
}

/* What the director said; in IPVS's place only where IPVS knows the error. */
static int refused(struct answer *answer, int code)
{
	answer->result.own = code == -EOPNOTSUPP;
	return code;
}

/* After a change that stands, whatever becomes of the rules. */
static int follow(const struct handling *handling, struct answer *answer)
{
	struct error err = {""};
	int ret = director_commit(handling->director, &err);

	if (!ret)
		return 0;
	return refuse_own(answer, ret,
			  "done, but the kernel's rules cannot follow yet: ", err.text);
}

/* After a change that is nothing without its rules. Returns -errno if it must be taken back. */
static int follow_or_undo(const struct handling *handling, struct answer *answer)
{
	struct error err = {""};
	int ret = director_commit(handling->director, &err);

	if (!ret)
		return 0;
	return refuse_own(answer, ret,
			  "nothing was changed, for the kernel's rules cannot follow: ", err.text);
}

static int service_add_handle(const struct handling *handling, const struct params *params,
			      struct answer *answer)
{
	const struct service_key *key = &params->service.key;
	int ret = director_service_add(handling->director, &params->service, &answer->result.err);

	if (ret)
		return refused(answer, ret);
	ret = follow_or_undo(handling, answer);
	if (ret)
		(void)director_service_del(handling->director, key, NULL);
	return ret;
}

static int service_edit_handle(const struct handling *handling, const struct params *params,
			       struct answer *answer)
{
	int ret = director_service_edit(handling->director, &params->service, &answer->result.err);

	return ret ? refused(answer, ret) : follow(handling, answer);
}

static int service_delete_handle(const struct handling *handling, const struct params *params,
				 struct answer *answer)
{
	int ret =
		director_service_del(handling->director, &params->service.key, &answer->result.err);

	return ret ? refused(answer, ret) : follow(handling, answer);
}

static int server_add_handle(const struct handling *handling, const struct params *params,
			     struct answer *answer)
{
	const struct service_key *key = &params->service.key;
	int ret = director_dest_add(handling->director, key, &params->server, &answer->result.err);

	if (ret)
		return refused(answer, ret);
	ret = follow_or_undo(handling, answer);
	if (ret)
		(void)director_dest_del(handling->director, key, &params->server, NULL);
	return ret;
}

static int server_edit_handle(const struct handling *handling, const struct params *params,
			      struct answer *answer)
{
	int ret = director_dest_edit(handling->director, &params->service.key, &params->server,
				     &answer->result.err);

	return ret ? refused(answer, ret) : follow(handling, answer);
}

static int server_delete_handle(const struct handling *handling, const struct params *params,
				struct answer *answer)
{
	int ret = director_dest_del(handling->director, &params->service.key, &params->server,
				    &answer->result.err);

	return ret ? refused(answer, ret) : follow(handling, answer);
}

static int flush_handle(const struct handling *handling, const struct params *params,
			struct answer *answer)
{
	int ret = director_flush(handling->director, &answer->result.err);

	(void)params;
	return ret ? refused(answer, ret) : follow(handling, answer);
}

static int service_zero(struct service *svc, void *data)
{
	struct dest *dest;

	(void)data;
	traffic_zero(&svc->traffic);
	cds_list_for_each_entry (dest, &svc->dests, list)
		traffic_zero(&dest->traffic);
	return 0;
}

static int zero_handle(const struct handling *handling, const struct params *params,
		       struct answer *answer)
{
	struct service *svc;

	carrier_count(director_carrier(handling->director));
	if (params->has_service) {
		svc = find(handling, &params->service.key);
		return svc ? service_zero(svc, NULL) : refuse(answer, -ESRCH, "no such service");
	}
	rcu_read_lock();
	services_each(director_services(handling->director), service_zero, NULL);
	rcu_read_unlock();
	return 0;
}

static int services_handle(const struct handling *handling, const struct params *params,
			   struct answer *answer)
{
	const struct service_key *key = params->has_service ? &params->service.key : NULL;

	if (key && !find(handling, key))
		return refuse(answer, -ESRCH, "no such service");
	if (params->counters)
		carrier_count(director_carrier(handling->director));
	answer->listing = listing_services(handling->director, key, params->counters);
	return answer->listing ? 0 : refuse(answer, -ENOMEM, "no memory for the listing");
}

/* Answers with {name: value}. */
static int answer_row(struct answer *answer, const char *name, json_t *value)
{
	answer->row = json_pack("{s:o}", name, value);
	return answer->row ? 0 : refuse(answer, -ENOMEM, "no memory for the answer");
}

static int timeouts_handle(const struct handling *handling, const struct params *params,
			   struct answer *answer)
{
	struct timeouts_spec spec;

	(void)params;
	timeouts_get(director_timeouts(handling->director), &spec);
	return answer_row(answer, "timeouts", timeouts_to_json(&spec));
}

static int timeouts_set_handle(const struct handling *handling, const struct params *params,
			       struct answer *answer)
{
	(void)answer;
	timeouts_change(director_timeouts(handling->director), &params->timeouts);
	return 0;
}

static int settings_handle(const struct handling *handling, const struct params *params,
			   struct answer *answer)
{
	json_t *rows = tuning_json(handling->director, params->has_name ? params->name : NULL,
				   &answer->result.err);

	answer->result.own = true;
	return rows ? answer_row(answer, "settings", rows) : -ENOENT;
}

static int set_handle(const struct handling *handling, const struct params *params,
		      struct answer *answer)
{
	int ret;

	if (!params->has_name || !params->has_value)
		return refuse_own(answer, -EINVAL, "a name and a value are needed", "");
	answer->result.own = true;
	ret = tuning_set(handling->director, params->name, params->value, &answer->result.err);
	return ret ? ret : follow(handling, answer);
}

static int status_handle(const struct handling *handling, const struct params *params,
			 struct answer *answer)
{
	(void)params;
	return answer_row(answer, "status", handling->status(handling->data));
}

static int explain_handle(const struct handling *handling, const struct params *params,
			  struct answer *answer)
{
	return answer_row(answer, "explain",
			  explanation_json(handling->director, &params->flow, params->mark));
}

static int drains_handle(const struct handling *handling, const struct params *params,
			 struct answer *answer)
{
	(void)params;
	return answer_row(answer, "drains", drains_json(handling->drains, director_now()));
}

/* The program runs with the daemon's privileges, so only root may choose it. */
static int upgrade_handle(const struct handling *handling, const struct params *params,
			  struct answer *answer)
{
	int ret;

	if (!handling->upgrade)
		return refuse_own(answer, -ENOSYS, "this nfvsd cannot be upgraded", "");
	if (params->has_path && !handling->by_root)
		return refuse_own(answer, -EACCES, "only root may say which program is to run", "");
	answer->result.own = true;
	ret = upgrade_start(handling->upgrade, params->has_path ? params->path : NULL,
			    &answer->result.err);
	return ret ? ret : answer_row(answer, "upgrade", upgrade_json(handling->upgrade));
}

static int upgrade_state_handle(const struct handling *handling, const struct params *params,
				struct answer *answer)
{
	(void)params;
	if (!handling->upgrade)
		return refuse_own(answer, -ENOSYS, "this nfvsd cannot be upgraded", "");
	return answer_row(answer, "upgrade", upgrade_json(handling->upgrade));
}

static const struct handler {
	const char *name;
	unsigned int members;
	int (*run)(const struct handling *handling, const struct params *params,
		   struct answer *answer);
} handlers[] = {
	{"service-add", MEMBER_SERVICE | MEMBER_ENGINE, service_add_handle},
	{"service-edit", MEMBER_SERVICE | MEMBER_ENGINE, service_edit_handle},
	{"service-delete", MEMBER_KEY, service_delete_handle},
	{"server-add", MEMBER_KEY | MEMBER_SERVER, server_add_handle},
	{"server-edit", MEMBER_KEY | MEMBER_SERVER, server_edit_handle},
	{"server-delete", MEMBER_KEY | MEMBER_SERVER, server_delete_handle},
	{"flush", 0, flush_handle},
	{"zero", MEMBER_KEY_MAYBE, zero_handle},
	{"services", MEMBER_KEY_MAYBE | MEMBER_COUNTERS, services_handle},
	{"drains", 0, drains_handle},
	{"timeouts", 0, timeouts_handle},
	{"timeouts-set", MEMBER_TIMEOUTS, timeouts_set_handle},
	{"settings", MEMBER_SETTING, settings_handle},
	{"set", MEMBER_SETTING, set_handle},
	{"status", 0, status_handle},
	{"explain", MEMBER_FLOW, explain_handle},
	{"upgrade", MEMBER_PATH, upgrade_handle},
	{"upgrade-state", 0, upgrade_state_handle},
};

static const struct handler *handler_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (!strcmp(handlers[i].name, name))
			return &handlers[i];
	return NULL;
}

void request_answer(const struct handling *handling, const json_t *request, struct answer *answer)
{
	const char *name = json_string_value(json_object_get(request, "command"));
	const struct handler *handler = handler_find(name);
	struct params params = {0};
	int ret;

	*answer = (struct answer){0};
	if (name && ending_answer(handling, name, request, answer))
		return;
	if (!handler) {
		answer->result.code =
			refuse_own(answer, -ENOSYS, "this nfvsd knows no such command", "");
		return;
	}
	ret = read_params(request, handler->members, &params, &answer->result.err);
	if (ret)
		answer->result.own = true;
	else
		ret = handler->run(handling, &params, answer);
	answer->result.code = ret;
	free(params.service.matches);
}
