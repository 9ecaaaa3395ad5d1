// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "nfvsadm explain" as JSON: the answer of direct_explain(), and beside it what the decision was
 * made from, so that a person can check it: all servers with their weights and loads. Control
 * thread.
 */
#include "daemon/explanation.h"
#include "ctl/row.h"
#include "daemon/listing.h"

/* How the service was found. */
static const char *why(const struct explanation *found, const struct flow *flow)
{
	if (found->svc->key.fwmark)
		return found->match ? "group" : "mark";
	if (found->svc->key.port == flow->dport)
		return "address";
	return found->svc->key.port ? "ftp" : "all-ports";
}

static const char *decision(const struct explanation *found, const struct flow *flow)
{
	const struct service *svc = found->svc;

	if (found->conn)
		return atomic_load_explicit(&found->dest->flags, memory_order_relaxed) &
				       DEST_AVAILABLE
			       ? "connection"
			       : "dropped";
	if (!svc)
		return "passed";
	if (found->template)
		return "template";
	if (found->dest)
		return "scheduler";
	/* Found as FTP data, which only a persistent service takes. */
	if (!svc->key.fwmark && svc->key.port != flow->dport &&
	    !(atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_PERSISTENT))
		return "passed";
	return "refused";
}

/* The port at the server, as for a packet of the flow (lvs/schedule.c). */
static uint16_t port_at_server(const struct explanation *found, const struct flow *flow)
{
	const struct service *svc = found->svc;
	__be16 port = found->dest->port;

	if (found->conn)
		return ntohs(found->conn->dport);
	if (atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_PERSISTENT &&
	    flow->dport != svc->key.port)
		port = 0;
	return ntohs(port ? port : flow->dport);
}

static json_t *server_json(const struct dest *dest)
{
	struct dest_spec spec;

	dest_get(dest, &spec);
	return dest_to_json(&spec);
}

/* Control thread: the list cannot change meanwhile. */
static json_t *candidates_json(const struct service *svc)
{
	json_t *rows = json_array();
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->dests, list)
		json_array_append_new(rows, json_pack("{s:o, s:I, s:I, s:I, s:b, s:b}", "server",
						      server_json(dest), "active",
						      (json_int_t)dest_active(dest), "inactive",
						      (json_int_t)dest_inactive(dest), "overhead",
						      (json_int_t)dest_overhead(dest), "usable",
						      (int)dest_usable(dest), "overloaded",
						      (int)dest_overloaded(dest)));
	return rows;
}

static json_t *service_json(const struct service *svc)
{
	struct service_spec spec;

	service_get(svc, &spec);
	return service_to_json(&spec);
}

/* The inner object of a connection's row. */
static json_t *conn_json(const struct conn *conn)
{
	struct conn_row row;
	json_t *json, *inner;

	conn_row_fill(&row, conn, director_now());
	json = conn_row_to_json(&row);
	inner = json_incref(json_object_get(json, "connection"));
	json_decref(json);
	return inner;
}

static json_t *match_json(const struct match *match)
{
	char text[ADDR_STRLEN];

	return json_pack("{s:s, s:s, s:i, s:i}", "protocol", protocol_name(match->protocol),
			 "address", addr_format(text, match->af, &match->addr), "first",
			 match->first, "last", match->last);
}

json_t *explanation_json(const struct director *director, const struct flow *flow, uint32_t mark)
{
	const struct direct direct = {
		.services = director_services(director),
		.conns = director_conns(director),
		.mark_mask = director_conf(director)->mark_mask,
		.now = director_now(),
	};
	struct explanation found;
	json_t *json;

	rcu_read_lock();
	direct_explain(&direct, flow, mark, &found);
	json = json_pack("{s:o, s:I, s:s}", "flow", flow_to_json(flow), "mark",
			 (json_int_t)found.mark, "decision", decision(&found, flow));
	if (json && found.svc) {
		json_object_set_new(json, "why", json_string(why(&found, flow)));
		json_object_set_new(json, "service", service_json(found.svc));
		if (found.match)
			json_object_set_new(json, "match", match_json(found.match));
	}
	if (json && found.conn)
		json_object_set_new(json, "connection", conn_json(found.conn));
	if (json && found.template)
		json_object_set_new(json, "template", conn_json(found.template));
	if (json && found.dest) {
		json_object_set_new(json, "server", server_json(found.dest));
		json_object_set_new(json, "port", json_integer(port_at_server(&found, flow)));
	}
	if (json && found.svc)
		json_object_set_new(json, "candidates", candidates_json(found.svc));
	rcu_read_unlock();
	return json;
}
