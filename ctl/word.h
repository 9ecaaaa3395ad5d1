/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_WORD_H
#define CTL_WORD_H

#include "ctl/run.h"

/* nfvs's own verbs: "nfvsadm status". @argv[0] is the word. Each prints and returns an exit
 * status. */
struct word {
	const char *name;
	int (*main)(struct session *session, int argc, const char *const *argv);
	const char *usage; /* arguments, "" if none */
	const char *help;  /* one line */
};

int status_main(struct session *session, int argc, const char *const *argv);
int explain_main(struct session *session, int argc, const char *const *argv);
int set_main(struct session *session, int argc, const char *const *argv);
int connections_main(struct session *session, int argc, const char *const *argv);
int kill_main(struct session *session, int argc, const char *const *argv);
int drain_main(struct session *session, int argc, const char *const *argv);
int undrain_main(struct session *session, int argc, const char *const *argv);
int check_main(struct session *session, int argc, const char *const *argv);
int upgrade_main(struct session *session, int argc, const char *const *argv);
int version_main(struct session *session, int argc, const char *const *argv);

/* Runs the word @argv[0]; an exit status. */
int word_run(struct session *session, int argc, const char *const *argv);

/* Says how the word @name is used, as a mistake: for what is @unexpected; NULL: something is
 * missing. */
int word_misused(const char *name, const char *unexpected);

/* For words whose answer is one object: fetches member @name of it into *@out (owned by the
 * caller). Errors are printed; returns an exit status. */
int word_fetch(struct session *session, json_t *request, const char *name, json_t **out);

/* Prints an object for programs: indented, in the order in which it came. */
void word_print_json(const json_t *json);

#endif
