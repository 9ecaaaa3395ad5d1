// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a command line in ipvsadm's grammar to its effect and exit status: a table of functions by
 * command, and what they share. The one idea: the daemon answers with errnos where IPVS would, and
 * the texts for them are ipvsadm's; where IPVS has no such answer its sentence is shown. nfvsadm.
 */
#include "ctl/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int session_fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_ARGUMENT;
}

int session_call(struct session *session, json_t *request,
		 int (*row)(const json_t *row, void *data, struct error *err), void *data,
		 struct result *result)
{
	struct error err = {""};

	if (!session->client && client_open(&session->client, &err)) {
		json_decref(request);
		session->ended = true;
		return session_fail("%s", err.text);
	}
	if (client_call(session->client, request, row, data, result, &err)) {
		session->ended = true;
		return session_fail("%s", err.text);
	}
	return 0;
}

#define OF(name)       OPTION_BIT(COMMAND_##name)
#define OF_SERVER      (OF(ADD_SERVER) | OF(EDIT_SERVER) | OF(DELETE_SERVER))
#define OF_ANY_SERVICE (OF(EDIT) | OF(DELETE) | OF(ZERO) | OF(LIST))
#define OF_ANY	       (~0ull)

static const struct {
	uint64_t commands;
	int code;
	const char *text;
} refusals[] = {
	{OF(ADD), EEXIST, "Service already exists"},
	{OF(ADD) | OF(EDIT), ENOENT, "Scheduler or persistence engine not found"},
	{OF_ANY_SERVICE, ESRCH, "No such service"},
	{OF_SERVER, ESRCH, "Service not defined"},
	{OF(ADD_SERVER), EEXIST, "Destination already exists"},
	{OF(EDIT_SERVER) | OF(DELETE_SERVER), ENOENT, "No such destination"},
	{OF(START_DAEMON), EEXIST, "Daemon has already run"},
	{OF(STOP_DAEMON), ESRCH, "No daemon is running"},
	{OF_ANY, EPERM, "Permission denied (you must be root)"},
	{OF_ANY, EINVAL,
	 "Invalid operation.  Possibly wrong module version, address not unicast, ..."},
	{OF_ANY, ENOPROTOOPT, "Protocol not available"},
	{OF_ANY, ENOMEM, "Memory allocation problem"},
	{OF_ANY, EOPNOTSUPP, "Operation not supported with IPv6"},
	{OF_ANY, EAFNOSUPPORT, "Operation not supported with specified address family"},
	{OF_ANY, EMSGSIZE, "Module is wrong version"},
};

int run_result(enum command_kind kind, const struct result *result, int status)
{
	const char *text = result->own ? result->err.text : strerror(-result->code);

	if (!result->code)
		return EXIT_SUCCESS;
	for (size_t i = 0; !result->own && i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (refusals[i].commands & OPTION_BIT(kind) && refusals[i].code == -result->code) {
			text = refusals[i].text;
			break;
		}
	}
	fflush(stdout);
	fprintf(stderr, "%s\n", text);
	return status;
}

static int run_help(struct session *session, const struct command *command)
{
	(void)command;
	session->ended = true;
	command_usage(session->program);
	return EXIT_SUCCESS;
}

static int run_version(struct session *session, const struct command *command)
{
	(void)command;
	session->ended = true;
	puts(command_version);
	return EXIT_SUCCESS;
}

/* There is no synchronisation of connections, and so no daemon to stop. */
static int run_start_daemon(struct session *session, const struct command *command)
{
	(void)command;
	session->ended = true;
	return session_fail("--start-daemon: this version of nfvs does not synchronise "
			    "connections with another director");
}

static int run_stop_daemon(struct session *session, const struct command *command)
{
	const struct result none = {.code = -ESRCH};

	(void)session;
	return run_result(command->kind, &none, EXIT_REFUSED);
}

static int (*const runs[COMMAND_MAX])(struct session *session, const struct command *command) = {
	[COMMAND_ADD] = run_change,
	[COMMAND_EDIT] = run_change,
	[COMMAND_DELETE] = run_change,
	[COMMAND_FLUSH] = run_change,
	[COMMAND_LIST] = run_list,
	[COMMAND_ADD_SERVER] = run_change,
	[COMMAND_DELETE_SERVER] = run_change,
	[COMMAND_EDIT_SERVER] = run_change,
	[COMMAND_SET] = run_change,
	[COMMAND_START_DAEMON] = run_start_daemon,
	[COMMAND_STOP_DAEMON] = run_stop_daemon,
	[COMMAND_RESTORE] = run_restore,
	[COMMAND_SAVE] = run_save,
	[COMMAND_ZERO] = run_change,
	[COMMAND_HELP] = run_help,
	[COMMAND_VERSION] = run_version,
};

int run_line(struct session *session, int argc, const char *const *argv, bool restoring)
{
	struct error err = {""};
	struct command command;
	int ret;

	if (argc == 1) {
		command = (struct command){.kind = COMMAND_LIST};
		return run_list(session, &command);
	}
	ret = command_parse(argc, argv, &command, &err);
	if (!ret && restoring && command.kind == COMMAND_RESTORE)
		ret = command_try_help(argv[0], &err);
	if (!ret)
		return runs[command.kind](session, &command);
	session->ended = true;
	fflush(stdout);
	fprintf(stderr, "%s\n", err.text);
	return ret;
}
