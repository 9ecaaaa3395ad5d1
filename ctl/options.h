/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include "ctl/command.h"

/* The tables behind command_parse(). */

struct parser {
	struct command *command;
	struct error *err;
	char *sched_flags; /* -b, judged at the end, against the scheduler; owned */
};

/* Notes the text and returns EXIT_ARGUMENT. */
int parser_fail(struct parser *parser, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* @argument: popt's argInfo. @read: takes the argument (NULL if there is none); 0 or an exit
 * status. */
struct command_row {
	const char *name;
	char letter;
	unsigned int argument;
	enum command_kind kind;
	int (*read)(struct parser *parser, const char *arg);
};

/* OPTION_MAX: legal everywhere, and as often as one likes. */
struct option_row {
	const char *name;
	char letter;
	unsigned int argument;
	enum option option;
	int (*read)(struct parser *parser, const char *arg);
};

#define COMMAND_ROWS 17
#define OPTION_ROWS  42

extern const struct command_row command_rows[COMMAND_ROWS];
extern const struct option_row option_rows[OPTION_ROWS];

#endif
