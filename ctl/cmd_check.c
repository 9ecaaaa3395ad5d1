// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm check: what keeps the services from working, as far as it can be seen from the director.
 * The one idea: nothing is changed and nobody is disturbed, so it can be asked on a director at
 * work. The daemon tells what the services are; how the world is, is looked up here, in the same
 * network namespace. nfvsadm.
 */
#include "ctl/check.h"
#include "ctl/word.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int take_row(const json_t *json, void *data, struct error *err)
{
	return table_add(data, json, err);
}

static int fetch_table(struct session *session, struct table *table)
{
	struct result result = {0};
	int ret =
		session_call(session, json_pack("{s:s, s:b}", "command", "services", "counters", 1),
			     take_row, table, &result);

	if (!ret && result.code)
		ret = session_fail("%s", result.err.text);
	return ret;
}

/* The interfaces and routes that are looked at must be the daemon's. */
static int judge_namespace(const json_t *status)
{
	json_int_t there = json_integer_value(json_object_get(status, "namespace"));
	struct stat here;

	if (!there || stat("/proc/self/ns/net", &here) || (json_int_t)here.st_ino == there)
		return 0;
	return session_fail("nfvsd is in another network namespace: nsenter -n -t %lld nfvsadm "
			    "check",
			    (long long)json_integer_value(json_object_get(status, "pid")));
}

static int read_locals(struct check *check, const json_t *status)
{
	const json_t *rows = json_object_get(status, "local_addresses"), *row;
	size_t i;

	check->locals = calloc(json_array_size(rows) + 1, sizeof(*check->locals));
	if (!check->locals)
		return session_fail("no memory");
	json_array_foreach (rows, i, row) {
		struct check_local *local = &check->locals[check->locals_len];
		const char *text = json_string_value(row);

		if (text && !addr_parse(text, &local->af, &local->addr))
			check->locals_len++;
	}
	return 0;
}

static int fetch_status(struct session *session, struct check *check)
{
	json_t *status;
	int ret = word_fetch(session, json_pack("{s:s}", "command", "status"), "status", &status);

	if (ret)
		return ret;
	ret = judge_namespace(status);
	if (!ret)
		ret = read_locals(check, status);
	json_decref(status);
	return ret;
}

static int fetch_bypass(struct session *session, struct check *check)
{
	json_t *settings;
	int ret = word_fetch(session,
			     json_pack("{s:s, s:s}", "command", "settings", "name", "cache_bypass"),
			     "settings", &settings);

	if (ret)
		return ret;
	check->bypass =
		json_integer_value(json_object_get(json_array_get(settings, 0), "value")) != 0;
	json_decref(settings);
	return 0;
}

static int ask(struct check *check)
{
	struct error err = {""};

	check->networks = networks_read();
	if (!check->networks)
		return session_fail("the interfaces of this machine cannot be read");
	if (ways_open(&check->ways, &err) || check_collect(check, &err))
		return session_fail("%s", err.text);
	table_sort(&check->table);
	check_servers(check);
	check_system(check);
	check_neighbours(check);
	check_filter(check);
	check_vips(check);
	if (check->findings.incomplete)
		return session_fail("no memory");
	return 0;
}

static int tell(const struct check *check, bool verbose, bool as_json)
{
	json_t *json;

	if (as_json) {
		json = findings_to_json(&check->findings);
		word_print_json(json);
		json_decref(json);
	} else {
		findings_print(&check->findings, verbose, stdout);
	}
	return findings_count(&check->findings, FINDING_PROBLEM) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int check_main(struct session *session, int argc, const char *const *argv)
{
	bool as_json = false, verbose = false;
	struct check check = {0};
	int ret;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			as_json = true;
		else if (!strcmp(argv[i], "-v") || !strcmp(argv[i], "--verbose"))
			verbose = true;
		else
			return word_misused(argv[0], argv[i]);
	}
	ret = fetch_status(session, &check);
	if (!ret)
		ret = fetch_table(session, &check.table);
	if (!ret)
		ret = fetch_bypass(session, &check);
	if (!ret)
		ret = ask(&check);
	if (!ret)
		ret = tell(&check, verbose, as_json);
	findings_free(&check.findings);
	probes_free(&check.probes);
	networks_free(check.networks);
	ways_close(check.ways);
	free(check.vips);
	free(check.servers);
	free(check.locals);
	table_clear(&check.table);
	return ret;
}
