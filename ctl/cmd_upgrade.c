// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm upgrade. The one idea: the daemon counts its upgrades, and who takes its place goes on
 * counting, so the number tells whether the answer is the new one's. In between there is nobody to
 * be asked, which is no error until the time is over. nfvsadm.
 */
#include "ctl/word.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S	30
#define LOOK_NS 100000000 /* between two looks */

static volatile sig_atomic_t late;

static void on_alarm(int signal)
{
	(void)signal;
	late = 1;
}

/* From now on @late gets set, and whatever blocks is interrupted. */
static void watch(void)
{
	const struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
	const struct itimerval time = {.it_value.tv_sec = WAIT_S, .it_interval.tv_sec = 1};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &time, NULL);
}

static int take(const json_t *row, void *data, struct error *err)
{
	json_t **out = data;

	(void)err;
	json_decref(*out);
	*out = json_incref(json_object_get(row, "upgrade"));
	return 0;
}

/* The request for @path, which the daemon has to find wherever it is itself. */
static json_t *request_for(const char *path)
{
	char here[PATH_MAX];

	if (!path || *path == '/')
		return json_pack("{s:s, s:s*}", "command", "upgrade", "path", path);
	if (!getcwd(here, sizeof(here)))
		return NULL;
	return json_pack("{s:s, s:o}", "command", "upgrade", "path",
			 json_sprintf("%s/%s", here, path));
}

static const char *text_of(const json_t *upgrade, const char *name)
{
	const char *text = json_string_value(json_object_get(upgrade, name));

	return text ? text : "";
}

/* What becomes of upgrade @number, by this answer; -1: it is not decided yet. */
static int judge(const json_t *upgrade, json_int_t number)
{
	const char *state = text_of(upgrade, "state");

	if (json_integer_value(json_object_get(upgrade, "number")) != number) {
		session_fail("nfvsd was started anew, or upgraded by somebody else: its log says "
			     "why");
		return EXIT_FAILURE;
	}
	if (!strcmp(state, "refused")) {
		session_fail("not upgraded: %s", text_of(upgrade, "because"));
		return EXIT_FAILURE;
	}
	if (strcmp(state, "done") != 0)
		return -1;
	printf("nfvsd %s\n", text_of(upgrade, "version"));
	return EXIT_SUCCESS;
}

static int look_on(struct session *session, json_int_t number)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	struct error err = {""};
	struct result result;
	json_t *upgrade;
	int ret = -1;

	while (ret < 0 && !late) {
		nanosleep(&pause, NULL);
		upgrade = NULL;
		result = (struct result){0};
		if (!client_call(session->client, json_pack("{s:s}", "command", "upgrade-state"),
				 take, &upgrade, &result, &err)) {
			err.text[0] = '\0';
			ret = judge(upgrade, number);
		}
		json_decref(upgrade);
	}
	if (ret >= 0)
		return ret;
	session_fail("nfvsd has not come back within %d s%s%s", WAIT_S, *err.text ? ": " : "",
		     err.text);
	return EXIT_FAILURE;
}

int upgrade_main(struct session *session, int argc, const char *const *argv)
{
	json_int_t number;
	json_t *upgrade;
	int ret;

	if (argc > 2 || (argc == 2 && (!*argv[1] || *argv[1] == '-')))
		return word_misused(argv[0], argv[argc - 1]);
	ret = word_fetch(session, request_for(argv[1]), "upgrade", &upgrade);
	if (ret)
		return ret;
	number = json_integer_value(json_object_get(upgrade, "number"));
	json_decref(upgrade);
	watch();
	return look_on(session, number);
}
