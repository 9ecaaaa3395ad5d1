// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is known of a drain, in words; "nfvsadm drain" and "nfvsadm status" share it. nfvsadm.
 */
#include "ctl/drained.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_int_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

static const char *text(const json_t *json, const char *name)
{
	const char *value = json_string_value(json_object_get(json, name));

	return value ? value : "?";
}

static const char *server_text(char buf[ADDR_STRLEN], const json_t *server)
{
	union addr addr;
	uint8_t af;

	if (addr_parse(text(server, "address"), &af, &addr))
		return "?";
	return addr_format_port(buf, af, &addr, htons((uint16_t)number(server, "port")));
}

static const char *service_text(char buf[SERVICE_KEY_STRLEN], const json_t *service)
{
	struct service_key key;
	struct error err;

	return key_from_json(service, &key, &err) ? "?" : service_key_format(buf, &key);
}

/* What of it is said last. */
static void format_state(char *buf, size_t size, const json_t *drain)
{
	const char *state = text(drain, "state");
	const json_t *deadline = json_object_get(drain, "deadline");
	int64_t ended = number(drain, "ended");

	*buf = '\0';
	if (!strcmp(state, "draining") && deadline)
		snprintf(buf, size, ", %" PRId64 " s to the deadline",
			 (int64_t)json_integer_value(deadline));
	else if (!strcmp(state, "ending"))
		snprintf(buf, size, ", %" PRId64 " ended so far", ended);
	else if (!strcmp(state, "drained"))
		snprintf(buf, size, ", drained%s", ended ? "" : " by themselves");
	if (!strcmp(state, "drained") && ended)
		snprintf(buf, size, ", drained: %" PRId64 " were ended at the deadline (%s)", ended,
			 text(drain, "then"));
	if (!strcmp(state, "drained") && !strcmp(text(drain, "then"), "keep") &&
	    !number(drain, "deadline") && number(drain, "active"))
		snprintf(buf, size, ", the deadline is over and they are kept");
}

const char *drain_format(char buf[DRAIN_LINE_MAX], const json_t *drain)
{
	char service[SERVICE_KEY_STRLEN], server[ADDR_STRLEN], state[96];

	format_state(state, sizeof(state), drain);
	snprintf(buf, DRAIN_LINE_MAX,
		 "%s, %s: %" PRId64 " active and %" PRId64 " inactive connections%s",
		 service_text(service, json_object_get(drain, "service")),
		 server_text(server, json_object_get(drain, "server")),
		 (int64_t)number(drain, "active"), (int64_t)number(drain, "inactive"), state);
	return buf;
}
