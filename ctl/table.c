// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A listing of services, gathered row by row and sorted. The one idea: two flat arrays, each
 * service knowing its part of the servers, so a large table is two allocations that grow. nfvsadm
 * only.
 */
#include "ctl/table.h"
#include "lib/array.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "no memory for the listing");
}

static int add_service(struct table *table, const json_t *json, struct error *err)
{
	struct table_service *svc;
	int ret;

	if (!array_grow(&table->services, table->services_len, &table->services_max,
			sizeof(*table->services)))
		return no_memory(err);
	svc = &table->services[table->services_len];
	*svc = (struct table_service){.dests = table->dests_len};
	ret = service_row_from_json(json, &svc->row, err);
	if (!ret)
		table->services_len++;
	return ret;
}

static int add_dest(struct table *table, const json_t *json, struct error *err)
{
	int ret;

	if (!table->services_len)
		return error_set(err, -EBADMSG, "a server row without a service");
	if (!array_grow(&table->dests, table->dests_len, &table->dests_max, sizeof(*table->dests)))
		return no_memory(err);
	ret = dest_row_from_json(json, &table->dests[table->dests_len], err);
	if (ret)
		return ret;
	table->dests_len++;
	table->services[table->services_len - 1].dests_len++;
	return 0;
}

int table_add(struct table *table, const json_t *json, struct error *err)
{
	return json_object_get(json, "server") ? add_dest(table, json, err)
					       : add_service(table, json, err);
}

static int compare_plain(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* ipvsadm takes the sign of a wrapped 32-bit difference, so numbers further apart than 2^31 come
 * the other way round: 192.0.0.1 before 10.0.0.1. Scripts compare listings; so do we. */
static int compare_wrapped(uint32_t a, uint32_t b)
{
	return (int)(a - b);
}

typedef int (*compare_fn)(uint32_t a, uint32_t b);

static int compare_addr(uint8_t af, const union addr *a, const union addr *b, compare_fn compare)
{
	return af == AF_INET6 ? addr_compare(a, b) : compare(ntohl(a->ip), ntohl(b->ip));
}

static int compare_services(const void *a, const void *b, void *data)
{
	const struct service_key *x = &((const struct table_service *)a)->row.spec.key;
	const struct service_key *y = &((const struct table_service *)b)->row.spec.key;
	compare_fn compare = *(compare_fn *)data;
	int diff = compare(x->fwmark, y->fwmark);

	if (!diff)
		diff = (int)x->af - (int)y->af;
	if (!diff)
		diff = (int)x->protocol - (int)y->protocol;
	if (!diff)
		diff = compare_addr(x->af, &x->addr, &y->addr, compare);
	return diff ? diff : (int)ntohs(x->port) - (int)ntohs(y->port);
}

/* As in ipvsadm, where the family does not count: tunnels lead from one to the other, and then an
 * IPv4 address goes for the first word of an IPv6 one. */
static int compare_dests(const void *a, const void *b, void *data)
{
	const struct dest_spec *x = &((const struct dest_row *)a)->spec;
	const struct dest_spec *y = &((const struct dest_row *)b)->spec;
	int diff = compare_addr(x->af, &x->addr, &y->addr, *(compare_fn *)data);

	return diff ? diff : (int)ntohs(x->port) - (int)ntohs(y->port);
}

static void sort_by(struct table *table, compare_fn compare)
{
	for (size_t i = 0; i < table->services_len; i++) {
		struct table_service *svc = &table->services[i];

		if (svc->dests_len)
			qsort_r(table->dests + svc->dests, svc->dests_len, sizeof(*table->dests),
				compare_dests, &compare);
	}
	if (table->services_len)
		qsort_r(table->services, table->services_len, sizeof(*table->services),
			compare_services, &compare);
}

/* Numbers all around the circle have no wrapped order, and what comes out then depends on what went
 * in. Sorted before, the same table always looks the same. */
void table_sort(struct table *table)
{
	sort_by(table, compare_plain);
	sort_by(table, compare_wrapped);
}

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->services_len; i++)
		free(table->services[i].row.spec.matches);
	free(table->services);
	free(table->dests);
	*table = (struct table){0};
}
