// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm explain: why a flow goes where it goes. The daemon decides as for a packet, on copies of
 * what would move; this is how it is told. nfvsadm.
 */
#include "ctl/row.h"
#include "ctl/text.h"
#include "ctl/word.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct question {
	bool as_json;
	struct flow flow;
	uint32_t mark;
};

static int read_end(const char *text, uint8_t protocol, uint8_t *af, union addr *addr, __be16 *port)
{
	struct endpoint end;

	if (text_endpoint(text, protocol, &end) || !end.has_port)
		return session_fail("'%s' is not ADDRESS:PORT (IPv6: [ADDRESS]:PORT)", text);
	*af = end.af;
	*addr = end.addr;
	*port = end.port;
	return 0;
}

static int read_mark(const char *text, uint32_t *out)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || !*text || *end || strchr(text, '-') || number > UINT32_MAX)
		return session_fail("'%s' is no packet mark (0 .. 0xffffffff)", text);
	*out = (uint32_t)number;
	return 0;
}

static int read_question(int argc, const char *const *argv, struct question *question)
{
	struct flow *flow = &question->flow;
	int at = 1, protocol, ret;
	uint8_t daf = 0;

	if (argc > at && !strcmp(argv[at], "--json")) {
		question->as_json = true;
		at++;
	}
	if (argc - at != 3 && !(argc - at == 5 && !strcmp(argv[at + 3], "mark")))
		return word_misused(argv[0]);
	protocol = protocol_parse(argv[at]);
	if (protocol < 0)
		return session_fail("'%s' is no protocol (tcp, udp)", argv[at]);
	flow->protocol = (uint8_t)protocol;
	ret = read_end(argv[at + 1], flow->protocol, &flow->af, &flow->saddr, &flow->sport);
	if (!ret)
		ret = read_end(argv[at + 2], flow->protocol, &daf, &flow->daddr, &flow->dport);
	if (!ret && flow->af != daf)
		ret = session_fail("%s and %s are of different families", argv[at + 1],
				   argv[at + 2]);
	if (!ret && argc - at == 5)
		ret = read_mark(argv[at + 4], &question->mark);
	return ret;
}

static const char *text(const json_t *json, const char *name)
{
	const char *value = json_string_value(json_object_get(json, name));

	return value ? value : "";
}

static json_int_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

/* "10.0.0.1:80" of two members of @json; the port from @ported. Returns @buf. */
static const char *end_text(char buf[ADDR_STRLEN], const json_t *json, const char *address,
			    const json_t *ported, const char *port)
{
	union addr addr;
	uint8_t af;

	if (addr_parse(text(json, address), &af, &addr))
		snprintf(buf, ADDR_STRLEN, "?");
	else
		addr_format_port(buf, af, &addr, htons((uint16_t)number(ported, port)));
	return buf;
}

static void print_match(const json_t *match)
{
	json_int_t first = number(match, "first"), last = number(match, "last");

	printf("its group has %s %s port", text(match, "protocol"), text(match, "address"));
	if (first == last)
		printf(" %" PRId64, (int64_t)first);
	else
		printf("s %" PRId64 "-%" PRId64, (int64_t)first, (int64_t)last);
}

static void print_why(const json_t *found)
{
	const char *why = text(found, "why");

	if (!strcmp(why, "mark"))
		printf("the packet's mark is %" PRId64, (int64_t)number(found, "mark"));
	else if (!strcmp(why, "group"))
		print_match(json_object_get(found, "match"));
	else if (!strcmp(why, "address"))
		printf("its address and port");
	else if (!strcmp(why, "ftp"))
		printf("perhaps data of its FTP");
	else
		printf("it has all ports of the address");
}

static void print_service(const json_t *found)
{
	const json_t *json = json_object_get(found, "service");
	char key[SERVICE_KEY_STRLEN];
	struct service_spec spec;
	struct error err;

	if (!json) {
		puts("service     none has this address, port or mark");
		return;
	}
	if (service_from_json(json, &spec, &err)) {
		printf("service     ? (%s)\n", err.text);
		return;
	}
	printf("service     %s%s%s%s, because: ", service_key_format(key, &spec.key),
	       spec.name[0] ? " \"" : "", spec.name, spec.name[0] ? "\"" : "");
	print_why(found);
	printf("\nscheduler   %s", spec.scheduler);
	if (spec.flags & SERVICE_PERSISTENT)
		printf(", persistent for %u s", spec.timeout);
	puts(spec.flags & SERVICE_ONEPACKET ? ", one packet a connection" : "");
	free(spec.matches);
}

static void print_decision(const json_t *found)
{
	const json_t *server = json_object_get(found, "server");
	const json_t *template = json_object_get(found, "template");
	const json_t *conn = json_object_get(found, "connection");
	const char *decision = text(found, "decision");
	char end[ADDR_STRLEN] = "";

	if (server)
		end_text(end, server, "address", found, "port");
	if (!strcmp(decision, "connection"))
		printf("it goes to %s: the connection is known (%s, %" PRId64 " s left)\n", end,
		       text(conn, "state"), (int64_t)number(conn, "expires"));
	else if (!strcmp(decision, "template"))
		printf("it goes to %s: the persistence of client %s (%" PRId64 " s left)\n", end,
		       text(template, "source"), (int64_t)number(template, "expires"));
	else if (!strcmp(decision, "scheduler"))
		printf("it goes to %s: the scheduler's choice now\n", end);
	else if (!strcmp(decision, "dropped"))
		printf("it is dropped: server %s of its connection was removed\n", end);
	else if (!strcmp(decision, "refused"))
		puts("it is refused with ICMP port unreachable: no server is usable");
	else
		puts("it passes on, as if nfvs were not there");
}

static const char *remark(const json_t *candidate)
{
	const json_t *server = json_object_get(candidate, "server");

	if (!number(server, "weight"))
		return "weight 0: nothing new";
	if (json_is_true(json_object_get(candidate, "overloaded")))
		return "overloaded: nothing new until it has fewer connections";
	return "";
}

static void print_candidates(const json_t *found)
{
	const json_t *rows = json_object_get(found, "candidates"), *row;
	const json_t *chosen = json_object_get(found, "server");
	size_t i;

	if (!json_array_size(rows))
		return;
	printf("\n  %-30s %-6s %10s %8s %8s %10s\n", "servers, newest first", "method", "weight",
	       "active", "inactive", "overhead");
	json_array_foreach (rows, i, row) {
		const json_t *server = json_object_get(row, "server");
		char end[ADDR_STRLEN];

		printf("%s %-30s %-6s %10" PRId64 " %8" PRId64 " %8" PRId64 " %10" PRId64 "%s%s\n",
		       chosen && json_equal(server, chosen) ? ">" : " ",
		       end_text(end, server, "address", server, "port"), text(server, "method"),
		       (int64_t)number(server, "weight"), (int64_t)number(row, "active"),
		       (int64_t)number(row, "inactive"), (int64_t)number(row, "overhead"),
		       *remark(row) ? "  " : "", remark(row));
	}
}

static void print_found(const json_t *found)
{
	const json_t *flow = json_object_get(found, "flow");
	char source[ADDR_STRLEN], destination[ADDR_STRLEN];

	printf("%s %s -> %s\n", text(flow, "protocol"),
	       end_text(source, flow, "source", flow, "sport"),
	       end_text(destination, flow, "destination", flow, "dport"));
	print_service(found);
	printf("decision    ");
	print_decision(found);
	print_candidates(found);
}

int explain_main(struct session *session, int argc, const char *const *argv)
{
	struct question question = {0};
	int ret = read_question(argc, argv, &question);
	json_t *found;

	if (ret)
		return ret;
	ret = word_fetch(session,
			 json_pack("{s:s, s:o, s:I}", "command", "explain", "flow",
				   flow_to_json(&question.flow), "mark", (json_int_t)question.mark),
			 "explain", &found);
	if (ret)
		return ret;
	if (question.as_json)
		word_print_json(found);
	else
		print_found(found);
	json_decref(found);
	return 0;
}
