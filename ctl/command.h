/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "lib/err.h"
#include "lvs/spec.h"

/* One command line in ipvsadm's grammar, read and judged. */

enum command_kind {
	COMMAND_ADD,
	COMMAND_EDIT,
	COMMAND_DELETE,
	COMMAND_FLUSH,
	COMMAND_LIST,
	COMMAND_ADD_SERVER,
	COMMAND_DELETE_SERVER,
	COMMAND_EDIT_SERVER,
	COMMAND_SET,
	COMMAND_START_DAEMON,
	COMMAND_STOP_DAEMON,
	COMMAND_RESTORE,
	COMMAND_SAVE,
	COMMAND_ZERO,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_MAX
};

/* In the order in which ipvsadm tests their legality. */
enum option {
	OPTION_NUMERIC,
	OPTION_CONNECTION,
	OPTION_SERVICE,
	OPTION_SCHEDULER,
	OPTION_PERSISTENT,
	OPTION_NETMASK,
	OPTION_SERVER,
	OPTION_FORWARD,
	OPTION_WEIGHT,
	OPTION_UPPER,
	OPTION_LOWER,
	OPTION_MCAST_INTERFACE,
	OPTION_TIMEOUT,
	OPTION_DAEMON,
	OPTION_STATS,
	OPTION_RATE,
	OPTION_THRESHOLDS,
	OPTION_PERSISTENT_CONN,
	OPTION_NOSORT,
	OPTION_SYNCID,
	OPTION_EXACT,
	OPTION_OPS,
	OPTION_ENGINE,
	OPTION_SCHED_FLAGS,
	OPTION_MCAST_GROUP,
	OPTION_MCAST_PORT,
	OPTION_MCAST_TTL,
	OPTION_SYNC_MAXLEN,
	OPTION_TUN_INFO,
	OPTION_TUN_TYPE,
	OPTION_TUN_PORT,
	OPTION_TUN_NOCSUM,
	OPTION_TUN_CSUM,
	OPTION_TUN_REMCSUM,
	OPTION_MAX
};

#define OPTION_BIT(option) (1ull << (option))

#define EXIT_ARGUMENT 2	  /* a mistake in the arguments, or no daemon */
#define EXIT_REFUSED  255 /* the daemon refuses, popt does, or the command is unknown */

#define INTERFACE_NAME_MAX 16

struct command {
	enum command_kind kind;
	uint64_t given; /* OPTION_BIT() of the options on the line */
	struct service_spec service;
	struct dest_spec server;
	char engine[ENGINE_NAME_MAX]; /* --pe */
	struct timeouts_spec timeouts;
	struct sync_spec {
		bool master;
		char interface[INTERFACE_NAME_MAX];
		uint8_t group_af;
		union addr group;
		uint16_t port, maxlen;
		uint8_t syncid, ttl;
	} sync;
};

static inline bool command_has(const struct command *command, enum option option)
{
	return command->given & OPTION_BIT(option);
}

/*
 * Reads a whole command line, @argv[0] being the program. Returns 0 and @out, or the exit status
 * with what to print (without the last newline) in @err. Only of COMMAND_HELP and COMMAND_VERSION
 * the rest of the line is not looked at. Resolves host and service names.
 */
int command_parse(int argc, const char *const *argv, struct command *out, struct error *err);

/* The text for a command line that does not begin with a command; returns its exit status. */
int command_try_help(const char *program, struct error *err);

/* As in messages: "scheduler". Static storage. */
const char *option_name(enum option option);

/* What may go with what, once the line is read. 0, or EXIT_ARGUMENT with a text. */
int command_judge(const struct command *command, struct error *err);

/* ipvsadm's -v, and what -h prints after it. @program: as called. */
extern const char command_version[];
void command_usage(const char *program);

#endif
