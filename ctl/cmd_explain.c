// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm explain: why a flow goes where it goes. The daemon decides as for a packet, on copies of
 * what would move; this is how it is told. nfvsadm.
 */
#include "ctl/format.h"
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
	if (argc - at > 3 && strcmp(argv[at + 3], "mark"))
		return word_misused(argv[0], argv[at + 3]);
	if (argc - at != 3 && argc - at != 5)
		return word_misused(argv[0], argc - at > 5 ? argv[at + 5] : NULL);
	protocol = protocol_parse(argv[at]);
	if (protocol < 0)
		return session_fail("'%s' is no protocol (tcp, udp, sctp)", argv[at]);
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
	char key[SERVICE_KEY_STRLEN], flags[SCHED_FLAGS_STRLEN];
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
	if (*format_sched_flags(flags, &spec))
		printf(" (%s)", flags);
	if (spec.flags & SERVICE_PERSISTENT)
		printf(", persistent for %u s", spec.timeout);
	puts(spec.flags & SERVICE_ONEPACKET ? ", one packet a connection" : "");
	printf("            %s\n", text(found, "about"));
	free(spec.matches);
}

/* What becomes of it: @found, or its "anew". */
static void print_decision(const json_t *found, const json_t *conn)
{
	const json_t *server = json_object_get(found, "server");
	const json_t *template = json_object_get(found, "template");
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
	else if (!strcmp(decision, "turns"))
		puts("the rules choose the server whose turn it is (schedule: kernel)");
	else if (!strcmp(decision, "bypassed"))
		puts("no server is usable: it goes on to where the client sent it (cache_bypass), "
		     "unless that is this machine");
	else if (!strcmp(decision, "dropped"))
		printf("it is dropped: server %s of its connection was removed\n", end);
	else if (!strcmp(decision, "reset"))
		printf("it is reset: its connection to %s was killed\n", end);
	else if (!strcmp(decision, "refused"))
		puts("it is refused with ICMP port unreachable: no server is usable");
	else if (!strcmp(decision, "service-full"))
		puts("it is refused with ICMP port unreachable: limit reached, that of the "
		     "service");
	else if (!strcmp(decision, "server-full"))
		printf("it is refused with ICMP port unreachable: limit reached, that of %s, to "
		       "which client %s belongs by persistence\n",
		       end, text(template, "source"));
	else
		puts("it passes on, as if nfvs were not there");
}

static void print_fact(const json_t *fact)
{
	char end[ADDR_STRLEN];

	if (json_is_integer(fact))
		printf("%" PRId64, (int64_t)json_integer_value(fact));
	else if (json_is_boolean(fact))
		printf("%s", json_is_true(fact) ? "yes" : "no");
	else if (json_is_object(fact))
		printf("%s", end_text(end, fact, "address", fact, "port"));
	else
		printf("none");
}

/* What the scheduler goes by, in its order. */
static void print_facts(const json_t *found)
{
	const char *title = "it goes by", *name;
	json_t *facts = json_object_get(found, "facts"), *fact;

	json_object_foreach (facts, name, fact) {
		printf("%-12s", title);
		for (const char *c = name; *c; c++)
			putchar(*c == '-' ? ' ' : *c);
		printf(": ");
		print_fact(fact);
		putchar('\n');
		title = "";
	}
}

/* Why a server gets nothing new, say. */
static const char *remark(const json_t *candidate, bool chosen)
{
	static const struct {
		const char *name, *text;
	} remarks[] = {
		{"draining", "draining: nothing new"},
		{"stands_back", "backup, stands back"},
		{"full", "limit reached: nothing new until it has fewer connections"},
		{"overloaded", "overloaded: nothing new until it has fewer connections"},
	};

	/* lblc keeps to a server that is. */
	if (chosen && json_is_true(json_object_get(candidate, "overloaded")))
		return "overloaded";

	for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++)
		if (json_is_true(json_object_get(candidate, remarks[i].name)))
			return remarks[i].text;
	if (!number(json_object_get(candidate, "server"), "weight"))
		return "weight 0: nothing new";
	return json_is_true(json_object_get(candidate, "slow_start")) ? "slow start" : "";
}

/* While some server of the service is in its slow start, what the weights count as. */
static bool weights_differ(const json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		if (number(row, "effective_weight") !=
		    number(json_object_get(row, "server"), "weight"))
			return true;
	return false;
}

static void print_candidate(const json_t *row, bool chosen, bool differ, bool loads)
{
	const json_t *server = json_object_get(row, "server");
	const char *note = remark(row, chosen);
	char end[ADDR_STRLEN];

	printf("%s %-30s %-7s %10" PRId64, chosen ? ">" : " ",
	       end_text(end, server, "address", server, "port"), text(server, "method"),
	       (int64_t)number(server, "weight"));
	if (differ)
		printf(" %10" PRId64, (int64_t)number(row, "effective_weight"));
	printf(" %8" PRId64 " %8" PRId64, (int64_t)number(row, "active"),
	       (int64_t)number(row, "inactive"));
	if (loads)
		printf(" %10" PRId64, (int64_t)number(row, "load"));
	printf("%s%s\n", *note ? "  " : "", note);
}

static void print_candidates(const json_t *found)
{
	const json_t *rows = json_object_get(found, "candidates"), *row;
	const json_t *chosen = json_object_get(found, "server");
	const char *load = text(found, "load_name");
	bool differ = weights_differ(rows);
	size_t i;

	if (!json_array_size(rows))
		return;
	printf("\n  %-30s %-7s %10s", "servers, newest first", "method", "weight");
	if (differ)
		printf(" %10s", "counts as");
	printf(" %8s %8s", "active", "inactive");
	printf(*load ? " %10s\n" : "%s\n", load);
	json_array_foreach (rows, i, row)
		print_candidate(row, chosen && json_equal(json_object_get(row, "server"), chosen),
				differ, *load);
}

static void print_found(const json_t *found)
{
	const json_t *flow = json_object_get(found, "flow");
	const json_t *anew = json_object_get(found, "anew");
	char source[ADDR_STRLEN], destination[ADDR_STRLEN];

	printf("%s %s -> %s\n", text(flow, "protocol"),
	       end_text(source, flow, "source", flow, "sport"),
	       end_text(destination, flow, "destination", flow, "dport"));
	print_service(found);
	printf("decision    ");
	print_decision(found, json_object_get(found, "connection"));
	if (anew) {
		printf("opened anew ");
		print_decision(anew, NULL);
	}
	print_facts(found);
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
