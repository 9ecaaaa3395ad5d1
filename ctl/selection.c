// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filters and drains between the model and JSON, in both directions. The daemon calls this on its
 * control thread.
 */
#include "ctl/selection.h"
#include "ctl/reader.h"

#include <arpa/inet.h>
#include <string.h>

#define SECONDS_MAX 4000000000u /* 126 years, so that milliseconds of it fit what counts them */

static const struct {
	uint32_t bit;
	const char *name;
	size_t at;
} times[] = {
	{FILTER_AGE_MIN, "age_min", offsetof(struct filter, age_min)},
	{FILTER_AGE_MAX, "age_max", offsetof(struct filter, age_max)},
	{FILTER_IDLE_MIN, "idle_min", offsetof(struct filter, idle_min)},
	{FILTER_IDLE_MAX, "idle_max", offsetof(struct filter, idle_max)},
};

#define TIMES (sizeof(times) / sizeof(times[0]))

const char *ending_name(enum ending ending)
{
	static const char *const names[ENDING_MAX] = {
		[ENDING_RESET] = "reset",
		[ENDING_EXPIRE] = "expire",
		[ENDING_KEEP] = "keep",
	};

	return names[ending];
}

enum ending ending_parse(const char *name)
{
	enum ending ending = 0;

	while (ending < ENDING_MAX && strcmp(ending_name(ending), name))
		ending++;
	return ending;
}

static json_t *address(uint8_t af, const union addr *addr)
{
	char text[ADDR_STRLEN];

	return json_string(addr_format(text, af, addr));
}

/* How many bits of an address a netmask of addr_network() leaves. */
static int prefix_length(uint8_t af, uint32_t netmask)
{
	return af == AF_INET6 ? (int)netmask : __builtin_popcount(netmask);
}

static uint32_t prefix_netmask(uint8_t af, uint32_t length)
{
	if (af == AF_INET6)
		return length;
	return length ? htonl(UINT32_MAX << (32 - length)) : 0;
}

static int put_client(json_t *json, const struct filter *filter)
{
	int failed = 0;

	if (filter->set & FILTER_CLIENT)
		failed |=
			json_object_set_new(json, "client", address(filter->af, &filter->client)) |
			json_object_set_new(
				json, "prefix",
				json_integer(prefix_length(filter->af, filter->netmask)));
	if (filter->set & FILTER_PORT)
		failed |= json_object_set_new(json, "client_port",
					      json_integer(ntohs(filter->client_port)));
	return failed;
}

static int put_server(json_t *json, const struct filter *filter)
{
	int failed = 0;

	if (filter->set & FILTER_SERVER)
		failed |= json_object_set_new(json, "server",
					      address(filter->server_af, &filter->server));
	if (filter->set & FILTER_DPORT)
		failed |= json_object_set_new(json, "server_port",
					      json_integer(ntohs(filter->server_port)));
	return failed;
}

static uint32_t *time_of(const struct filter *filter, size_t i)
{
	return (uint32_t *)((char *)filter + times[i].at);
}

json_t *filter_to_json(const struct filter *filter)
{
	json_t *json = json_object();
	int failed;

	if (!json)
		return NULL;
	failed = put_client(json, filter) | put_server(json, filter);
	if (filter->set & FILTER_SERVICE)
		failed |= json_object_set_new(json, "service", key_to_json(&filter->service));
	if (filter->set & FILTER_NAME)
		failed |= json_object_set_new(json, "name", text_to_json(filter->name));
	if (filter->set & FILTER_STATE)
		failed |= json_object_set_new(json, "state", json_string(filter->state));
	for (size_t i = 0; i < TIMES; i++)
		if (filter->set & times[i].bit)
			failed |= json_object_set_new(json, times[i].name,
						      json_integer(*time_of(filter, i)));
	if (!failed)
		return json;
	json_decref(json);
	return NULL;
}

static void read_client(struct reader *reader, struct filter *filter)
{
	uint64_t prefix;

	if (reader_addr(reader, "client", &filter->af, &filter->client)) {
		filter->set |= FILTER_CLIENT;
		prefix = filter->af == AF_INET6 ? 128 : 32;
		reader_uint(reader, "prefix", filter->af == AF_INET6, prefix, &prefix);
		filter->netmask = prefix_netmask(filter->af, (uint32_t)prefix);
		filter->client = addr_network(filter->af, &filter->client, filter->netmask);
	}
	if (reader_port(reader, "client_port", &filter->client_port))
		filter->set |= FILTER_PORT;
}

static void read_service(struct reader *reader, struct filter *filter)
{
	const json_t *key = reader_get(reader, "service");

	if (key && !reader->ret) {
		filter->set |= FILTER_SERVICE;
		reader->ret = key_from_json(key, &filter->service, reader->err);
	}
	if (!reader_string(reader, "name", filter->name, sizeof(filter->name)))
		return;
	filter->set |= FILTER_NAME;
	if (key)
		reader_fail(reader, "'service' and 'name' both say which service");
	else if (!filter->name[0])
		reader_fail(reader, "'name' must not be empty");
}

static void read_state(struct reader *reader, struct filter *filter)
{
	const char *state;
	char text[FILTER_STATE_MAX];

	if (!reader_string(reader, "state", text, sizeof(text)))
		return;
	filter->set |= FILTER_STATE;
	state = filter_state(text);
	if (state)
		strncpy(filter->state, state, sizeof(filter->state) - 1);
	else
		reader_fail(reader, "'state' must be as in listings, or TEMPLATE");
}

int filter_from_json(const json_t *json, struct filter *out, struct error *err)
{
	struct filter filter = {0};
	struct reader reader;
	uint64_t seconds;

	reader_open(&reader, json, "filter", err);
	read_client(&reader, &filter);
	read_service(&reader, &filter);
	if (reader_addr(&reader, "server", &filter.server_af, &filter.server))
		filter.set |= FILTER_SERVER;
	if (reader_port(&reader, "server_port", &filter.server_port))
		filter.set |= FILTER_DPORT;
	read_state(&reader, &filter);
	for (size_t i = 0; i < TIMES; i++) {
		if (!reader_uint(&reader, times[i].name, 0, SECONDS_MAX, &seconds))
			continue;
		filter.set |= times[i].bit;
		*time_of(&filter, i) = (uint32_t)seconds;
	}
	if (reader_close(&reader))
		return reader.ret;
	*out = filter;
	return 0;
}

json_t *drain_to_json(const struct drain_spec *spec)
{
	json_t *json =
		json_pack("{s:s, s:o}", "command", "drain", "filter", filter_to_json(&spec->which));

	if (!json || !spec->has_deadline)
		return json;
	if (!json_object_set_new(json, "deadline", json_integer(spec->deadline)) &&
	    !json_object_set_new(json, "then", json_string(ending_name(spec->then))))
		return json;
	json_decref(json);
	return NULL;
}

/* One server of one service. */
static void check_which(struct reader *reader, const struct filter *which)
{
	const uint32_t may = FILTER_SERVICE | FILTER_NAME | FILTER_SERVER | FILTER_DPORT;

	if (!reader->ret &&
	    (!(which->set & (FILTER_SERVICE | FILTER_NAME)) || !(which->set & FILTER_SERVER)))
		reader_fail(reader, "the filter must name a service and a server");
	if (!reader->ret && which->set & ~may)
		reader_fail(reader, "the filter may name a service and a server only");
}

int drain_from_json(const json_t *json, struct drain_spec *out, struct error *err)
{
	struct drain_spec spec = {.then = ENDING_RESET};
	struct reader reader;
	uint64_t deadline;
	char text[16];

	reader_open(&reader, json, "request", err);
	reader_string(&reader, "command", text, sizeof(text));
	reader_need(&reader, "filter");
	if (!reader.ret)
		reader.ret = filter_from_json(reader_get(&reader, "filter"), &spec.which, err);
	check_which(&reader, &spec.which);
	spec.has_deadline = reader_uint(&reader, "deadline", 0, SECONDS_MAX, &deadline);
	if (spec.has_deadline)
		spec.deadline = (uint32_t)deadline;
	if (reader_string(&reader, "then", text, sizeof(text))) {
		spec.then = ending_parse(text);
		if (spec.then == ENDING_MAX)
			reader_fail(&reader, "'then' must be reset, expire or keep");
		else if (!spec.has_deadline)
			reader_fail(&reader, "'then' says nothing without a 'deadline'");
	}
	if (reader_close(&reader))
		return reader.ret;
	*out = spec;
	return 0;
}
