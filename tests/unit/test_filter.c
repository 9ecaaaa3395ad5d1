// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/filter.c, ctl/selection.c, ctl/condition.c: what is typed, what is sent, and which of four
 * connections it selects. */
#include "tests/unit/direct_build.h"

#include "ctl/condition.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

static struct lab lab;

/* The bits by which the table below says who is selected. */
#define TCP4	 1  /* 10.1.0.2:1000 -> 10.1.0.100:80, 10.2.0.11:8080, 100 s old, idle for 40 s */
#define UDP4	 2  /* 10.1.1.9:2000 -> 10.1.0.100:53, 10.2.0.12:53, 60 s old */
#define TCP6	 4  /* fd00:1::2:3000 -> fd00:1::100:80, fd00:2::11:80, new */
#define MARKED	 8  /* 10.1.0.2:4000 -> 10.1.0.7:99, mark 7, 10.2.0.11:99, new */
#define TEMPLATE 16 /* 10.1.0.2 -> 10.1.0.100:80 */

static void packet(uint8_t protocol, const char *from, uint16_t from_port, const char *to,
		   uint16_t to_port, uint8_t flags)
{
	const struct build b = {.protocol = protocol,
				.saddr = from,
				.sport = from_port,
				.daddr = to,
				.dport = to_port,
				.flags = flags};

	lab_send(&lab, PKT_IN, &b);
}

static void setup(void)
{
	struct service_spec web = build_service(IPPROTO_TCP, "10.1.0.100", 80);
	struct service *svc;

	lab_open(&lab);
	web.flags = SERVICE_PERSISTENT;
	web.timeout = 600;
	svc = lab_service(&lab, web);
	lab_dest(&lab, svc, "10.2.0.11", 8080, 1);
	svc = lab_service(&lab, build_service(IPPROTO_UDP, "10.1.0.100", 53));
	lab_dest(&lab, svc, "10.2.0.12", 53, 1);
	svc = lab_service(&lab, build_service(IPPROTO_TCP, "fd00:1::100", 80));
	lab_dest(&lab, svc, "fd00:2::11", 80, 1);
	svc = lab_service(&lab, build_fwmark(7));
	lab_dest(&lab, svc, "10.2.0.11", 0, 1);

	lab.d.now = 1000000;
	packet(IPPROTO_TCP, "10.1.0.2", 1000, "10.1.0.100", 80, PKT_SYN);
	lab.d.now = 1040000;
	packet(IPPROTO_UDP, "10.1.1.9", 2000, "10.1.0.100", 53, 0);
	lab.d.now = 1060000;
	packet(IPPROTO_TCP, "10.1.0.2", 1000, "10.1.0.100", 80, PKT_ACK);
	lab.d.now = 1100000;
	packet(IPPROTO_UDP, "10.1.1.9", 2000, "10.1.0.100", 53, 0);
	packet(IPPROTO_TCP, "fd00:1::2", 3000, "fd00:1::100", 80, PKT_SYN);
	lab.mark = 7;
	packet(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.7", 99, PKT_SYN);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(filter, .init = setup, .fini = teardown);

struct selecting {
	const struct filter *filter;
	unsigned int found;
};

static unsigned int bit_of(const struct conn *conn)
{
	if (atomic_load(&conn->flags) & CONN_TEMPLATE)
		return TEMPLATE;
	return ntohs(conn->cport) == 4000      ? MARKED
	       : conn->af == AF_INET6	       ? TCP6
	       : conn->protocol == IPPROTO_UDP ? UDP4
					       : TCP4;
}

static void select_one(struct conn *conn, void *data)
{
	struct selecting *selecting = data;

	if (filter_matches(selecting->filter, conn, lab.d.now))
		selecting->found |= bit_of(conn);
}

static unsigned int selected(const struct filter *filter)
{
	struct selecting selecting = {filter, 0};
	struct conns_walk walk = {0};

	while (conns_walk(lab.d.conns, &walk, 2, select_one, &selecting))
		;
	return selecting.found;
}

/* Words, separated by blanks, to a filter, all of them. */
static int words_read(const char *text, struct filter *filter)
{
	char copy[256], *word, *rest = copy;
	const char *argv[16];
	int argc = 0, at = 0, ret = 0;

	strcpy(copy, text);
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = word;
	*filter = (struct filter){0};
	while (!ret && at < argc)
		ret = condition_read(argc, argv, &at, filter);
	return ret;
}

static const struct {
	char words[112];
	unsigned int selects;
} rows[] = {
	{"", TCP4 | UDP4 | TCP6 | MARKED | TEMPLATE},
	{"--client 10.1.0.2", TCP4 | MARKED | TEMPLATE},
	{"--client 10.1.0.0/16", TCP4 | UDP4 | MARKED | TEMPLATE},
	{"--client 10.1.0.77/24", TCP4 | MARKED | TEMPLATE},
	{"--client 0.0.0.0/0", TCP4 | UDP4 | MARKED | TEMPLATE},
	{"--client 10.1.0.2:4000", MARKED},
	{"--client fd00:1::/32", TCP6},
	{"--client [fd00:1::2]:3000", TCP6},
	{"--client fd00:1::3/127", TCP6},
	{"--client fd00:1::3/128", 0},
	{"--server 10.2.0.11", TCP4 | MARKED | TEMPLATE},
	{"--server 10.2.0.11:8080", TCP4 | TEMPLATE},
	{"--server 10.2.0.11:99", MARKED},
	{"--server fd00:2::11", TCP6},
	{"--server a02:b::", 0}, /* the bytes of 10.2.0.11 */
	{"--service tcp 10.1.0.100:80", TCP4 | TEMPLATE},
	{"--service udp 10.1.0.100:53", UDP4},
	{"--service udp 10.1.0.100:80", 0},
	{"--service tcp [fd00:1::100]:80", TCP6},
	{"--service fwmark 7", MARKED},
	{"--service fwmark 7 ipv6", 0},
	{"--service fwmark 8", 0},
	{"--state ESTABLISHED", TCP4},
	{"--state syn_recv", TCP6 | MARKED},
	{"--state udp", UDP4},
	{"--state template", TEMPLATE},
	{"--state NONE", 0}, /* what a template's state is called in listings selects none */
	{"--age >99s", TCP4 | TEMPLATE},
	{"--age >100", 0},
	{"--age <1m", TCP6 | MARKED},
	{"--age >30 --age <90", UDP4},
	{"--idle >39", TCP4 | TEMPLATE},
	{"--idle <40", UDP4 | TCP6 | MARKED},
	{"--idle <1", UDP4 | TCP6 | MARKED},
	{"--idle >40", TEMPLATE},
	{"--client 10.1.0.2 --state ESTABLISHED --age >1m", TCP4},
	{"--client 10.1.1.9 --state ESTABLISHED", 0},
};

Test(filter, words_select)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter filter;

		cr_assert_eq(words_read(rows[i].words, &filter), 0, "%s", rows[i].words);
		cr_assert_eq(selected(&filter), rows[i].selects, "%s: 0x%x", rows[i].words,
			     selected(&filter));
	}
}

Test(filter, json_carries_all_of_it)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter filter, back;
		struct error err = {""};
		json_t *json;

		words_read(rows[i].words, &filter);
		json = filter_to_json(&filter);
		cr_assert_eq(filter_from_json(json, &back, &err), 0, "%s: %s", rows[i].words,
			     err.text);
		cr_assert_eq(back.set, filter.set, "%s", rows[i].words);
		cr_assert_eq(selected(&back), rows[i].selects, "%s", rows[i].words);
		json_decref(json);
	}
}

Test(filter, a_name_is_no_condition_yet)
{
	struct filter filter;

	cr_assert_eq(words_read("--name web", &filter), 0);
	cr_assert_eq(filter.set, FILTER_NAME);
	cr_assert_str_eq(filter.name, "web");
	cr_assert_eq(words_read("--service --name web", &filter), 0);
	cr_assert_eq(filter.set, FILTER_NAME);
}

Test(filter, mistakes_in_words, .init = cr_redirect_stderr)
{
	static const char *const wrong[] = {
		"--client",
		"--client 10.1.0.0/33",
		"--client 10.1.0.0/",
		"--client fd00::/0",
		"--client 10.1.0/24",
		"--client 10.1.0.2:99999",
		"--server 10.1.0.2:x",
		"--service tcp",
		"--service tcp 10.1.0.100",
		"--service icmp 10.1.0.100:80",
		"--service fwmark 0",
		"--service fwmark x",
		"--state UP",
		"--age 60",
		"--age >",
		"--age >5w",
		"--age >-5",
		"--age >99999999999d",
		"--idle =5",
		"--name ",
		"tcp",
		"--all",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct filter filter;

		cr_assert_neq(words_read(wrong[i], &filter), 0, "%s", wrong[i]);
	}
}

Test(filter, mistakes_in_json)
{
	static const struct {
		const char *json, *says;
	} wrong[] = {
		{"{\"client\":\"10.1.0.300\"}", "client"},
		{"{\"client\":\"10.1.0.3\",\"prefix\":33}", "prefix"},
		{"{\"client\":\"fd00::1\",\"prefix\":0}", "prefix"},
		{"{\"prefix\":8}", "prefix"},
		{"{\"client_port\":70000}", "client_port"},
		{"{\"service\":{\"protocol\":\"tcp\"}}", "address"},
		{"{\"service\":{\"fwmark\":1},\"name\":\"web\"}", "which service"},
		{"{\"name\":\"\"}", "name"},
		{"{\"state\":\"UP\"}", "state"},
		{"{\"age_min\":-1}", "age_min"},
		{"{\"idle_max\":\"5\"}", "idle_max"},
		{"{\"colour\":1}", "colour"},
		{"[]", "filter"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *json = json_loads(wrong[i].json, 0, NULL);
		struct filter filter = {.set = 12345};
		struct error err = {""};

		cr_assert_lt(filter_from_json(json, &filter, &err), 0, "%s", wrong[i].json);
		cr_assert_not_null(strstr(err.text, wrong[i].says), "%s: %s", wrong[i].json,
				   err.text);
		cr_assert_eq(filter.set, 12345, "untouched");
		json_decref(json);
	}
}

Test(filter, times)
{
	static const struct {
		const char *text;
		uint32_t seconds;
	} good[] = {{"0", 0}, {"90", 90}, {"90s", 90}, {"5m", 300}, {"2h", 7200}, {"1d", 86400}};
	static const char *const bad[] = {"", "s", "-1", "1.5s", "5 s", "5ss", "5M", "+5"};
	uint32_t seconds = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert(seconds_parse(good[i].text, &seconds), "%s", good[i].text);
		cr_assert_eq(seconds, good[i].seconds, "%s: %u", good[i].text, seconds);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(seconds_parse(bad[i], &seconds), "%s", bad[i]);
}
