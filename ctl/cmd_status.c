// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm status: what the daemon says of itself, for people, or as it came for programs. The text
 * shows what is there and no counter that is zero, so that trouble stands out. nfvsadm.
 */
#include "ctl/drained.h"
#include "ctl/word.h"

#include <inttypes.h>
#include <string.h>

#define PACKET_SHOWN 10 /* the rest is in --json */

static const char *text(const json_t *json, const char *name)
{
	const char *value = json_string_value(json_object_get(json, name));

	return value ? value : "?";
}

static json_int_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

static void print_uptime(json_int_t seconds)
{
	json_int_t minutes = seconds / 60, hours = minutes / 60;

	if (hours >= 24)
		printf("%" PRId64 " d %" PRId64 " h", (int64_t)(hours / 24), (int64_t)(hours % 24));
	else if (hours)
		printf("%" PRId64 " h %" PRId64 " min", (int64_t)hours, (int64_t)(minutes % 60));
	else if (minutes)
		printf("%" PRId64 " min %" PRId64 " s", (int64_t)minutes, (int64_t)(seconds % 60));
	else
		printf("%" PRId64 " s", (int64_t)seconds);
}

/* What was looked for in the kernel: the names of those that are there (or not). */
static void print_found(const json_t *kernel, bool there)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)kernel, name, value)
		if (json_is_boolean(value) && json_is_true(value) == there)
			printf(" %s", name);
}

/* Who carries the packets of how many services, and of those whose packets all pass through the
 * daemon, the first few with the reason. */
static void print_datapath(const json_t *datapath)
{
	const json_t *packet = json_object_get(datapath, "packet");
	const json_t *service;
	size_t i;

	printf("\ndatapath     flow (the kernel carries): %" PRId64
	       " services; packet (nfvsd carries): %zu\n",
	       (int64_t)number(datapath, "flow"), json_array_size(packet));
	json_array_foreach ((json_t *)packet, i, service) {
		if (i == PACKET_SHOWN) {
			puts("             ...");
			break;
		}
		printf("             packet: %s, because %s\n", text(service, "service"),
		       text(service, "because"));
	}
	printf("             copies of carried packets: %" PRId64 ", lost %" PRId64
	       "; connections taken over: %" PRId64 ", past a full queue: %" PRId64 "\n",
	       (int64_t)number(datapath, "copies"), (int64_t)number(datapath, "copies_lost"),
	       (int64_t)number(datapath, "taken_over"), (int64_t)number(datapath, "fallback"));
	if (number(datapath, "conntrack_max"))
		printf("             conntrack: %" PRId64 " of at most %" PRId64 " entries\n",
		       (int64_t)number(datapath, "conntrack_entries"),
		       (int64_t)number(datapath, "conntrack_max"));
	if (json_is_string(json_object_get(datapath, "no_flowtable")))
		printf("             no flowtable, because %s\n", text(datapath, "no_flowtable"));
	else
		printf("             in the flowtable: %" PRId64 " connections\n",
		       (int64_t)number(datapath, "offloaded"));
	if (number(datapath, "flows4") || number(datapath, "flows6"))
		printf("             at the devices: %" PRId64 " of IPv4, %" PRId64
		       " of IPv6, room for %" PRId64 " each\n",
		       (int64_t)number(datapath, "flows4"), (int64_t)number(datapath, "flows6"),
		       (int64_t)number(datapath, "flows_max"));
}

/* Who chooses servers; nothing where nobody asked the kernel to. */
static void print_schedule(const json_t *schedule)
{
	const json_t *daemon = json_object_get(schedule, "daemon");
	const json_t *service;
	size_t i;

	if (!number(schedule, "kernel") && !json_array_size(daemon))
		return;
	printf("schedule     kernel: %" PRId64 " services, connections so far: %" PRId64 "\n",
	       (int64_t)number(schedule, "kernel"), (int64_t)number(schedule, "connections"));
	if (json_is_true(json_object_get(schedule, "paused")))
		puts("             conntrack is full: nfvsd chooses meanwhile, and refuses");
	json_array_foreach ((json_t *)daemon, i, service) {
		if (i == PACKET_SHOWN) {
			puts("             ...");
			break;
		}
		printf("             nfvsd: %s, because %s\n", text(service, "service"),
		       text(service, "because"));
	}
}

static void print_head(const json_t *status)
{
	const json_t *kernel = json_object_get(status, "kernel");

	printf("nfvsd        version %s, pid %" PRId64 ", up ", text(status, "version"),
	       (int64_t)number(status, "pid"));
	print_uptime(number(status, "uptime"));
	printf("\nkernel       %s: %s\n", text(kernel, "release"),
	       strcmp(text(kernel, "queue"), "native")
		       ? "packets go to the queues by the NFQUEUE target (it has no nft_queue)"
		       : "packets go to the queues by the queue expression (nft_queue)");
	fputs("             found:", stdout);
	print_found(kernel, true);
	fputs("; missing:", stdout);
	print_found(kernel, false);
	print_datapath(json_object_get(status, "datapath"));
	print_schedule(json_object_get(status, "schedule"));
	printf("schedulers   %s\n", text(status, "schedulers"));
	printf("rules        %s, table %s\n", text(status, "rules"), text(status, "table"));
	printf("settings     %s\n",
	       strcmp(text(status, "system"), "manage")
		       ? "checked: what forwarding needs of the kernel is left "
			 "to the administrator"
		       : "managed: what forwarding needs of the kernel is set");
	printf("services     %" PRId64 " (%" PRId64 " of the file, %" PRId64
	       " made at run time), %" PRId64 " servers\n",
	       (int64_t)number(status, "services"), (int64_t)number(status, "services_file"),
	       (int64_t)number(status, "services_runtime"), (int64_t)number(status, "servers"));
	printf("connections  %" PRId64 ", templates included\n",
	       (int64_t)number(status, "connections"));
}

static void print_drains(const json_t *drains)
{
	char line[DRAIN_LINE_MAX];
	const json_t *drain;
	size_t i;

	if (json_array_size(drains))
		puts("\nservers drained");
	json_array_foreach (drains, i, drain)
		printf("  %s\n", drain_format(line, drain));
}

static void print_queues(const json_t *queues)
{
	const json_t *queue;
	size_t i;

	printf("\n%-6s %-10s %12s %14s %8s %12s %12s %12s %12s %12s\n", "queue", "role", "packets",
	       "bytes", "waiting", "lost-full", "lost-buffer", "no-verdict", "sent", "unsent");
	json_array_foreach (queues, i, queue) {
		printf("%-6" PRId64 " %-10s", (int64_t)number(queue, "number"),
		       text(queue, "role"));
		if (json_object_get(queue, "packets"))
			printf(" %12" PRId64 " %14" PRId64, (int64_t)number(queue, "packets"),
			       (int64_t)number(queue, "bytes"));
		else
			printf(" %12s %14s", "-", "-");
		printf(" %8" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64
		       " %12" PRId64 "\n",
		       (int64_t)number(queue, "waiting"), (int64_t)number(queue, "kernel_dropped"),
		       (int64_t)number(queue, "user_dropped"),
		       (int64_t)number(queue, "verdict_errors"), (int64_t)number(queue, "sent"),
		       (int64_t)number(queue, "send_errors"));
	}
}

/* What kill and drain sent; nothing, if they never did. */
static void print_ending(const json_t *ending)
{
	json_int_t sent = number(ending, "sent"), unsent = number(ending, "send_errors");

	if (sent || unsent)
		printf("\nresets by kill and drain: %" PRId64 " sent, %" PRId64 " unsent\n",
		       (int64_t)sent, (int64_t)unsent);
}

/* Counters by reason, those that are not zero. */
static void print_reasons(const char *title, const json_t *reasons)
{
	const char *name;
	json_t *value;
	bool any = false;

	printf("\n%s\n", title);
	json_object_foreach ((json_t *)reasons, name, value) {
		if (!json_integer_value(value))
			continue;
		printf("  %-16s %12" PRId64 "\n", name, (int64_t)json_integer_value(value));
		any = true;
	}
	if (!any)
		puts("  none");
}

int status_main(struct session *session, int argc, const char *const *argv)
{
	bool as_json = argc == 2 && !strcmp(argv[1], "--json");
	json_t *status;
	int ret;

	if (argc > 1 && !as_json)
		return word_misused(argv[0], argv[strcmp(argv[1], "--json") ? 1 : 2]);
	ret = word_fetch(session, json_pack("{s:s}", "command", "status"), "status", &status);
	if (ret)
		return ret;
	if (as_json) {
		word_print_json(status);
	} else {
		print_head(status);
		print_drains(json_object_get(status, "drains"));
		print_queues(json_object_get(status, "queues"));
		print_ending(json_object_get(status, "ending"));
		print_reasons("packets dropped, by reason", json_object_get(status, "drops"));
		print_reasons("packets passed on unchanged, by reason",
			      json_object_get(status, "passed"));
	}
	json_decref(status);
	return 0;
}
