// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Listings: -L in all its forms, and -S. The one idea: the whole answer is taken in before a line
 * is printed, so that a reader who pages through it does not keep the daemon waiting, and a listing
 * is either complete or an error. nfvsadm.
 */
#include "ctl/format.h"
#include "ctl/run.h"
#include "ctl/table.h"

#include <errno.h>
#include <stdlib.h>

static int take_row(const json_t *json, void *data, struct error *err)
{
	return table_add(data, json, err);
}

/* All services, or the one that the command names. */
static int fetch_table(struct session *session, const struct command *command, bool counters,
		       struct table *table)
{
	json_t *request = json_pack("{s:s, s:b}", "command", "services", "counters", (int)counters);
	struct result result = {0};
	int ret;

	if (request && command_has(command, OPTION_SERVICE) &&
	    json_object_set_new(request, "service", key_to_json(&command->service.key))) {
		json_decref(request);
		request = NULL;
	}
	ret = session_call(session, request, take_row, table, &result);
	if (!ret)
		ret = run_result(COMMAND_LIST, &result, EXIT_FAILURE);
	if (ret)
		session->ended = true;
	if (!command_has(command, OPTION_NOSORT))
		table_sort(table);
	return ret;
}

static enum list_format list_format(const struct command *command)
{
	if (command_has(command, OPTION_STATS))
		return LIST_STATS;
	if (command_has(command, OPTION_RATE))
		return LIST_RATE;
	if (command_has(command, OPTION_THRESHOLDS))
		return LIST_THRESHOLDS;
	if (command_has(command, OPTION_PERSISTENT_CONN))
		return LIST_PERSISTENT_CONN;
	if (command_has(command, OPTION_TUN_INFO))
		return LIST_TUN_INFO;
	return LIST_PLAIN;
}

static int list_services(struct session *session, const struct command *command)
{
	const struct format format = {
		.list = list_format(command),
		.numeric = command_has(command, OPTION_NUMERIC),
		.exact = command_has(command, OPTION_EXACT),
	};
	struct table table = {0};
	bool counted = format.list == LIST_STATS || format.list == LIST_RATE;
	int ret = fetch_table(session, command, counted, &table);

	if (!ret) {
		if (!command_has(command, OPTION_SERVICE))
			format_banner(stdout);
		format_titles(stdout, &format);
	}
	for (size_t i = 0; !ret && i < table.services_len; i++) {
		const struct table_service *svc = &table.services[i];

		format_service(stdout, &format, &svc->row);
		for (size_t j = 0; j < svc->dests_len; j++)
			format_dest(stdout, &format, &svc->row, &table.dests[svc->dests + j]);
	}
	table_clear(&table);
	return ret;
}

int run_save(struct session *session, const struct command *command)
{
	bool numeric = command_has(command, OPTION_NUMERIC);
	struct table table = {0};
	int ret = fetch_table(session, command, false, &table);

	for (size_t i = 0; !ret && i < table.services_len; i++) {
		const struct table_service *svc = &table.services[i];

		format_save_service(stdout, numeric, &svc->row.spec);
		for (size_t j = 0; j < svc->dests_len; j++)
			format_save_dest(stdout, numeric, &svc->row.spec,
					 &table.dests[svc->dests + j].spec);
	}
	table_clear(&table);
	return ret;
}

struct conn_rows {
	struct conn_row *rows;
	size_t len, max;
};

static int take_conn(const json_t *json, void *data, struct error *err)
{
	struct conn_rows *conns = data;
	struct conn_row *more;
	int ret;

	if (conns->len == conns->max) {
		more = reallocarray(conns->rows, conns->max ? conns->max * 2 : 64, sizeof(*more));
		if (!more)
			return error_set(err, -ENOMEM, "no memory for the listing");
		conns->rows = more;
		conns->max = conns->max ? conns->max * 2 : 64;
	}
	ret = conn_row_from_json(json, &conns->rows[conns->len], err);
	if (!ret)
		conns->len++;
	return ret;
}

static int list_connections(struct session *session, const struct command *command)
{
	struct conn_rows conns = {0};
	struct result result = {0};
	int ret = session_call(session, json_pack("{s:s}", "command", "connections"), take_conn,
			       &conns, &result);

	if (!ret)
		ret = run_result(COMMAND_LIST, &result, EXIT_FAILURE);
	if (!ret)
		format_conn_titles(stdout, command_has(command, OPTION_PERSISTENT_CONN));
	for (size_t i = 0; !ret && i < conns.len; i++)
		format_conn(stdout, command_has(command, OPTION_NUMERIC), &conns.rows[i]);
	free(conns.rows);
	return ret;
}

static int take_timeouts(const json_t *json, void *data, struct error *err)
{
	return timeouts_from_json(json_object_get(json, "timeouts"), data, err);
}

static int list_timeouts(struct session *session)
{
	struct timeouts_spec timeouts = {0};
	struct result result = {0};
	int ret = session_call(session, json_pack("{s:s}", "command", "timeouts"), take_timeouts,
			       &timeouts, &result);

	if (!ret)
		ret = run_result(COMMAND_LIST, &result, EXIT_FAILURE);
	if (!ret)
		printf("Timeout (tcp tcpfin udp): %u %u %u\n", timeouts.tcp, timeouts.tcpfin,
		       timeouts.udp);
	return ret;
}

int run_list(struct session *session, const struct command *command)
{
	if (command_has(command, OPTION_CONNECTION))
		return list_connections(session, command);
	if (!command_has(command, OPTION_SERVICE) && command_has(command, OPTION_TIMEOUT))
		return list_timeouts(session);
	/* No line for each synchronisation daemon that runs, for none can. */
	if (!command_has(command, OPTION_SERVICE) && command_has(command, OPTION_DAEMON))
		return EXIT_SUCCESS;
	return list_services(session, command);
}
