/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_FILTER_H
#define LVS_FILTER_H

#include "lvs/conn.h"

/*
 * Which connections are meant: all that satisfy every condition that is set. All zero is all of
 * them. A plain value, as it is typed, sent and applied.
 */

#define FILTER_CLIENT	1u  /* af, client, netmask: its address is in this network */
#define FILTER_PORT	2u  /* client_port */
#define FILTER_SERVICE	4u  /* service */
#define FILTER_SERVER	8u  /* server_af, server: its address */
#define FILTER_DPORT	16u /* server_port */
#define FILTER_STATE	32u /* state */
#define FILTER_AGE_MIN	64u /* these are in seconds, compared as "more", "less" */
#define FILTER_AGE_MAX	128u
#define FILTER_IDLE_MIN 256u
#define FILTER_IDLE_MAX 512u
#define FILTER_NAME	1024u /* name: until somebody who knows the services sets service instead */

#define FILTER_STATE_MAX 24
#define FILTER_TEMPLATE                                                           \
	"TEMPLATE" /* the state of persistence templates, whatever else theirs is \
		    */

struct filter {
	uint32_t set; /* FILTER_* */
	uint8_t af, server_af;
	__be16 client_port, server_port;
	union addr client, server;
	uint32_t netmask; /* as in addr_network() */
	struct service_key service;
	char name[SERVICE_NAME_MAX];
	char state[FILTER_STATE_MAX]; /* as in listings */
	uint32_t age_min, age_max, idle_min, idle_max;
};

/* Is @conn meant? @now: ms, the clock of connections. Any thread under RCU. */
bool filter_matches(const struct filter *filter, const struct conn *conn, uint64_t now);

/* A state's name as listings have it, for what a person wrote in any case of letters; NULL: there
 * is none. Static storage. */
const char *filter_state(const char *text);

/* Seconds since the connection was made, and since its last packet. */
uint32_t conn_age(const struct conn *conn, uint64_t now);
uint32_t conn_idle(const struct conn *conn, uint64_t now);

/* As in listings: "ESTABLISHED"; of a template "NONE" or "ASSURED". Static storage. */
const char *conn_state_name(const struct conn *conn);

#endif
