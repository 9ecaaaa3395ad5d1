// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm connections: those that a filter selects, printed as they come, so that a million of them
 * need no memory here either. Whoever takes long to read them had better put them in a file: the
 * daemon does not wait for ever. nfvsadm.
 */
#include "ctl/condition.h"
#include "ctl/row.h"
#include "ctl/word.h"

#include <string.h>
#include <strings.h>

struct output {
	bool as_json, titled;
};

/* Not before it is known that there is an answer. */
static void print_titles(struct output *output)
{
	if (!output->as_json && !output->titled)
		printf("%-5s %-22s %-22s %-22s %-14s %8s %8s %8s\n", "proto", "client", "virtual",
		       "server", "state", "age", "idle", "expires");
	output->titled = true;
}

static void print_text(const struct conn_row *row)
{
	char client[ADDR_STRLEN], virtual[ADDR_STRLEN], server[ADDR_STRLEN];
	const char *protocol = row->protocol ? protocol_name(row->protocol) : "ip";

	printf("%-5s %-22s %-22s %-22s %-14s %8u %8u %8u\n", protocol,
	       addr_format_port(client, row->af, &row->source, row->sport),
	       addr_format_port(virtual, row->af, &row->virtual, row->vport),
	       addr_format_port(server, row->server_af, &row->server, row->dport),
	       row->template ? FILTER_TEMPLATE : row->state, row->age, row->idle, row->expires);
}

static int take_row(const json_t *json, void *data, struct error *err)
{
	struct output *output = data;
	struct conn_row row;
	int ret;

	if (output->as_json) {
		json_dumpf(json_object_get(json, "connection"), stdout,
			   JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
		return 0;
	}
	print_titles(output);
	ret = conn_row_from_json(json, &row, err);
	if (!ret)
		print_text(&row);
	return ret;
}

static int read_filter(int argc, const char *const *argv, struct output *output,
		       struct filter *filter)
{
	int at = 1, ret = 0;

	while (!ret && at < argc) {
		if (!strcmp(argv[at], "--json")) {
			output->as_json = true;
			at++;
			continue;
		}
		ret = condition_read(argc, argv, &at, filter);
	}
	return ret == CONDITION_NONE ? word_misused(argv[0], argv[at]) : ret;
}

int connections_main(struct session *session, int argc, const char *const *argv)
{
	struct output output = {0};
	struct filter filter = {0};
	struct result result = {0};
	int ret = read_filter(argc, argv, &output, &filter);

	if (ret)
		return ret;
	ret = session_call(session,
			   json_pack("{s:s, s:o}", "command", "connections", "filter",
				     filter_to_json(&filter)),
			   take_row, &output, &result);
	if (!ret && result.code)
		ret = session_fail("%s", result.err.text);
	if (!ret)
		print_titles(&output);
	return ret;
}
