// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon/drain.c, killer.c, ending.c: drains in virtual time and the requests about them, on a
 * director whose rules are external, with connections that packets made. */
#include "daemon/ending.h"
#include "lib/log.h"
#include "lvs/reset.h"
#include "tests/unit/pkt_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define VIP "10.1.0.100"

static struct handling handling;
static struct direct direct;
static struct outbox outbox;
static struct stats stats;
static uint64_t now; /* ms; begins with the real one, by which the director takes requests */

static void setup(void)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 1024, .table = "test", .mark_mask = 0xffff0000};
	const struct dest_spec first = build_dest("10.2.0.11", 8080, 3),
			       second = build_dest("10.2.0.12", 8080, 1),
			       twin = build_dest("10.2.0.12", 8081, 1);
	struct service_spec web = build_service(IPPROTO_TCP, VIP, 80);
	struct error err = {""};

	log_init(LOG_ERR);
	rcu_register_thread();
	strcpy(web.name, "web");
	handling.director = director_new(&conf, 1, &err);
	cr_assert_not_null(handling.director, "%s", err.text);
	handling.killer = killer_new(handling.director, NULL, NULL);
	handling.drains = drains_new(handling.director, handling.killer);
	cr_assert_eq(director_service_add(handling.director, &web, &err), 0, "%s", err.text);
	cr_assert_eq(director_dest_add(handling.director, &web.key, &second, &err), 0);
	cr_assert_eq(director_dest_add(handling.director, &web.key, &twin, &err), 0);
	cr_assert_eq(director_dest_add(handling.director, &web.key, &first, &err), 0);
	director_decide(handling.director, &direct);
	direct.outbox = &outbox;
	direct.stats = &stats;
	now = director_now();
}

static void teardown(void)
{
	drains_free(handling.drains);
	killer_free(handling.killer);
	director_free(handling.director);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(drain, .init = setup, .fini = teardown);

static struct service_key web_key(void)
{
	return build_service(IPPROTO_TCP, VIP, 80).key;
}

static struct dest *server(const char *addr, uint16_t port)
{
	const struct service_key key = web_key();
	const union addr where = build_addr(addr);

	return service_dest(services_get(director_services(handling.director), &key), AF_INET,
			    &where, htons(port));
}

static struct dest *first(void)
{
	return server("10.2.0.11", 8080);
}

static void packet(uint16_t port, uint8_t flags)
{
	const struct build b = {
		.protocol = IPPROTO_TCP, FROM_TO("10.1.0.2", port, VIP, 80), .flags = flags};
	static uint8_t bytes[BUILD_MAX];
	struct pkt pkt = {.data = bytes, .hook = HOOK_PREROUTING, .dir = PKT_IN};

	pkt.len = (uint32_t)build_packet(bytes, &b);
	direct.now = now;
	outbox.len = 0;
	rcu_read_lock();
	direct_packet(&direct, &pkt);
	rcu_read_unlock();
}

static struct dest *dest_of(uint16_t port)
{
	const struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", port, VIP, 80);
	struct conn *conn = conn_find(director_conns(handling.director), &flow, PKT_IN);

	return conn ? conn->dest : NULL;
}

/* Established connections from these ports on, until the first server has @n. */
static void connect_to_first(unsigned int n)
{
	for (uint16_t port = 1000; dest_active(first()) < n; port++) {
		packet(port, PKT_SYN);
		packet(port, PKT_ACK);
		cr_assert_lt(port, 1100);
	}
}

static int ask(const char *request, struct answer *answer)
{
	json_t *json = json_loads(request, 0, NULL);

	cr_assert_not_null(json, "the test's JSON: %s", request);
	request_answer(&handling, json, answer);
	json_decref(json);
	return answer->result.code;
}

#define FILTER "\"filter\":{\"name\":\"web\",\"server\":\"10.2.0.11\"}"

static void drain(const char *more)
{
	struct answer answer;
	char text[256];

	snprintf(text, sizeof(text), "{\"command\":\"drain\"," FILTER "%s}", more);
	cr_assert_eq(ask(text, &answer), 0, "%s: %s", text, answer.result.err.text);
	cr_assert_str_eq(
		json_string_value(json_object_get(json_object_get(answer.row, "drain"), "state")),
		"draining");
	json_decref(answer.row);
	now = director_now();
}

/* Time passes as the daemon sees it. */
static void wait_for(uint64_t ms)
{
	for (uint64_t end = now + ms; now < end; now += 100)
		drains_tick(handling.drains, now);
}

/* The one drain's member, or "" if there is none. */
static const char *shown(const char *name)
{
	static char text[32];
	json_t *rows = drains_json(handling.drains, now);
	const json_t *value = json_object_get(json_array_get(rows, 0), name);

	cr_assert_leq(json_array_size(rows), 1);
	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%d", (int)json_integer_value(value));
	else
		snprintf(text, sizeof(text), "%s", value ? json_string_value(value) : "");
	json_decref(rows);
	return text;
}

#define SHOWS(name, expected) cr_assert_str_eq(shown(name), expected, name ": %s", shown(name))

Test(drain, nothing_new_comes_and_what_is_there_goes_on)
{
	connect_to_first(2);
	drain("");
	cr_assert_eq(dest_weight(first()), 0);
	for (uint16_t port = 2000; port < 2010; port++) {
		packet(port, PKT_SYN);
		cr_assert_neq(dest_of(port), first());
	}
	wait_for(100000);
	SHOWS("state", "draining");
	SHOWS("active", "2");
	SHOWS("weight", "3");
	SHOWS("deadline", "");
}

Test(drain, is_done_when_nothing_is_left)
{
	drain("");
	wait_for(100);
	SHOWS("state", "drained");
}

Test(drain, is_done_when_what_is_left_is_over)
{
	connect_to_first(1);
	drain("");
	for (uint16_t port = 1000; port < 1010; port++)
		packet(port, PKT_RST);
	cr_assert_eq(dest_inactive(first()), 1, "closed, and remembered");
	wait_for(1200);
	SHOWS("state", "drained");
	SHOWS("ended", "0");
}

Test(drain, a_half_closed_connection_is_not_over)
{
	connect_to_first(1);
	drain("");
	for (uint16_t port = 1000; port < 1010; port++)
		packet(port, PKT_FIN | PKT_ACK);
	cr_assert_eq(dest_active(first()), 0);
	wait_for(5000);
	SHOWS("state", "draining");
}

Test(drain, resets_the_rest_at_the_deadline)
{
	unsigned int others;

	connect_to_first(3);
	others = dest_active(server("10.2.0.12", 8080));
	drain(",\"deadline\":60");
	wait_for(59000);
	SHOWS("state", "draining");
	SHOWS("then", "reset");
	cr_assert_leq(atoi(shown("deadline")), 1);
	cr_assert_eq(dest_active(first()), 3);
	wait_for(2000);
	SHOWS("state", "drained");
	SHOWS("ended", "3");
	cr_assert_eq(dest_active(first()), 0);
	cr_assert_eq(dest_inactive(first()), 3, "remembered, to answer what comes");
	cr_assert_eq(dest_active(server("10.2.0.12", 8080)), others);
}

Test(drain, expires_the_rest_at_the_deadline)
{
	connect_to_first(3);
	drain(",\"deadline\":1,\"then\":\"expire\"");
	wait_for(2000);
	SHOWS("state", "drained");
	SHOWS("ended", "3");
	cr_assert_eq(dest_total(first()), 0);
}

Test(drain, keeps_the_rest_at_the_deadline)
{
	connect_to_first(3);
	drain(",\"deadline\":1,\"then\":\"keep\"");
	wait_for(2000);
	SHOWS("state", "drained");
	SHOWS("ended", "0");
	cr_assert_eq(dest_active(first()), 3);
}

Test(drain, ordered_again_it_has_another_deadline_and_the_first_weight)
{
	connect_to_first(1);
	drain(",\"deadline\":5");
	drain(",\"deadline\":500,\"then\":\"keep\"");
	wait_for(10000);
	SHOWS("state", "draining");
	SHOWS("weight", "3");
	SHOWS("then", "keep");
}

Test(drain, undrain_gives_the_weight_back)
{
	struct answer answer;

	connect_to_first(1);
	drain(",\"deadline\":60");
	cr_assert_eq(ask("{\"command\":\"undrain\"," FILTER "}", &answer), 0);
	cr_assert_eq(dest_weight(first()), 3);
	cr_assert_not(dest_draining(first()));
	wait_for(100000);
	SHOWS("state", "");
	cr_assert_eq(dest_active(first()), 1);
	cr_assert_eq(ask("{\"command\":\"undrain\"," FILTER "}", &answer), -ENOENT);
}

Test(drain, a_weight_from_somebody_ends_it)
{
	const struct service_key key = web_key();
	struct dest_spec spec = build_dest("10.2.0.11", 8080, 0);

	connect_to_first(1);
	drain(",\"deadline\":60");
	spec.upper = 100; /* thresholds are no weight */
	director_dest_edit(handling.director, &key, &spec, NULL);
	wait_for(100);
	SHOWS("state", "draining");
	spec.weight = 7;
	director_dest_edit(handling.director, &key, &spec, NULL);
	wait_for(100000);
	SHOWS("state", "");
	cr_assert_eq(dest_weight(first()), 7);
	cr_assert_not(dest_draining(first()));
	cr_assert_eq(dest_active(first()), 1);
}

Test(drain, removing_the_server_ends_it)
{
	const struct service_key key = web_key();
	struct dest_spec spec = build_dest("10.2.0.11", 8080, 5);

	connect_to_first(1);
	drain(",\"deadline\":60");
	cr_assert_eq(director_dest_del(handling.director, &key, &spec, NULL), 0);
	wait_for(100000);
	SHOWS("state", "");
	cr_assert_eq(director_dest_add(handling.director, &key, &spec, NULL), 0);
	cr_assert_eq(dest_active(first()), 1, "it came back with its connection");
	cr_assert_not(dest_draining(first()));
}

Test(drain, the_service_may_go_while_it_runs)
{
	const struct service_key key = web_key();

	connect_to_first(1);
	drain("");
	cr_assert_eq(director_service_del(handling.director, &key, NULL), 0);
	wait_for(200);
	SHOWS("state", "");
}

Test(drain, what_is_refused)
{
	static const struct {
		const char *request;
		int code;
	} rows[] = {
		{"{\"command\":\"drain\"}", -EBADMSG},
		{"{\"command\":\"drain\",\"filter\":{}}", -EBADMSG},
		{"{\"command\":\"drain\",\"filter\":{\"name\":\"web\"}}", -EBADMSG},
		{"{\"command\":\"drain\",\"filter\":{\"server\":\"10.2.0.11\"}}", -EBADMSG},
		{"{\"command\":\"drain\"," FILTER ",\"then\":\"reset\"}", -EBADMSG},
		{"{\"command\":\"drain\"," FILTER ",\"deadline\":5,\"then\":\"x\"}", -EBADMSG},
		{"{\"command\":\"drain\"," FILTER ",\"deadline\":-5}", -EBADMSG},
		{"{\"command\":\"drain\",\"filter\":{\"name\":\"web\",\"server\":\"10.2.0.11\","
		 "\"state\":\"CLOSE\"}}",
		 -EBADMSG},
		{"{\"command\":\"drain\",\"filter\":{\"name\":\"x\",\"server\":\"10.2.0.11\"}}",
		 -ESRCH},
		{"{\"command\":\"drain\",\"filter\":{\"name\":\"web\",\"server\":\"10.2.0.9\"}}",
		 -ENOENT},
		{"{\"command\":\"drain\",\"filter\":{\"name\":\"web\",\"server\":\"10.2.0.12\"}}",
		 -EEXIST},
		{"{\"command\":\"undrain\",\"filter\":{\"name\":\"web\"}}", -EBADMSG},
		{"{\"command\":\"undrain\"," FILTER "}", -ENOENT},
		{"{\"command\":\"kill\"}", -EBADMSG},
		{"{\"command\":\"kill\",\"filter\":{}}", -EBADMSG},
		{"{\"command\":\"kill\",\"all\":true,\"then\":\"keep\"}", -EBADMSG},
		{"{\"command\":\"kill\",\"filter\":{\"name\":\"x\"}}", -ESRCH},
		{"{\"command\":\"connections\",\"filter\":{\"name\":\"x\"}}", -ESRCH},
		{"{\"command\":\"connections\",\"filter\":7}", -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answer answer;

		cr_assert_eq(ask(rows[i].request, &answer), rows[i].code, "%s: %d %s",
			     rows[i].request, answer.result.code, answer.result.err.text);
		cr_assert_neq(answer.result.err.text[0], '\0');
		cr_assert_null(answer.row);
		cr_assert_null(answer.listing);
	}
	SHOWS("state", "");
}

/* How many a kill says that it ended. */
static int kills(const char *request)
{
	struct lines lines = {0};
	struct answer answer;
	int ended = -1;

	cr_assert_eq(ask(request, &answer), 0, "%s", answer.result.err.text);
	cr_assert(listing_pending(answer.listing));
	cr_assert_eq(listing_collect(answer.listing), 0);
	cr_assert_not(listing_format(answer.listing, &lines, 100));
	listing_free(answer.listing);
	cr_assert_eq(sscanf(lines.data, "{\"kill\":{\"ended\":%d}}", &ended), 1, "%.*s",
		     (int)lines.len, lines.data);
	lines_clear(&lines);
	return ended;
}

Test(drain, kill_ends_what_the_filter_selects_once)
{
	unsigned int all;

	connect_to_first(2);
	all = dest_total(first()) + dest_total(server("10.2.0.12", 8080)) +
	      dest_total(server("10.2.0.12", 8081));
	cr_assert_eq(kills("{\"command\":\"kill\"," FILTER "}"), 2);
	cr_assert_eq(dest_active(first()), 0);
	cr_assert_eq(dest_inactive(first()), 2);
	cr_assert_eq(kills("{\"command\":\"kill\"," FILTER "}"), 0);
	cr_assert_eq(kills("{\"command\":\"kill\",\"all\":true,\"then\":\"expire\"}"), (int)all);
	cr_assert_eq(conns_count(director_conns(handling.director)), 0);
}

Test(drain, kill_spares_templates_unless_they_are_asked_for)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 600;
	cr_assert_eq(director_service_edit(handling.director, &spec, NULL), 0);
	packet(3000, PKT_SYN);
	packet(3001, PKT_SYN);
	cr_assert_eq(conns_count(director_conns(handling.director)), 3);
	cr_assert_eq(kills("{\"command\":\"kill\",\"all\":true,\"then\":\"expire\"}"), 2);
	cr_assert_eq(conns_count(director_conns(handling.director)), 1);
	cr_assert_eq(kills("{\"command\":\"kill\",\"filter\":{\"state\":\"TEMPLATE\"}}"), 1);
	cr_assert_eq(conns_count(director_conns(handling.director)), 0);
}

Test(drain, templates_of_a_drained_server_bring_nothing_new)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct dest *before;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 600;
	cr_assert_eq(director_service_edit(handling.director, &spec, NULL), 0);
	packet(3000, PKT_SYN);
	packet(3001, PKT_SYN);
	before = dest_of(3000);
	cr_assert_eq(dest_of(3001), before);
	dest_drain(before, true); /* the weight alone would not do it */
	packet(3002, PKT_SYN);
	cr_assert_neq(dest_of(3002), before);
	cr_assert_eq(dest_of(3000), before);
}
