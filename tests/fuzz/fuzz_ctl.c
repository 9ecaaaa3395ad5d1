// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes from a client into the control socket's request parser and what is behind it: a director
 * whose rules are external. What is understood must survive the way back through JSON, and every
 * answer must be one.
 */
#include "ctl/row.h"
#include "daemon/handlers.h"
#include "lib/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct handling handling;

static json_t *status(void *data)
{
	(void)data;
	return json_object();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 1024, .table = "fuzz", .mark_mask = 0xffff0000};
	struct error err;

	(void)argc;
	(void)argv;
	log_init(LOG_EMERG);
	rcu_register_thread();
	handling.director = director_new(&conf, 1, &err);
	handling.status = status;
	if (!handling.director)
		abort();
	handling.killer = killer_new(handling.director, NULL, NULL);
	handling.drains = drains_new(handling.director, handling.killer);
	if (!handling.killer || !handling.drains)
		abort();
	return 0;
}

/* What was read from @json must be the same after another round. */
static void go_round(const json_t *json)
{
	struct service_spec service, service_back;
	struct dest_spec dest, dest_back;
	struct conn_row conn, conn_back;
	struct filter filter, filter_back;
	struct error err;
	json_t *again;

	if (!service_from_json(json, &service, &err)) {
		again = service_to_json(&service);
		if (service_from_json(again, &service_back, &err) ||
		    !service_key_equal(&service.key, &service_back.key) ||
		    service.flags != service_back.flags ||
		    service.timeout != service_back.timeout ||
		    service.netmask != service_back.netmask ||
		    service.matches_len != service_back.matches_len ||
		    service.limit != service_back.limit ||
		    service.slow_start != service_back.slow_start ||
		    strcmp(service.name, service_back.name))
			abort();
		free(service.matches);
		free(service_back.matches);
		json_decref(again);
	}
	if (!dest_from_json(json, &dest, &err)) {
		again = dest_to_json(&dest);
		if (dest_from_json(again, &dest_back, &err) || dest.weight != dest_back.weight ||
		    dest.upper != dest_back.upper || dest.method != dest_back.method ||
		    dest.limit != dest_back.limit || dest.backup != dest_back.backup ||
		    dest.slow_start != dest_back.slow_start)
			abort();
		json_decref(again);
	}
	if (!filter_from_json(json, &filter, &err)) {
		json_t *third;

		again = filter_to_json(&filter);
		if (filter_from_json(again, &filter_back, &err))
			abort();
		third = filter_to_json(&filter_back);
		if (!json_equal(again, third))
			abort();
		json_decref(again);
		json_decref(third);
	}
	if (!conn_row_from_json(json, &conn, &err)) {
		again = conn_row_to_json(&conn);
		if (conn_row_from_json(again, &conn_back, &err) ||
		    conn.expires != conn_back.expires)
			abort();
		json_decref(again);
	}
}

static void answer_request(const json_t *request)
{
	struct answer answer;
	struct lines lines = {0};

	request_answer(&handling, request, &answer);
	if (answer.row)
		lines_add(&lines, answer.row);
	if (answer.listing) {
		if (listing_pending(answer.listing) && listing_collect(answer.listing))
			abort();
		while (listing_format(answer.listing, &lines, 3))
			;
		listing_free(answer.listing);
	}
	lines_add(&lines, result_to_json(&answer.result));
	if (lines.failed || (answer.result.code && !answer.result.err.text[0]))
		abort();
	lines_clear(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json;

	/* Lines, as from one client. */
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		json = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
		if (json_is_object(json)) {
			go_round(json);
			answer_request(json);
		}
		json_decref(json);
		len += end != NULL;
		data += len;
		size -= len;
	}
	drains_tick(handling.drains, director_now());
	(void)director_flush(handling.director, NULL);
	drains_tick(handling.drains, director_now());
	(void)services_sweep(director_services(handling.director), director_now());
	return 0;
}
