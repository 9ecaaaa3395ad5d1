// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/explain.c and the explain() of each scheduler: the facts by name and number, in states where
 * they can be worked out by hand (hashes: by another implementation). */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define VIP    "10.1.0.100"
#define CLIENT "10.1.0.2"

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(explain_facts, .init = setup, .fini = teardown);

/* Servers are A 10.2.0.1, B 10.2.0.2 ... */
static char letter(const struct dest *dest)
{
	return dest ? (char)('A' + (ntohl(dest->addr.ip) & 0xff) - 1) : '-';
}

static struct service *make(const char *sched, uint32_t flags, int a, int b, int c)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	const int weights[] = {a, b, c};
	struct service *svc;

	snprintf(spec.scheduler, sizeof(spec.scheduler), "%s", sched);
	spec.flags = flags;
	spec.timeout = 300;
	svc = lab_service(&lab, spec);
	for (int i = 0; i < 3; i++) {
		char addr[ADDR_STRLEN];

		snprintf(addr, sizeof(addr), "10.2.0.%d", i + 1);
		lab_dest(&lab, svc, addr, 8080, weights[i]);
	}
	return svc;
}

static void open_one(uint16_t port)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, port, VIP, 80),
				 .flags = PKT_SYN});
}

/* "choice; fact value, ...; weight/active/inactive/load of each server, newest first" */
static const char *ask(uint16_t port)
{
	struct flow flow = build_flow(IPPROTO_TCP, CLIENT, port, VIP, 80);
	static char text[1024];
	struct explanation said;
	size_t len;

	rcu_read_lock();
	cr_assert_eq(direct_explain(&lab.d, &flow, 0, &said), 0);
	rcu_read_unlock();
	len = (size_t)snprintf(text, sizeof(text), "%c;", letter(said.fate.dest));
	for (size_t i = 0; i < said.facts.len; i++) {
		const struct sched_fact *fact = &said.facts.items[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s ", i ? "," : "",
					fact->name);
		if (fact->kind == FACT_SERVER)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%c",
						letter(fact->dest));
		else
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%lld%s",
						(long long)fact->number,
						fact->kind == FACT_YES ? "?" : "");
	}
	len += (size_t)snprintf(text + len, sizeof(text) - len, "; ");
	for (size_t i = 0; i < said.servers_len; i++) {
		const struct server_view *view = &said.servers[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d/%u/%u/%lld",
					i ? " " : "", view->weight, view->active, view->inactive,
					(long long)view->load);
	}
	explanation_free(&said);
	return text;
}

#define SAYS(port, want)                                                                 \
	do {                                                                             \
		const char *shown = ask(port);                                           \
                                                                                         \
		cr_assert_str_eq(shown, want, "\n  it is: %s\nnot:    %s", shown, want); \
	} while (0)

/* A connection counts as inactive until the server has answered. */
Test(explain_facts, of_those_that_go_round)
{
	make("rr", 0, 1, 2, 3);
	SAYS(4000, "C; chosen last -; 3/0/0/0 2/0/0/0 1/0/0/0");
	open_one(1);
	SAYS(4000, "B; chosen last C; 3/1/0/0 2/0/0/0 1/0/0/0");
}

Test(explain_facts, of_wrr)
{
	make("wrr", 0, 1, 2, 3);
	/* Added one by one: the bar is still where the first one had it. */
	SAYS(4000, "C; chosen last -, current weight 1, greatest weight 3, weight step 1; "
		   "3/0/0/0 2/0/0/0 1/0/0/0");
	open_one(1);
	open_one(2);
	open_one(3);
	SAYS(4000, "C; chosen last A, current weight 1, greatest weight 3, weight step 1; "
		   "3/1/0/0 2/1/0/0 1/1/0/0");
	open_one(4);
	SAYS(4000, "C; chosen last C, current weight 3, greatest weight 3, weight step 1; "
		   "3/2/0/0 2/1/0/0 1/1/0/0");
}

Test(explain_facts, of_wrr_smooth)
{
	make("wrr-smooth", 0, 1, 2, 3);
	SAYS(4000, "C;; 3/0/0/3 2/0/0/2 1/0/0/1");
	open_one(1); /* C pays 6 and has gained 3 */
	SAYS(4000, "B;; 3/1/0/0 2/0/0/4 1/0/0/2");
}

Test(explain_facts, of_those_that_count)
{
	static const struct {
		const char *sched, *first, *second;
	} rows[] = {
		{"lc", "C;; 3/0/0/0 2/0/0/0 1/0/0/0", "B;; 3/1/0/257 2/0/0/0 1/0/0/0"},
		{"wlc", "C;; 3/0/0/0 2/0/0/0 1/0/0/0", "B;; 3/1/0/257 2/0/0/0 1/0/0/0"},
		{"sed", "C;; 3/0/0/1 2/0/0/1 1/0/0/1", "B;; 3/1/0/2 2/0/0/1 1/0/0/1"},
		{"nq", "C;; 3/0/0/1 2/0/0/1 1/0/0/1", "B;; 3/1/0/2 2/0/0/1 1/0/0/1"},
		{"fo", "C;; 3/0/0/0 2/0/0/0 1/0/0/0", "C;; 3/1/0/0 2/0/0/0 1/0/0/0"},
		{"ovf", "C;; 3/0/0/0 2/0/0/0 1/0/0/0", "C;; 3/1/0/1 2/0/0/0 1/0/0/0"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service *svc = make(rows[i].sched, 0, 1, 2, 3);

		SAYS(4000, rows[i].first);
		open_one((uint16_t)(i + 1));
		SAYS(4000, rows[i].second);
		cr_assert_eq(service_del(lab.d.services, svc), 0);
		lab_wait(&lab, 2000000);
	}
}

Test(explain_facts, of_those_that_remember)
{
	make("lblc", 0, 1, 2, 3);
	SAYS(4000, "C; address known 0?, its server -, kept 0?, addresses known 0; "
		   "3/0/0/0 2/0/0/0 1/0/0/0");
	open_one(1);
	SAYS(4000, "C; address known 1?, its server C, kept 1?, addresses known 1; "
		   "3/1/0/257 2/0/0/0 1/0/0/0");
	for (uint16_t port = 2; port <= 4; port++)
		open_one(port);
	SAYS(4000, "B; address known 1?, its server C, kept 0?, addresses known 1; "
		   "3/4/0/1028 2/0/0/0 1/0/0/0");
}

Test(explain_facts, of_lblcr)
{
	make("lblcr", 0, 1, 2, 3);
	SAYS(4000, "C; address known 0?, its servers 0, kept server -, addresses known 0; "
		   "3/0/0/0 2/0/0/0 1/0/0/0");
	for (uint16_t port = 1; port <= 4; port++)
		open_one(port);
	SAYS(4000, "B; address known 1?, its servers 1, kept server -, addresses known 1; "
		   "3/4/0/1028 2/0/0/0 1/0/0/0");
	open_one(5);
	SAYS(4000, "B; address known 1?, its servers 2, kept server B, addresses known 1; "
		   "3/4/0/1028 2/1/0/257 1/0/0/0");
}

/* Slots 15, 126, 1900 ... are what another implementation makes of the addresses. */
Test(explain_facts, of_those_that_hash)
{
	static const struct {
		const char *sched;
		uint32_t flags;
		const char *want;
	} rows[] = {
		{"dh", 0,
		 "C; slot 126, slots 256, slot server C, slots of this server 86, fallback 0?; "},
		{"sh", 0,
		 "B; slot 15, slots 256, slot server B, slots of this server 85, fallback 0?; "},
		{"sh", SERVICE_SCHED2,
		 "B; slot 237, slots 256, slot server B, slots of this server 85, fallback 0?; "},
		{"mh", 0, "?; slot 1900, slots 4093, slot server "},
		{"mh", SERVICE_SCHED2, "?; slot 1409, slots 4093, slot server "},
		{"maglev", 0, "?; slot 44121, slots 65537, slot server "},
		{"maglev", SERVICE_SCHED2, "?; slot 41877, slots 65537, slot server "},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service *svc = make(rows[i].sched, rows[i].flags, 1, 2, 3);
		const char *said = ask(4000), *at;

		cr_assert_not(strncmp(said + 1, rows[i].want + 1, strlen(rows[i].want) - 1), "%s",
			      said);
		if (rows[i].want[0] != '?')
			cr_assert_eq(said[0], rows[i].want[0], "%s", said);
		at = strstr(said, "slot server ");
		cr_assert_eq(at[12], said[0], "%s", said);
		cr_assert_not_null(strstr(said, ", fallback 0?; "), "%s", said);
		cr_assert_eq(service_del(lab.d.services, svc), 0);
		lab_wait(&lab, 2000000);
	}
}

/* The client's own slot, and where the search ended. */
Test(explain_facts, of_a_fallback)
{
	struct service *svc = make("sh", SERVICE_SCHED1, 1, 2, 3);
	struct dest *dest;

	/* Slots run C C C B B A: the client's 15 is B's; the others looked at are 15 + 15 + n. */
	cds_list_for_each_entry (dest, &svc->dests, list)
		if (letter(dest) != 'A')
			atomic_fetch_or(&dest->flags, DEST_OVERLOAD);
	SAYS(4000, "A; slot 15, slots 256, slot server B, slots of this server 85, fallback 1?, "
		   "fallback slot 35, slots looked at 7; 3/0/0/0 2/0/0/0 1/0/0/0");
	cds_list_for_each_entry (dest, &svc->dests, list)
		atomic_fetch_or(&dest->flags, DEST_OVERLOAD);
	/* Not looked for in vain. */
	SAYS(4000, "-; slot 15, slots 256, slot server B, slots of this server 85, fallback 0?; "
		   "3/0/0/0 2/0/0/0 1/0/0/0");
}

/* There is a server that could be chosen, but it has no slot. */
Test(explain_facts, of_a_search_in_vain)
{
	struct service *svc = make("sh", SERVICE_SCHED1, 1, 1, 300);

	atomic_fetch_or(
		&service_dest(svc, AF_INET, &(union addr){.ip = htonl(0x0a020003)}, htons(8080))
			 ->flags,
		DEST_OVERLOAD);
	SAYS(4000, "-; slot 15, slots 256, slot server C, slots of this server 256, fallback 1?, "
		   "fallback slot 29, slots looked at 257; 300/0/0/0 1/0/0/0 1/0/0/0");
}

/* Lots by the seed 1234567, whose first two numbers are 0.3500 and 0.1736 of 2^64. */
Test(explain_facts, of_those_that_draw)
{
	static const uint64_t seed = 1234567;
	struct service *svc = make("twos", 0, 10, 20, 30);

	memcpy(svc->sched_state, &seed, sizeof(seed));
	SAYS(4000, "C; lots up to 60, first lot 21, first server C, second lot 10, second server "
		   "C; 30/0/0/0 20/0/0/0 10/0/0/0");
	cr_assert_eq(service_del(lab.d.services, svc), 0);
	lab_wait(&lab, 2000000);
	svc = make("p2c", 0, 10, 20, 30);
	memcpy(svc->sched_state, &seed, sizeof(seed));
	/* 1 + 0.35 * 60, and without C 1 + 0.1736 * 30 */
	SAYS(4000, "C; first lot 22, first server C, second lot 6, second server B; "
		   "30/0/0/1 20/0/0/1 10/0/0/1");
	cr_assert_eq(service_del(lab.d.services, svc), 0);
	lab_wait(&lab, 2000000);
}

/* The template by which a client stays, and nothing of the scheduler, who is not asked. */
Test(explain_facts, of_persistence)
{
	struct flow flow = build_flow(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	struct explanation said;

	make("rr", SERVICE_PERSISTENT, 1, 1, 1);
	SAYS(4000, "C; chosen last -; 1/0/0/0 1/0/0/0 1/0/0/0");
	open_one(1);
	SAYS(4000, "C;; 1/1/0/0 1/0/0/0 1/0/0/0");
	lab_wait(&lab, 1000);
	rcu_read_lock();
	cr_assert_eq(direct_explain(&lab.d, &flow, 0, &said), 0);
	cr_assert_eq(said.fate.outcome, OUTCOME_TEMPLATE);
	cr_assert_eq(said.fate.template, lab_conn(&lab, IPPROTO_TCP, CLIENT, 1, VIP, 80)->control);
	cr_assert_eq(conn_client(said.fate.template).ip, flow.saddr.ip);
	cr_assert_eq(said.fate.template->dest, said.fate.dest);
	rcu_read_unlock();
	explanation_free(&said);
}
