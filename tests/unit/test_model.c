// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * conf/model.c and conf/conf.c: what a right file asks for arrives field by field, with the
 * defaults of what it does not say. From the top folder, as "make unit" runs it.
 */
#include "sched/schedulers.h"
#include "tests/unit/conf_texts.h"
#include "tests/unit/lvs_build.h"

#include <stdio.h>
#include <string.h>

Test(model, defaults)
{
	struct conf *conf = parse("services = ( " WEB("10.0.0.1") " );");
	const struct service_conf *service = conf->services;

	cr_assert_eq(conf->director.workers, 0);
	cr_assert_eq(conf->director.first_queue, 0);
	cr_assert_eq(conf->director.queue_length, 4096);
	cr_assert_eq(conf->director.conntrack_max, 0);
	cr_assert_eq(conf->director.flows_max, 4194304);
	cr_assert_str_eq(conf->director.table, "nfvs");
	cr_assert(conf->director.rules_managed);
	cr_assert(conf->director.system_managed);
	cr_assert_eq(conf->director.mark_mask, 0xffff0000);
	cr_assert_str_eq(conf->director.group, "");
	cr_assert_eq(conf->timeouts.tcp, 900);
	cr_assert_eq(conf->timeouts.tcpfin, 120);
	cr_assert_eq(conf->timeouts.udp, 300);
	cr_assert_eq(conf->services_len, 1);
	cr_assert_eq(service->line, 1);
	cr_assert_str_eq(service->spec.name, "");
	cr_assert_str_eq(service->spec.scheduler, "wlc");
	cr_assert_eq(service->spec.key.fwmark, 0);
	cr_assert_eq(service->spec.flags, 0);
	cr_assert_eq(service->spec.timeout, 0);
	cr_assert_eq(service->spec.netmask, netmask_full(AF_INET));
	cr_assert_eq(service->spec.matches_len, 0);
	cr_assert_eq(service->servers_len, 1);
	cr_assert_eq(service->servers[0].port, htons(80));
	cr_assert_eq(service->servers[0].weight, 1);
	cr_assert_eq(service->servers[0].method, FORWARD_NAT);
	cr_assert_eq(service->servers[0].upper, 0);
	cr_assert_eq(service->servers[0].lower, 0);
	conf_free(conf);
}

Test(model, director_field_by_field)
{
	struct conf *conf =
		parse("director = { workers = 3; first_queue = 0x10; queue_length = 100;\n"
		      "conntrack_max = 54321; flows_max = 2048;\n"
		      "table = \"lb\"; rules = \"external\"; system = \"check\";\n"
		      "mark_mask = 0xfff00000; group = \"adm\"; };\n"
		      "timeouts = { tcp = 11; tcpfin = 12; udp = 13; };");
	const struct director_conf *director = &conf->director;

	cr_assert_eq(director->workers, 3);
	cr_assert_eq(director->first_queue, 16);
	cr_assert_eq(director->queue_length, 100);
	cr_assert_eq(director->conntrack_max, 54321);
	cr_assert_eq(director->flows_max, 2048);
	cr_assert_str_eq(director->table, "lb");
	cr_assert_not(director->rules_managed);
	cr_assert_not(director->system_managed);
	cr_assert_eq(director->mark_mask, 0xfff00000);
	cr_assert_str_eq(director->group, "adm");
	cr_assert_eq(conf->timeouts.tcp, 11);
	cr_assert_eq(conf->timeouts.tcpfin, 12);
	cr_assert_eq(conf->timeouts.udp, 13);
	conf_free(conf);
}

Test(model, settings_and_timeouts_field_by_field)
{
	struct conf *conf = parse(
		"director = { cache_bypass = true; pmtu_disc = false; conn_reuse_mode = 3;\n"
		"expire_nodest_conn = true; expire_quiescent_template = true; sloppy_tcp = true;\n"
		"sloppy_sctp = true; schedule_icmp = true; drop_entry = 1; drop_packet = 2;\n"
		"secure_tcp = 3; am_droprate = 4; amemthresh = 5; nat_icmp_send = true;\n"
		"run_estimation = false; lblc_expiration = 6; lblcr_expiration = 7; };\n"
		"timeouts = { close_wait = 21; sctp_init = 22; };\n"
		"services = ( { protocol = \"tcp\"; address = \"10.0.0.1\"; port = 80;\n"
		"timeouts = { tcp = 31; last_ack = 32; }; } );");
	static const struct {
		enum setting_id id;
		uint32_t value;
	} rows[] = {
		{SETTING_CACHE_BYPASS, 1},
		{SETTING_PMTU_DISC, 0},
		{SETTING_CONN_REUSE_MODE, 3},
		{SETTING_EXPIRE_NODEST_CONN, 1},
		{SETTING_EXPIRE_QUIESCENT_TEMPLATE, 1},
		{SETTING_SLOPPY_TCP, 1},
		{SETTING_SLOPPY_SCTP, 1},
		{SETTING_SCHEDULE_ICMP, 1},
		{SETTING_DROP_ENTRY, 1},
		{SETTING_DROP_PACKET, 2},
		{SETTING_SECURE_TCP, 3},
		{SETTING_AM_DROPRATE, 4},
		{SETTING_AMEMTHRESH, 5},
		{SETTING_NAT_ICMP_SEND, 1},
		{SETTING_RUN_ESTIMATION, 0},
		{SETTING_LBLC_EXPIRATION, 6},
		{SETTING_LBLCR_EXPIRATION, 7},
	};
	const struct service_spec *spec = &conf->services[0].spec;

	cr_assert_eq(sizeof(rows) / sizeof(rows[0]), SETTING_MAX);
	for (size_t i = 0; i < SETTING_MAX; i++)
		cr_assert_eq(conf->director.settings[rows[i].id], rows[i].value, "setting %u",
			     rows[i].id);
	cr_assert_eq(conf->timeouts.close_wait, 21);
	cr_assert_eq(conf->timeouts.sctp_init, 22);
	cr_assert_eq(conf->timeouts.last_ack, 30, "others keep their default");
	cr_assert(spec->says & SAYS_TIMEOUTS);
	cr_assert_eq(spec->timeouts.tcp, 31);
	cr_assert_eq(spec->timeouts.last_ack, 32);
	cr_assert_eq(spec->timeouts.tcpfin, 0, "others are not the service's");
	cr_assert_eq(spec->timeouts.close_wait, 0);
	conf_free(conf);
}

static void expect_server(const struct dest_spec *server, const char *addr, uint16_t port,
			  int32_t weight)
{
	union addr want = build_addr(addr);

	cr_assert(addr_equal(&server->addr, &want), "%s", addr);
	cr_assert_eq(server->af, build_af(addr), "%s", addr);
	cr_assert_eq(server->port, htons(port), "%s: port %u", addr, ntohs(server->port));
	cr_assert_eq(server->weight, weight, "%s", addr);
	cr_assert_eq(server->method, FORWARD_NAT, "%s", addr);
}

static void expect_match(const struct match *match, const char *addr, uint8_t protocol,
			 uint16_t first, uint16_t last)
{
	union addr want = build_addr(addr);

	cr_assert(addr_equal(&match->addr, &want), "%s", addr);
	cr_assert_eq(match->af, build_af(addr), "%s", addr);
	cr_assert_eq(match->protocol, protocol, "%s", addr);
	cr_assert_eq(match->first, first, "%u", match->first);
	cr_assert_eq(match->last, last, "%u", match->last);
}

Test(model, every_scheduler_with_its_flags)
{
	static const uint32_t bits[SCHEDULER_FLAGS] = {SERVICE_SCHED1, SERVICE_SCHED2,
						       SERVICE_SCHED3};
	const struct scheduler *sched;
	char text[512], flags[64];

	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		uint32_t want = 0;
		struct conf *conf;

		flags[0] = '\0';
		for (int i = 0; i < SCHEDULER_FLAGS; i++) {
			if (!sched->flags[i])
				continue;
			want |= bits[i];
			/* By its own name and by the general one. */
			snprintf(flags + strlen(flags), sizeof(flags) - strlen(flags),
				 "%s%s ,flag-%d", want == bits[i] ? "" : ", ", sched->flags[i],
				 i + 1);
		}
		snprintf(text, sizeof(text), SERVICE("port = 80; scheduler = \"%s\"; %s%s%s"),
			 sched->name, want ? "scheduler_flags = \"" : "", flags, want ? "\";" : "");
		conf = parse(text);
		cr_assert_str_eq(conf->services[0].spec.scheduler, sched->name);
		cr_assert_eq(conf->services[0].spec.flags, want, "%s", text);
		conf_free(conf);
	}
}

Test(model, service_by_address_field_by_field)
{
	struct conf *conf = parse(
		"\nservices = (\n{ name = \"dns\"; protocol = \"udp\"; address = \"fd00::1\"; port "
		"= 53;\n"
		"scheduler = \"wrr\"; persistent = 600; persistent_mask = 64; one_packet = true;\n"
		"servers = ( { address = \"fd00:2::2\"; port = 5353; weight = 0; upper = 9; lower "
		"= 4; },\n"
		"{ address = \"fd00:2::1\"; weight = 2147483647; method = \"nat\"; } ); } );");
	const struct service_conf *service = conf->services;
	union addr addr = build_addr("fd00::1");

	cr_assert_eq(service->line, 3);
	cr_assert_str_eq(service->spec.name, "dns");
	cr_assert_eq(service->spec.key.af, AF_INET6);
	cr_assert_eq(service->spec.key.protocol, IPPROTO_UDP);
	cr_assert_eq(service->spec.key.port, htons(53));
	cr_assert(addr_equal(&service->spec.key.addr, &addr));
	cr_assert_str_eq(service->spec.scheduler, "wrr");
	cr_assert_eq(service->spec.flags, SERVICE_PERSISTENT | SERVICE_ONEPACKET);
	cr_assert_eq(service->spec.timeout, 600);
	cr_assert_eq(service->spec.netmask, 64);
	cr_assert_eq(service->servers_len, 2);
	expect_server(&service->servers[0], "fd00:2::2", 5353, 0);
	expect_server(&service->servers[1], "fd00:2::1", 53, INT32_MAX);
	cr_assert_eq(service->servers[0].upper, 9);
	cr_assert_eq(service->servers[0].lower, 4);
	conf_free(conf);
}

/* Servers take tunnel keys over one by one, but none over a type of their own; and IPv4 and IPv6 go
 * in either. */
Test(model, tunnels_field_by_field)
{
	static const struct {
		const char *addr;
		struct tunnel tunnel;
	} rows[] = {
		{"10.2.0.1", {TUNNEL_GUE, TUNNEL_REMCSUM, 6080}},
		{"fd00:2::1", {TUNNEL_GUE, TUNNEL_REMCSUM, 6081}},
		{"10.2.0.2", {TUNNEL_GUE, TUNNEL_CSUM, 6080}},
		{"10.2.0.3", {TUNNEL_IPIP, 0, 0}},
		{"10.2.0.4", {TUNNEL_GRE, TUNNEL_CSUM, 0}},
		{"10.2.0.5", {TUNNEL_GUE, 0, 7}},
	};
	struct conf *conf =
		parse("services = ( { protocol = \"tcp\"; address = \"10.0.0.1\"; port = 80;\n"
		      "method = \"tun\"; tunnel = \"gue\"; tunnel_port = 6080; tunnel_checksum = "
		      "\"remote\";\n"
		      "servers = ( { address = \"10.2.0.1\"; },\n"
		      "{ address = \"fd00:2::1\"; tunnel_port = 6081; },\n"
		      "{ address = \"10.2.0.2\"; tunnel_checksum = \"full\"; },\n"
		      "{ address = \"10.2.0.3\"; tunnel = \"ipip\"; },\n"
		      "{ address = \"10.2.0.4\"; tunnel = \"gre\"; tunnel_checksum = \"full\"; },\n"
		      "{ address = \"10.2.0.5\"; tunnel = \"gue\"; tunnel_port = 7; },\n"
		      "{ address = \"10.2.0.6\"; method = \"nat\"; } ); } );");
	const struct service_conf *service = conf->services;
	const struct tunnel *tunnel;

	cr_assert_eq(service->servers_len, 7);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tunnel = &service->servers[i].tunnel;
		cr_assert_eq(service->servers[i].method, FORWARD_TUN, "%s", rows[i].addr);
		cr_assert_eq(service->servers[i].af, build_af(rows[i].addr), "%s", rows[i].addr);
		cr_assert(tunnel->type == rows[i].tunnel.type &&
				  tunnel->flags == rows[i].tunnel.flags &&
				  ntohs(tunnel->port) == rows[i].tunnel.port,
			  "%s: %d %d %d", rows[i].addr, tunnel->type, tunnel->flags,
			  ntohs(tunnel->port));
	}
	tunnel = &service->servers[6].tunnel;
	cr_assert(!tunnel->type && !tunnel->flags && !tunnel->port);
	conf_free(conf);
}

Test(model, service_by_mark_field_by_field)
{
	struct conf *conf = parse(
		"services = ( { fwmark = 0x107; match = (\n"
		"{ address = \"10.0.0.1\"; protocol = \"tcp\"; ports = \"80, 443 ,8000-8100\"; },\n"
		"{ address = \"10.0.0.2\"; protocol = \"udp\"; ports = \"65535\"; } );\n"
		"servers = ( { address = \"10.2.0.1\"; } ); },\n"
		"{ fwmark = 0x107; match = ( { address = \"fd00::1\"; protocol = \"tcp\"; ports = "
		"\"1\"; } ); },\n"
		"{ fwmark = 9; family = \"ipv6\"; servers = ( { address = \"fd00:2::1\"; port = "
		"80; } ); } );");
	const struct service_conf *service = conf->services;

	cr_assert_eq(conf->services_len, 3);
	cr_assert_eq(service->spec.key.fwmark, 0x107);
	cr_assert_eq(service->spec.key.af, AF_INET);
	cr_assert_eq(service->spec.key.protocol, 0);
	cr_assert_eq(service->spec.key.port, 0);
	cr_assert_eq(service->spec.matches_len, 4);
	expect_match(&service->spec.matches[0], "10.0.0.1", IPPROTO_TCP, 80, 80);
	expect_match(&service->spec.matches[1], "10.0.0.1", IPPROTO_TCP, 443, 443);
	expect_match(&service->spec.matches[2], "10.0.0.1", IPPROTO_TCP, 8000, 8100);
	expect_match(&service->spec.matches[3], "10.0.0.2", IPPROTO_UDP, 65535, 65535);
	expect_server(&service->servers[0], "10.2.0.1", 0, 1);
	cr_assert_eq(service[1].spec.key.af, AF_INET6);
	cr_assert_eq(service[1].spec.netmask, 128);
	cr_assert_eq(service[2].spec.key.af, AF_INET6);
	expect_server(&service[2].servers[0], "fd00:2::1", 80, 1);
	conf_free(conf);
}

Test(model, masks)
{
	static const struct {
		const char *value;
		uint32_t netmask;
	} rows[] = {{"1", 0x80000000},
		    {"24", 0xffffff00},
		    {"32", 0xffffffff},
		    {"\"255.255.255.0\"", 0xffffff00},
		    {"\"255.255.255.255\"", 0xffffffff},
		    {"\"128.0.0.0\"", 0x80000000}};
	char text[160];

	for (size_t i = 0; i < LEN(rows); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text),
			 "services = ( { fwmark = 1; persistent = 9; persistent_mask = %s; } );",
			 rows[i].value);
		conf = parse(text);
		cr_expect_eq(conf->services[0].spec.netmask, htonl(rows[i].netmask), "%s",
			     rows[i].value);
		conf_free(conf);
	}
}

Test(model, ten_thousand_services)
{
	size_t size, n = 10000;
	char *text;
	FILE *out = open_memstream(&text, &size);
	struct conf *conf;

	fprintf(out, "services = (");
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s{ protocol = \"tcp\"; address = \"10.0.%zu.%zu\"; port = 80; }",
			i ? "," : "", i / 250, i % 250 + 1);
	fprintf(out, ");");
	fclose(out);
	conf = parse(text);
	cr_assert_eq(conf->services_len, n);
	cr_assert_eq(conf->services[n - 1].spec.key.addr.ip, inet_addr("10.0.39.250"));
	conf_free(conf);
	free(text);
}

Test(example, is_what_the_demo_counts_on)
{
	struct conf *conf = NULL;
	struct error err = {""};
	char addr[32];

	cr_assert_eq(conf_load("conf/nfvs.conf.example", &conf, &err), 0, "%s", err.text);
	cr_assert_eq(conf->director.workers, 2);
	cr_assert_eq(conf->services_len, 4);
	for (uint16_t i = 0; i < 3; i++) {
		snprintf(addr, sizeof(addr), "10.2.0.1%u", i + 1);
		expect_server(&conf->services[0].servers[i], addr, 8080, 3 - i);
		expect_server(&conf->services[2].servers[i], addr, 53, 1);
		expect_server(&conf->services[3].servers[i], addr, 0, 1);
		snprintf(addr, sizeof(addr), "fd00:2::1%u", i + 1);
		expect_server(&conf->services[1].servers[i], addr, 8080, 1);
	}
	cr_assert_str_eq(conf->services[0].spec.scheduler, "wrr");
	cr_assert_eq(conf->services[3].spec.key.fwmark, 7);
	cr_assert(conf->services[3].spec.flags & SERVICE_PERSISTENT);
	expect_match(&conf->services[3].spec.matches[0], "10.1.0.101", IPPROTO_TCP, 80, 80);
	expect_match(&conf->services[3].spec.matches[1], "10.1.0.101", IPPROTO_TCP, 443, 443);
	conf_free(conf);
}

/* What make install puts into /etc. */
Test(example, the_installed_file_is_empty)
{
	struct conf *conf = NULL;
	struct error err = {""};

	cr_assert_eq(conf_load("packaging/nfvs.conf", &conf, &err), 0, "%s", err.text);
	cr_assert_eq(conf->services_len, 0);
	conf_free(conf);
}
