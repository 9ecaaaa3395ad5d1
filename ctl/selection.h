/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_SELECTION_H
#define CTL_SELECTION_H

#include "ctl/proto.h"
#include "lvs/filter.h"

/*
 * Which connections a request means, and what is to become of them, as both ends of the control
 * socket know it. The ..._to_json() and ..._from_json() functions are as in proto.h.
 */

/* What becomes of connections that are to end. */
enum ending {
	ENDING_RESET,  /* TCP: a RST to both ends; others are forgotten */
	ENDING_EXPIRE, /* forgotten */
	ENDING_KEEP,   /* nothing */
	ENDING_MAX
};

/* "reset"; static storage. */
const char *ending_name(enum ending ending);

/* ENDING_MAX: no such name. */
enum ending ending_parse(const char *name);

/* {"client", "prefix", "client_port", "service" or "name", "server", "server_port", "state",
 * "age_min", "age_max", "idle_min", "idle_max"}; what is not there is no condition. */
json_t *filter_to_json(const struct filter *filter);
int filter_from_json(const json_t *json, struct filter *out, struct error *err);

/* A server to be drained. */
struct drain_spec {
	struct filter which; /* FILTER_SERVICE or FILTER_NAME, FILTER_SERVER, maybe FILTER_DPORT */
	bool has_deadline;
	uint32_t deadline; /* seconds from now */
	enum ending then;  /* of what is left at the deadline */
};

/* The request: {"command": "drain", "filter", "deadline", "then"}. */
json_t *drain_to_json(const struct drain_spec *spec);
int drain_from_json(const json_t *json, struct drain_spec *out, struct error *err);

#endif
