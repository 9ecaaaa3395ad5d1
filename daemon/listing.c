// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Long answers of the control socket. The one idea: copy first, format later. A copy of plain
 * records is quick and consistent; the text, ten times as large and slow to make, is only made as
 * fast as the client reads it. Services are copied on the control thread, which alone changes them;
 * connections, of which there may be millions, on a thread of libuv's pool, and only those that the
 * filter selects. Ending connections is such an answer, too.
 */
#include "daemon/listing.h"
#include "lib/array.h"
#include "lvs/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORTION 4096u /* connections that a walk passes without leaving RCU */

struct listed_service {
	struct service_row row;
	size_t dests_end; /* its servers end here, those of the one before end where they begin */
};

/* Some rows, in the order of the table. Given back as they are sent, and small, so that the memory
 * of the process is not moved about under the workers. */
#define BLOCK_ROWS 512u
struct conn_block {
	struct conn_block *next;
	size_t len;
	struct conn_row rows[BLOCK_ROWS];
};

enum listing_kind {
	LIST_SERVICES,
	LIST_CONNECTIONS,
	LIST_KILL
};

struct listing {
	const struct director *director;
	enum listing_kind kind;
	bool pending, counted, no_memory, told;
	struct filter filter;
	struct killer *killer;
	struct kill kill;
	struct listed_service *services;
	struct dest_row *dests;
	struct conn_block *conns, *last; /* conn_at: in the first */
	size_t services_len, services_max, dests_len, dests_max;
	size_t service_at, dest_at, conn_at; /* formatted so far */
	uint64_t now;
};

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
			.counters = traffic_counters(&dest->traffic),
			.rates = traffic_rates(&dest->traffic),
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
	*listed = (struct listed_service){.row = {.from_file = svc->from_file,
						  .counters = traffic_counters(&svc->traffic),
						  .rates = traffic_rates(&svc->traffic)}};
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

struct listing *listing_connections(const struct director *director, const struct filter *filter)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing)
		return NULL;
	listing->director = director;
	listing->kind = LIST_CONNECTIONS;
	listing->filter = *filter;
	listing->pending = true;
	return listing;
}

struct listing *listing_kill(struct killer *killer, const struct filter *filter, enum ending how)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing)
		return NULL;
	listing->kind = LIST_KILL;
	listing->killer = killer;
	listing->kill = (struct kill){.filter = *filter, .how = how};
	listing->pending = true;
	return listing;
}

static void block_drop(struct listing *listing)
{
	struct conn_block *block = listing->conns;

	listing->conns = block->next;
	listing->conn_at = 0;
	free(block);
}

void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	for (size_t i = 0; i < listing->services_len; i++)
		free(listing->services[i].row.spec.matches);
	free(listing->services);
	free(listing->dests);
	while (listing->conns)
		block_drop(listing);
	free(listing);
}

bool listing_pending(const struct listing *listing)
{
	return listing->pending;
}

void conn_row_fill(struct conn_row *row, const struct conn *conn, uint64_t now)
{
	uint64_t expires = atomic_load_explicit(&conn->expires, memory_order_relaxed);
	uint8_t flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	bool bypass = conn_method(conn)->method == FORWARD_BYPASS; /* 0.0.0.0:0, as IPVS has it */

	*row = (struct conn_row){
		.source = conn_client(conn),
		.virtual = conn_virtual(conn),
		.server = conn->dest->addr,
		.server_af = conn->dest->af,
		.sport = conn->cport,
		.vport = conn->vport,
		.dport = bypass ? 0 : conn->dport,
		.af = conn->af,
		.protocol = conn->protocol,
		.template = flags & CONN_TEMPLATE,
		.expires = expires > now ? (uint32_t)((expires - now) / 1000) : 0,
		.age = conn_age(conn, now),
		.idle = conn_idle(conn, now),
		.fwmark = conn_fwmark(conn),
	};
	strncpy(row->state, conn_state_name(conn), sizeof(row->state) - 1);
}

static void copy_conn(struct conn *conn, void *data)
{
	struct listing *listing = data;
	struct conn_block *block = listing->last;

	if (listing->no_memory || !filter_matches(&listing->filter, conn, listing->now))
		return;
	if (!block || block->len == BLOCK_ROWS) {
		block = malloc(sizeof(*block));
		if (!block) {
			listing->no_memory = true;
			return;
		}
		block->next = NULL;
		block->len = 0;
		*(listing->last ? &listing->last->next : &listing->conns) = block;
		listing->last = block;
	}
	conn_row_fill(&block->rows[block->len++], conn, listing->now);
}

/* In portions: whoever waits for a grace period waits for one of them at most. */
static int collect_connections(struct listing *listing)
{
	struct conns *conns = director_conns(listing->director);
	struct conns_walk walk = {0};

	while (!listing->no_memory && conns_walk(conns, &walk, PORTION, copy_conn, listing))
		;
	return listing->no_memory ? -ENOMEM : 0;
}

int listing_collect(struct listing *listing)
{
	int ret = 0;

	listing->now = director_now();
	switch (listing->kind) {
	case LIST_SERVICES:
		break;
	case LIST_CONNECTIONS:
		ret = collect_connections(listing);
		break;
	case LIST_KILL:
		killer_run(listing->killer, &listing->kill);
		break;
	}
	listing->pending = false;
	return ret;
}

size_t listing_size(const struct listing *listing)
{
	switch (listing->kind) {
	case LIST_SERVICES:
		return listing->services_max * sizeof(struct listed_service) +
		       listing->dests_max * sizeof(struct dest_row);
	case LIST_CONNECTIONS:
		return conns_count(director_conns(listing->director)) * sizeof(struct conn_row);
	case LIST_KILL:
		break;
	}
	return 0;
}

static json_t *format_conn_row(struct listing *listing)
{
	struct conn_block *block = listing->conns;
	json_t *json = conn_row_to_json(&block->rows[listing->conn_at++]);

	if (listing->conn_at == block->len)
		block_drop(listing);
	return json;
}

/* The next row; there must be one. */
static json_t *format_next(struct listing *listing)
{
	struct listed_service *svc;

	if (listing->kind == LIST_KILL) {
		listing->told = true;
		return json_pack("{s:{s:I}}", "kill", "ended", (json_int_t)listing->kill.ended);
	}
	if (listing->kind == LIST_CONNECTIONS)
		return format_conn_row(listing);
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
	if (listing->kind == LIST_KILL)
		return !listing->told;
	return listing->conns || listing->service_at < listing->services_len ||
	       listing->dest_at < listing->dests_len;
}

bool listing_format(struct listing *listing, struct lines *lines, unsigned int rows)
{
	for (unsigned int i = 0; i < rows && listing_more(listing); i++)
		lines_add(lines, format_next(listing));
	return listing_more(listing);
}
