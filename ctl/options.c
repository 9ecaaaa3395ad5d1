// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The options of ipvsadm, one row each: names, argument, and the function that reads the argument.
 * A new option is a row here and a bit in a rule of legality.c. nfvsadm only.
 */
#include "ctl/options.h"
#include "ctl/proto.h"
#include "ctl/text.h"

#include <arpa/inet.h>
#include <popt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PERSISTENT 360 /* measured; ipvsadm's manual says 300 */
#define MAXLEN_MAX	   65507

int parser_fail(struct parser *parser, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(parser->err->text, sizeof(parser->err->text), fmt, ap);
	va_end(ap);
	return EXIT_ARGUMENT;
}

/* The functions below read the argument of one option each: 0, or parser_fail(). */

static int read_service(struct parser *parser, const char *arg, uint8_t protocol)
{
	struct service_spec *spec = &parser->command->service;
	struct endpoint end;

	spec->key.protocol = protocol;
	if (text_endpoint(arg, protocol, &end))
		return parser_fail(parser, "illegal virtual server address[:port] specified");
	spec->key.af = end.af;
	spec->key.addr = end.addr;
	spec->key.port = end.port;
	if (end.af == AF_INET6)
		spec->netmask = netmask_full(AF_INET6);
	return 0;
}

static int read_tcp(struct parser *parser, const char *arg)
{
	return read_service(parser, arg, IPPROTO_TCP);
}

static int read_udp(struct parser *parser, const char *arg)
{
	return read_service(parser, arg, IPPROTO_UDP);
}

static int read_sctp(struct parser *parser, const char *arg)
{
	return read_service(parser, arg, IPPROTO_SCTP);
}

static int read_fwmark(struct parser *parser, const char *arg)
{
	int64_t mark;

	if (text_number(arg, 1, UINT32_MAX, &mark))
		return parser_fail(parser, "invalid fwmark value `%s' specified", arg);
	parser->command->service.key.fwmark = (uint32_t)mark;
	parser->command->service.key.protocol = IPPROTO_TCP; /* whose service names -r then knows */
	return 0;
}

static int read_ipv6(struct parser *parser, const char *arg)
{
	struct service_spec *spec = &parser->command->service;

	(void)arg;
	if (!spec->key.fwmark)
		return parser_fail(parser, "-6 used before -f\n");
	spec->key.af = AF_INET6;
	spec->netmask = netmask_full(AF_INET6);
	return 0;
}

static int read_scheduler(struct parser *parser, const char *arg)
{
	struct service_spec *spec = &parser->command->service;

	snprintf(spec->scheduler, sizeof(spec->scheduler), "%s", arg);
	return 0;
}

static int read_persistent(struct parser *parser, const char *arg)
{
	struct service_spec *spec = &parser->command->service;
	int64_t seconds = DEFAULT_PERSISTENT;

	if (arg && text_number(arg, 1, TIMEOUT_MAX, &seconds))
		return parser_fail(parser, "invalid timeout value `%s' specified", arg);
	spec->flags |= SERVICE_PERSISTENT;
	spec->timeout = (uint32_t)seconds;
	return 0;
}

/* By the family that is known so far. */
static int read_netmask(struct parser *parser, const char *arg)
{
	struct service_spec *spec = &parser->command->service;
	union addr mask;
	int prefix;

	if (spec->key.af == AF_INET6) {
		prefix = atoi(arg);
		if (prefix < 1 || prefix > 128)
			return parser_fail(parser, "illegal ipv6 netmask specified");
		spec->netmask = (uint32_t)prefix;
		return 0;
	}
	if (text_ipv4(arg, &mask))
		return parser_fail(parser, "illegal virtual server persistent mask specified");
	spec->netmask = mask.ip;
	return 0;
}

static int read_ops(struct parser *parser, const char *arg)
{
	(void)arg;
	parser->command->service.flags |= SERVICE_ONEPACKET;
	return 0;
}

static int read_engine(struct parser *parser, const char *arg)
{
	snprintf(parser->command->engine, sizeof(parser->command->engine), "%s", arg);
	return 0;
}

static int read_sched_flags(struct parser *parser, const char *arg)
{
	parser->sched_flags = strdup(arg);
	return parser->sched_flags ? 0 : parser_fail(parser, "Memory allocation problem");
}

static int read_server(struct parser *parser, const char *arg)
{
	struct command *command = parser->command;
	struct endpoint end;

	if (text_endpoint(arg, command->service.key.protocol, &end))
		return parser_fail(parser, "illegal real server address[:port] specified");
	command->server.af = end.af;
	command->server.addr = end.addr;
	/* Known only if the service came first, as ipvsadm has it. */
	command->server.port = end.has_port ? end.port : command->service.key.port;
	return 0;
}

static int read_gatewaying(struct parser *parser, const char *arg)
{
	(void)arg;
	parser->command->server.method = FORWARD_DR;
	return 0;
}

static int read_ipip(struct parser *parser, const char *arg)
{
	(void)arg;
	parser->command->server.method = FORWARD_TUN;
	return 0;
}

static int read_masquerading(struct parser *parser, const char *arg)
{
	(void)arg;
	parser->command->server.method = FORWARD_NAT;
	return 0;
}

/* nfvs's own; not in the usage, which is ipvsadm's. */
static int read_fullnat(struct parser *parser, const char *arg)
{
	(void)arg;
	parser->command->server.method = FORWARD_FULLNAT;
	return 0;
}

static int read_weight(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 0, INT32_MAX, &number))
		return parser_fail(parser, "illegal weight specified");
	parser->command->server.weight = (int32_t)number;
	return 0;
}

static int read_upper(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 0, INT32_MAX, &number))
		return parser_fail(parser, "illegal u_threshold specified");
	parser->command->server.upper = (uint32_t)number;
	return 0;
}

static int read_lower(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 0, INT32_MAX, &number))
		return parser_fail(parser, "illegal l_threshold specified");
	parser->command->server.lower = (uint32_t)number;
	return 0;
}

static int read_tun_type(struct parser *parser, const char *arg)
{
	for (unsigned int i = 0; i < TUNNEL_MAX; i++) {
		if (!strcmp(arg, tunnel_type_name(i))) {
			parser->command->server.tunnel.type = (uint8_t)i;
			return 0;
		}
	}
	return parser_fail(parser, "illegal tunnel type specified");
}

static int read_tun_port(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 1, UINT16_MAX, &number))
		return parser_fail(parser, "illegal tunnel port specified");
	parser->command->server.tunnel.port = htons((uint16_t)number);
	return 0;
}

static int read_tun_csum(struct parser *parser, const char *arg)
{
	(void)arg;
	parser->command->server.tunnel.flags = TUNNEL_CSUM;
	return 0;
}

static int read_tun_remcsum(struct parser *parser, const char *arg)
{
	(void)arg;
	parser->command->server.tunnel.flags = TUNNEL_REMCSUM;
	return 0;
}

static int read_mcast_interface(struct parser *parser, const char *arg)
{
	struct sync_spec *sync = &parser->command->sync;

	snprintf(sync->interface, sizeof(sync->interface), "%s", arg);
	return 0;
}

static int read_mcast_group(struct parser *parser, const char *arg)
{
	struct sync_spec *sync = &parser->command->sync;
	bool v6 = strchr(arg, ':');
	union addr group;
	uint8_t af;

	if (addr_parse(arg, &af, &group) ||
	    !(v6 ? group.bytes[0] == 0xff : IN_MULTICAST(ntohl(group.ip))))
		return parser_fail(parser, "invalid IPv%c mcast-group `%s'", v6 ? '6' : '4', arg);
	sync->group_af = af;
	sync->group = group;
	return 0;
}

static int read_mcast_port(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 1, UINT16_MAX, &number))
		return parser_fail(parser, "illegal mcast-port specified");
	parser->command->sync.port = (uint16_t)number;
	return 0;
}

static int read_mcast_ttl(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 1, UINT8_MAX, &number))
		return parser_fail(parser, "illegal mcast-ttl specified");
	parser->command->sync.ttl = (uint8_t)number;
	return 0;
}

static int read_syncid(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 0, UINT8_MAX, &number))
		return parser_fail(parser, "illegal syncid specified");
	parser->command->sync.syncid = (uint8_t)number;
	return 0;
}

static int read_sync_maxlen(struct parser *parser, const char *arg)
{
	int64_t number;

	if (text_number(arg, 1, MAXLEN_MAX, &number))
		return parser_fail(parser, "illegal sync-maxlen specified");
	parser->command->sync.maxlen = (uint16_t)number;
	return 0;
}

static int read_start_role(struct parser *parser, const char *arg)
{
	parser->command->sync.master = !strcmp(arg, "master");
	if (!parser->command->sync.master && strcmp(arg, "backup"))
		return parser_fail(parser, "illegal start-daemon parameter specified");
	return 0;
}

static int read_stop_role(struct parser *parser, const char *arg)
{
	parser->command->sync.master = !strcmp(arg, "master");
	if (!parser->command->sync.master && strcmp(arg, "backup"))
		return parser_fail(parser, "illegal start_daemon specified");
	return 0;
}

/* An option that only has to be there. */
static int read_nothing(struct parser *parser, const char *arg)
{
	(void)parser;
	(void)arg;
	return 0;
}

#define NONE  POPT_ARG_NONE
#define ONE   POPT_ARG_STRING
#define MAYBE (POPT_ARG_STRING | POPT_ARGFLAG_OPTIONAL)

const struct command_row command_rows[COMMAND_ROWS] = {
	{"add-service", 'A', NONE, COMMAND_ADD, NULL},
	{"edit-service", 'E', NONE, COMMAND_EDIT, NULL},
	{"delete-service", 'D', NONE, COMMAND_DELETE, NULL},
	{"clear", 'C', NONE, COMMAND_FLUSH, NULL},
	{"list", 'L', NONE, COMMAND_LIST, NULL},
	{"list", 'l', NONE, COMMAND_LIST, NULL},
	{"zero", 'Z', NONE, COMMAND_ZERO, NULL},
	{"add-server", 'a', NONE, COMMAND_ADD_SERVER, NULL},
	{"edit-server", 'e', NONE, COMMAND_EDIT_SERVER, NULL},
	{"delete-server", 'd', NONE, COMMAND_DELETE_SERVER, NULL},
	{"set", '\0', NONE, COMMAND_SET, NULL},
	{"start-daemon", '\0', ONE, COMMAND_START_DAEMON, read_start_role},
	{"stop-daemon", '\0', ONE, COMMAND_STOP_DAEMON, read_stop_role},
	{"restore", 'R', NONE, COMMAND_RESTORE, NULL},
	{"save", 'S', NONE, COMMAND_SAVE, NULL},
	{"help", 'h', NONE, COMMAND_HELP, NULL},
	{"version", 'v', NONE, COMMAND_VERSION, NULL},
};

const struct option_row option_rows[OPTION_ROWS] = {
	{"tcp-service", 't', ONE, OPTION_SERVICE, read_tcp},
	{"udp-service", 'u', ONE, OPTION_SERVICE, read_udp},
	{"sctp-service", '\0', ONE, OPTION_SERVICE, read_sctp},
	{"fwmark-service", 'f', ONE, OPTION_SERVICE, read_fwmark},
	{"ipv6", '6', NONE, OPTION_MAX, read_ipv6},
	{"scheduler", 's', ONE, OPTION_SCHEDULER, read_scheduler},
	{"persistent", 'p', MAYBE, OPTION_PERSISTENT, read_persistent},
	{"netmask", 'M', ONE, OPTION_NETMASK, read_netmask},
	{"pe", '\0', ONE, OPTION_ENGINE, read_engine},
	{"sched-flags", 'b', ONE, OPTION_SCHED_FLAGS, read_sched_flags},
	{"ops", 'o', NONE, OPTION_OPS, read_ops},
	{"real-server", 'r', ONE, OPTION_SERVER, read_server},
	{"gatewaying", 'g', NONE, OPTION_FORWARD, read_gatewaying},
	{"ipip", 'i', NONE, OPTION_FORWARD, read_ipip},
	{"masquerading", 'm', NONE, OPTION_FORWARD, read_masquerading},
	{"fullnat", '\0', NONE, OPTION_FORWARD, read_fullnat},
	{"weight", 'w', ONE, OPTION_WEIGHT, read_weight},
	{"u-threshold", 'x', ONE, OPTION_UPPER, read_upper},
	{"l-threshold", 'y', ONE, OPTION_LOWER, read_lower},
	{"tun-type", '\0', ONE, OPTION_TUN_TYPE, read_tun_type},
	{"tun-port", '\0', ONE, OPTION_TUN_PORT, read_tun_port},
	{"tun-nocsum", '\0', NONE, OPTION_TUN_NOCSUM, read_nothing},
	{"tun-csum", '\0', NONE, OPTION_TUN_CSUM, read_tun_csum},
	{"tun-remcsum", '\0', NONE, OPTION_TUN_REMCSUM, read_tun_remcsum},
	{"connection", 'c', NONE, OPTION_CONNECTION, read_nothing},
	{"timeout", '\0', NONE, OPTION_TIMEOUT, read_nothing},
	{"daemon", '\0', NONE, OPTION_DAEMON, read_nothing},
	{"stats", '\0', NONE, OPTION_STATS, read_nothing},
	{"rate", '\0', NONE, OPTION_RATE, read_nothing},
	{"thresholds", '\0', NONE, OPTION_THRESHOLDS, read_nothing},
	{"persistent-conn", '\0', NONE, OPTION_PERSISTENT_CONN, read_nothing},
	{"tun-info", '\0', NONE, OPTION_TUN_INFO, read_nothing},
	{"nosort", '\0', NONE, OPTION_NOSORT, read_nothing},
	{"sort", '\0', NONE, OPTION_MAX, read_nothing},
	{"exact", 'X', NONE, OPTION_EXACT, read_nothing},
	{"numeric", 'n', NONE, OPTION_NUMERIC, read_nothing},
	{"mcast-interface", '\0', ONE, OPTION_MCAST_INTERFACE, read_mcast_interface},
	{"mcast-group", '\0', ONE, OPTION_MCAST_GROUP, read_mcast_group},
	{"mcast-port", '\0', ONE, OPTION_MCAST_PORT, read_mcast_port},
	{"mcast-ttl", '\0', ONE, OPTION_MCAST_TTL, read_mcast_ttl},
	{"syncid", '\0', ONE, OPTION_SYNCID, read_syncid},
	{"sync-maxlen", '\0', ONE, OPTION_SYNC_MAXLEN, read_sync_maxlen},
};
