// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server as JSON, in both directions: as in proto.c, what a person would write, and nothing that
 * is not set. What ipvsadm has no word for is told apart from what is set to nothing, so that its
 * edits leave it alone. Both ends of the control socket; the daemon on its control thread.
 */
#include "ctl/proto.h"
#include "ctl/reader.h"

#include <arpa/inet.h>
#include <string.h>

static int put_tunnel(json_t *json, const struct tunnel *tunnel)
{
	int failed =
		json_object_set_new(json, "tunnel", json_string(tunnel_type_name(tunnel->type)));

	if (tunnel->type == TUNNEL_GUE)
		failed |=
			json_object_set_new(json, "tunnel_port", json_integer(ntohs(tunnel->port)));
	if (tunnel->type != TUNNEL_IPIP)
		failed |= json_object_set_new(json, "tunnel_checksum",
					      json_string(tunnel_checksum_name(tunnel->flags)));
	return failed;
}

/* What ipvsadm has no word for, where it is set. */
static int put_more(json_t *json, const struct dest_spec *spec)
{
	int failed = 0;

	if (spec->limit)
		failed |= json_object_set_new(json, "limit", json_integer(spec->limit));
	if (spec->backup)
		failed |= json_object_set_new(json, "backup", json_true());
	if (spec->says & SAYS_SLOW_START)
		failed |= json_object_set_new(json, "slow_start", json_integer(spec->slow_start));
	return failed;
}

json_t *dest_to_json(const struct dest_spec *spec)
{
	json_t *json =
		json_pack("{s:o, s:i, s:s, s:I, s:I, s:I}", "address",
			  addr_to_json(spec->af, &spec->addr), "port", ntohs(spec->port), "method",
			  forward_method_name(spec->method), "weight", (json_int_t)spec->weight,
			  "upper", (json_int_t)spec->upper, "lower", (json_int_t)spec->lower);

	if (!json || put_more(json, spec) ||
	    (spec->method == FORWARD_TUN && put_tunnel(json, &spec->tunnel))) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static void read_method(struct reader *reader, enum forward_method *out)
{
	char text[16];

	if (!reader_string(reader, "method", text, sizeof(text)))
		return;
	for (unsigned int i = 0; i < FORWARD_MAX; i++) {
		if (!strcmp(text, forward_method_name(i))) {
			*out = i;
			return;
		}
	}
	reader_fail(reader, "'method' must be nat, dr, tun or fullnat");
}

static void read_tunnel_type(struct reader *reader, uint8_t *out)
{
	char text[8];

	if (!reader_string(reader, "tunnel", text, sizeof(text)))
		return;
	for (unsigned int i = 0; i < TUNNEL_MAX; i++) {
		if (!strcmp(text, tunnel_type_name(i))) {
			*out = (uint8_t)i;
			return;
		}
	}
	reader_fail(reader, "'tunnel' must be ipip, gue or gre");
}

static void read_tunnel_checksum(struct reader *reader, uint8_t *out)
{
	static const uint8_t known[] = {0, TUNNEL_CSUM, TUNNEL_REMCSUM};
	char text[8];

	if (!reader_string(reader, "tunnel_checksum", text, sizeof(text)))
		return;
	for (size_t i = 0; i < sizeof(known); i++) {
		if (!strcmp(text, tunnel_checksum_name(known[i]))) {
			*out = known[i];
			return;
		}
	}
	reader_fail(reader, "'tunnel_checksum' must be none, full or remote");
}

static void read_tunnel(struct reader *reader, struct dest_spec *spec)
{
	struct tunnel *tunnel = &spec->tunnel;
	const char *fault, *why;

	if (spec->method != FORWARD_TUN)
		return;
	read_tunnel_type(reader, &tunnel->type);
	reader_port(reader, "tunnel_port", &tunnel->port);
	read_tunnel_checksum(reader, &tunnel->flags);
	fault = tunnel_fault(tunnel, &why);
	if (fault && !reader->ret)
		reader_fail(reader, "'%s': %s", fault, why);
}

static void read_more(struct reader *reader, struct dest_spec *spec)
{
	if (reader_u32(reader, "limit", INT32_MAX, &spec->limit))
		spec->says |= SAYS_LIMIT;
	if (reader_bool(reader, "backup", &spec->backup))
		spec->says |= SAYS_BACKUP;
	if (reader_u32(reader, "slow_start", SLOW_START_MAX, &spec->slow_start))
		spec->says |= SAYS_SLOW_START;
}

int dest_from_json(const json_t *json, struct dest_spec *out, struct error *err)
{
	struct dest_spec spec = {.method = FORWARD_NAT};
	uint64_t weight = 1, upper = 0, lower = 0;
	struct reader reader;

	reader_open(&reader, json, "server", err);
	reader_need(&reader, "address");
	reader_addr(&reader, "address", &spec.af, &spec.addr);
	reader_port(&reader, "port", &spec.port);
	read_method(&reader, &spec.method);
	read_tunnel(&reader, &spec);
	reader_uint(&reader, "weight", 0, INT32_MAX, &weight);
	reader_uint(&reader, "upper", 0, UINT32_MAX, &upper);
	reader_uint(&reader, "lower", 0, UINT32_MAX, &lower);
	read_more(&reader, &spec);
	if (reader_close(&reader))
		return reader.ret;
	spec.weight = (int32_t)weight;
	spec.upper = (uint32_t)upper;
	spec.lower = (uint32_t)lower;
	*out = spec;
	return 0;
}
