/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_ROW_H
#define CTL_ROW_H

#include "ctl/proto.h"
#include "lvs/estimator.h"

/*
 * The rows of long answers: what the daemon collects, one line of JSON each, and what nfvsadm
 * prints. The ..._to_json() and ..._from_json() functions are as in proto.h.
 */

/* {"service": {...}, "file", "counters", "rates"} */
struct service_row {
	struct service_spec spec; /* whoever has the row owns spec.matches */
	bool from_file;		  /* the configuration file asks for it */
	struct counters counters, rates;
};

/* {"server": {...}, "active", "inactive", "persistent", "file", "counters", "rates"}; belongs to
 * the service row before it. */
struct dest_row {
	struct dest_spec spec;
	uint32_t active, inactive, persistent;
	bool from_file;
	struct counters counters, rates;
};

#define STATE_NAME_MAX 12

/* {"connection": {"protocol", "source", "sport", "virtual", "vport", "server", "dport", "state",
 * "expires", "age", "idle", "fwmark", "template"}}. The protocol of a firewall-mark service's
 * template is "ip", its virtual address the mark. */
struct conn_row {
	union addr source, virtual, server;
	__be16 sport, vport, dport;
	uint8_t af, protocol;
	uint8_t server_af; /* not af, if it is reached through a tunnel */
	bool template;
	char state[STATE_NAME_MAX]; /* "ESTABLISHED"; of a template "NONE" or "ASSURED" */
	uint32_t expires;	    /* seconds left */
	uint32_t age, idle;	    /* seconds since it was made, since its last packet */
	uint32_t fwmark;	    /* of the service, or 0 */
};

/* @counted: with the counters and rates. */
json_t *service_row_to_json(const struct service_row *row, bool counted);
int service_row_from_json(const json_t *json, struct service_row *out, struct error *err);

json_t *dest_row_to_json(const struct dest_row *row, bool counted);
int dest_row_from_json(const json_t *json, struct dest_row *out, struct error *err);

json_t *conn_row_to_json(const struct conn_row *row);
int conn_row_from_json(const json_t *json, struct conn_row *out, struct error *err);

#endif
