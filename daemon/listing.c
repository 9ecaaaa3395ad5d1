// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Long answers of the control socket. The one idea: copy first, format later. A copy of plain
 * records is quick and consistent; the text, ten times as large and slow to make, is only made as
 * fast as the client reads it. Services are copied on the control thread, which alone changes them;
 * connections, of which there may be millions, on a thread of libuv's pool.
 */
#include "daemon/listing.h"
#include "lib/array.h"
#include "lvs/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct listed_service {
	struct service_row row;
	size_t dests_end; /* its servers end here, those of the one before end where they begin */
};

struct listing {
	const struct director *director;
	bool connections, pending, counted, no_memory;
	struct listed_service *services;
	struct dest_row *dests;
	struct conn_row *conns;
	size_t services_len, services_max, dests_len, dests_max, conns_len, conns_max;
	size_t service_at, dest_at, conn_at; /* formatted so far */
	uint64_t now;
};

static uint64_t value(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static struct counters counters_of(const struct traffic *traffic)
{
	return (struct counters){
		.conns = value(&traffic->conns),
		.in_pkts = value(&traffic->in_pkts),
		.out_pkts = value(&traffic->out_pkts),
		.in_bytes = value(&traffic->in_bytes),
		.out_bytes = value(&traffic->out_bytes),
	};
}

static bool copy_dests(struct listing *listing, const struct service *svc)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		struct dest_row *row;

		if (!array_grow(&listing->dests, listing->dests_len, &listing->dests_max,
				sizeof(*row)))
			return false;
		row = &listing->dests[listing->dests_len++];
		*row = (struct dest_row){
			.active = dest_active(dest),
			.inactive = dest_inactive(dest),
			.persistent = atomic_load_explicit(&dest->persistent, memory_order_relaxed),
			.from_file = dest->from_file,
			.counters = counters_of(&dest->traffic),
		};
		dest_get(dest, &row->spec);
	}
	return true;
}

/* The row gets matches of its own: the service may go while the listing is sent. */
static bool copy_matches(struct service_spec *spec)
{
	const struct match *matches = spec->matches;

	spec->matches = NULL;
	if (!spec->matches_len)
		return true;
	spec->matches = calloc(spec->matches_len, sizeof(*matches));
	if (!spec->matches)
		return false;
	memcpy(spec->matches, matches, spec->matches_len * sizeof(*matches));
	return true;
}

static int copy_service(struct service *svc, void *data)
{
	struct listing *listing = data;
	struct listed_service *listed;

	if (!array_grow(&listing->services, listing->services_len, &listing->services_max,
			sizeof(*listed)))
		goto no_memory;
	listed = &listing->services[listing->services_len];
	*listed = (struct listed_service){
		.row = {.from_file = svc->from_file, .counters = counters_of(&svc->traffic)}};
	service_get(svc, &listed->row.spec);
	if (!copy_matches(&listed->row.spec))
		goto no_memory;
	listing->services_len++;
	if (!copy_dests(listing, svc))
		goto no_memory;
	listed->dests_end = listing->dests_len;
	return 0;

no_memory:
	listing->no_memory = true;
	return 1;
}

struct listing *listing_services(const struct director *director, const struct service_key *key,
				 bool counted)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	struct service *svc;

	if (!listing)
		return NULL;
	listing->director = director;
	listing->counted = counted;
	rcu_read_lock();
	if (key) {
		svc = services_get(director_services(director), key);
		if (svc)
			copy_service(svc, listing);
	} else {
		services_each(director_services(director), copy_service, listing);
	}
	rcu_read_unlock();
	if (!listing->no_memory)
		return listing;
	listing_free(listing);
	return NULL;
}

struct listing *listing_connections(const struct director *director)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing)
		return NULL;
	listing->director = director;
	listing->connections = true;
	listing->pending = true;
	return listing;
}

void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	for (size_t i = 0; i < listing->services_len; i++)
		free(listing->services[i].row.spec.matches);
	free(listing->services);
	free(listing->dests);
	free(listing->conns);
	free(listing);
}

bool listing_pending(const struct listing *listing)
{
	return listing->pending;
}

static const char *state_name(const struct conn *conn, uint8_t flags)
{
	if (flags & CONN_TEMPLATE)
		return flags & CONN_ASSURED ? "ASSURED" : "NONE";
	return proto_find(conn->protocol)
		->state_name(atomic_load_explicit(&conn->state, memory_order_relaxed));
}

void conn_row_fill(struct conn_row *row, const struct conn *conn, uint64_t now)
{
	uint64_t expires = atomic_load_explicit(&conn->expires, memory_order_relaxed);
	uint8_t flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	bool bypass = conn->forward->method == FORWARD_BYPASS; /* to where the client sent it */

	*row = (struct conn_row){
		.source = conn->caddr,
		.virtual = conn->vaddr,
		.server = bypass ? conn->vaddr : conn->dest->addr,
		.server_af = conn->dest->af,
		.sport = conn->cport,
		.vport = conn->vport,
		.dport = conn->dport,
		.af = conn->af,
		.protocol = conn->protocol,
		.template = flags & CONN_TEMPLATE,
		.expires = expires > now ? (uint32_t)((expires - now) / 1000) : 0,
		.fwmark = conn->fwmark,
	};
	strncpy(row->state, state_name(conn, flags), sizeof(row->state) - 1);
}

static int copy_conn(struct conn *conn, void *data)
{
	struct listing *listing = data;

	if (!array_grow(&listing->conns, listing->conns_len, &listing->conns_max,
			sizeof(*listing->conns))) {
		listing->no_memory = true;
		return 1;
	}
	conn_row_fill(&listing->conns[listing->conns_len++], conn, listing->now);
	return 0;
}

int listing_collect(struct listing *listing)
{
	struct conns *conns = director_conns(listing->director);
	size_t room = conns_count(conns) + 64;

	listing->now = director_now();
	listing->conns = calloc(room, sizeof(*listing->conns));
	listing->conns_max = listing->conns ? room : 0;
	rcu_read_lock();
	conns_each(conns, copy_conn, listing);
	rcu_read_unlock();
	listing->pending = false;
	return listing->no_memory ? -ENOMEM : 0;
}

size_t listing_size(const struct listing *listing)
{
	if (listing->connections)
		return conns_count(director_conns(listing->director)) * sizeof(struct conn_row);
	return listing->services_max * sizeof(struct listed_service) +
	       listing->dests_max * sizeof(struct dest_row);
}

/* The next row, or NULL after the last. */
static json_t *format_next(struct listing *listing)
{
	struct listed_service *svc;

	if (listing->connections)
		return listing->conn_at < listing->conns_len
			       ? conn_row_to_json(&listing->conns[listing->conn_at++])
			       : NULL;
	/* service_at counts those whose own row is out. */
	if (listing->service_at &&
	    listing->dest_at < listing->services[listing->service_at - 1].dests_end)
		return dest_row_to_json(&listing->dests[listing->dest_at++], listing->counted);
	if (listing->service_at == listing->services_len)
		return NULL;
	svc = &listing->services[listing->service_at++];
	return service_row_to_json(&svc->row, listing->counted);
}

static bool listing_more(const struct listing *listing)
{
	return listing->conn_at < listing->conns_len ||
	       listing->service_at < listing->services_len || listing->dest_at < listing->dests_len;
}

bool listing_format(struct listing *listing, struct lines *lines, unsigned int rows)
{
	for (unsigned int i = 0; i < rows && listing_more(listing); i++)
		lines_add(lines, format_next(listing));
	return listing_more(listing);
}
