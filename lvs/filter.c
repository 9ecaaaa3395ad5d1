// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conditions on connections. The one idea: a filter is applied while the table is walked, so its
 * conditions are plain comparisons in the order of their cost, and what is left out costs a test of
 * one bit. Any thread under RCU.
 */
#include "lvs/filter.h"
#include "lvs/proto.h"

#include <strings.h>

uint32_t conn_age(const struct conn *conn, uint64_t now)
{
	uint32_t seconds = (uint32_t)(now / 1000);

	return seconds > conn->born ? seconds - conn->born : 0;
}

/* What is left of its time, and what a packet makes of it, say when the last one came. */
uint32_t conn_idle(const struct conn *conn, uint64_t now)
{
	uint64_t expires = atomic_load_explicit(&conn->expires, memory_order_relaxed);
	uint64_t timeout = atomic_load_explicit(&conn->timeout, memory_order_relaxed);

	return now + timeout > expires ? (uint32_t)((now + timeout - expires) / 1000) : 0;
}

const char *conn_state_name(const struct conn *conn)
{
	uint8_t flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);

	if (flags & CONN_TEMPLATE)
		return flags & CONN_ASSURED ? "ASSURED" : "NONE";
	return proto_find(conn->protocol)
		->state_name(atomic_load_explicit(&conn->state, memory_order_relaxed));
}

const char *filter_state(const char *text)
{
	static const struct {
		uint8_t protocol, states;
	} known[] = {{IPPROTO_TCP, TCP_STATES}, {IPPROTO_UDP, 1}, {IPPROTO_SCTP, SCTP_STATES}};

	if (!strcasecmp(text, FILTER_TEMPLATE))
		return FILTER_TEMPLATE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct proto *proto = proto_find(known[i].protocol);

		for (uint8_t state = 0; proto && state < known[i].states; state++)
			if (!strcasecmp(text, proto->state_name(state)))
				return proto->state_name(state);
	}
	return NULL;
}

/* The service whose server it has; that server may have been removed since. */
static bool service_matches(const struct filter *filter, const struct conn *conn)
{
	struct service_key key = conn->dest->vs;

	key.fwmark = conn_fwmark(conn);
	return service_key_equal(&key, &filter->service);
}

static bool server_matches(const struct filter *filter, const struct conn *conn)
{
	const struct dest *dest = conn->dest;

	if (filter->set & FILTER_SERVER &&
	    (dest->af != filter->server_af || !addr_equal(&dest->addr, &filter->server)))
		return false;
	return !(filter->set & FILTER_DPORT) || conn->dport == filter->server_port;
}

static bool client_matches(const struct filter *filter, const struct conn *conn)
{
	union addr client;

	if (filter->set & FILTER_PORT && conn->cport != filter->client_port)
		return false;
	if (!(filter->set & FILTER_CLIENT))
		return true;
	if (conn->af != filter->af)
		return false;
	client = conn_client(conn);
	client = addr_network(conn->af, &client, filter->netmask);
	return addr_equal(&client, &filter->client);
}

/* Does "TEMPLATE" mean it, or the name of its state? A template has no state but that. */
static bool state_matches(const struct filter *filter, const struct conn *conn)
{
	bool template = atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_TEMPLATE;

	if (template || !strcmp(filter->state, FILTER_TEMPLATE))
		return template && !strcmp(filter->state, FILTER_TEMPLATE);
	return !strcmp(filter->state, conn_state_name(conn));
}

static bool times_match(const struct filter *filter, const struct conn *conn, uint64_t now)
{
	uint32_t age = conn_age(conn, now), idle = conn_idle(conn, now);

	return (!(filter->set & FILTER_AGE_MIN) || age > filter->age_min) &&
	       (!(filter->set & FILTER_AGE_MAX) || age < filter->age_max) &&
	       (!(filter->set & FILTER_IDLE_MIN) || idle > filter->idle_min) &&
	       (!(filter->set & FILTER_IDLE_MAX) || idle < filter->idle_max);
}

bool filter_matches(const struct filter *filter, const struct conn *conn, uint64_t now)
{
	if (!filter->set)
		return true;
	return client_matches(filter, conn) && server_matches(filter, conn) &&
	       (!(filter->set & FILTER_SERVICE) || service_matches(filter, conn)) &&
	       (!(filter->set & FILTER_STATE) || state_matches(filter, conn)) &&
	       times_match(filter, conn, now);
}
