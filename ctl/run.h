/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_RUN_H
#define CTL_RUN_H

#include "ctl/client.h"
#include "ctl/command.h"

#include <stdio.h>

/* What the commands of one nfvsadm share. */
struct session {
	const char *program;   /* as called, for ipvsadm's "Try ..." */
	struct client *client; /* opened by the first command that needs it */
	bool ended;	       /* no line of a restore is read after this one */
};

/* Says what went wrong as nfvsadm, and returns EXIT_ARGUMENT. */
int session_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* client_call() on the session's client. A failure is printed; returns an exit status. */
int session_call(struct session *session, json_t *request,
		 int (*row)(const json_t *row, void *data, struct error *err), void *data,
		 struct result *result);

/* The whole of ipvsadm's grammar: reads the command line, does it, returns the exit status. */
int run_line(struct session *session, int argc, const char *const *argv, bool restoring);

/* One function a family of commands; each prints and returns an exit status. */
int run_change(struct session *session, const struct command *command);
int run_list(struct session *session, const struct command *command);
int run_save(struct session *session, const struct command *command);
int run_restore(struct session *session, const struct command *command);

/* Prints what ipvsadm says for this error after this command, or the daemon's own sentence; 0 for
 * none, else @status. */
int run_result(enum command_kind kind, const struct result *result, int status);

#endif
