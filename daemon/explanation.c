// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "nfvsadm explain" as JSON: the answer of direct_explain(), and beside it what the decision was
 * made from, so that a person can check it: what the scheduler goes by, and all servers with their
 * weights and loads. Control
 * thread.
 */
#include "daemon/explanation.h"
#include "ctl/row.h"
#include "daemon/deciding.h"
#include "daemon/listing.h"

#include <stdio.h>

/* How the service was found. */
static const char *why(const struct explanation *found, const struct flow *flow)
{
	if (found->svc->key.fwmark)
		return found->match ? "group" : "mark";
	if (found->svc->key.port == flow->dport)
		return "address";
	return found->svc->key.port ? "ftp" : "all-ports";
}

static const char *const decisions[] = {
	[OUTCOME_PASSED] = "passed",
	[OUTCOME_CONNECTION] = "connection",
	[OUTCOME_DROPPED] = "dropped",
	[OUTCOME_RESET] = "reset",
	[OUTCOME_TEMPLATE] = "template",
	[OUTCOME_SCHEDULED] = "scheduler",
	[OUTCOME_BYPASSED] = "bypassed",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_SERVICE_FULL] = "service-full",
	[OUTCOME_SERVER_FULL] = "server-full",
};

/* The port at the server of a new connection (lvs/schedule.c). */
static uint16_t port_at_server(const struct service *svc, const struct dest *dest,
			       const struct flow *flow)
{
	__be16 port = dest->port;

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

/* The load only where the scheduler has one. */
static json_t *candidate_json(const struct scheduler *sched, const struct server_view *view)
{
	json_t *row = json_pack("{s:o, s:I, s:I, s:I}", "server", server_json(view->dest),
				"effective_weight", (json_int_t)view->weight, "active",
				(json_int_t)view->active, "inactive", (json_int_t)view->inactive);

	if (row && sched->load)
		json_object_set_new(row, "load", json_integer(view->load));
	if (row)
		json_object_update_new(row, json_pack("{s:b, s:b, s:b, s:b, s:b, s:b}", "usable",
						      view->in_pool && dest_usable(view->dest),
						      "overloaded", !!(view->flags & DEST_OVERLOAD),
						      "full", !!(view->flags & DEST_FULL),
						      "stands_back", !!(view->flags & DEST_BACK),
						      "draining", !!(view->flags & DEST_DRAINING),
						      "slow_start", !!view->dest->rise));
	return row;
}

static json_t *candidates_json(const struct explanation *found)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < found->servers_len; i++)
		json_array_append_new(rows, candidate_json(found->svc->sched, &found->servers[i]));
	return rows;
}

static json_t *fact_json(const struct sched_fact *fact)
{
	switch (fact->kind) {
	case FACT_NUMBER:
		return json_integer(fact->number);
	case FACT_YES:
		return json_boolean(fact->number);
	case FACT_SERVER:
		break;
	}
	if (!fact->dest)
		return json_null();
	return json_pack("{s:o, s:i}", "address", addr_to_json(fact->dest->af, &fact->dest->addr),
			 "port", ntohs(fact->dest->port));
}

/* "current weight" is "current-weight" here. In the scheduler's order. */
static json_t *facts_json(const struct sched_facts *facts)
{
	json_t *json = json_object();

	for (size_t i = 0; i < facts->len; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s", facts->items[i].name);
		for (char *c = name; *c; c++)
			if (*c == ' ')
				*c = '-';
		json_object_set_new(json, name, fact_json(&facts->items[i]));
	}
	return json;
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

/* Adds what becomes of it. */
static void put_fate(json_t *json, const struct explanation *found, const struct fate *fate,
		     const struct flow *flow)
{
	const struct conn *conn = fate == &found->fate ? found->conn : NULL;

	/* Whose turn it is the kernel alone knows. */
	if (fate->outcome == OUTCOME_SCHEDULED && found->svc->in_turns) {
		json_object_set_new(json, "decision", json_string("turns"));
		return;
	}
	json_object_set_new(json, "decision", json_string(decisions[fate->outcome]));
	if (fate->template)
		json_object_set_new(json, "template", conn_json(fate->template));
	if (!fate->dest)
		return;
	json_object_set_new(json, "server", server_json(fate->dest));
	json_object_set_new(json, "port",
			    json_integer(conn ? ntohs(conn->dport)
					      : port_at_server(found->svc, fate->dest, flow)));
}

static void put_service(json_t *json, const struct explanation *found, const struct flow *flow)
{
	json_object_set_new(json, "why", json_string(why(found, flow)));
	json_object_set_new(json, "service", service_json(found->svc));
	if (found->match)
		json_object_set_new(json, "match", match_json(found->match));
	json_object_set_new(json, "about", json_string(found->svc->sched->about));
	if (found->facts.len && !found->svc->in_turns)
		json_object_set_new(json, "facts", facts_json(&found->facts));
	if (found->svc->sched->load)
		json_object_set_new(json, "load_name", json_string(found->svc->sched->load_name));
	json_object_set_new(json, "full", json_boolean(found->full));
	json_object_set_new(json, "candidates", candidates_json(found));
}

static json_t *found_json(const struct explanation *found, const struct flow *flow)
{
	json_t *json = json_pack("{s:o, s:I}", "flow", flow_to_json(flow), "mark",
				 (json_int_t)found->mark);
	json_t *anew;

	if (!json)
		return NULL;
	put_fate(json, found, &found->fate, flow);
	if (found->conn)
		json_object_set_new(json, "connection", conn_json(found->conn));
	if (found->reopens) {
		anew = json_object();
		put_fate(anew, found, &found->anew, flow);
		json_object_set_new(json, "anew", anew);
	}
	if (found->svc)
		put_service(json, found, flow);
	return json;
}

json_t *explanation_json(const struct director *director, const struct flow *flow, uint32_t mark)
{
	struct direct direct = {
		.services = director_services(director),
		.conns = director_conns(director),
		.mark_mask = director_conf(director)->mark_mask,
		.now = director_now(),
	};
	struct explanation found;
	json_t *json = NULL;

	deciding_fill(director_deciding(director), &direct);
	rcu_read_lock();
	if (!direct_explain(&direct, flow, mark, &found)) {
		json = found_json(&found, flow);
		explanation_free(&found);
	}
	rcu_read_unlock();
	return json;
}
