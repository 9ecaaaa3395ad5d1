// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon/handover.c, and what of reload.c and drain.c belongs to it: what one director hands over,
 * another has, and it then takes a file as a reload does. */
#include "daemon/handover.h"
#include "conf/conf.h"
#include "daemon/deciding.h"
#include "daemon/director.h"
#include "daemon/tuning.h"
#include "lib/log.h"
#include "lvs/timeouts.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct daemon {
	struct director *director;
	struct killer *killer;
	struct drains *drains;
};

static struct daemon old, new;

static void daemon_open(struct daemon *daemon)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 4096, .table = "nfvs", .mark_mask = 0xffff0000};
	struct error err = {""};

	daemon->director = director_new(&conf, 1, &err);
	cr_assert(daemon->director, "%s", err.text);
	daemon->killer = killer_new(daemon->director, NULL, NULL);
	daemon->drains = drains_new(daemon->director, daemon->killer);
}

static void daemon_close(struct daemon *daemon)
{
	drains_free(daemon->drains);
	killer_free(daemon->killer);
	director_free(daemon->director);
}

static void setup(void)
{
	log_init(LOG_EMERG);
	rcu_register_thread();
	daemon_open(&old);
	daemon_open(&new);
}

static void teardown(void)
{
	daemon_close(&old);
	daemon_close(&new);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(handover, .init = setup, .fini = teardown);

static void load(struct director *director, const char *text)
{
	struct error err = {""};
	struct conf *conf;

	cr_assert_eq(conf_parse(text, "t", &conf, &err), 0, "%s", err.text);
	cr_assert_eq(director_load(director, conf, &err), 0, "%s", err.text);
}

/* By way of a file, as it is; then the new one loads @text. */
static void pass(const char *text)
{
	json_t *json = handover_to_json(old.director, old.drains, 3), *taken = NULL;
	struct error err = {""};
	char fd[12];

	cr_assert_not_null(json);
	snprintf(fd, sizeof(fd), "%d", handover_write(json));
	setenv(HANDOVER_ENV, fd, 1);
	cr_assert_eq(handover_take(&taken, &err), 0, "%s", err.text);
	cr_assert(json_equal(json, taken));
	cr_assert_null(getenv(HANDOVER_ENV));
	cr_assert_eq(handover_upgrades(taken), 3);
	handover_apply(taken, new.director);
	load(new.director, text);
	handover_drains(taken, new.drains);
	json_decref(json);
	json_decref(taken);
}

static struct service *service(const struct daemon *daemon, const char *addr)
{
	const struct service_spec spec = build_service(IPPROTO_TCP, addr, 80);
	struct service *svc;

	rcu_read_lock();
	svc = services_get(director_services(daemon->director), &spec.key);
	rcu_read_unlock();
	return svc;
}

static struct dest *server(const struct daemon *daemon, const char *vip, const char *addr)
{
	const union addr want = build_addr(addr);

	return service_dest(service(daemon, vip), AF_INET, &want, htons(80));
}

static int32_t weight(const struct daemon *daemon, const char *vip, const char *addr)
{
	struct dest_spec spec;

	cr_assert_not_null(server(daemon, vip, addr), "%s", addr);
	dest_get(server(daemon, vip, addr), &spec);
	return spec.weight;
}

/* What both say of their services, all of it. */
static void same(void)
{
	json_t *a = handover_to_json(old.director, old.drains, 3),
	       *b = handover_to_json(new.director, new.drains, 3);
	char *x = json_dumps(a, JSON_INDENT(1)), *y = json_dumps(b, JSON_INDENT(1));

	cr_assert_str_eq(x, y);
	free(x);
	free(y);
	json_decref(a);
	json_decref(b);
}

#define FILE_TEXT                                                                                  \
	"director = { workers = 1; am_droprate = 7; };\n"                                          \
	"timeouts = { tcp = 800; last_ack = 17; };\n"                                              \
	"services = ( { name = \"a\"; protocol = \"tcp\"; address = \"10.0.0.1\"; port = 80;\n"    \
	"  limit = 9; slow_start = 30; timeouts = { tcp = 60; }; datapath = \"packet\";\n"         \
	"  servers = ( { address = \"10.0.1.1\"; weight = 3; slow_start = 0; limit = 4; },\n"      \
	"    { address = \"10.0.1.2\"; backup = true; upper = 9; lower = 3; } ); },\n"             \
	"  { protocol = \"tcp\"; address = \"10.0.0.2\"; port = 80; scheduler = \"sh\";\n"         \
	"    scheduler_flags = \"sh-port\"; persistent = 77; persistent_mask = \"255.255.0.0\";\n" \
	"    servers = ( { address = \"10.0.1.1\"; method = \"tun\"; tunnel = \"gue\";\n"          \
	"      tunnel_port = 6080; }, { address = \"10.0.1.2\"; method = \"dr\"; } ); },\n"        \
	"  { fwmark = 9; family = \"ipv6\"; name = \"g\"; match = ( { address = \"fd00::1\";\n"    \
	"      protocol = \"udp\"; ports = \"53,80-90\"; } );\n"                                   \
	"    servers = ( { address = \"fd00:1::1\"; } ); } );"

Test(handover, of_a_file_all_is_the_same)
{
	load(old.director, FILE_TEXT);
	pass(FILE_TEXT);
	same();
	cr_assert(service(&new, "10.0.0.1")->from_file);
	cr_assert(server(&new, "10.0.0.1", "10.0.1.2")->from_file);
	cr_assert_not(director_resumes(new.director));
}

Test(handover, of_an_empty_file)
{
	load(old.director, "");
	pass("");
	same();
}

/* What an administrator does beside the file. */
static void change(void)
{
	const struct timeouts_spec timeouts = {.tcpfin = 33};
	struct service_spec b = build_service(IPPROTO_TCP, "10.0.0.3", 80);
	const struct service_key a = service(&old, "10.0.0.1")->key,
				 gone = service(&old, "10.0.0.2")->key;
	struct dest_spec first = build_dest("10.0.1.1", 80, 0),
			 second = build_dest("10.0.1.2", 80, 1),
			 third = build_dest("10.0.1.3", 80, 5);
	struct error err = {""};

	cr_assert_eq(director_service_add(old.director, &b, &err), 0, "%s", err.text);
	cr_assert_eq(director_dest_add(old.director, &b.key, &third, &err), 0, "%s", err.text);
	cr_assert_eq(director_dest_add(old.director, &a, &third, &err), 0, "%s", err.text);
	cr_assert_eq(director_dest_edit(old.director, &a, &first, &err), 0, "%s", err.text);
	cr_assert_eq(director_dest_del(old.director, &a, &second, &err), 0, "%s", err.text);
	cr_assert_eq(director_service_del(old.director, &gone, &err), 0, "%s", err.text);
	cr_assert_eq(tuning_set(old.director, "sloppy_tcp", 1, &err), 0, "%s", err.text);
	timeouts_change(director_timeouts(old.director), &timeouts);
}

Test(handover, what_was_done_at_run_time_stays)
{
	load(old.director, FILE_TEXT);
	change();
	pass(FILE_TEXT);
	same();
	cr_assert_not(service(&new, "10.0.0.3")->from_file);
	cr_assert_eq(weight(&new, "10.0.0.1", "10.0.1.1"), 0);
	cr_assert_eq(weight(&new, "10.0.0.1", "10.0.1.3"), 5);
	cr_assert_null(server(&new, "10.0.0.1", "10.0.1.2"));
	cr_assert_null(service(&new, "10.0.0.2"));
	/* By a reload of the same file that is different, as it is for a daemon that went on. */
	load(new.director, FILE_TEXT);
	cr_assert_eq(weight(&new, "10.0.0.1", "10.0.1.1"), 0);
	cr_assert_not_null(server(&new, "10.0.0.1", "10.0.1.2"));
	cr_assert_not_null(service(&new, "10.0.0.2"));
}

Test(handover, what_the_file_has_new_comes)
{
	const struct settings *settings = deciding_settings(director_deciding(new.director));
	struct timeouts_spec timeouts;

	load(old.director, FILE_TEXT);
	change();
	pass("director = { workers = 1; am_droprate = 8; };\n"
	     "timeouts = { tcp = 801; };\n"
	     "services = ( { name = \"a\"; protocol = \"tcp\"; address = \"10.0.0.1\"; port = 80;\n"
	     "  servers = ( { address = \"10.0.1.1\"; weight = 4; }, { address = \"10.0.1.4\"; },\n"
	     "    { address = \"10.0.1.2\"; } ); },\n"
	     "  { protocol = \"tcp\"; address = \"10.0.0.4\"; port = 80; } );");
	cr_assert_eq(weight(&new, "10.0.0.1", "10.0.1.1"), 4);
	cr_assert_eq(weight(&new, "10.0.0.1", "10.0.1.3"), 5);
	cr_assert_eq(weight(&new, "10.0.0.1", "10.0.1.4"), 1);
	cr_assert_null(server(&new, "10.0.0.1", "10.0.1.2"));
	cr_assert_not_null(service(&new, "10.0.0.3"));
	cr_assert_not_null(service(&new, "10.0.0.4"));
	timeouts_get(director_timeouts(new.director), &timeouts);
	cr_assert_eq(timeouts.tcp, 801);
	cr_assert_eq(timeouts.tcpfin, 33);
	cr_assert_eq(setting(settings, SETTING_AM_DROPRATE), 8);
	cr_assert_eq(setting(settings, SETTING_SLOPPY_TCP), 1);
}

static void drain(const char *addr, bool has_deadline, enum ending then)
{
	struct drain_spec spec = {.has_deadline = has_deadline, .deadline = 60, .then = then};
	struct error err = {""};

	spec.which.set = FILTER_SERVICE | FILTER_SERVER;
	spec.which.service = service(&old, "10.0.0.1")->key;
	spec.which.server_af = AF_INET;
	spec.which.server = build_addr(addr);
	cr_assert_eq(drains_start(old.drains, &spec, director_now(), &err), 0, "%s", err.text);
}

Test(handover, drains)
{
	static const char *const states[] = {"draining", "drained"};
	json_t *rows;

	load(old.director, FILE_TEXT);
	drain("10.0.1.1", false, ENDING_RESET);
	drains_tick(old.drains, director_now());
	drain("10.0.1.2", true, ENDING_KEEP);
	pass(FILE_TEXT);
	rows = drains_json(new.drains, director_now());
	cr_assert_eq(json_array_size(rows), 2);
	for (size_t i = 0; i < 2; i++)
		cr_assert_str_eq(
			json_string_value(json_object_get(json_array_get(rows, i), "state")),
			states[i]);
	json_decref(rows);
	same();
	cr_assert_eq(weight(&new, "10.0.0.1", "10.0.1.1"), 0);
}

/* Each is worth a warning, and the rest is taken. */
Test(handover, what_cannot_be_taken_is_left_out)
{
	json_t *json, *services;

	load(old.director, FILE_TEXT);
	json = handover_to_json(old.director, old.drains, 1);
	services = json_object_get(json, "services");
	json_array_insert_new(services, 0, json_pack("{s:i}", "service", 7));
	json_array_append_new(services, json_deep_copy(json_array_get(services, 1)));
	json_object_set_new(json_object_get(json_array_get(services, 2), "service"), "scheduler",
			    json_string("of-tomorrow"));
	json_object_set_new(json_object_get(json, "settings"), "of-tomorrow", json_integer(1));
	json_array_append_new(json_object_get(json, "drains"), json_pack("{s:i}", "server", 7));
	json_object_del(json, "timeouts");
	handover_apply(json, new.director);
	load(new.director, "director = { workers = 1; };");
	handover_drains(json, new.drains);
	json_decref(json);
}

Test(handover, what_cannot_be_read)
{
	static const char *const texts[] = {"", "[]", "{", "{} {}", "{\"a\":1,\"a\":2}"};
	struct error err;
	json_t *json;
	char fd[12];
	int pipes[2];

	unsetenv(HANDOVER_ENV);
	cr_assert_eq(handover_take(&json, &err), 0);
	cr_assert_null(json);
	cr_assert_eq(handover_upgrades(json), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert_eq(pipe(pipes), 0);
		cr_assert_eq(write(pipes[1], texts[i], strlen(texts[i])),
			     (ssize_t)strlen(texts[i]));
		close(pipes[1]);
		snprintf(fd, sizeof(fd), "%d", pipes[0]);
		setenv(HANDOVER_ENV, fd, 1);
		cr_assert_eq(handover_take(&json, &err), -EBADMSG, "%s", texts[i]);
		cr_assert_null(json);
	}
}
