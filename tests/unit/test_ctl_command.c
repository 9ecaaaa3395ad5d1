// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ctl/command.c, options.c, legality.c, text.c: ipvsadm's grammar. The rows of mistakes were
 * checked against ipvsadm 1.31 of Debian.
 */
#include "ctl/command.h"
#include "ctl/format.h"
#include "sched/schedulers.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 32

/* Cuts at blanks; a word "''" is empty. */
static int parse(const char *line, struct command *command, struct error *err)
{
	const char *argv[WORDS_MAX] = {"ipvsadm"};
	char copy[512], *save = NULL, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(word, "''") ? word : "";
	err->text[0] = '\0';
	return command_parse(argc, argv, command, err);
}

#define TRY "Try `ipvsadm -h' or 'ipvsadm --help' for more information."

static const struct {
	const char *line;
	int status;
	const char *says;
} mistakes[] = {
	{"-6", 255, TRY},
	{"--bogus", 255, TRY},
	{"foo", 255, TRY},
	{"-f 7", 255, TRY},
	{"--start-daemon", 255, TRY},
	{"-L --bogus", 255, "--bogus: unknown option"},
	{"-L --num", 255, "--num: unknown option"},
	{"-A -t 10.0.0.1:80 -s", 255, "-s: missing argument"},
	{"--start-daemon master --syncid", 255, "--syncid: missing argument"},
	{"-A -t 1.1.1.1:80 -p -5", 255, "-5: unknown option"},
	{"--set -1 2 3", 255, "-1: unknown option"},
	{"-A -A", 2, "invalid option `-A'"},
	{"-A -D -t 1.1.1.1:80", 2, "invalid option `-D'"},
	{"-AD", 2, "invalid option `-AD'"},
	{"-L --list", 2, "invalid option `--list'"},
	{"-D -t 1.1.1.1:80 -h", 2, "invalid option `-h'"},
	{"-A", 2, "You need to supply the 'service-address' option for the 'add-service' command"},
	{"-a -t 10.0.0.1:80", 2,
	 "You need to supply the 'real-server' option for the 'add-server' command"},
	{"-e -r 10.0.0.1:80", 2,
	 "You need to supply the 'service-address' option for the 'edit-server' command"},
	{"-A -t 10.0.0.1:80 -w 1", 2, "Illegal 'weight' option with the 'add-service' command"},
	{"-An -t 10.0.0.1:80", 2, "Illegal 'numeric' option with the 'add-service' command"},
	{"-C -n", 2, "Illegal 'numeric' option with the 'flush' command"},
	{"-S -c", 2, "Illegal 'connection' option with the 'save' command"},
	{"-Z -n", 2, "Illegal 'numeric' option with the 'zero' command"},
	{"-R -t 1.1.1.1:80", 2, "Illegal 'service-address' option with the 'restore' command"},
	{"-d -t 1.1.1.1:80 -r 2.2.2.2 -m", 2,
	 "Illegal 'forwarding-method' option with the 'delete-server' command"},
	{"--set 1 -n 2 3", 2, "Illegal 'numeric' option with the 'set' command"},
	{"--start-daemon master -n", 2, "Illegal 'numeric' option with the 'start-daemon' command"},
	{"-L -c --timeout", 2,
	 "The option 'timeout' conflicts with the 'connection' option in the 'list' command"},
	{"-L -c -t 1.1.1.1:80", 2,
	 "The option 'service-address' conflicts with the 'connection' option in the 'list' "
	 "command"},
	{"-L -t 1.1.1.1:80 --timeout", 2,
	 "The option 'timeout' conflicts with the 'service-address' option in the 'list' command"},
	{"-L -c --stats", 2, "options conflicts in the list command"},
	{"-L --timeout --stats", 2, "options conflicts in the list command"},
	{"-L --timeout --persistent-conn", 2, "options conflicts in the list command"},
	{"-A -n -n", 2, "multiple 'numeric' options specified"},
	{"-A -t 1.1.1.1:80 -u 1.1.1.1:80", 2, "multiple 'service-address' options specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -g -i", 2, "multiple 'forwarding-method' options specified"},
	{"-A -t foo.invalid", 2, "illegal virtual server address[:port] specified"},
	{"-A -t 1234", 2, "illegal virtual server address[:port] specified"},
	{"-A -t ''", 2, "illegal virtual server address[:port] specified"},
	{"-A -t :80", 2, "illegal virtual server address[:port] specified"},
	{"-A -t 10.0.0.1:", 2, "illegal virtual server address[:port] specified"},
	{"-A -t 10.0.0.1:65536", 2, "illegal virtual server address[:port] specified"},
	{"-A -t [::1]", 2, "illegal virtual server address[:port] specified"},
	{"-A -t [::1]80", 2, "illegal virtual server address[:port] specified"},
	{"-a -t 1.1.1.1:80 -r [2.2.2.2]", 2, "illegal real server address[:port] specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2:99999", 2, "illegal real server address[:port] specified"},
	{"-a -r 2.2.2.2:http -t 1.1.1.1:80", 2, "illegal real server address[:port] specified"},
	{"-A -f 0", 2, "invalid fwmark value `0' specified"},
	{"-A -f abc", 2, "invalid fwmark value `abc' specified"},
	{"-A -f 0x10", 2, "invalid fwmark value `0x10' specified"},
	{"-A -f 4294967296", 2, "invalid fwmark value `4294967296' specified"},
	{"-A -t 1.1.1.1:80 -p 0", 2, "invalid timeout value `0' specified"},
	{"-A -t 1.1.1.1:80 -p x", 2, "invalid timeout value `x' specified"},
	{"-A -t 1.1.1.1:80 -p 2678401", 2, "invalid timeout value `2678401' specified"},
	{"--set a 2 3", 2, "invalid timeout value `a' specified"},
	{"--set 1 2 2678401", 2, "invalid timeout value `2678401' specified"},
	{"--set 1 2", 2, "--set option requires 3 timeout values"},
	{"--set 1 2 3 4", 2, "unexpected argument 4"},
	{"-R extra", 2, "unexpected argument extra"},
	{"-L -", 2, "unexpected argument -"},
	{"-A -t 1.1.1.1:80 -- -s rr", 2, "unexpected argument -s"},
	{"-A -t 1.1.1.1:80 -s sh -b sh-port extra", 2, "unexpected argument extra"},
	{"-A -f 7 -p -M foo.invalid", 2, "illegal virtual server persistent mask specified"},
	{"-A -f 7 -6 -M 0", 2, "illegal ipv6 netmask specified"},
	{"-A -t [2001:db8::1]:80 -M 129", 2, "illegal ipv6 netmask specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -w -1", 2, "illegal weight specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -w 2147483648", 2, "illegal weight specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -w 0x1", 2, "illegal weight specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -w ''", 2, "illegal weight specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -x 2147483648", 2, "illegal u_threshold specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -y x", 2, "illegal l_threshold specified"},
	{"-A -6 -f 7", 2, "-6 used before -f\n"},
	{"-L -t 1.1.1.1:80 -6", 2, "-6 used before -f\n"},
	{"-A -t 10.0.0.1:0", 2, "Zero port specified for non-persistent service"},
	{"-E -t 10.0.0.1", 2, "Zero port specified for non-persistent service"},
	{"-A -t 10.0.0.1:80 -o", 2, "One-Packet Scheduling is only for UDP virtual services"},
	{"-a -t 1.1.1.1:80 -r [2001:db8::1]:80 -m", 2,
	 "Different address family is allowed only for tunneling servers"},
	{"-e -t [2001:db8::1]:80 -r 1.1.1.1", 2,
	 "Different address family is allowed only for tunneling servers"},
	{"-A -t 1.1.1.1:80 -b mh-port", 2, "incompatible scheduler flag `mh-port'"},
	{"-A -t 1.1.1.1:80 -s mh -b mh-port,sh-port", 2, "incompatible scheduler flag `sh-port'"},
	{"-A -t 1.1.1.1:80 -b zzz", 2, "invalid scheduler flag `zzz'"},
	{"-A -w 3 -b zzz", 2, "invalid scheduler flag `zzz'"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2:80 -i --tun-type foo", 2, "illegal tunnel type specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -i --tun-port 0", 2, "illegal tunnel port specified"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 --tun-type ipip", 2,
	 "Tunnel options conflict with forward method"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -i --tun-port 3", 2,
	 "Illegal 'tun-port' option with the 'ipip' tunnel type"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -i --tun-type gue", 2,
	 "You need to supply the 'tun-port' option for the 'gue' tunnel type"},
	{"-a -t 1.1.1.1:80 -r 2.2.2.2 -i --tun-type gre --tun-csum --tun-nocsum", 2,
	 "The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gre' tunnel type"},
	{"--start-daemon foo", 2, "illegal start-daemon parameter specified"},
	{"--stop-daemon foo", 2, "illegal start_daemon specified"},
	{"--start-daemon master --syncid 256", 2, "illegal syncid specified"},
	{"-L --mcast-group 1.1.1.1", 2, "invalid IPv4 mcast-group `1.1.1.1'"},
	{"-L --mcast-group ::1", 2, "invalid IPv6 mcast-group `::1'"},
	{"-L --mcast-port 0", 2, "illegal mcast-port specified"},
	{"-L --mcast-ttl 256", 2, "illegal mcast-ttl specified"},
	{"-L --sync-maxlen 65508", 2, "illegal sync-maxlen specified"},
};

Test(ctl_command, mistakes_are_told_as_ipvsadm_tells_them)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct command command;
		struct error err;

		cr_assert_eq(parse(mistakes[i].line, &command, &err), mistakes[i].status, "%s: %s",
			     mistakes[i].line, err.text);
		cr_assert_str_eq(err.text, mistakes[i].says, "%s: %s", mistakes[i].line, err.text);
	}
}

static struct command good(const char *line)
{
	struct command command = {.kind = COMMAND_MAX};
	struct error err;

	cr_assert_eq(parse(line, &command, &err), 0, "%s: %s", line, err.text);
	return command;
}

Test(ctl_command, what_to_do)
{
	static const struct {
		const char *line;
		enum command_kind kind;
	} rows[] = {
		{"-A -t 1.1.1.1:80", COMMAND_ADD},
		{"--edit-service -u 1.1.1.1:80", COMMAND_EDIT},
		{"-D -f 7", COMMAND_DELETE},
		{"-C", COMMAND_FLUSH},
		{"-L", COMMAND_LIST},
		{"-lnX", COMMAND_LIST},
		{"--list --sort --sort -n", COMMAND_LIST},
		{"-a -t 1.1.1.1:80 -r 2.2.2.2", COMMAND_ADD_SERVER},
		{"-d -t 1.1.1.1:80 -r 2.2.2.2", COMMAND_DELETE_SERVER},
		{"-e -t 1.1.1.1:80 -r 2.2.2.2", COMMAND_EDIT_SERVER},
		{"--set 0 0 0", COMMAND_SET},
		{"--start-daemon backup --mcast-group ff02::1 --mcast-ttl 9", COMMAND_START_DAEMON},
		{"--stop-daemon master --syncid 1", COMMAND_STOP_DAEMON},
		{"-R", COMMAND_RESTORE},
		{"-S -n", COMMAND_SAVE},
		{"-Z", COMMAND_ZERO},
		{"-h whatever -A", COMMAND_HELP},
		{"-v -A", COMMAND_VERSION},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(good(rows[i].line).kind, rows[i].kind, "%s", rows[i].line);
}

Test(ctl_command, services)
{
	struct service_spec spec;

	spec = good("-A -t 10.0.0.1:80").service;
	cr_assert(spec.key.af == AF_INET && spec.key.protocol == IPPROTO_TCP &&
		  spec.key.port == htons(80) && !spec.key.fwmark);
	cr_assert(spec.key.addr.ip == htonl(0x0a000001) && spec.netmask == UINT32_MAX);
	cr_assert_str_eq(spec.scheduler, "wlc");
	cr_assert_eq(spec.flags, 0);
	spec = good("-A -t 10.0.0.1:http -s 0123456789abcdefg -p -M 255.255.0.0").service;
	cr_assert_eq(spec.key.port, htons(80));
	cr_assert_str_eq(spec.scheduler, "0123456789abcde");
	cr_assert(spec.flags == SERVICE_PERSISTENT && spec.timeout == 360);
	cr_assert_eq(spec.netmask, htonl(0xffff0000));
	spec = good("-A -t 10.0.0.1 -p 600").service;
	cr_assert(spec.timeout == 600 && spec.key.port == 0);
	cr_assert_eq(good("-A -t 10.0.0.1:1 -p5").service.timeout, 5);
	cr_assert_eq(good("-A -t 10.0.0.1:1 --persistent=5").service.timeout, 5);
	spec = good("-A -u [2001:db8::1]:53 -o -b flag-1,flag-3 -M 64").service;
	cr_assert(spec.key.af == AF_INET6 && spec.key.protocol == IPPROTO_UDP);
	cr_assert_eq(spec.flags, SERVICE_ONEPACKET | SERVICE_SCHED1 | SERVICE_SCHED3);
	cr_assert_eq(spec.netmask, 64);
	cr_assert_eq(good("-A -t 10.0.0.1:1 -s sh -b sh-fallback,sh-port").service.flags,
		     SERVICE_SCHED1 | SERVICE_SCHED2);
	cr_assert_eq(good("-A -t 2001:db8::1 -p").service.key.af, AF_INET6);
	cr_assert_eq(good("-L --sctp-service 10.0.0.1:9").service.key.protocol, IPPROTO_SCTP);
}

/* Of each scheduler, and only with it. */
Test(ctl_command, flags_of_every_scheduler)
{
	const struct scheduler *sched, *other;
	char line[128], buf[SCHED_FLAGS_STRLEN];
	struct service_spec spec;

	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		snprintf(line, sizeof(line), "-A -t 10.0.0.1:1 -s %s -b flag-1,flag-3,flag-2",
			 sched->name);
		cr_assert_eq(good(line).service.flags,
			     SERVICE_SCHED1 | SERVICE_SCHED2 | SERVICE_SCHED3);
		/* As ipvsadm shows them: its own names alone, if it has any. */
		spec = good(line).service;
		format_sched_flags(buf, &spec);
		if (sched->flags[0] || sched->flags[1] || sched->flags[2])
			cr_assert_null(strstr(buf, "flag-"), "%s", buf);
		else
			cr_assert_str_eq(buf, "flag-1,flag-2,flag-3");
		for (unsigned int i = 0; i < SCHEDULER_FLAGS; i++) {
			const char *name = sched->flags[i];
			struct command command = {.kind = COMMAND_MAX};
			struct error err;

			if (!name)
				continue;
			for (size_t m = 0; (other = scheduler_at(m)); m++) {
				snprintf(line, sizeof(line), "-A -t 10.0.0.1:1 -s %s -b %s",
					 other->name, name);
				if (other != sched) {
					cr_assert(parse(line, &command, &err), "%s", line);
					continue;
				}
				command = good(line);
				cr_assert_eq(command.service.flags, SERVICE_SCHED1 << i);
				cr_assert_str_eq(format_sched_flags(buf, &command.service), name);
			}
		}
	}
}

Test(ctl_command, firewall_marks)
{
	struct service_spec spec = good("-A -f 4294967295 -o").service;

	cr_assert(spec.key.fwmark == UINT32_MAX && spec.key.af == AF_INET);
	cr_assert_eq(spec.key.protocol, 0);
	spec = good("-A -f 08 -6 -6 -M 48").service;
	cr_assert(spec.key.fwmark == 8 && spec.key.af == AF_INET6 && spec.netmask == 48);
	cr_assert_eq(good("-A -f 7 -6").service.netmask, 128);
}

Test(ctl_command, servers)
{
	static const struct {
		const char *line;
		enum forward_method method;
		uint16_t port;
	} rows[] = {
		{"-a -t 1.1.1.1:80 -r 2.2.2.2", FORWARD_DR, 80},
		{"-a -t 1.1.1.1:80 -r 2.2.2.2:99", FORWARD_DR, 80},
		{"-a -t 1.1.1.1:80 -r 2.2.2.2:99 -i", FORWARD_TUN, 80},
		{"-a -t 1.1.1.1:80 -r 2.2.2.2:99 -m", FORWARD_NAT, 99},
		{"-a -t 1.1.1.1:80 -r 2.2.2.2 -m", FORWARD_NAT, 80},
		{"-a -r 2.2.2.2 -m -t 1.1.1.1:80", FORWARD_NAT, 0},
		{"-a -r 2.2.2.2 -t 1.1.1.1:80", FORWARD_DR, 80},
		{"-a -t 1.1.1.1:80 -r [2.2.2.2]:99 -m", FORWARD_NAT, 80},
		{"-a -f 7 -r 2.2.2.2", FORWARD_DR, 0},
		{"-a -f 7 -r 2.2.2.2:99", FORWARD_DR, 99},
		{"-a -f 7 -r 2.2.2.2:http -m", FORWARD_NAT, 80},
		{"-d -t 1.1.1.1:80 -r 2.2.2.2:99", FORWARD_DR, 99},
	};
	struct dest_spec spec;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spec = good(rows[i].line).server;
		cr_assert_eq(spec.method, rows[i].method, "%s", rows[i].line);
		cr_assert_eq(ntohs(spec.port), rows[i].port, "%s: port %u", rows[i].line,
			     ntohs(spec.port));
		cr_assert_eq(spec.weight, 1, "%s", rows[i].line);
	}
	spec = good("-e -t 1.1.1.1:80 -r 2.2.2.2 -w 2147483647 -x 9 -y 010").server;
	cr_assert(spec.weight == INT32_MAX && spec.upper == 9 && spec.lower == 10);
	spec = good("-a -t 1.1.1.1:80 -r [2001:db8::2]:80 -i").server;
	cr_assert_eq(spec.af, AF_INET6);
}

Test(ctl_command, the_rest)
{
	struct command command = good("--set 1 0 3");

	cr_assert(command.timeouts.tcp == 1 && !command.timeouts.tcpfin &&
		  command.timeouts.udp == 3);
	command = good("-A -t 1.1.1.1:80 --pe sip");
	cr_assert_str_eq(command.engine, "sip");
	command = good("-a -t 1.1.1.1:80 -r 2.2.2.2 -i --tun-type gue --tun-port 9 --tun-remcsum");
	cr_assert(command.server.tunnel.type == TUNNEL_GUE &&
		  command.server.tunnel.flags == TUNNEL_REMCSUM &&
		  command.server.tunnel.port == htons(9) &&
		  command_has(&command, OPTION_TUN_REMCSUM));
	command = good("--start-daemon master --mcast-interface eth1 --mcast-port 9 --syncid 5");
	cr_assert(command.sync.master && command.sync.port == 9 && command.sync.syncid == 5);
	cr_assert_str_eq(command.sync.interface, "eth1");
	command = good("-L --stats --rate --exact -n");
	cr_assert(command_has(&command, OPTION_STATS) && command_has(&command, OPTION_RATE) &&
		  command_has(&command, OPTION_EXACT) && command_has(&command, OPTION_NUMERIC));
}

/* Whatever option goes with whatever command: a verdict, and none without a text. */
Test(ctl_command, every_option_with_every_command)
{
	static const char *const commands[] = {"-A",
					       "-E",
					       "-D",
					       "-C",
					       "-L",
					       "-a",
					       "-e",
					       "-d",
					       "-R",
					       "-S",
					       "-Z",
					       "--set 1 2 3",
					       "--start-daemon master",
					       "--stop-daemon backup"};
	static const char *const options[] = {"-n",
					      "-c",
					      "-t 1.1.1.1:80",
					      "-s rr",
					      "-p",
					      "-M 255.0.0.0",
					      "-r 2.2.2.2",
					      "-m",
					      "-w 1",
					      "-x 1",
					      "-y 1",
					      "--mcast-interface eth0",
					      "--timeout",
					      "--daemon",
					      "--stats",
					      "--rate",
					      "--thresholds",
					      "--persistent-conn",
					      "--nosort",
					      "--syncid 1",
					      "-X",
					      "-o",
					      "--pe sip",
					      "-b flag-1",
					      "--mcast-group 224.0.0.1",
					      "--mcast-port 1",
					      "--mcast-ttl 1",
					      "--sync-maxlen 1",
					      "--tun-info",
					      "--tun-type ipip",
					      "--tun-port 1",
					      "--tun-nocsum",
					      "--tun-csum",
					      "--tun-remcsum"};
	int legal = 0;

	cr_assert_eq(sizeof(options) / sizeof(options[0]), OPTION_MAX);
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
		for (unsigned int o = 0; o < OPTION_MAX; o++) {
			struct command command;
			struct error err;
			char line[128];
			int ret;

			snprintf(line, sizeof(line), "%s %s", commands[c], options[o]);
			ret = parse(line, &command, &err);
			cr_assert(ret == 0 || ret == EXIT_ARGUMENT, "%s", line);
			cr_assert_eq(!ret, !err.text[0], "%s: %s", line, err.text);
			cr_assert(ret || command_has(&command, o), "%s", line);
			legal += !ret;
		}
	}
	/* list: 13; start-daemon: 6; save and stop-daemon: 1; -t: add, edit, delete, zero */
	cr_assert_eq(legal, 25, "%d", legal);
}

/* As ipvsadm lists it; what its -S makes of it, "-b " and no more, its -R refuses. */
Test(ctl_command, a_flag_that_a_scheduler_has_no_name_for)
{
	const struct format format = {.numeric = true};
	struct service_row row = {.spec = good("-A -t 10.0.0.1:80 -s sh -b flag-3").service};
	char text[128] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	format_service(out, &format, &row);
	format_save_service(out, true, &row.spec);
	fclose(out);
	cr_assert_str_eq(text, "TCP  10.0.0.1:80 sh ()\n-A -t 10.0.0.1:80 -s sh -b flag-3\n");
}
