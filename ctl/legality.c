// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may go with what on a command line, in ipvsadm's order and words. The one idea: each command
 * lists the options that it requires, allows, and takes one of; the options are then walked in the
 * order of their enum, and the first offence is the one that is told. nfvsadm, pure.
 */
#include "ctl/command.h"

#define BIT(name) OPTION_BIT(OPTION_##name)

#define SERVICE_OPTIONS                                                             \
	(BIT(SCHEDULER) | BIT(PERSISTENT) | BIT(NETMASK) | BIT(OPS) | BIT(ENGINE) | \
	 BIT(SCHED_FLAGS))
#define CHECKSUM_OPTIONS (BIT(TUN_NOCSUM) | BIT(TUN_CSUM) | BIT(TUN_REMCSUM))
#define TUNNEL_OPTIONS	 (BIT(TUN_TYPE) | BIT(TUN_PORT) | CHECKSUM_OPTIONS)
#define SERVER_OPTIONS	 (BIT(FORWARD) | BIT(WEIGHT) | BIT(UPPER) | BIT(LOWER) | TUNNEL_OPTIONS)
#define FORMAT_OPTIONS	 (BIT(STATS) | BIT(RATE) | BIT(THRESHOLDS))

static const struct rule {
	const char *name;
	uint64_t required, allowed, one_of;
} rules[COMMAND_MAX] = {
	[COMMAND_ADD] = {"add-service", BIT(SERVICE), SERVICE_OPTIONS, 0},
	[COMMAND_EDIT] = {"edit-service", BIT(SERVICE), SERVICE_OPTIONS, 0},
	[COMMAND_DELETE] = {"delete-service", BIT(SERVICE), 0, 0},
	[COMMAND_FLUSH] = {"flush", 0, 0, 0},
	[COMMAND_LIST] = {"list", 0,
			  BIT(NUMERIC) | FORMAT_OPTIONS | BIT(PERSISTENT_CONN) | BIT(NOSORT) |
				  BIT(SYNCID) | BIT(EXACT) | BIT(TUN_INFO),
			  BIT(CONNECTION) | BIT(SERVICE) | BIT(TIMEOUT) | BIT(DAEMON)},
	[COMMAND_ADD_SERVER] = {"add-server", BIT(SERVICE) | BIT(SERVER), SERVER_OPTIONS, 0},
	[COMMAND_DELETE_SERVER] = {"delete-server", BIT(SERVICE) | BIT(SERVER), 0, 0},
	[COMMAND_EDIT_SERVER] = {"edit-server", BIT(SERVICE) | BIT(SERVER), SERVER_OPTIONS, 0},
	[COMMAND_SET] = {"set", 0, 0, 0},
	[COMMAND_START_DAEMON] = {"start-daemon", 0,
				  BIT(MCAST_INTERFACE) | BIT(SYNCID) | BIT(MCAST_GROUP) |
					  BIT(MCAST_PORT) | BIT(MCAST_TTL) | BIT(SYNC_MAXLEN),
				  0},
	[COMMAND_STOP_DAEMON] = {"stop-daemon", 0, BIT(SYNCID), 0},
	[COMMAND_RESTORE] = {"restore", 0, 0, 0},
	[COMMAND_SAVE] = {"save", 0, BIT(NUMERIC), 0},
	[COMMAND_ZERO] = {"zero", 0, BIT(SERVICE), 0},
	[COMMAND_HELP] = {"help", 0, 0, 0},
	[COMMAND_VERSION] = {"version", 0, 0, 0},
};

/* Of a tunnel type, over the options that are about tunnels. */
static const struct rule tunnels[TUNNEL_MAX] = {
	[TUNNEL_IPIP] = {"ipip", 0, BIT(TUN_TYPE), 0},
	[TUNNEL_GUE] = {"gue", BIT(TUN_PORT), BIT(TUN_TYPE), CHECKSUM_OPTIONS},
	[TUNNEL_GRE] = {"gre", 0, BIT(TUN_TYPE), BIT(TUN_NOCSUM) | BIT(TUN_CSUM)},
};

static const char *const option_names[OPTION_MAX] = {
	[OPTION_NUMERIC] = "numeric",
	[OPTION_CONNECTION] = "connection",
	[OPTION_SERVICE] = "service-address",
	[OPTION_SCHEDULER] = "scheduler",
	[OPTION_PERSISTENT] = "persistent",
	[OPTION_NETMASK] = "netmask",
	[OPTION_SERVER] = "real-server",
	[OPTION_FORWARD] = "forwarding-method",
	[OPTION_WEIGHT] = "weight",
	[OPTION_UPPER] = "u-threshold",
	[OPTION_LOWER] = "l-threshold",
	[OPTION_MCAST_INTERFACE] = "mcast-interface",
	[OPTION_TIMEOUT] = "timeout",
	[OPTION_DAEMON] = "daemon",
	[OPTION_STATS] = "stats",
	[OPTION_RATE] = "rate",
	[OPTION_THRESHOLDS] = "thresholds",
	[OPTION_PERSISTENT_CONN] = "persistent-conn",
	[OPTION_NOSORT] = "nosort",
	[OPTION_SYNCID] = "syncid",
	[OPTION_EXACT] = "exact",
	[OPTION_OPS] = "ops",
	[OPTION_ENGINE] = "pe",
	[OPTION_SCHED_FLAGS] = "sched-flags",
	[OPTION_MCAST_GROUP] = "mcast-group",
	[OPTION_MCAST_PORT] = "mcast-port",
	[OPTION_MCAST_TTL] = "mcast-ttl",
	[OPTION_SYNC_MAXLEN] = "sync-maxlen",
	[OPTION_TUN_INFO] = "tun-info",
	[OPTION_TUN_TYPE] = "tun-type",
	[OPTION_TUN_PORT] = "tun-port",
	[OPTION_TUN_NOCSUM] = "tun-nocsum",
	[OPTION_TUN_CSUM] = "tun-csum",
	[OPTION_TUN_REMCSUM] = "tun-remcsum",
};

const char *option_name(enum option option)
{
	return option_names[option];
}

/* @of: "command" or "tunnel type". */
static int rule_check(const struct rule *rule, uint64_t given, uint64_t about, const char *of,
		      struct error *err)
{
	const char *chosen = NULL;

	for (unsigned int i = 0; i < OPTION_MAX; i++) {
		uint64_t bit = OPTION_BIT(i);
		const char *name = option_names[i];

		if (!(about & bit))
			continue;
		if (!(given & bit)) {
			if (rule->required & bit)
				return error_set(
					err, EXIT_ARGUMENT,
					"You need to supply the '%s' option for the '%s' %s", name,
					rule->name, of);
			continue;
		}
		if (!((rule->required | rule->allowed | rule->one_of) & bit))
			return error_set(err, EXIT_ARGUMENT, "Illegal '%s' option with the '%s' %s",
					 name, rule->name, of);
		if (!(rule->one_of & bit))
			continue;
		if (chosen)
			return error_set(
				err, EXIT_ARGUMENT,
				"The option '%s' conflicts with the '%s' option in the '%s' %s",
				name, chosen, rule->name, of);
		chosen = name;
	}
	return 0;
}

static int judge_service(const struct command *command, struct error *err)
{
	const struct service_spec *spec = &command->service;

	if (!spec->key.fwmark && !spec->key.port && !(spec->flags & SERVICE_PERSISTENT))
		return error_set(err, EXIT_ARGUMENT,
				 "Zero port specified for non-persistent service");
	if (spec->flags & SERVICE_ONEPACKET && !spec->key.fwmark &&
	    spec->key.protocol != IPPROTO_UDP)
		return error_set(err, EXIT_ARGUMENT,
				 "One-Packet Scheduling is only for UDP virtual services");
	return 0;
}

static int judge_server(const struct command *command, struct error *err)
{
	if (command->service.key.af != command->server.af && command->server.method != FORWARD_TUN)
		return error_set(err, EXIT_ARGUMENT,
				 "Different address family is allowed only for tunneling servers");
	if (command->server.method == FORWARD_TUN)
		return rule_check(&tunnels[command->server.tunnel.type], command->given,
				  TUNNEL_OPTIONS, "tunnel type", err);
	if (command->given & TUNNEL_OPTIONS)
		return error_set(err, EXIT_ARGUMENT, "Tunnel options conflict with forward method");
	return 0;
}

static int judge_list(const struct command *command, struct error *err)
{
	uint64_t given = command->given;

	if ((given & (BIT(CONNECTION) | BIT(TIMEOUT) | BIT(DAEMON)) && given & FORMAT_OPTIONS) ||
	    (given & (BIT(TIMEOUT) | BIT(DAEMON)) && given & BIT(PERSISTENT_CONN)))
		return error_set(err, EXIT_ARGUMENT, "options conflicts in the list command");
	return 0;
}

int command_judge(const struct command *command, struct error *err)
{
	const uint64_t all = OPTION_BIT(OPTION_MAX) - 1;
	int ret = rule_check(&rules[command->kind], command->given, all, "command", err);

	if (ret)
		return ret;
	switch (command->kind) {
	case COMMAND_ADD:
	case COMMAND_EDIT:
		return judge_service(command, err);
	case COMMAND_ADD_SERVER:
	case COMMAND_EDIT_SERVER:
		return judge_server(command, err);
	case COMMAND_LIST:
		return judge_list(command, err);
	case COMMAND_DELETE_SERVER:
	case COMMAND_DELETE:
	case COMMAND_FLUSH:
	case COMMAND_SET:
	case COMMAND_START_DAEMON:
	case COMMAND_STOP_DAEMON:
	case COMMAND_RESTORE:
	case COMMAND_SAVE:
	case COMMAND_ZERO:
	case COMMAND_HELP:
	case COMMAND_VERSION:
	case COMMAND_MAX:
		break;
	}
	return 0;
}
