// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of listings as JSON. A row is small and complete in itself, so that the daemon can send, and
 * a client take, any number of them without holding the whole answer as one document. The daemon
 * calls this on its control thread.
 */
#include "ctl/row.h"
#include "ctl/reader.h"

#include <string.h>

static json_t *rates_to_json(const struct counters *rates)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "cps", (json_int_t)rates->conns, "in_pps",
			 (json_int_t)rates->in_pkts, "out_pps", (json_int_t)rates->out_pkts,
			 "in_bps", (json_int_t)rates->in_bytes, "out_bps",
			 (json_int_t)rates->out_bytes);
}

static json_t *counters_to_json(const struct counters *counters)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "conns", (json_int_t)counters->conns,
			 "in_pkts", (json_int_t)counters->in_pkts, "out_pkts",
			 (json_int_t)counters->out_pkts, "in_bytes", (json_int_t)counters->in_bytes,
			 "out_bytes", (json_int_t)counters->out_bytes);
}

static void read_rates(struct reader *reader, struct counters *out)
{
	const json_t *json = reader_get(reader, "rates");
	struct reader inner;

	if (!json)
		return;
	reader_open(&inner, json, "rates", reader->err);
	reader_uint(&inner, "cps", 0, INT64_MAX, &out->conns);
	reader_uint(&inner, "in_pps", 0, INT64_MAX, &out->in_pkts);
	reader_uint(&inner, "out_pps", 0, INT64_MAX, &out->out_pkts);
	reader_uint(&inner, "in_bps", 0, INT64_MAX, &out->in_bytes);
	reader_uint(&inner, "out_bps", 0, INT64_MAX, &out->out_bytes);
	reader->ret = reader_close(&inner);
}

static void read_counters(struct reader *reader, struct counters *out)
{
	const json_t *json = reader_get(reader, "counters");
	struct reader inner;

	if (!json)
		return;
	reader_open(&inner, json, "counters", reader->err);
	reader_uint(&inner, "conns", 0, INT64_MAX, &out->conns);
	reader_uint(&inner, "in_pkts", 0, INT64_MAX, &out->in_pkts);
	reader_uint(&inner, "out_pkts", 0, INT64_MAX, &out->out_pkts);
	reader_uint(&inner, "in_bytes", 0, INT64_MAX, &out->in_bytes);
	reader_uint(&inner, "out_bytes", 0, INT64_MAX, &out->out_bytes);
	reader->ret = reader_close(&inner);
}

json_t *service_row_to_json(const struct service_row *row, bool counted)
{
	json_t *json = json_pack("{s:o, s:b}", "service", service_to_json(&row->spec), "file",
				 (int)row->from_file);

	if (json && counted) {
		json_object_set_new(json, "counters", counters_to_json(&row->counters));
		json_object_set_new(json, "rates", rates_to_json(&row->rates));
	}
	return json;
}

int service_row_from_json(const json_t *json, struct service_row *out, struct error *err)
{
	struct service_row row = {0};
	struct reader reader;

	reader_open(&reader, json, "service row", err);
	reader_need(&reader, "service");
	reader_bool(&reader, "file", &row.from_file);
	read_counters(&reader, &row.counters);
	read_rates(&reader, &row.rates);
	if (reader_close(&reader))
		return reader.ret;
	/* Last, for it is the only one that allocates. */
	reader.ret = service_from_json(json_object_get(json, "service"), &row.spec, err);
	if (!reader.ret)
		*out = row;
	return reader.ret;
}

json_t *dest_row_to_json(const struct dest_row *row, bool counted)
{
	json_t *json =
		json_pack("{s:o, s:I, s:I, s:I, s:b}", "server", dest_to_json(&row->spec), "active",
			  (json_int_t)row->active, "inactive", (json_int_t)row->inactive,
			  "persistent", (json_int_t)row->persistent, "file", (int)row->from_file);

	if (json && counted) {
		json_object_set_new(json, "counters", counters_to_json(&row->counters));
		json_object_set_new(json, "rates", rates_to_json(&row->rates));
	}
	return json;
}

int dest_row_from_json(const json_t *json, struct dest_row *out, struct error *err)
{
	struct dest_row row = {0};
	struct reader reader;

	reader_open(&reader, json, "server row", err);
	reader_need(&reader, "server");
	if (!reader.ret)
		reader.ret = dest_from_json(reader_get(&reader, "server"), &row.spec, err);
	reader_u32(&reader, "active", UINT32_MAX, &row.active);
	reader_u32(&reader, "inactive", UINT32_MAX, &row.inactive);
	reader_u32(&reader, "persistent", UINT32_MAX, &row.persistent);
	reader_bool(&reader, "file", &row.from_file);
	read_counters(&reader, &row.counters);
	read_rates(&reader, &row.rates);
	if (reader_close(&reader))
		return reader.ret;
	*out = row;
	return 0;
}

static json_t *address(uint8_t af, const union addr *addr)
{
	char text[ADDR_STRLEN];

	return json_string(addr_format(text, af, addr));
}

json_t *conn_row_to_json(const struct conn_row *row)
{
	json_t *json =
		json_pack("{s:s, s:o, s:i, s:o, s:i, s:o, s:i, s:s, s:I, s:I, s:I}", "protocol",
			  row->protocol ? protocol_name(row->protocol) : "ip", "source",
			  address(row->af, &row->source), "sport", ntohs(row->sport), "virtual",
			  address(row->af, &row->virtual), "vport", ntohs(row->vport), "server",
			  address(row->server_af, &row->server), "dport", ntohs(row->dport),
			  "state", row->state, "expires", (json_int_t)row->expires, "age",
			  (json_int_t)row->age, "idle", (json_int_t)row->idle);

	if (json && row->fwmark)
		json_object_set_new(json, "fwmark", json_integer(row->fwmark));
	if (json && row->template)
		json_object_set_new(json, "template", json_true());
	return json_pack("{s:o}", "connection", json);
}

static void read_protocol(struct reader *reader, uint8_t *out)
{
	char text[16];
	int protocol;

	if (!reader_string(reader, "protocol", text, sizeof(text)) || !strcmp(text, "ip"))
		return;
	protocol = protocol_parse(text);
	if (protocol < 0)
		reader_fail(reader, "'protocol' must be tcp, udp, sctp or ip");
	else
		*out = (uint8_t)protocol;
}

/* One end of the connection: address and port. */
static void read_end(struct reader *reader, const char *name, const char *port_name, uint8_t af,
		     union addr *addr, __be16 *port)
{
	uint8_t family = af;

	reader_need(reader, name);
	reader_addr(reader, name, &family, addr);
	reader_port(reader, port_name, port);
	if (!reader->ret && family != af)
		reader_fail(reader, "addresses of different families");
}

int conn_row_from_json(const json_t *json, struct conn_row *out, struct error *err)
{
	struct reader outer, reader;
	struct conn_row row = {0};
	union addr source;

	reader_open(&outer, json, "connection row", err);
	reader_need(&outer, "connection");
	reader_get(&outer, "connection");
	if (reader_close(&outer))
		return outer.ret;
	reader_open(&reader, json_object_get(json, "connection"), "connection", err);
	reader_need(&reader, "protocol");
	reader_need(&reader, "source");
	read_protocol(&reader, &row.protocol);
	reader_addr(&reader, "source", &row.af, &source);
	read_end(&reader, "source", "sport", row.af, &row.source, &row.sport);
	read_end(&reader, "virtual", "vport", row.af, &row.virtual, &row.vport);
	reader_need(&reader, "server");
	reader_addr(&reader, "server", &row.server_af, &row.server);
	reader_port(&reader, "dport", &row.dport);
	reader_string(&reader, "state", row.state, sizeof(row.state));
	reader_u32(&reader, "expires", UINT32_MAX, &row.expires);
	reader_u32(&reader, "age", UINT32_MAX, &row.age);
	reader_u32(&reader, "idle", UINT32_MAX, &row.idle);
	reader_u32(&reader, "fwmark", UINT32_MAX, &row.fwmark);
	reader_bool(&reader, "template", &row.template);
	if (reader_close(&reader))
		return reader.ret;
	*out = row;
	return 0;
}
