// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon/handlers.c, listing.c, explanation.c: requests to a director whose rules are external, so
 * that nothing reaches the kernel. */
#include "ctl/row.h"
#include "daemon/explanation.h"
#include "daemon/handlers.h"
#include "daemon/upgrade.h"
#include "lib/log.h"
#include "lvs/persistence.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct handling handling;

static json_t *status(void *data)
{
	return json_pack("{s:s}", "version", data);
}

static void setup(void)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 1024, .table = "test", .mark_mask = 0xffff0000};
	struct error err = {""};

	log_init(LOG_ERR);
	rcu_register_thread();
	handling = (struct handling){
		.director = director_new(&conf, 1, &err), .status = status, .data = "1.2.3"};
	cr_assert_not_null(handling.director, "%s", err.text);
	handling.killer = killer_new(handling.director, NULL, NULL);
	handling.drains = drains_new(handling.director, handling.killer);
}

static void teardown(void)
{
	drains_free(handling.drains);
	killer_free(handling.killer);
	director_free(handling.director);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(ctl_handlers, .init = setup, .fini = teardown);

static struct answer ask(const char *text)
{
	json_t *request = json_loads(text, 0, NULL);
	struct answer answer;

	cr_assert_not_null(request, "the test's JSON: %s", text);
	request_answer(&handling, request, &answer);
	json_decref(request);
	return answer;
}

/* A request that must be answered with @code, and nothing more. */
static struct result says(const char *text, int code)
{
	struct answer answer = ask(text);

	cr_assert_eq(answer.result.code, code, "%s: %d %s", text, answer.result.code,
		     answer.result.err.text);
	cr_assert(!answer.row && !answer.listing, "%s", text);
	return answer.result;
}

/* The text of the rows of a listing, in slices of @slice. */
static void lists(const char *text, unsigned int slice, const char *expected)
{
	struct answer answer = ask(text);
	struct lines lines = {0};
	bool more = true;

	cr_assert_not_null(answer.listing, "%s: %s", text, answer.result.err.text);
	if (listing_pending(answer.listing))
		cr_assert_eq(listing_collect(answer.listing), 0);
	while (more)
		more = listing_format(answer.listing, &lines, slice);
	cr_assert_not(lines.failed);
	cr_assert_eq(lines.len, strlen(expected), "%.*s", (int)lines.len, lines.data);
	cr_assert(!lines.len || !memcmp(lines.data, expected, lines.len), "%.*s", (int)lines.len,
		  lines.data);
	lines_clear(&lines);
	listing_free(answer.listing);
}

#define SERVICE "\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80"
#define KEY	"\"service\":{" SERVICE "}"
#define SERVER1 "{\"address\":\"10.0.1.1\",\"port\":8080}"
#define ADD	"{\"command\":\"service-add\",\"service\":{" SERVICE ",\"scheduler\":\"rr\"}}"
#define ADD_SERVER                                                                               \
	"{\"command\":\"server-add\"," KEY ",\"server\":{\"address\":\"10.0.1.1\",\"port\":8080" \
	",\"weight\":3}}"

static const struct {
	const char *request;
	int code;
	bool own;
} rows[] = {
	{"{}", -ENOSYS, true},
	{"{\"command\":7}", -ENOSYS, true},
	{"{\"command\":\"reboot\"}", -ENOSYS, true},
	{"{\"command\":\"flush\",\"now\":true}", -EBADMSG, true},
	{"{\"command\":\"upgrade\"}", -ENOSYS, true},
	{"{\"command\":\"upgrade\",\"path\":7}", -EBADMSG, true},
	{"{\"command\":\"upgrade-state\"}", -ENOSYS, true},
	{"{\"command\":\"service-add\"}", -EBADMSG, true},
	{"{\"command\":\"service-add\",\"service\":7}", -EBADMSG, true},
	{"{\"command\":\"service-add\",\"service\":{" SERVICE "}}", -EBADMSG, true},
	{"{\"command\":\"service-add\",\"service\":{" SERVICE ",\"scheduler\":\"xx\"}}", -ENOENT,
	 false},
	{"{\"command\":\"service-add\",\"engine\":\"sip\",\"service\":{" SERVICE
	 ",\"scheduler\":\"rr\"}}",
	 -ENOENT, false},
	{"{\"command\":\"service-add\",\"service\":{\"protocol\":\"gre\",\"address\":\"10.0.0.1\""
	 ",\"scheduler\":\"rr\"}}",
	 -EBADMSG, true},
	{"{\"command\":\"service-delete\"," KEY "}", -ESRCH, false},
	{"{\"command\":\"service-edit\",\"service\":{" SERVICE ",\"scheduler\":\"rr\"}}", -ESRCH,
	 false},
	{ADD_SERVER, -ESRCH, false},
	{"{\"command\":\"services\"," KEY "}", -ESRCH, false},
	{"{\"command\":\"zero\"," KEY "}", -ESRCH, false},
	{"{\"command\":\"zero\"}", 0, false},
	{ADD, 0, false},
	{ADD, -EEXIST, false},
	{"{\"command\":\"service-add\",\"engine\":\"sip\",\"service\":{" SERVICE
	 ",\"scheduler\":\"rr\"}}",
	 -EEXIST, false},
	{"{\"command\":\"service-add\",\"service\":{" SERVICE ",\"scheduler\":\"xx\"}}", -EEXIST,
	 false},
	{"{\"command\":\"service-edit\",\"engine\":\"address\",\"service\":{" SERVICE
	 ",\"scheduler\":\"rr\"}}",
	 0, false},
	{"{\"command\":\"service-edit\",\"engine\":\"sip\",\"service\":{" SERVICE
	 ",\"scheduler\":\"rr\"}}",
	 -ENOENT, false},
	{"{\"command\":\"service-edit\",\"service\":{" SERVICE ",\"scheduler\":\"wlc\"}}", 0,
	 false},
	{"{\"command\":\"server-edit\"," KEY ",\"server\":" SERVER1 "}", -ENOENT, false},
	{"{\"command\":\"server-add\"," KEY
	 ",\"server\":{\"address\":\"10.0.1.1\",\"port\":81,\"method\":\"dr\"}}",
	 -EOPNOTSUPP, true},
	{"{\"command\":\"server-add\"," KEY
	 ",\"server\":{\"address\":\"10.0.1.1\",\"method\":\"fullnat\"}}",
	 -EOPNOTSUPP, true},
	{"{\"command\":\"server-add\"," KEY
	 ",\"server\":{\"address\":\"fd00::1\",\"method\":\"dr\"}}",
	 -EOPNOTSUPP, true},
	{"{\"command\":\"server-add\"," KEY
	 ",\"server\":{\"address\":\"10.0.1.1\",\"method\":\"bypass\"}}",
	 -EOPNOTSUPP, true},
	{"{\"command\":\"server-add\"," KEY
	 ",\"server\":{\"address\":\"10.0.1.1\",\"upper\":1,\"lower\":2}}",
	 -ERANGE, false},
	{ADD_SERVER, 0, false},
	{ADD_SERVER, -EEXIST, false},
	{"{\"command\":\"server-edit\"," KEY ",\"server\":" SERVER1 "}", 0, false},
	{"{\"command\":\"server-delete\"," KEY ",\"server\":" SERVER1 "}", 0, false},
	{"{\"command\":\"server-delete\"," KEY ",\"server\":" SERVER1 "}", -ENOENT, false},
	{"{\"command\":\"zero\"," KEY "}", 0, false},
	{"{\"command\":\"timeouts-set\",\"timeouts\":{\"tcp\":9}}", 0, false},
	{"{\"command\":\"flush\"}", 0, false},
	{"{\"command\":\"service-delete\"," KEY "}", -ESRCH, false},
};

Test(ctl_handlers, a_life_of_changes)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result result = says(rows[i].request, rows[i].code);

		cr_assert_eq(result.own, rows[i].own, "%s", rows[i].request);
		cr_assert_eq(!result.err.text[0], !rows[i].code, "%s: '%s'", rows[i].request,
			     result.err.text);
	}
}

static json_t *no_state(void *data, uint64_t number)
{
	(void)data;
	(void)number;
	return NULL;
}

/* No program is run here: there is no state to be handed over. */
Test(ctl_handlers, upgrades)
{
	char *const argv[] = {(char *)"nfvsd", NULL};
	uv_loop_t loop;
	const struct upgrade_conf conf = {.loop = &loop, .argv = argv, .state = no_state};
	struct answer answer;

	uv_loop_init(&loop);
	handling.upgrade = upgrade_new(&conf);
	answer = ask("{\"command\":\"upgrade-state\"}");
	cr_assert_str_eq(
		json_string_value(json_object_get(json_object_get(answer.row, "upgrade"), "state")),
		"none");
	json_decref(answer.row);
	says("{\"command\":\"upgrade\",\"path\":\"/bin/true\"}", -EACCES);
	handling.by_root = true;
	says("{\"command\":\"upgrade\",\"path\":\"/bin/true\"}", -ENOMEM);
	says("{\"command\":\"upgrade\"}", -ENOMEM);
	answer = ask("{\"command\":\"upgrade-state\"}");
	cr_assert_str_eq(
		json_string_value(json_object_get(json_object_get(answer.row, "upgrade"), "state")),
		"refused");
	json_decref(answer.row);
	upgrade_close(handling.upgrade);
	uv_loop_close(&loop);
	handling.upgrade = NULL;
	handling.by_root = false;
}

#define SERVICE_ROW "{\"service\":{" SERVICE ",\"scheduler\":\"rr\"},\"file\":false"
#define SERVER_ROW                                                                             \
	"{\"server\":{\"address\":\"10.0.1.1\",\"port\":8080,\"method\":\"nat\",\"weight\":3," \
	"\"upper\":0,\"lower\":0},\"active\":0,\"inactive\":0,\"persistent\":0,\"file\":false"
#define NO_COUNTERS                                                                             \
	",\"counters\":{\"conns\":0,\"in_pkts\":0,\"out_pkts\":0,\"in_bytes\":0,\"out_bytes\":" \
	"0},\"rates\":{\"cps\":0,\"in_pps\":0,\"out_pps\":0,\"in_bps\":0,\"out_bps\":0}"

Test(ctl_handlers, listings_in_slices_of_any_size)
{
	lists("{\"command\":\"services\"}", 1000, "");
	lists("{\"command\":\"connections\"}", 1000, "");
	says(ADD, 0);
	lists("{\"command\":\"services\"}", 1, SERVICE_ROW "}\n");
	says(ADD_SERVER, 0);
	for (unsigned int slice = 1; slice < 4; slice++) {
		lists("{\"command\":\"services\"}", slice, SERVICE_ROW "}\n" SERVER_ROW "}\n");
		lists("{\"command\":\"services\"," KEY ",\"counters\":true}", slice,
		      SERVICE_ROW NO_COUNTERS "}\n" SERVER_ROW NO_COUNTERS "}\n");
	}
}

/* A listing shows what was there when it was asked for, and outlives it. */
Test(ctl_handlers, a_listing_is_a_copy)
{
	struct lines lines = {0};
	struct answer answer;

	says("{\"command\":\"service-add\",\"service\":{\"fwmark\":7,\"scheduler\":\"rr\","
	     "\"match\":[{\"protocol\":\"tcp\",\"address\":\"10.0.0.9\",\"first\":80,\"last\":81}]"
	     "}}",
	     0);
	answer = ask("{\"command\":\"services\"}");
	says("{\"command\":\"flush\"}", 0);
	rcu_barrier();
	cr_assert_not(listing_format(answer.listing, &lines, 1000));
	lines_add(&lines, json_string("end"));
	cr_assert(lines.failed, "a row must be an object or a list");
	cr_assert_not_null(strstr(strndupa(lines.data, lines.len),
				  "\"match\":[{\"protocol\":\"tcp\",\"address\":\"10.0.0.9\","
				  "\"first\":80,\"last\":81}]"));
	lines_clear(&lines);
	listing_free(answer.listing);
}

static struct service *service_of(const char *addr, uint16_t port)
{
	struct service_spec spec = build_service(IPPROTO_TCP, addr, port);
	struct service *svc;

	rcu_read_lock();
	svc = services_get(director_services(handling.director), &spec.key);
	rcu_read_unlock();
	cr_assert_not_null(svc);
	return svc;
}

static struct dest *server_of(struct service *svc)
{
	return cds_list_first_entry(&svc->dests, struct dest, list);
}

static struct conn *connect_to(const struct flow *flow, struct dest *dest)
{
	struct conn *conn;

	rcu_read_lock();
	conn_add(director_conns(handling.director), flow, dest, dest->port, 0, 0, NULL,
		 director_now(), &conn);
	rcu_read_unlock();
	return conn;
}

Test(ctl_handlers, connections)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.9.9.9", 4000, "10.0.0.1", 80);
	struct answer answer;
	struct lines lines = {0};

	says(ADD, 0);
	says(ADD_SERVER, 0);
	connect_to(&flow, server_of(service_of("10.0.0.1", 80)));
	answer = ask("{\"command\":\"connections\"}");
	cr_assert(listing_pending(answer.listing));
	cr_assert_eq(listing_collect(answer.listing), 0);
	cr_assert_not(listing_format(answer.listing, &lines, 10));
	cr_assert_not_null(strstr(strndupa(lines.data, lines.len),
				  "{\"connection\":{\"protocol\":\"tcp\",\"source\":\"10.9.9.9\","
				  "\"sport\":4000,\"virtual\":\"10.0.0.1\",\"vport\":80,\"server\":"
				  "\"10.0.1.1\",\"dport\":8080,\"state\":\"NONE\",\"expires\":"));
	lines_clear(&lines);
	listing_free(answer.listing);
}

Test(ctl_handlers, zero_is_for_counters_only)
{
	struct dest *dest;

	says(ADD, 0);
	says(ADD_SERVER, 0);
	dest = server_of(service_of("10.0.0.1", 80));
	atomic_store(&dest->traffic.in_bytes, 7);
	atomic_store(&dest->active, 7);
	atomic_store(&service_of("10.0.0.1", 80)->traffic.conns, 7);
	says("{\"command\":\"zero\"}", 0);
	cr_assert_eq(atomic_load(&dest->traffic.in_bytes), 0);
	cr_assert_eq(atomic_load(&dest->active), 7);
	cr_assert_eq(atomic_load(&service_of("10.0.0.1", 80)->traffic.conns), 0);
	atomic_store(&dest->active, 0);
}

Test(ctl_handlers, timeouts_and_status)
{
	struct answer answer;
	struct timeouts_spec timeouts;

	says("{\"command\":\"timeouts-set\",\"timeouts\":{\"tcp\":9,\"udp\":7}}", 0);
	answer = ask("{\"command\":\"timeouts\"}");
	cr_assert_eq(timeouts_from_json(json_object_get(answer.row, "timeouts"), &timeouts, NULL),
		     0);
	cr_assert(timeouts.tcp == 9 && timeouts.tcpfin == 120 && timeouts.udp == 7);
	json_decref(answer.row);
	answer = ask("{\"command\":\"status\"}");
	cr_assert_str_eq(json_string_value(
				 json_object_get(json_object_get(answer.row, "status"), "version")),
			 "1.2.3");
	json_decref(answer.row);
}

static json_int_t setting_now(const char *name, const char *member)
{
	char text[128];
	struct answer answer;
	json_int_t value;
	json_t *list;

	snprintf(text, sizeof(text), "{\"command\":\"settings\",\"name\":\"%s\"}", name);
	answer = ask(text);
	list = json_object_get(answer.row, "settings");
	cr_assert_eq(json_array_size(list), 1, "%s: %s", name, answer.result.err.text);
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "name")), name);
	value = json_integer_value(json_object_get(json_array_get(list, 0), member));
	json_decref(answer.row);
	return value;
}

static const struct {
	const char *name, *value;
	const char *error; /* NULL: it is set */
} changes[] = {
	{"conn_reuse_mode", "3", NULL},
	{"sloppy_tcp", "1", NULL},
	{"sloppy_tcp", "0", NULL},
	{"sloppy_tcp", "2", "sloppy_tcp: 2 is not in 0 .. 1"},
	{"drop_entry", "3", NULL},
	{"drop_entry", "4", "drop_entry: 4 is not in 0 .. 3"},
	{"amemthresh", "2147483647", NULL},
	{"amemthresh", "2147483648", "amemthresh: 2147483648 is not in 0 .. 2147483647"},
	{"amemthresh", "4294967296", "request: 'value' must be a whole number 0..4294967295"},
	{"amemthresh", "-1", "request: 'value' must be a whole number 0..4294967295"},
	{"sloppy_tpc", "1", "there is no setting sloppy_tpc; did you mean sloppy_tcp?"},
	{"nothing", "1", "there is no setting nothing (nfvsadm set lists them)"},
	{"workers", "1", "workers cannot be changed at run time"},
	{"conntrack", "1",
	 "there is no setting conntrack: Packets of services bypass conntrack; nothing in nfvs "
	 "needs its entries."},
};

Test(ctl_handlers, settings)
{
	char text[128];
	struct answer answer = ask("{\"command\":\"settings\"}");

	cr_assert_eq(json_array_size(json_object_get(answer.row, "settings")), SETTING_MAX);
	json_decref(answer.row);
	cr_assert_eq(setting_now("am_droprate", "default"), 10);
	cr_assert_eq(setting_now("am_droprate", "max"), INT32_MAX);
	cr_assert_eq(setting_now("pmtu_disc", "max"), 1);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		snprintf(text, sizeof(text), "{\"command\":\"set\",\"name\":\"%s\",\"value\":%s}",
			 changes[i].name, changes[i].value);
		answer = ask(text);
		cr_assert_eq(!answer.result.code, !changes[i].error, "%s", text);
		if (changes[i].error) {
			cr_assert(answer.result.own, "%s", text);
			cr_assert_str_eq(answer.result.err.text, changes[i].error);
			continue;
		}
		cr_assert_eq(setting_now(changes[i].name, "value"),
			     strtoll(changes[i].value, NULL, 10), "%s", text);
	}
	cr_assert_eq(setting_now("conn_reuse_mode", "value"), 3);
	cr_assert_eq(setting_now("conn_reuse_mode", "default"), 1);
	answer = ask("{\"command\":\"set\",\"name\":\"sloppy_tcp\"}");
	cr_assert_eq(answer.result.code, -EINVAL);
	answer = ask("{\"command\":\"settings\",\"name\":\"nothing\"}");
	cr_assert_eq(answer.result.code, -ENOENT);
}

static void explains(const struct flow *flow, uint32_t mark, const char *decision, const char *why,
		     const char *server, int port)
{
	json_t *json = explanation_json(handling.director, flow, mark);
	const json_t *chosen = json_object_get(json, "server");
	const char *value;

	value = json_string_value(json_object_get(json, "decision"));
	cr_assert_str_eq(value, decision);
	value = json_string_value(json_object_get(json, "why"));
	cr_assert_str_eq(value ? value : "", why);
	value = json_string_value(json_object_get(chosen, "address"));
	cr_assert_str_eq(value ? value : "", server);
	cr_assert_eq(json_integer_value(json_object_get(json, "port")), port);
	json_decref(json);
}

Test(ctl_handlers, explanations)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.9.9.9", 4000, "10.0.0.1", 80);
	struct flow other = build_flow(IPPROTO_TCP, "10.9.9.9", 4000, "10.0.0.1", 81);
	struct conn *conn;

	explains(&flow, 0, "passed", "", "", 0);
	says(ADD, 0);
	explains(&flow, 0, "refused", "address", "", 0);
	says(ADD_SERVER, 0);
	explains(&flow, 0, "scheduler", "address", "10.0.1.1", 8080);
	explains(&flow, 0, "scheduler", "address", "10.0.1.1", 8080);
	explains(&other, 0, "passed", "", "", 0);
	conn = connect_to(&flow, server_of(service_of("10.0.0.1", 80)));
	explains(&flow, 0, "connection", "address", "10.0.1.1", 8080);
	says("{\"command\":\"server-delete\"," KEY ",\"server\":" SERVER1 "}", 0);
	explains(&flow, 0, "dropped", "address", "10.0.1.1", 8080);
	rcu_read_lock();
	conn_expire(director_conns(handling.director), conn);
	rcu_read_unlock();
	explains(&flow, 0, "refused", "address", "", 0);
}

#define ALL_PORTS "\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":0"

Test(ctl_handlers, explanations_of_the_ways_to_a_service)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.9.9.9", 4000, "10.0.0.1", 8000);
	struct flow marked = build_flow(IPPROTO_UDP, "10.9.9.9", 4000, "10.0.0.9", 80);
	struct flow data = build_flow(IPPROTO_TCP, "10.9.9.9", 4000, "10.0.0.2", 2000);
	struct template_key key = {.flow = {.af = AF_INET,
					    .protocol = IPPROTO_TCP,
					    .saddr = build_addr("10.9.9.9"),
					    .daddr = build_addr("10.0.0.1")}};
	struct conn *template;

	says("{\"command\":\"service-add\",\"service\":{" ALL_PORTS
	     ",\"scheduler\":\"rr\",\"persistent\":60}}",
	     0);
	says("{\"command\":\"server-add\",\"service\":{" ALL_PORTS
	     "},\"server\":{\"address\":\"10.0.1.1\"}}",
	     0);
	explains(&flow, 0, "scheduler", "all-ports", "10.0.1.1", 8000);
	rcu_read_lock();
	conn_add_template(director_conns(handling.director), &key,
			  server_of(service_of("10.0.0.1", 0)), 0, director_now(), &template);
	rcu_read_unlock();
	explains(&flow, 0, "template", "all-ports", "10.0.1.1", 8000);

	says("{\"command\":\"service-add\",\"service\":{\"fwmark\":7,\"scheduler\":\"rr\","
	     "\"match\":[{\"protocol\":\"udp\",\"address\":\"10.0.0.9\",\"first\":80,\"last\":81}]"
	     "}}",
	     0);
	says("{\"command\":\"server-add\",\"service\":{\"fwmark\":7},\"server\":{\"address\":"
	     "\"10.0.1.2\"}}",
	     0);
	explains(&marked, 0, "scheduler", "group", "10.0.1.2", 80);
	explains(&flow, 7, "scheduler", "mark", "10.0.1.2", 8000);

	says("{\"command\":\"service-add\",\"service\":{\"protocol\":\"tcp\",\"address\":"
	     "\"10.0.0.2\",\"port\":21,\"scheduler\":\"rr\"}}",
	     0);
	explains(&data, 0, "passed", "ftp", "", 0);
}
