// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests that select connections. The one idea: they all say which by the same filter, whose
 * service may be a name; that is looked up here, so that everything behind it knows services by
 * their keys. Control thread.
 */
#include "daemon/ending.h"
#include "ctl/reader.h"

#include <errno.h>
#include <string.h>

/* What nfvsadm shows as it is. */
static int refuse(struct answer *answer, int code)
{
	answer->result.own = true;
	return code;
}

static int is_named(struct service *svc, void *data)
{
	struct filter *filter = data;

	if (strcmp(svc->name, filter->name))
		return 0;
	filter->service = svc->key;
	return 1;
}

/* The filter's service by its key. */
static int find_named(const struct handling *handling, struct filter *filter, struct error *err)
{
	int found;

	if (!(filter->set & FILTER_NAME))
		return 0;
	rcu_read_lock();
	found = services_each(director_services(handling->director), is_named, filter);
	rcu_read_unlock();
	if (!found)
		return error_set(err, -ESRCH, "no service has the name %s", filter->name);
	filter->set ^= FILTER_NAME | FILTER_SERVICE;
	return 0;
}

/* "filter", maybe: all zero without. */
static void read_filter(struct reader *reader, const struct handling *handling,
			struct filter *filter)
{
	const json_t *json = reader_get(reader, "filter");

	if (!json || reader->ret)
		return;
	reader->ret = filter_from_json(json, filter, reader->err);
	if (!reader->ret)
		reader->ret = find_named(handling, filter, reader->err);
}

static void open_request(struct reader *reader, const json_t *request, struct answer *answer)
{
	char text[64];

	reader_open(reader, request, "request", &answer->result.err);
	reader_string(reader, "command", text, sizeof(text));
}

static int connections_answer(const struct handling *handling, const json_t *request,
			      struct answer *answer)
{
	struct filter filter = {0};
	struct reader reader;

	open_request(&reader, request, answer);
	read_filter(&reader, handling, &filter);
	if (reader_close(&reader))
		return refuse(answer, reader.ret);
	answer->listing = listing_connections(handling->director, &filter);
	if (answer->listing)
		return 0;
	return error_set(&answer->result.err, -ENOMEM, "no memory for the listing");
}

/* Without a condition it must be said that all are meant. */
static int kill_answer(const struct handling *handling, const json_t *request,
		       struct answer *answer)
{
	enum ending how = ENDING_RESET;
	struct filter filter = {0};
	struct reader reader;
	bool all = false;
	char text[16];

	open_request(&reader, request, answer);
	read_filter(&reader, handling, &filter);
	reader_bool(&reader, "all", &all);
	if (reader_string(&reader, "then", text, sizeof(text))) {
		how = ending_parse(text);
		if (how != ENDING_RESET && how != ENDING_EXPIRE)
			reader_fail(&reader, "'then' must be reset or expire");
	}
	if (!reader.ret && !filter.set && !all)
		reader_fail(&reader, "without a filter 'all' must be true");
	if (reader_close(&reader))
		return refuse(answer, reader.ret);
	answer->listing = listing_kill(handling->killer, &filter, how);
	if (answer->listing)
		return 0;
	return error_set(&answer->result.err, -ENOMEM, "no memory");
}

static int drain_answer(const struct handling *handling, const json_t *request,
			struct answer *answer)
{
	struct error *err = &answer->result.err;
	struct drain_spec spec;
	int ret = drain_from_json(request, &spec, err);

	if (!ret)
		ret = find_named(handling, &spec.which, err);
	if (!ret)
		ret = drains_start(handling->drains, &spec, director_now(), err);
	if (ret)
		return refuse(answer, ret);
	answer->row = json_pack("{s:o}", "drain", drains_last(handling->drains, director_now()));
	return answer->row ? 0 : error_set(err, -ENOMEM, "no memory for the answer");
}

static int undrain_answer(const struct handling *handling, const json_t *request,
			  struct answer *answer)
{
	struct filter filter = {0};
	struct reader reader;
	int ret;

	open_request(&reader, request, answer);
	reader_need(&reader, "filter");
	read_filter(&reader, handling, &filter);
	if (!reader.ret && (filter.set & ~FILTER_DPORT) != (FILTER_SERVICE | FILTER_SERVER))
		reader_fail(&reader, "the filter must name a service and a server");
	if (reader_close(&reader))
		return refuse(answer, reader.ret);
	ret = drains_undo(handling->drains, &filter, &answer->result.err);
	return ret ? refuse(answer, ret) : 0;
}

bool ending_answer(const struct handling *handling, const char *name, const json_t *request,
		   struct answer *answer)
{
	static const struct {
		const char *name;
		int (*run)(const struct handling *handling, const json_t *request,
			   struct answer *answer);
	} requests[] = {
		{"connections", connections_answer},
		{"kill", kill_answer},
		{"drain", drain_answer},
		{"undrain", undrain_answer},
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].name, name))
			continue;
		answer->result.code = requests[i].run(handling, request, answer);
		return true;
	}
	return false;
}
