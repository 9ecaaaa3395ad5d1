// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon/reload.c: a change of any key between two files arrives, alone; what an administrator did
 * meanwhile, and the files do not differ in, stays. */
#include "conf/conf.h"
#include "daemon/deciding.h"
#include "daemon/director.h"
#include "lib/log.h"
#include "lvs/service.h"
#include "lvs/timeouts.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct director *director;

static void setup(void)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 4096, .table = "nfvs", .mark_mask = 0xffff0000};
	struct error err = {""};

	log_init(LOG_ERR);
	rcu_register_thread();
	director = director_new(&conf, 1, &err);
	cr_assert(director, "%s", err.text);
}

static void teardown(void)
{
	director_free(director);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(reload, .init = setup, .fini = teardown);

/* A file with one service of two servers: a few keys of the director, of the service, and of the
 * first server. */
static void load(const char *keys, const char *service, const char *server)
{
	struct error err = {""};
	struct conf *conf;
	char text[1024];

	snprintf(text, sizeof(text),
		 "director = { workers = 1; %s };\nservices = ( { protocol = \"udp\"; address = "
		 "\"10.0.0.1\"; port = 80; %s\nservers = ( { address = \"10.0.1.1\"; %s }, "
		 "{ address = \"10.0.1.2\"; } ); } );",
		 keys, service, server);
	cr_assert_eq(conf_parse(text, "t", &conf, &err), 0, "%s", err.text);
	cr_assert_eq(director_load(director, conf, &err), 0, "%s", err.text);
}

static struct service *service(void)
{
	const struct service_spec spec = build_service(IPPROTO_UDP, "10.0.0.1", 80);
	struct service *svc;

	rcu_read_lock();
	svc = services_get(director_services(director), &spec.key);
	rcu_read_unlock();
	return svc;
}

static struct dest *server(const char *addr)
{
	const union addr want = build_addr(addr);

	return service_dest(service(), AF_INET, &want, htons(80));
}

static void get(struct service_spec *svc, struct dest_spec *dest)
{
	memset(svc, 0, sizeof(*svc));
	memset(dest, 0, sizeof(*dest));
	service_get(service(), svc);
	dest_get(server("10.0.1.1"), dest);
}

/* As if it had been so from the start: each key alone, there and back. */
Test(reload, every_key_of_a_service_and_a_server_arrives)
{
	static const struct {
		const char *service, *server;
	} rows[] = {
		{"name = \"web\";", ""},
		{"scheduler = \"sh\";", ""},
		{"scheduler = \"sh\"; scheduler_flags = \"sh-port\";", ""},
		{"persistent = 60;", ""},
		{"persistent = 60; persistent_mask = 24;", ""},
		{"one_packet = true;", ""},
		{"limit = 5;", ""},
		{"slow_start = 7;", ""},
		{"timeouts = { udp = 9; };", ""},
		{"method = \"dr\";", ""},
		{"", "weight = 3;"},
		{"", "weight = 0;"},
		{"", "upper = 4;"},
		{"", "upper = 4; lower = 2;"},
		{"", "limit = 6;"},
		{"", "backup = true;"},
		{"", "slow_start = 0;"},
		{"", "slow_start = 8;"},
		{"", "method = \"tun\";"},
		{"", "method = \"tun\"; tunnel = \"gre\";"},
		{"", "method = \"tun\"; tunnel = \"gre\"; tunnel_checksum = \"full\";"},
		{"", "method = \"tun\"; tunnel = \"gue\"; tunnel_port = 9;"},
		{"", "method = \"tun\"; tunnel = \"gue\"; tunnel_port = 10;"},
	};
	struct service_spec plain, fresh, reloaded;
	struct dest_spec dest_plain, dest_fresh, dest_reloaded;
	struct error err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *what = rows[i].service[0] ? rows[i].service : rows[i].server;

		load("", rows[i].service, rows[i].server);
		get(&fresh, &dest_fresh);
		director_flush(director, &err);
		load("", "", "");
		get(&plain, &dest_plain);
		cr_assert(memcmp(&plain, &fresh, sizeof(plain)) ||
				  memcmp(&dest_plain, &dest_fresh, sizeof(dest_plain)),
			  "%s says nothing", what);
		load("", rows[i].service, rows[i].server);
		get(&reloaded, &dest_reloaded);
		cr_expect_arr_eq(&reloaded, &fresh, sizeof(fresh), "%s: the service", what);
		cr_expect_arr_eq(&dest_reloaded, &dest_fresh, sizeof(dest_fresh), "%s: the server",
				 what);
		load("", "", "");
		get(&reloaded, &dest_reloaded);
		cr_expect_arr_eq(&reloaded, &plain, sizeof(plain), "%s: and back", what);
		cr_expect_arr_eq(&dest_reloaded, &dest_plain, sizeof(dest_plain), "%s: and back",
				 what);
		director_flush(director, &err);
		load("", "", "");
	}
}

Test(reload, what_the_files_agree_in_stays_as_it_is)
{
	const struct settings *settings = deciding_settings(director_deciding(director));
	struct service_spec svc;
	struct dest_spec dest;
	struct error err;

	load("am_droprate = 5;", "limit = 5;", "weight = 3;");
	get(&svc, &dest);
	dest.weight = 0;
	cr_assert_eq(director_dest_edit(director, &svc.key, &dest, &err), 0);
	deciding_set(director_deciding(director), SETTING_AM_DROPRATE, 77);
	deciding_set(director_deciding(director), SETTING_SLOPPY_TCP, 1);

	load("am_droprate = 5; drop_entry = 2;", "limit = 6;", "weight = 3;");
	get(&svc, &dest);
	cr_assert_eq(dest.weight, 0, "drained by hand");
	cr_assert_eq(svc.limit, 6);
	cr_assert_eq(setting(settings, SETTING_AM_DROPRATE), 77);
	cr_assert_eq(setting(settings, SETTING_SLOPPY_TCP), 1);
	cr_assert_eq(setting(settings, SETTING_DROP_ENTRY), 2);

	load("am_droprate = 6;", "limit = 6;", "weight = 4;");
	get(&svc, &dest);
	cr_assert_eq(dest.weight, 4);
	cr_assert_eq(setting(settings, SETTING_AM_DROPRATE), 6);
	cr_assert_eq(setting(settings, SETTING_SLOPPY_TCP), 1);
	cr_assert_eq(setting(settings, SETTING_DROP_ENTRY), 0, "no longer said: the default");
}

Test(reload, connections_survive_a_change_of_their_service)
{
	struct flow flow = build_flow(IPPROTO_UDP, "10.9.9.9", 1000, "10.0.0.1", 80);
	struct conns *conns = director_conns(director);
	struct conn *conn;

	load("", "", "");
	rcu_read_lock();
	cr_assert_eq(conn_add(conns, &flow, server("10.0.1.1"), htons(80), 0, 0, NULL, 0, &conn),
		     0);
	rcu_read_unlock();
	load("", "scheduler = \"wrr\"; limit = 9; timeouts = { udp = 9; };", "weight = 0;");
	rcu_read_lock();
	cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn);
	rcu_read_unlock();
	cr_assert_eq(dest_total(server("10.0.1.1")), 1);
}
