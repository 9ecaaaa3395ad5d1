/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_PROTO_H
#define CTL_PROTO_H

#include "lib/err.h"
#include "lvs/pkt.h"
#include "lvs/spec.h"

#include <jansson.h>

/*
 * The control protocol, as both ends know it. A stream socket carries lines of JSON, one object
 * each. A request is {"command": "...", ...}; its answer is any number of lines with rows and then
 * one line with the result: {"ok": true}, or {"error": "a sentence", "errno": "EEXIST"}. Where the
 * errno is not one that IPVS would answer in its place, "own": true says that the sentence is to be
 * shown. Requests of one connection are answered in order.
 */
#define PROTO_SOCKET   "/run/nfvs/nfvsd.sock" /* where nfvsd listens unless told otherwise */
#define PROTO_LINE_MAX 65536u		      /* bytes of a request with its newline */

#define TIMEOUT_MAX 2678400u /* seconds: 31 days, as in ipvsadm */

/*
 * The ..._to_json() functions return a new object that the caller owns, or NULL without memory. The
 * ..._from_json() functions are strict and return 0, or -EBADMSG with a sentence in @err and @out
 * untouched. Pure; any thread.
 */

/* {"protocol", "address", "port"} or {"fwmark", "family"}. */
json_t *key_to_json(const struct service_key *key);
int key_from_json(const json_t *json, struct service_key *out, struct error *err);

/* The members of its key and "name", "scheduler", "persistent", "netmask", "onepacket", "flags",
 * "match", "timeouts", "limit", "slow_start". On success the caller owns out->matches: free() it.
 */
json_t *service_to_json(const struct service_spec *spec);
int service_from_json(const json_t *json, struct service_spec *out, struct error *err);

/* {"address", "port", "method", "weight", "upper", "lower"}, if set "limit", "backup" and
 * "slow_start", and with method tun "tunnel",
 * "tunnel_port" (of gue), "tunnel_checksum" ("none", "full", "remote"; not of ipip). */
json_t *dest_to_json(const struct dest_spec *spec);
int dest_from_json(const json_t *json, struct dest_spec *out, struct error *err);

/* {"protocol", "source", "sport", "destination", "dport"} */
json_t *flow_to_json(const struct flow *flow);
int flow_from_json(const json_t *json, struct flow *out, struct error *err);

/* By the names in lvs/timeouts.c: {"tcp", "tcpfin", "udp", ...}; what is missing is 0. */
json_t *timeouts_to_json(const struct timeouts_spec *timeouts);
int timeouts_from_json(const json_t *json, struct timeouts_spec *out, struct error *err);

/* The line that ends an answer. */
struct result {
	int code;	  /* 0 or -errno */
	bool own;	  /* not as IPVS would answer: show err.text */
	struct error err; /* a sentence, unless code is 0 */
};

json_t *result_to_json(const struct result *result);
/* Is this line a result, not a row? */
bool json_is_result(const json_t *line);
int result_from_json(const json_t *json, struct result *out, struct error *err);

/* An address as text. */
json_t *addr_to_json(uint8_t af, const union addr *addr);

/* A text as a JSON string, whatever bytes it has; what is no UTF-8 becomes '?'. */
json_t *text_to_json(const char *text);

#endif
