// SPDX-License-Identifier: GPL-2.0-or-later
/* What ipvsadm has no word for (limit, backup, slow_start), and rates: from the configuration file
 * and the control socket to the running service, and back. The director has external rules, so that
 * nothing reaches the kernel. */
#include "ctl/format.h"
#include "daemon/handlers.h"
#include "lib/log.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <string.h>

static struct director *director;
static struct service_key key;

static void setup(void)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 4096, .table = "nfvs", .mark_mask = 0xffff0000};
	struct error err = {""};

	log_init(LOG_ERR);
	rcu_register_thread();
	director = director_new(&conf, 1, &err);
	cr_assert_not_null(director, "%s", err.text);
	key = build_service(IPPROTO_TCP, "10.0.0.1", 80).key;
}

static void teardown(void)
{
	director_free(director);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(servers, .init = setup, .fini = teardown);

#define DIRECTOR "director = { workers = 1; rules = \"external\"; };\n"
#define SERVICE(keys, servers)                                                    \
	DIRECTOR                                                                  \
	"services = ( { protocol = \"tcp\"; address = \"10.0.0.1\"; port = 80;\n" \
	"scheduler = \"wlc\"; " keys "\nservers = (\n" servers "\n); } );"
#define A(keys) "{ address = \"10.0.1.1\"; " keys " }"
#define B(keys) ",\n{ address = \"10.0.1.2\"; " keys " }"

static void load(const char *text)
{
	struct error err = {""};
	struct conf *conf;

	cr_assert_eq(conf_parse(text, "t", &conf, &err), 0, "%s", err.text);
	cr_assert_eq(director_load(director, conf, &err), 0, "%s", err.text);
}

static struct service *service(void)
{
	struct service *svc;

	rcu_read_lock();
	svc = services_get(director_services(director), &key);
	rcu_read_unlock();
	cr_assert_not_null(svc);
	return svc;
}

static struct dest *server(const char *text)
{
	union addr addr = build_addr(text);
	struct dest *dest = service_dest(service(), AF_INET, &addr, htons(80));

	cr_assert_not_null(dest, "%s", text);
	return dest;
}

/* What the control socket shows of a server. */
static void shows(const char *addr, const char *expected)
{
	struct dest_spec spec;
	json_t *json;
	char *text;

	dest_get(server(addr), &spec);
	json = dest_to_json(&spec);
	text = json_dumps(json, JSON_COMPACT);
	cr_assert(strstr(text, expected), "%s: %s is not in %s", addr, expected, text);
	free(text);
	json_decref(json);
}

static int ask(const char *text)
{
	const struct handling handling = {.director = director};
	json_t *request = json_loads(text, 0, NULL);
	struct answer answer;

	cr_assert_not_null(request, "%s", text);
	request_answer(&handling, request, &answer);
	json_decref(request);
	return answer.result.code;
}

#define KEY "\"service\":{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80}"
#define SET(command, members) \
	"{\"command\":\"" command "\"," KEY ",\"server\":{\"address\":" members "}}"

Test(servers, from_the_file)
{
	struct service_spec spec;

	load(SERVICE("limit = 100; slow_start = 30;",
		     A("limit = 7;") B("backup = true; slow_start = 0;")));
	service_get(service(), &spec);
	cr_assert_eq(spec.limit, 100);
	cr_assert_eq(spec.slow_start, 30);
	shows("10.0.1.1", "\"lower\":0,\"limit\":7}");
	shows("10.0.1.2", "\"lower\":0,\"backup\":true,\"slow_start\":0}");
	cr_assert(dest_stands_back(server("10.0.1.2")));
}

static const struct {
	const char *text, *message;
} mistakes[] = {
	{SERVICE("", A("limit = 5; upper = 6;")),
	 "t:5: upper: 6 is never reached, for the limit is 5"},
	{SERVICE("", A("limit = -1;")), "t:5: limit: -1 is not in 0 .. 2147483647"},
	{SERVICE("", A("backup = 1;")), "t:5: backup: "},
	{SERVICE("slow_start = 86401;", A("")), "t:3: slow_start: 86401 is not in 0 .. 86400"},
	{SERVICE("backup = true;", A("")), "t:3: unknown key 'backup'"},
};

Test(servers, mistakes_in_the_file)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct error err = {""};
		struct conf *conf;

		cr_assert_neq(conf_parse(mistakes[i].text, "t", &conf, &err), 0, "%zu", i);
		cr_assert(!strncmp(err.text, mistakes[i].message, strlen(mistakes[i].message)),
			  "%zu: %s", i, err.text);
	}
}

/* An edit in ipvsadm's words leaves alone what it has no word for. */
Test(servers, an_edit_keeps_what_it_does_not_say)
{
	struct service_spec spec;

	load(SERVICE("limit = 100; slow_start = 30;",
		     A("limit = 7;") B("backup = true; slow_start = 5;")));
	cr_assert_eq(ask(SET("server-edit", "\"10.0.1.1\",\"port\":80,\"weight\":4")), 0);
	cr_assert_eq(ask(SET("server-edit", "\"10.0.1.2\",\"port\":80,\"weight\":4")), 0);
	shows("10.0.1.1", "\"weight\":4,\"upper\":0,\"lower\":0,\"limit\":7}");
	shows("10.0.1.2", "\"weight\":4,\"upper\":0,\"lower\":0,\"backup\":true,\"slow_start\":5}");
	cr_assert_eq(ask("{\"command\":\"service-edit\",\"service\":{\"protocol\":\"tcp\","
			 "\"address\":\"10.0.0.1\",\"port\":80,\"scheduler\":\"rr\"}}"),
		     0);
	service_get(service(), &spec);
	cr_assert(spec.limit == 100 && spec.slow_start == 30 && !strcmp(spec.scheduler, "rr"));
	/* What it says counts. */
	cr_assert_eq(
		ask(SET("server-edit", "\"10.0.1.2\",\"port\":80,\"backup\":false,\"limit\":9")),
		0);
	shows("10.0.1.2", "\"weight\":1,\"upper\":0,\"lower\":0,\"limit\":9,\"slow_start\":5}");
	cr_assert_eq(ask("{\"command\":\"service-edit\",\"service\":{\"protocol\":\"tcp\","
			 "\"address\":\"10.0.0.1\",\"port\":80,\"scheduler\":\"rr\",\"limit\":0}}"),
		     0);
	service_get(service(), &spec);
	cr_assert(spec.limit == 0 && spec.slow_start == 30);
}

Test(servers, a_new_one_is_without_what_it_does_not_say)
{
	load(SERVICE("slow_start = 30;", A("")));
	cr_assert_eq(ask(SET("server-add", "\"10.0.1.2\",\"port\":80,\"limit\":3")), 0);
	shows("10.0.1.2", "\"lower\":0,\"limit\":3}");
	cr_assert_eq(server("10.0.1.2")->rise, 1, "the service's slow start");
	/* One that was there before, too. */
	cr_assert_eq(ask(SET("server-delete", "\"10.0.1.2\",\"port\":80")), 0);
	cr_assert_eq(ask(SET("server-add", "\"10.0.1.2\",\"port\":80")), 0);
	shows("10.0.1.2", "\"lower\":0}");
	cr_assert_neq(ask(SET("server-edit", "\"10.0.1.2\",\"port\":80,\"backup\":1")), 0);
	cr_assert_neq(ask(SET("server-edit", "\"10.0.1.2\",\"port\":80,\"slow_start\":86401")), 0);
}

Test(servers, a_reload_changes_what_the_file_changed)
{
	struct service_spec spec;

	load(SERVICE("limit = 100; slow_start = 30;", A("limit = 7;") B("backup = true;")));
	cr_assert_eq(ask(SET("server-edit", "\"10.0.1.1\",\"port\":80,\"weight\":0")), 0);
	/* The same again: what was set at run time stays. */
	load(SERVICE("limit = 100; slow_start = 30;", A("limit = 7;") B("backup = true;")));
	shows("10.0.1.1", "\"weight\":0,\"upper\":0,\"lower\":0,\"limit\":7}");
	load(SERVICE("limit = 50;", A("slow_start = 4;") B("limit = 8;")));
	service_get(service(), &spec);
	cr_assert(spec.limit == 50 && !spec.slow_start);
	shows("10.0.1.1", "\"weight\":1,\"upper\":0,\"lower\":0,\"slow_start\":4}");
	shows("10.0.1.2", "\"lower\":0,\"limit\":8}");
	cr_assert_not(dest_stands_back(server("10.0.1.2")));
	load(SERVICE("limit = 50; slow_start = 9;", A("") B("limit = 8;")));
	shows("10.0.1.1", "\"lower\":0}");
	/* One thing at a time. */
	load(SERVICE("limit = 51; slow_start = 9;", A("") B("limit = 8;")));
	service_get(service(), &spec);
	cr_assert_eq(spec.limit, 51);
	load(SERVICE("limit = 51; slow_start = 9;", A("") B("limit = 8; backup = true;")));
	shows("10.0.1.2", "\"lower\":0,\"limit\":8,\"backup\":true}");
	load(SERVICE("limit = 51; slow_start = 9;", A("") B("limit = 7; backup = true;")));
	shows("10.0.1.2", "\"lower\":0,\"limit\":7,\"backup\":true}");
	load(SERVICE("limit = 51; slow_start = 9;",
		     A("") B("limit = 7; backup = true; slow_start = 0;")));
	shows("10.0.1.2", "\"lower\":0,\"limit\":7,\"backup\":true,\"slow_start\":0}");
	load(SERVICE("limit = 51; slow_start = 9;",
		     A("") B("limit = 7; backup = true; slow_start = 1;")));
	shows("10.0.1.2", "\"lower\":0,\"limit\":7,\"backup\":true,\"slow_start\":1}");
	load(SERVICE("limit = 51; slow_start = 8;", A("") B("limit = 8;")));
	service_get(service(), &spec);
	cr_assert_eq(spec.slow_start, 8);
	load(SERVICE("limit = 50; slow_start = 9;", A("") B("limit = 8;")));
	load(SERVICE("limit = 50; slow_start = 9;",
		     A("") B("limit = 8;") ", { address = \"10.0.1.3\"; }"));
	cr_assert_eq(server("10.0.1.3")->rise, 1, "it joins servers that serve");
}

Test(servers, those_of_a_new_service_come_up_together)
{
	load(SERVICE("slow_start = 30;", A("") B("") ", { address = \"10.0.1.3\"; }"));
	cr_assert_eq(server("10.0.1.2")->rise, 0);
	cr_assert_eq(server("10.0.1.3")->rise, 0);
	cr_assert_eq(dest_weight(server("10.0.1.1")), 1);
	cr_assert_eq(dest_weight(server("10.0.1.3")), 1);
}

Test(servers, services_and_servers_go_round_in_json)
{
	static const char *const texts[] = {
		"{\"address\":\"10.0.0.1\",\"port\":80,\"method\":\"nat\",\"weight\":1,\"upper\":0,"
		"\"lower\":0,\"limit\":2147483647,\"backup\":true,\"slow_start\":86400}",
		"{\"address\":\"10.0.0.1\",\"port\":80,\"method\":\"nat\",\"weight\":1,\"upper\":0,"
		"\"lower\":0,\"slow_start\":0}",
		"{\"address\":\"10.0.0.1\",\"port\":80,\"method\":\"nat\",\"weight\":1,\"upper\":0,"
		"\"lower\":0}",
	};
	static const uint8_t says[] = {SAYS_LIMIT | SAYS_BACKUP | SAYS_SLOW_START, SAYS_SLOW_START,
				       0};
	static const char service_text[] =
		"{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80,"
		"\"scheduler\":\"rr\",\"limit\":5,\"slow_start\":6}";
	struct service_spec svc;
	struct error err = {""};
	json_t *json;
	char *text;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dest_spec spec;

		json = json_loads(texts[i], 0, NULL);
		cr_assert_eq(dest_from_json(json, &spec, &err), 0, "%zu: %s", i, err.text);
		cr_assert_eq(spec.says, says[i], "%zu", i);
		json_decref(json);
		json = dest_to_json(&spec);
		text = json_dumps(json, JSON_COMPACT);
		cr_assert_str_eq(text, texts[i]);
		free(text);
		json_decref(json);
	}
	json = json_loads(service_text, 0, NULL);
	cr_assert_eq(service_from_json(json, &svc, &err), 0, "%s", err.text);
	cr_assert(svc.limit == 5 && svc.slow_start == 6 &&
		  svc.says == (SAYS_LIMIT | SAYS_SLOW_START));
	json_decref(json);
	json = service_to_json(&svc);
	text = json_dumps(json, JSON_COMPACT);
	cr_assert_str_eq(text, service_text);
	free(text);
	json_decref(json);
}

static char *listed;
static size_t listed_len;

/* A server's row, after it has been JSON, in ipvsadm's form. */
static void rates_print(const struct counters *rates, bool exact, const char *expected)
{
	const struct format format = {.list = LIST_RATE, .numeric = true, .exact = exact};
	struct service_row svc = {.spec = build_service(IPPROTO_TCP, "10.0.0.1", 80),
				  .rates = *rates},
			   svc_back;
	struct dest_row dest = {.spec = build_dest("10.0.1.1", 80, 1), .rates = *rates}, dest_back;
	FILE *out = open_memstream(&listed, &listed_len);
	struct error err = {""};
	json_t *json = service_row_to_json(&svc, true);

	cr_assert_eq(service_row_from_json(json, &svc_back, &err), 0, "%s", err.text);
	json_decref(json);
	json = dest_row_to_json(&dest, true);
	cr_assert_eq(dest_row_from_json(json, &dest_back, &err), 0, "%s", err.text);
	json_decref(json);
	format_titles(out, &format);
	format_service(out, &format, &svc_back);
	format_dest(out, &format, &svc_back, &dest_back);
	fclose(out);
	cr_assert_str_eq(listed, expected, "got:\n%s", listed);
	free(listed);
}

#define RATE_TITLES                                                                        \
	"Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n" \
	"  -> RemoteAddress:Port\n"

/* What ipvsadm 1.31 has for a server differs from a service's: only its bytes are shortened. */
Test(servers, rates_in_the_form_of_ipvsadm)
{
	rates_print(
		&(struct counters){0}, false,
		RATE_TITLES
		"TCP  10.0.0.1:80                         0        0        0        0        0\n"
		"  -> 10.0.1.1:80                         0        0        0        0        0\n");
	rates_print(
		&(struct counters){1, 22, 333, 4444, 55555}, false,
		RATE_TITLES
		"TCP  10.0.0.1:80                         1       22      333     4444    55555\n"
		"  -> 10.0.1.1:80                         1       22      333     4444    55555\n");
	rates_print(
		&(struct counters){123456789, 123456789, 7, 123456789, 99999999999}, false,
		RATE_TITLES
		"TCP  10.0.0.1:80                   123456K  123456K        7  123456K   99999M\n"
		"  -> 10.0.1.1:80                  123456789 123456789        7  123456K   "
		"99999M\n");
	rates_print(&(struct counters){123456789, 8, 7, 6, 99999999999}, true,
		    RATE_TITLES
		    "TCP  10.0.0.1:80                  123456789        8        7        6 "
		    "99999999999\n"
		    "  -> 10.0.1.1:80                  123456789        8        7        6 "
		    "99999999999\n");
}
