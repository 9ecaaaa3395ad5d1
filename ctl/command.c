// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipvsadm's command line. The one idea: popt reads it, as in ipvsadm, by a table made from ours, so
 * that bundles, optional arguments and the texts of its errors are the same. Errors come in the
 * order of the line; what may go with what is judged afterwards, in legality.c. nfvsadm only.
 */
#include "ctl/options.h"
#include "ctl/proto.h"
#include "ctl/text.h"
#include "sched/schedulers.h"

#include <arpa/inet.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SCHEDULER "wlc"
#define DEFAULT_INTERFACE "eth0"
#define DEFAULT_WEIGHT	  1

int command_try_help(const char *program, struct error *err)
{
	return error_set(err, EXIT_REFUSED, "Try `%s -h' or '%s --help' for more information.",
			 program, program);
}

/* Values that popt returns are positions in command_rows, then in option_rows, from 1 on. */
static void popt_table(struct poptOption table[COMMAND_ROWS + OPTION_ROWS + 1])
{
	memset(table, 0, (COMMAND_ROWS + OPTION_ROWS + 1) * sizeof(*table));
	for (int i = 0; i < COMMAND_ROWS; i++)
		table[i] = (struct poptOption){.longName = command_rows[i].name,
					       .shortName = command_rows[i].letter,
					       .argInfo = command_rows[i].argument,
					       .val = i + 1};
	for (int i = 0; i < OPTION_ROWS; i++)
		table[COMMAND_ROWS + i] = (struct poptOption){.longName = option_rows[i].name,
							      .shortName = option_rows[i].letter,
							      .argInfo = option_rows[i].argument,
							      .val = COMMAND_ROWS + i + 1};
}

static const char *bad_option(poptContext popt)
{
	return poptBadOption(popt, POPT_BADOPTION_NOALIAS);
}

/* The first option says what to do. */
static int read_command(struct parser *parser, poptContext popt, const char *program)
{
	int value = poptGetNextOpt(popt);
	const struct command_row *row;
	char *arg;
	int ret;

	if (value < 1 || value > COMMAND_ROWS)
		return command_try_help(program, parser->err);
	row = &command_rows[value - 1];
	parser->command->kind = row->kind;
	if (!row->read)
		return 0;
	arg = poptGetOptArg(popt);
	ret = row->read(parser, arg ? arg : "");
	free(arg);
	return ret;
}

static int read_option(struct parser *parser, const struct option_row *row, const char *arg)
{
	if (row->option != OPTION_MAX) {
		if (command_has(parser->command, row->option))
			return parser_fail(parser, "multiple '%s' options specified",
					   option_name(row->option));
		parser->command->given |= OPTION_BIT(row->option);
	}
	return row->read(parser, arg);
}

static int read_options(struct parser *parser, poptContext popt)
{
	int value, ret;
	char *arg;

	while ((value = poptGetNextOpt(popt)) > 0) {
		if (value <= COMMAND_ROWS) {
			free(poptGetOptArg(popt));
			return parser_fail(parser, "invalid option `%s'", bad_option(popt));
		}
		arg = poptGetOptArg(popt);
		ret = read_option(parser, &option_rows[value - COMMAND_ROWS - 1], arg);
		free(arg);
		if (ret)
			return ret;
	}
	if (value < -1)
		return error_set(parser->err, EXIT_REFUSED, "%s: %s", bad_option(popt),
				 poptStrerror(value));
	return 0;
}

static int read_timeout(struct parser *parser, const char *arg, uint32_t *out)
{
	int64_t seconds;

	if (text_number(arg, 0, TIMEOUT_MAX, &seconds))
		return parser_fail(parser, "invalid timeout value `%s' specified", arg);
	*out = (uint32_t)seconds;
	return 0;
}

/* What is no option: the three values of --set, else nothing. */
static int read_arguments(struct parser *parser, poptContext popt)
{
	struct timeouts_spec *timeouts = &parser->command->timeouts;
	uint32_t *const values[] = {&timeouts->tcp, &timeouts->tcpfin, &timeouts->udp};
	const char *args[3] = {NULL}, *extra;
	int ret = 0;

	if (parser->command->kind == COMMAND_SET) {
		for (int i = 0; i < 3; i++)
			args[i] = poptGetArg(popt);
		if (!args[2])
			return parser_fail(parser, "--set option requires 3 timeout values");
		for (int i = 0; i < 3 && !ret; i++)
			ret = read_timeout(parser, args[i], values[i]);
		if (ret)
			return ret;
	}
	extra = poptGetArg(popt);
	return extra ? parser_fail(parser, "unexpected argument %s", extra) : 0;
}

/* A general name, which every scheduler takes, or one that this scheduler has for it. */
static int read_sched_flag(struct parser *parser, const char *name)
{
	struct service_spec *spec = &parser->command->service;
	const struct scheduler *sched;

	for (unsigned int i = 0; i < SCHEDULER_FLAGS; i++)
		if (!strcmp(name, scheduler_general_flags[i])) {
			spec->flags |= SERVICE_SCHED1 << i;
			return 0;
		}
	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		uint32_t flag = scheduler_flag(sched, name);

		if (!flag)
			continue;
		if (strcmp(spec->scheduler, sched->name))
			return parser_fail(parser, "incompatible scheduler flag `%s'", name);
		spec->flags |= flag;
		return 0;
	}
	return parser_fail(parser, "invalid scheduler flag `%s'", name);
}

static int read_sched_flags(struct parser *parser)
{
	char *save = NULL, *name;
	int ret = 0;

	if (!parser->sched_flags)
		return 0;
	for (name = strtok_r(parser->sched_flags, ",", &save); name && !ret;
	     name = strtok_r(NULL, ",", &save))
		ret = read_sched_flag(parser, name);
	return ret;
}

/* Servers reached without rewriting are reached on the service's port. */
static void fix_server(struct command *command)
{
	bool changed = command->kind == COMMAND_ADD_SERVER || command->kind == COMMAND_EDIT_SERVER;
	enum forward_method method = command->server.method;

	if (changed && (method == FORWARD_DR || method == FORWARD_TUN) &&
	    !command->service.key.fwmark)
		command->server.port = command->service.key.port;
	if (command->service.key.fwmark)
		command->service.key.protocol = 0;
}

static int parse(struct parser *parser, poptContext popt, const char *program)
{
	struct command *command = parser->command;
	int ret = read_command(parser, popt, program);

	if (ret || command->kind == COMMAND_HELP || command->kind == COMMAND_VERSION)
		return ret;
	ret = read_options(parser, popt);
	if (!ret)
		ret = read_arguments(parser, popt);
	if (!ret)
		ret = read_sched_flags(parser);
	if (!ret)
		ret = command_judge(command, parser->err);
	if (!ret)
		fix_server(command);
	return ret;
}

int command_parse(int argc, const char *const *argv, struct command *out, struct error *err)
{
	struct poptOption table[COMMAND_ROWS + OPTION_ROWS + 1];
	struct command command = {
		.service = {.key.af = AF_INET,
			    .scheduler = DEFAULT_SCHEDULER,
			    .netmask = netmask_full(AF_INET)},
		.server = {.af = AF_INET, .method = FORWARD_DR, .weight = DEFAULT_WEIGHT},
		.sync = {.interface = DEFAULT_INTERFACE},
	};
	struct parser parser = {.command = &command, .err = err};
	poptContext popt;
	int ret;

	popt_table(table);
	popt = poptGetContext("ipvsadm", argc, (const char **)argv, table, 0);
	if (!popt)
		return error_set(err, EXIT_ARGUMENT, "Memory allocation problem");
	ret = parse(&parser, popt, argv[0]);
	poptFreeContext(popt);
	free(parser.sched_flags);
	if (!ret)
		*out = command;
	return ret;
}
