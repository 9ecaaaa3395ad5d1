/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_UNIT_RULES_BUILD_H
#define TESTS_UNIT_RULES_BUILD_H

/* What the tests of rules/ share: input in one line each, and a set's elements as text. */
#include "rules/layout.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct rules_input params = {
	.table = "nfvs",
	.method = QUEUE_NATIVE,
	.first_queue = 4,
	.queues = 2,
	.mark_mask = 0xffff0000,
	.seed = 0x1234,
	.tproxy = true,
	.dup = true,
};

static inline struct match match(uint8_t protocol, const char *addr, uint16_t first, uint16_t last)
{
	return (struct match){.af = build_af(addr),
			      .protocol = protocol,
			      .first = first,
			      .last = last,
			      .addr = build_addr(addr)};
}

static inline struct rules_service service(uint8_t protocol, const char *addr, uint16_t port)
{
	return (struct rules_service){.key = build_service(protocol, addr, port).key};
}

static inline struct rules_service group(uint32_t mark, const struct match *matches, size_t len)
{
	return (struct rules_service){
		.key = build_fwmark(mark).key, .matches = matches, .matches_len = len};
}

static inline struct rules_server server(uint8_t protocol, const char *addr, uint16_t first,
					 uint16_t last)
{
	return (struct rules_server){.af = build_af(addr),
				     .protocol = protocol,
				     .first = first,
				     .last = last,
				     .addr = build_addr(addr)};
}

/* The script, malloc'd. */
static inline char *print(const struct ruleset *ruleset)
{
	char *text = NULL, *copy;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert_eq(ruleset_print(ruleset, out), 0);
	fclose(out);
	copy = strdup(text);
	free(text);
	return copy;
}

/* The elements of a set as the script has them, one a line without blanks in front; the set is
 * looked for in the second block of its family. */
static inline void elements_of(char *buf, size_t size, const struct ruleset *ruleset,
			       const char *table, const char *set)
{
	char *text = print(ruleset), *at, head[64], *line, *save;

	buf[0] = '\0';
	at = strstr(text, "# What counts.");
	snprintf(head, sizeof(head), "table %s nfvs {", table);
	at = strstr(at, head);
	snprintf(head, sizeof(head), " %s {\n\t\ttype", set);
	at = strstr(at, head);
	cr_assert_not_null(at, "no set %s", set);
	*strstr(at, "\n\t}") = '\0';
	at = strstr(at, "elements = {");
	for (line = at ? strtok_r(at + 12, ",\n\t}", &save) : NULL; line;
	     line = strtok_r(NULL, ",\n\t}", &save))
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", buf[0] ? "|" : "", line);
	free(text);
}

static inline void expect(const struct ruleset *ruleset, const char *table, const char *set,
			  const char *want)
{
	char have[4096];

	elements_of(have, sizeof(have), ruleset, table, set);
	cr_assert_str_eq(have, want, "%s %s: %s", table, set, have);
}

#endif
