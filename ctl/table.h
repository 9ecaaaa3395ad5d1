/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "ctl/row.h"

/* The services with their servers, as a list command needs them: whole, to be sorted. */
struct table_service {
	struct service_row row;
	size_t dests, dests_len; /* in table.dests */
};

struct table {
	struct table_service *services;
	struct dest_row *dests;
	size_t services_len, services_max, dests_len, dests_max;
};

/* Adds a row of the daemon's answer. 0, or -errno with @err. */
int table_add(struct table *table, const json_t *json, struct error *err);

/* ipvsadm's order. */
void table_sort(struct table *table);

/* Frees what is in it. */
void table_clear(struct table *table);

#endif
