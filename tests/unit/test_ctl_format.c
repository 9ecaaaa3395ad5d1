// SPDX-License-Identifier: GPL-2.0-or-later
/* ctl/format.c, table.c, usage.c: listings as ipvsadm 1.31 of Debian prints them, byte for byte. */
#include "ctl/command.h"
#include "ctl/format.h"
#include "ctl/table.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <string.h>

/* Adds a row; takes @json over. */
static void add(struct table *table, json_t *json)
{
	struct error err = {""};

	cr_assert_eq(table_add(table, json, &err), 0, "%s", err.text);
	json_decref(json);
}

/* The table of these listings, as "ipvsadm -A" and "-a" would have made it, and then sorted. */
static struct table sample(bool counted)
{
	struct service_row web = {.spec = build_service(IPPROTO_TCP, "10.0.0.1", 80)};
	struct service_row dns = {.spec = build_service(IPPROTO_UDP, "10.0.0.1", 53)};
	struct service_row mark = {.spec = build_fwmark(7)};
	struct service_row https = {.spec = build_service(IPPROTO_TCP, "10.0.0.1", 443)};
	struct service_row all = {.spec = build_service(IPPROTO_TCP, "10.0.0.1", 0)};
	struct dest_row servers[] = {{.spec = build_dest("192.168.1.3", 80, 1)},
				     {.spec = build_dest("192.168.1.2", 80, 1)},
				     {.spec = build_dest("192.168.1.1", 80, 3)}};
	struct dest_row of_mark = {.spec = build_dest("192.168.1.1", 0, 1)};
	const struct counters counters = {
		.conns = 123456789, .in_pkts = 7, .in_bytes = 99999999999};
	struct table table = {0};

	snprintf(web.spec.scheduler, SCHEDULER_NAME_MAX, "wrr");
	snprintf(https.spec.scheduler, SCHEDULER_NAME_MAX, "wlc");
	snprintf(all.spec.scheduler, SCHEDULER_NAME_MAX, "wlc");
	snprintf(mark.spec.scheduler, SCHEDULER_NAME_MAX, "sh");
	dns.spec.flags = SERVICE_ONEPACKET;
	mark.spec.flags = SERVICE_PERSISTENT | SERVICE_SCHED1 | SERVICE_SCHED2;
	mark.spec.timeout = 600;
	mark.spec.netmask = htonl(0xffffff00);
	https.spec.flags = all.spec.flags = SERVICE_PERSISTENT;
	https.spec.timeout = 360;
	all.spec.timeout = 30;
	servers[0].spec.method = FORWARD_TUN;
	servers[1].spec.method = FORWARD_DR;
	servers[2].spec.upper = 100;
	servers[2].spec.lower = 50;
	if (counted) {
		web.counters = mark.counters = of_mark.counters = counters;
		for (int i = 0; i < 3; i++)
			servers[i].counters = counters;
	}
	add(&table, service_row_to_json(&web, true));
	for (int i = 0; i < 3; i++)
		add(&table, dest_row_to_json(&servers[i], true));
	add(&table, service_row_to_json(&dns, true));
	add(&table, service_row_to_json(&mark, true));
	add(&table, dest_row_to_json(&of_mark, true));
	add(&table, service_row_to_json(&https, true));
	add(&table, service_row_to_json(&all, true));
	table_sort(&table);
	return table;
}

static char *listed, *saved;
static size_t listed_len, saved_len;

static void print_rows(FILE *out, const struct format *format, const struct table *table)
{
	for (size_t i = 0; i < table->services_len; i++) {
		const struct table_service *svc = &table->services[i];

		format_service(out, format, &svc->row);
		for (size_t j = 0; j < svc->dests_len; j++)
			format_dest(out, format, &svc->row, &table->dests[svc->dests + j]);
	}
}

static void lists_as(struct format format, bool counted, const char *expected)
{
	FILE *out = open_memstream(&listed, &listed_len);
	struct table table = sample(counted);

	format_banner(out);
	format_titles(out, &format);
	print_rows(out, &format, &table);
	fclose(out);
	cr_assert_str_eq(listed, expected, "got:\n%s", listed);
	free(listed);
	table_clear(&table);
}

#define BANNER "IP Virtual Server version 1.2.1 (size=4096)\n"

Test(ctl_format, plain)
{
	lists_as((struct format){.list = LIST_PLAIN, .numeric = true}, false,
		 BANNER "Prot LocalAddress:Port Scheduler Flags\n"
			"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
			"TCP  10.0.0.1:0 wlc persistent 30\n"
			"TCP  10.0.0.1:80 wrr\n"
			"  -> 192.168.1.1:80               Masq    3      0          0         \n"
			"  -> 192.168.1.2:80               Route   1      0          0         \n"
			"  -> 192.168.1.3:80               Tunnel  1      0          0         \n"
			"TCP  10.0.0.1:443 wlc persistent 360\n"
			"UDP  10.0.0.1:53 rr ops\n"
			"FWM  7 sh (sh-fallback,sh-port) persistent 600 mask 255.255.255.0\n"
			"  -> 192.168.1.1:0                Masq    1      0          0         \n");
}

Test(ctl_format, ports_by_name)
{
	lists_as((struct format){.list = LIST_PLAIN}, false,
		 BANNER "Prot LocalAddress:Port Scheduler Flags\n"
			"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
			"TCP  10.0.0.1:0 wlc persistent 30\n"
			"TCP  10.0.0.1:http wrr\n"
			"  -> 192.168.1.1:http             Masq    3      0          0         \n"
			"  -> 192.168.1.2:http             Route   1      0          0         \n"
			"  -> 192.168.1.3:http             Tunnel  1      0          0         \n"
			"TCP  10.0.0.1:https wlc persistent 360\n"
			"UDP  10.0.0.1:domain rr ops\n"
			"FWM  7 sh (sh-fallback,sh-port) persistent 600 mask 255.255.255.0\n"
			"  -> 192.168.1.1:0                Masq    1      0          0         \n");
}

#define STATS_TITLES                                                                      \
	BANNER "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes "   \
	       "OutBytes\n"                                                               \
	       "  -> RemoteAddress:Port\n"                                                \
	       "TCP  10.0.0.1:0                          0        0        0        0   " \
	       "     0\n"

Test(ctl_format, stats)
{
	lists_as(
		(struct format){.list = LIST_STATS, .numeric = true}, true,
		STATS_TITLES
		"TCP  10.0.0.1:80                   123456K        7        0   99999M        0\n"
		"  -> 192.168.1.1:80                123456K        7        0   99999M        0\n"
		"  -> 192.168.1.2:80                123456K        7        0   99999M        0\n"
		"  -> 192.168.1.3:80                123456K        7        0   99999M        0\n"
		"TCP  10.0.0.1:443                        0        0        0        0        0\n"
		"UDP  10.0.0.1:53                         0        0        0        0        0\n"
		"FWM  7                             123456K        7        0   99999M        0\n"
		"  -> 192.168.1.1:0                 123456K        7        0   99999M        0\n");
}

Test(ctl_format, stats_exact)
{
	lists_as((struct format){.list = LIST_STATS, .numeric = true, .exact = true}, true,
		 STATS_TITLES
		 "TCP  10.0.0.1:80                  123456789        7        0 99999999999        "
		 "0\n"
		 "  -> 192.168.1.1:80               123456789        7        0 99999999999        "
		 "0\n"
		 "  -> 192.168.1.2:80               123456789        7        0 99999999999        "
		 "0\n"
		 "  -> 192.168.1.3:80               123456789        7        0 99999999999        "
		 "0\n"
		 "TCP  10.0.0.1:443                        0        0        0        0        0\n"
		 "UDP  10.0.0.1:53                         0        0        0        0        0\n"
		 "FWM  7                            123456789        7        0 99999999999        "
		 "0\n"
		 "  -> 192.168.1.1:0                123456789        7        0 99999999999        "
		 "0\n");
}

Test(ctl_format, thresholds)
{
	lists_as((struct format){.list = LIST_THRESHOLDS, .numeric = true}, false,
		 BANNER "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn "
			"InActConn \n"
			"  -> RemoteAddress:Port\n"
			"TCP  10.0.0.1:0 wlc persistent 30\n"
			"TCP  10.0.0.1:80 wrr\n"
			"  -> 192.168.1.1:80               100        50         0          0    "
			"     \n"
			"  -> 192.168.1.2:80               0          0          0          0    "
			"     \n"
			"  -> 192.168.1.3:80               0          0          0          0    "
			"     \n"
			"TCP  10.0.0.1:443 wlc persistent 360\n"
			"UDP  10.0.0.1:53 rr ops\n"
			"FWM  7 sh (sh-fallback,sh-port) persistent 600 mask 255.255.255.0\n"
			"  -> 192.168.1.1:0                0          0          0          0    "
			"     \n");
}

Test(ctl_format, persistent_conn)
{
	lists_as((struct format){.list = LIST_PERSISTENT_CONN, .numeric = true}, false,
		 BANNER "Prot LocalAddress:Port            Weight    PersistConn ActiveConn "
			"InActConn \n"
			"  -> RemoteAddress:Port\n"
			"TCP  10.0.0.1:0 wlc persistent 30\n"
			"TCP  10.0.0.1:80 wrr\n"
			"  -> 192.168.1.1:80               3         0           0          0    "
			"     \n"
			"  -> 192.168.1.2:80               1         0           0          0    "
			"     \n"
			"  -> 192.168.1.3:80               1         0           0          0    "
			"     \n"
			"TCP  10.0.0.1:443 wlc persistent 360\n"
			"UDP  10.0.0.1:53 rr ops\n"
			"FWM  7 sh (sh-fallback,sh-port) persistent 600 mask 255.255.255.0\n"
			"  -> 192.168.1.1:0                1         0           0          0    "
			"     \n");
}

Test(ctl_format, tun_info)
{
	lists_as((struct format){.list = LIST_TUN_INFO, .numeric = true}, false,
		 BANNER "Prot LocalAddress:Port Scheduler Flags\n"
			"  -> RemoteAddress:Port           Forward TunnelInfo    Weight "
			"ActiveConn InActConn\n"
			"TCP  10.0.0.1:0 wlc persistent 30\n"
			"TCP  10.0.0.1:80 wrr\n"
			"  -> 192.168.1.1:80               Masq    n/a           3      0        "
			"  0         \n"
			"  -> 192.168.1.2:80               Route   n/a           1      0        "
			"  0         \n"
			"  -> 192.168.1.3:80               Tunnel  ipip          1      0        "
			"  0         \n"
			"TCP  10.0.0.1:443 wlc persistent 360\n"
			"UDP  10.0.0.1:53 rr ops\n"
			"FWM  7 sh (sh-fallback,sh-port) persistent 600 mask 255.255.255.0\n"
			"  -> 192.168.1.1:0                Masq    n/a           1      0        "
			"  0         \n");
}

Test(ctl_format, save)
{
	FILE *out = open_memstream(&saved, &saved_len);
	struct table table = sample(false);

	for (size_t i = 0; i < table.services_len; i++) {
		const struct table_service *svc = &table.services[i];

		format_save_service(out, true, &svc->row.spec);
		for (size_t j = 0; j < svc->dests_len; j++)
			format_save_dest(out, true, &svc->row.spec,
					 &table.dests[svc->dests + j].spec);
	}
	fclose(out);
	cr_assert_str_eq(saved,
			 "-A -t 10.0.0.1:0 -s wlc -p 30\n"
			 "-A -t 10.0.0.1:80 -s wrr\n"
			 "-a -t 10.0.0.1:80 -r 192.168.1.1:80 -m -w 3\n"
			 "-a -t 10.0.0.1:80 -r 192.168.1.2:80 -g -w 1\n"
			 "-a -t 10.0.0.1:80 -r 192.168.1.3:80 -i -w 1 --tun-type ipip\n"
			 "-A -t 10.0.0.1:443 -s wlc -p 360\n"
			 "-A -u 10.0.0.1:53 -s rr -o\n"
			 "-A -f 7 -s sh -p 600 -M 255.255.255.0 -b sh-fallback,sh-port\n"
			 "-a -f 7 -r 192.168.1.1:0 -m -w 1\n",
			 "got:\n%s", saved);
	free(saved);
	table_clear(&table);
}

/* What one service and one server of it look like, numeric and plain. */
static void looks(const struct service_spec *spec, const struct dest_spec *server,
		  const char *expected)
{
	const struct format format = {.numeric = true};
	struct service_row svc = {.spec = *spec};
	struct dest_row dest = {.spec = *server};
	FILE *out = open_memstream(&listed, &listed_len);

	format_service(out, &format, &svc);
	format_dest(out, &format, &svc, &dest);
	format_save_service(out, true, spec);
	format_save_dest(out, true, spec, server);
	fclose(out);
	cr_assert_str_eq(listed, expected, "got:\n%s", listed);
	free(listed);
}

Test(ctl_format, tunnels)
{
	static const struct {
		struct tunnel tunnel;
		const char *info, *options;
	} rows[] = {
		{{TUNNEL_IPIP, 0, 0}, "ipip         ", "ipip"},
		{{TUNNEL_GUE, 0, 0xffff}, "gue:65535:-c ", "gue --tun-port 65535 --tun-nocsum"},
		{{TUNNEL_GUE, TUNNEL_CSUM, 0xffff},
		 "gue:65535:+c ",
		 "gue --tun-port 65535 --tun-csum"},
		{{TUNNEL_GUE, TUNNEL_REMCSUM, 0xffff},
		 "gue:65535:r+c",
		 "gue --tun-port 65535 --tun-remcsum"},
		{{TUNNEL_GRE, 0, 0}, "gre:-c       ", "gre --tun-nocsum"},
		{{TUNNEL_GRE, TUNNEL_CSUM, 0}, "gre:+c       ", "gre --tun-csum"},
	};
	const struct format format = {.list = LIST_TUN_INFO, .numeric = true};
	struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 80);
	char expected[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dest_spec dest = build_dest("fd00::2", 80, 2);
		struct service_row svc = {.spec = spec};
		struct dest_row row;
		FILE *out = open_memstream(&listed, &listed_len);

		dest.method = FORWARD_TUN;
		dest.tunnel = rows[i].tunnel;
		row = (struct dest_row){.spec = dest};
		format_dest(out, &format, &svc, &row);
		format_save_dest(out, true, &spec, &dest);
		fclose(out);
		snprintf(expected, sizeof(expected),
			 "  -> [fd00::2]:80                 Tunnel  %s 2      0          0         "
			 "\n"
			 "-a -t 10.0.0.1:80 -r [fd00::2]:80 -i -w 2 --tun-type %s\n",
			 rows[i].info, rows[i].options);
		cr_assert_str_eq(listed, expected, "got:\n%s", listed);
		free(listed);
	}
}

Test(ctl_format, ipv6_is_not_cut)
{
	struct service_spec spec =
		build_service(IPPROTO_TCP, "2001:db8:1111:2222:3333:4444:5555:6666", 80);
	struct dest_spec dest = build_dest("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 8080, 1);

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 60;
	spec.netmask = 64;
	looks(&spec, &dest,
	      "TCP  [2001:db8:1111:2222:3333:4444:5555:6666]:80 rr persistent 60 mask 64\n"
	      "  -> [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:8080 Masq    1      0          0    "
	      "     \n"
	      "-A -t [2001:db8:1111:2222:3333:4444:5555:6666]:80 -s rr -p 60 -M 64\n"
	      "-a -t [2001:db8:1111:2222:3333:4444:5555:6666]:80 -r "
	      "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:8080 -m -w 1\n");
}

Test(ctl_format, large_marks_are_signed_and_a_mask_needs_persistence)
{
	struct service_spec spec = build_fwmark(UINT32_MAX);
	struct dest_spec dest = build_dest("2001:db8::1", 0, INT32_MAX);

	spec.key.af = AF_INET6;
	spec.netmask = 64;
	spec.flags = SERVICE_SCHED1 | SERVICE_SCHED3;
	looks(&spec, &dest,
	      "FWM  -1 IPv6 rr (flag-1,flag-3)\n"
	      "  -> [2001:db8::1]:0              Masq    2147483647 0          0         \n"
	      "-A -f -1 -6 -s rr -b flag-1,flag-3\n"
	      "-a -f -1 -6 -r [2001:db8::1]:0 -m -w 2147483647\n");
}

Test(ctl_format, large_numbers)
{
	static const struct {
		uint64_t number;
		const char *text;
	} rows[] = {
		{0, "        0"},
		{99999999, " 99999999"},
		{100000000, "  100000K"},
		{999999999, "  999999K"},
		{1000000000, "    1000M"},
		{99999999999, "   99999M"},
		{100000000000, "     100G"},
		{99999999999999, "   99999G"},
		{100000000000000, "     100T"},
		{UINT64_MAX, "18446744T"},
	};
	const struct format format = {.list = LIST_STATS, .numeric = true};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service_row row = {.spec = build_fwmark(7),
					  .counters = {.conns = rows[i].number}};
		FILE *out = open_memstream(&listed, &listed_len);
		char expected[128];

		format_service(out, &format, &row);
		fclose(out);
		snprintf(expected, sizeof(expected), "%-33s%s%9d%9d%9d%9d\n", "FWM  7",
			 rows[i].text, 0, 0, 0, 0);
		cr_assert_str_eq(listed, expected, "got:\n%s", listed);
		free(listed);
	}
}

static struct conn_row conn(const char *source, uint16_t sport, const char *virtual, uint16_t vport,
			    const char *server, uint16_t dport, const char *state, uint32_t expires)
{
	struct conn_row row = {.source = build_addr(source),
			       .virtual = build_addr(virtual),
			       .server = build_addr(server),
			       .server_af = build_af(server),
			       .sport = htons(sport),
			       .vport = htons(vport),
			       .dport = htons(dport),
			       .af = build_af(source),
			       .protocol = IPPROTO_TCP,
			       .expires = expires};

	snprintf(row.state, sizeof(row.state), "%s", state);
	return row;
}

Test(ctl_format, connections)
{
	struct conn_row rows[] = {
		conn("10.0.0.2", 54321, "10.0.0.1", 80, "192.168.1.1", 80, "ESTABLISHED", 899),
		conn("10.0.0.2", 0, "10.0.0.1", 80, "192.168.1.1", 80, "ASSURED", 300),
		conn("10.0.0.0", 0, "0.0.0.7", 0, "192.168.1.1", 0, "NONE", 12),
		conn("10.0.0.3", 5001, "10.0.0.1", 5060, "192.168.1.2", 5060, "UDP", 36000),
		conn("2001:db8::1", 54321, "2001:db8::2", 80, "2001:db8::3", 80, "TIME_WAIT", 59),
		conn("2001:db8::1", 54321, "2001:db8::2", 80, "10.0.0.3", 80, "TIME_WAIT", 59),
	};
	FILE *out = open_memstream(&listed, &listed_len);

	rows[1].template = rows[2].template = true;
	rows[2].protocol = 0;
	rows[2].fwmark = 7;
	rows[3].protocol = IPPROTO_UDP;
	format_conn_titles(out, false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		format_conn(out, true, &rows[i]);
	format_conn_titles(out, true);
	fclose(out);
	cr_assert_str_eq(
		listed,
		"IPVS connection entries\n"
		"pro expire state       source             virtual            destination\n"
		"TCP 14:59  ESTABLISHED 10.0.0.2:54321     10.0.0.1:80        192.168.1.1:80\n"
		"TCP 05:00  ASSURED     10.0.0.2:0         10.0.0.1:80        192.168.1.1:80\n"
		"IP  00:12  NONE        10.0.0.0:0         0.0.0.7:0          192.168.1.1:0\n"
		"UDP 600:00 UDP         10.0.0.3:5001      10.0.0.1:5060      192.168.1.2:5060\n"
		"TCP 00:59  TIME_WAIT   [2001:db8::1]:54321 [2001:db8::2]:80   [2001:db8::3]:80\n"
		"TCP 00:59  TIME_WAIT   [2001:db8::1]:54321 [2001:db8::2]:80   10.0.0.3:80\n"
		"IPVS connection entries\n"
		"pro expire state       source             virtual            destination        "
		"pe name          pe_data\n",
		"got:\n%s", listed);
	free(listed);
}

/* Rows of a table with these services, one server each for the last. */
Test(ctl_format, order)
{
	static const struct {
		uint8_t protocol;
		const char *addr;
		uint16_t port;
		uint32_t mark;
	} in[] = {
		{0, NULL, 0, 9},
		{IPPROTO_TCP, "2001:db8::1", 80, 0},
		{0, NULL, 0, UINT32_MAX}, /* wraps: before everything that has no mark */
		{IPPROTO_UDP, "10.0.0.1", 53, 0},
		{IPPROTO_TCP, "10.0.0.2", 80, 0},
		{IPPROTO_TCP, "10.0.0.1", 443, 0},
		{0, NULL, 0, 7},
		{IPPROTO_TCP, "192.0.0.1", 80, 0}, /* wraps: more than 2^31 above 10.0.0.1 */
		{IPPROTO_TCP, "10.0.0.1", 80, 0},
	};
	static const char *const out[] = {
		"fwmark 4294967295",	"tcp 192.0.0.1:80", "tcp 10.0.0.1:80",
		"tcp 10.0.0.1:443",	"tcp 10.0.0.2:80",  "udp 10.0.0.1:53",
		"tcp [2001:db8::1]:80", "fwmark 7",	    "fwmark 9"};
	struct table table = {0};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct service_row row = {
			.spec = in[i].mark ? build_fwmark(in[i].mark)
					   : build_service(in[i].protocol, in[i].addr, in[i].port)};

		add(&table, service_row_to_json(&row, false));
	}
	table_sort(&table);
	for (size_t i = 0; i < table.services_len; i++) {
		char text[SERVICE_KEY_STRLEN];

		cr_assert_str_eq(service_key_format(text, &table.services[i].row.spec.key), out[i],
				 "%zu: %s", i, text);
	}
	table_clear(&table);
}

Test(ctl_format, version)
{
	cr_assert_str_eq(command_version,
			 "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)");
}
