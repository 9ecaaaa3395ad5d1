// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -R: each line of standard input is a command line of its own, done before the next one is read.
 * As in ipvsadm, a mistake in a line ends it all, what the daemon refuses does not. nfvsadm.
 */
#include "ctl/run.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* Cuts @line into words after argv[0]; the word "ipvsadm" is none. Returns their number, or -1
 * without memory. */
static int split(char *line, const char ***argv, size_t *size)
{
	char *save = NULL, *word;
	const char **more;
	int argc = 1;

	for (word = strtok_r(line, BLANKS, &save); word; word = strtok_r(NULL, BLANKS, &save)) {
		if (!strcmp(word, "ipvsadm"))
			continue;
		if ((size_t)argc + 1 >= *size) {
			more = reallocarray(*argv, *size * 2, sizeof(**argv));
			if (!more)
				return -1;
			*argv = more;
			*size *= 2;
		}
		(*argv)[argc++] = word;
	}
	(*argv)[argc] = NULL;
	return argc;
}

int run_restore(struct session *session, const struct command *command)
{
	size_t argv_size = 32, line_size = 0;
	const char **argv = calloc(argv_size, sizeof(*argv));
	char *line = NULL;
	int argc, ret = 0;

	(void)command;
	if (!argv)
		return session_fail("no memory");
	argv[0] = session->program;
	while (!session->ended && getline(&line, &line_size, stdin) > 0) {
		argc = split(line, &argv, &argv_size);
		if (argc < 0) {
			ret = session_fail("no memory");
			break;
		}
		if (argc > 1)
			ret = run_line(session, argc, argv, true);
	}
	free(line);
	free(argv);
	return ret;
}
