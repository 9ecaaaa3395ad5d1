// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the model and JSON, in both directions, so that the two ends of the control socket cannot
 * differ. The one idea: JSON carries what a person would write (addresses as text, names for
 * numbers) and leaves out what is not set. The daemon calls this on its control thread.
 */
#include "ctl/proto.h"
#include "ctl/reader.h"
#include "lvs/timeouts.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t flag;
} sched_flags[] = {
	{"flag-1", SERVICE_SCHED1},
	{"flag-2", SERVICE_SCHED2},
	{"flag-3", SERVICE_SCHED3},
};

#define SCHED_FLAGS (sizeof(sched_flags) / sizeof(sched_flags[0]))

json_t *text_to_json(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json)
		return json;
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	json = json_string(copy);
	free(copy);
	return json;
}

json_t *addr_to_json(uint8_t af, const union addr *addr)
{
	char text[ADDR_STRLEN];

	return json_string(addr_format(text, af, addr));
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Adds the members to @json, which must not be NULL. */
static int put_key(json_t *json, const struct service_key *key)
{
	if (key->fwmark)
		return json_object_set_new(json, "fwmark", number(key->fwmark)) |
		       json_object_set_new(json, "family",
					   json_string(key->af == AF_INET6 ? "ipv6" : "ipv4"));
	return json_object_set_new(json, "protocol", json_string(protocol_name(key->protocol))) |
	       json_object_set_new(json, "address", addr_to_json(key->af, &key->addr)) |
	       json_object_set_new(json, "port", number(ntohs(key->port)));
}

/* @json, or NULL and @json freed if it is not complete. */
static json_t *complete(json_t *json, int failed)
{
	if (json && !failed)
		return json;
	json_decref(json);
	return NULL;
}

json_t *key_to_json(const struct service_key *key)
{
	json_t *json = json_object();

	return complete(json, json ? put_key(json, key) : -1);
}

static bool read_protocol(struct reader *reader, const char *name, uint8_t *out)
{
	char text[16];
	int protocol;

	if (!reader_string(reader, name, text, sizeof(text)))
		return false;
	protocol = protocol_parse(text);
	if (protocol < 0) {
		reader_fail(reader, "'%s' must be tcp, udp or sctp", name);
		return false;
	}
	*out = (uint8_t)protocol;
	return true;
}

static void read_family(struct reader *reader, uint8_t *out)
{
	char text[8];

	if (!reader_string(reader, "family", text, sizeof(text)))
		return;
	if (!strcmp(text, "ipv4"))
		*out = AF_INET;
	else if (!strcmp(text, "ipv6"))
		*out = AF_INET6;
	else
		reader_fail(reader, "'family' must be ipv4 or ipv6");
}

static void read_key(struct reader *reader, struct service_key *key)
{
	uint64_t fwmark;

	if (reader_uint(reader, "fwmark", 1, UINT32_MAX, &fwmark)) {
		key->fwmark = (uint32_t)fwmark;
		key->af = AF_INET;
		read_family(reader, &key->af);
		return;
	}
	reader_need(reader, "protocol");
	reader_need(reader, "address");
	read_protocol(reader, "protocol", &key->protocol);
	reader_addr(reader, "address", &key->af, &key->addr);
	reader_port(reader, "port", &key->port);
}

int key_from_json(const json_t *json, struct service_key *out, struct error *err)
{
	struct service_key key = {0};
	struct reader reader;

	reader_open(&reader, json, "service", err);
	read_key(&reader, &key);
	if (reader_close(&reader))
		return reader.ret;
	*out = key;
	return 0;
}

static json_t *netmask_to_json(uint8_t af, uint32_t netmask)
{
	union addr mask = {.ip6 = {netmask}};

	return af == AF_INET6 ? number(netmask) : addr_to_json(AF_INET, &mask);
}

static void read_netmask(struct reader *reader, uint8_t af, uint32_t *out)
{
	union addr mask;
	uint8_t mask_af;
	uint64_t prefix;

	*out = netmask_full(af);
	if (af == AF_INET6) {
		if (reader_uint(reader, "netmask", 1, 128, &prefix))
			*out = (uint32_t)prefix;
	} else if (reader_addr(reader, "netmask", &mask_af, &mask)) {
		if (mask_af == AF_INET)
			*out = mask.ip;
		else
			reader_fail(reader,
				    "'netmask' of an IPv4 service must be like 255.255.0.0");
	}
}

static json_t *flags_to_json(uint32_t flags)
{
	json_t *json = json_array();

	for (size_t i = 0; i < SCHED_FLAGS; i++)
		if (flags & sched_flags[i].flag &&
		    json_array_append_new(json, json_string(sched_flags[i].name)))
			return complete(json, -1);
	return json;
}

static uint32_t flag_from_json(struct reader *reader, const json_t *json)
{
	const char *name = json_string_value(json);

	for (size_t i = 0; name && i < SCHED_FLAGS; i++)
		if (!strcmp(name, sched_flags[i].name))
			return sched_flags[i].flag;
	reader_fail(reader, "'flags' may hold flag-1, flag-2 and flag-3");
	return 0;
}

static void read_flags(struct reader *reader, uint32_t *flags)
{
	const json_t *array = reader_get(reader, "flags"), *item;
	size_t i;

	if (!array)
		return;
	if (!json_is_array(array))
		reader_fail(reader, "'flags' must be a list");
	json_array_foreach (array, i, item)
		*flags |= flag_from_json(reader, item);
}

static json_t *matches_to_json(const struct service_spec *spec)
{
	json_t *json = json_array();

	for (size_t i = 0; i < spec->matches_len; i++) {
		const struct match *match = &spec->matches[i];
		json_t *item = json_pack("{s:s, s:o, s:i, s:i}", "protocol",
					 protocol_name(match->protocol), "address",
					 addr_to_json(match->af, &match->addr), "first",
					 match->first, "last", match->last);

		if (json_array_append_new(json, item))
			return complete(json, -1);
	}
	return json;
}

static int match_from_json(const json_t *json, uint8_t af, struct match *out, struct error *err)
{
	struct reader reader;
	uint64_t first = 0, last = UINT16_MAX;

	*out = (struct match){0};
	reader_open(&reader, json, "match", err);
	reader_need(&reader, "protocol");
	reader_need(&reader, "address");
	read_protocol(&reader, "protocol", &out->protocol);
	reader_addr(&reader, "address", &out->af, &out->addr);
	reader_uint(&reader, "first", 0, UINT16_MAX, &first);
	reader_uint(&reader, "last", first, UINT16_MAX, &last);
	if (!reader.ret && out->af != af)
		reader_fail(&reader, "the address is not of the service's family");
	out->first = (uint16_t)first;
	out->last = (uint16_t)last;
	return reader_close(&reader);
}

/* The list is allocated; the caller frees it, also after an error. */
static void read_matches(struct reader *reader, struct service_spec *spec)
{
	const json_t *array = reader_get(reader, "match"), *item;
	size_t i;

	if (!array)
		return;
	if (!json_is_array(array) || !json_array_size(array) || !spec->key.fwmark) {
		reader_fail(reader, "'match' must be a list, of a firewall-mark service");
		return;
	}
	spec->matches = calloc(json_array_size(array), sizeof(*spec->matches));
	if (!spec->matches) {
		reader_fail(reader, "no memory");
		return;
	}
	json_array_foreach (array, i, item) {
		if (reader->ret)
			break;
		reader->ret = match_from_json(item, spec->key.af, &spec->matches[i], reader->err);
		spec->matches_len++;
	}
}

json_t *service_to_json(const struct service_spec *spec)
{
	const uint32_t flags = SERVICE_SCHED1 | SERVICE_SCHED2 | SERVICE_SCHED3;
	json_t *json = json_object();
	int failed;

	if (!json)
		return NULL;
	failed = put_key(json, &spec->key);
	if (spec->name[0])
		failed |= json_object_set_new(json, "name", text_to_json(spec->name));
	failed |= json_object_set_new(json, "scheduler", text_to_json(spec->scheduler));
	if (spec->flags & SERVICE_PERSISTENT)
		failed |= json_object_set_new(json, "persistent", number(spec->timeout));
	if (spec->netmask != netmask_full(spec->key.af))
		failed |= json_object_set_new(json, "netmask",
					      netmask_to_json(spec->key.af, spec->netmask));
	if (spec->flags & SERVICE_ONEPACKET)
		failed |= json_object_set_new(json, "onepacket", json_true());
	if (spec->flags & flags)
		failed |= json_object_set_new(json, "flags", flags_to_json(spec->flags));
	if (spec->matches_len)
		failed |= json_object_set_new(json, "match", matches_to_json(spec));
	if (timeouts_any(&spec->timeouts))
		failed |= json_object_set_new(json, "timeouts", timeouts_to_json(&spec->timeouts));
	if (spec->limit)
		failed |= json_object_set_new(json, "limit", number(spec->limit));
	if (spec->slow_start)
		failed |= json_object_set_new(json, "slow_start", number(spec->slow_start));
	return complete(json, failed);
}

int service_from_json(const json_t *json, struct service_spec *out, struct error *err)
{
	struct service_spec spec = {0};
	struct reader reader;
	bool onepacket = false;
	uint64_t persistent;

	reader_open(&reader, json, "service", err);
	read_key(&reader, &spec.key);
	reader_string(&reader, "name", spec.name, sizeof(spec.name));
	reader_need(&reader, "scheduler");
	reader_string(&reader, "scheduler", spec.scheduler, sizeof(spec.scheduler));
	if (reader_uint(&reader, "persistent", 1, TIMEOUT_MAX, &persistent)) {
		spec.flags |= SERVICE_PERSISTENT;
		spec.timeout = (uint32_t)persistent;
	}
	read_netmask(&reader, spec.key.af, &spec.netmask);
	reader_bool(&reader, "onepacket", &onepacket);
	spec.flags |= onepacket ? SERVICE_ONEPACKET : 0;
	read_flags(&reader, &spec.flags);
	read_matches(&reader, &spec);
	if (reader_u32(&reader, "limit", INT32_MAX, &spec.limit))
		spec.says |= SAYS_LIMIT;
	if (reader_u32(&reader, "slow_start", SLOW_START_MAX, &spec.slow_start))
		spec.says |= SAYS_SLOW_START;
	if (reader_get(&reader, "timeouts") && !reader.ret) {
		reader.ret =
			timeouts_from_json(reader_get(&reader, "timeouts"), &spec.timeouts, err);
		spec.says |= SAYS_TIMEOUTS;
	}
	if (reader_close(&reader)) {
		free(spec.matches);
		return reader.ret;
	}
	*out = spec;
	return 0;
}

json_t *flow_to_json(const struct flow *flow)
{
	return json_pack("{s:s, s:o, s:i, s:o, s:i}", "protocol", protocol_name(flow->protocol),
			 "source", addr_to_json(flow->af, &flow->saddr), "sport",
			 ntohs(flow->sport), "destination", addr_to_json(flow->af, &flow->daddr),
			 "dport", ntohs(flow->dport));
}

int flow_from_json(const json_t *json, struct flow *out, struct error *err)
{
	struct flow flow = {0};
	struct reader reader;
	uint8_t daf = 0;

	reader_open(&reader, json, "flow", err);
	reader_need(&reader, "protocol");
	reader_need(&reader, "source");
	reader_need(&reader, "destination");
	read_protocol(&reader, "protocol", &flow.protocol);
	reader_addr(&reader, "source", &flow.af, &flow.saddr);
	reader_port(&reader, "sport", &flow.sport);
	reader_addr(&reader, "destination", &daf, &flow.daddr);
	reader_port(&reader, "dport", &flow.dport);
	if (!reader.ret && flow.af != daf)
		reader_fail(&reader, "source and destination are of different families");
	if (reader_close(&reader))
		return reader.ret;
	*out = flow;
	return 0;
}

json_t *timeouts_to_json(const struct timeouts_spec *timeouts)
{
	json_t *json = json_object();
	int failed = 0;

	for (size_t i = 0; i < timeout_keys_len; i++) {
		uint32_t value = timeout_value(timeouts, &timeout_keys[i]);

		if (value)
			failed |= json_object_set_new(json, timeout_keys[i].name, number(value));
	}
	return complete(json, failed);
}

int timeouts_from_json(const json_t *json, struct timeouts_spec *out, struct error *err)
{
	struct timeouts_spec spec = {0};
	struct reader reader;
	uint64_t value;

	reader_open(&reader, json, "timeouts", err);
	for (size_t i = 0; i < timeout_keys_len; i++)
		if (reader_uint(&reader, timeout_keys[i].name, 0, TIMEOUT_MAX, &value))
			*timeout_at(&spec, &timeout_keys[i]) = (uint32_t)value;
	if (reader_close(&reader))
		return reader.ret;
	*out = spec;
	return 0;
}
