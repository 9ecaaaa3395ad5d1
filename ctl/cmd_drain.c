// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm drain and undrain. The one idea: the drain is the daemon's, and this only starts it and
 * looks on, so an interrupt ends the looking and not the drain. nfvsadm.
 */
#include "ctl/condition.h"
#include "ctl/drained.h"
#include "ctl/word.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_INTERRUPTED 130
#define LOOK_NS		 200000000 /* between two looks */
#define LOOKS_A_LINE	 5

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

struct drain_order {
	struct drain_spec spec;
	bool has_then, no_wait;
};

static int read_deadline(int argc, const char *const *argv, int *at, struct drain_order *order)
{
	if (*at + 1 >= argc || !seconds_parse(argv[*at + 1], &order->spec.deadline))
		return session_fail("--deadline needs a time: 90, 90s, 5m, 2h or 1d");
	order->spec.has_deadline = true;
	*at += 2;
	return 0;
}

static int read_then(int argc, const char *const *argv, int *at, struct drain_order *order)
{
	order->spec.then = *at + 1 < argc ? ending_parse(argv[*at + 1]) : ENDING_MAX;
	if (order->spec.then == ENDING_MAX)
		return session_fail("--then needs reset, expire or keep");
	order->has_then = true;
	*at += 2;
	return 0;
}

static int read_order(int argc, const char *const *argv, struct drain_order *order)
{
	int at = 1;
	int ret = condition_read_service(argc, argv, &at, &order->spec.which);

	if (!ret)
		ret = condition_read_server(argc, argv, &at, &order->spec.which);
	while (!ret && at < argc) {
		if (!strcmp(argv[at], "--deadline")) {
			ret = read_deadline(argc, argv, &at, order);
		} else if (!strcmp(argv[at], "--then")) {
			ret = read_then(argc, argv, &at, order);
		} else if (!strcmp(argv[at], "--no-wait")) {
			order->no_wait = true;
			at++;
		} else {
			ret = word_misused(argv[0], argv[at]);
		}
	}
	if (!ret && order->has_then && !order->spec.has_deadline)
		ret = session_fail("--then says what happens at the --deadline, and there is none");
	return ret;
}

/* Is this the drain that was ordered? */
static bool is_ours(const json_t *drain, const json_t *ours)
{
	return json_equal(json_object_get(drain, "service"), json_object_get(ours, "service")) &&
	       json_equal(json_object_get(drain, "server"), json_object_get(ours, "server"));
}

/* The drain as it stands, the caller's; NULL: it is no more. */
static int look(struct session *session, const json_t *ours, json_t **out)
{
	json_t *drains, *drain;
	size_t i;
	int ret = word_fetch(session, json_pack("{s:s}", "command", "drains"), "drains", &drains);

	*out = NULL;
	if (ret)
		return ret;
	json_array_foreach (drains, i, drain)
		if (is_ours(drain, ours))
			*out = json_incref(drain);
	json_decref(drains);
	return 0;
}

static void say(const json_t *drain)
{
	char line[DRAIN_LINE_MAX];

	puts(drain_format(line, drain));
	fflush(stdout);
}

static bool is_done(const json_t *drain)
{
	const char *state = json_string_value(json_object_get(drain, "state"));

	return state && !strcmp(state, "drained");
}

/* Looks on until the drain @ours is done, or the user has enough. Takes @ours over. */
static int look_on(struct session *session, json_t *ours)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	bool terminal = isatty(STDOUT_FILENO);
	unsigned int looks = 0;
	json_t *drain = json_incref(ours);
	int ret = 0;

	while (!ret && drain && !is_done(drain) && !interrupted) {
		if (terminal && looks++ % LOOKS_A_LINE == 0)
			say(drain);
		nanosleep(&pause, NULL);
		if (interrupted)
			break;
		json_decref(drain);
		ret = look(session, ours, &drain);
	}
	if (!ret && !drain)
		ret = session_fail("the drain was ended by somebody: nfvsd's log says how");
	else if (!ret)
		say(drain);
	if (!ret && !is_done(drain)) {
		fputs("nfvsadm: interrupted; the drain goes on (nfvsadm status shows it, nfvsadm "
		      "undrain takes it back)\n",
		      stderr);
		ret = EXIT_INTERRUPTED;
	}
	json_decref(drain);
	json_decref(ours);
	return ret;
}

int drain_main(struct session *session, int argc, const char *const *argv)
{
	const struct sigaction action = {.sa_handler = on_interrupt};
	struct drain_order order = {.spec = {.then = ENDING_RESET}};
	json_t *drain;
	int ret = read_order(argc, argv, &order);

	if (ret)
		return ret;
	ret = word_fetch(session, drain_to_json(&order.spec), "drain", &drain);
	if (ret)
		return ret;
	if (order.no_wait) {
		say(drain);
		json_decref(drain);
		return 0;
	}
	sigaction(SIGINT, &action, NULL);
	return look_on(session, drain);
}

int undrain_main(struct session *session, int argc, const char *const *argv)
{
	struct result result = {0};
	struct filter filter = {0};
	int at = 1;
	int ret = condition_read_service(argc, argv, &at, &filter);

	if (!ret)
		ret = condition_read_server(argc, argv, &at, &filter);
	if (!ret && at < argc)
		ret = word_misused(argv[0], argv[at]);
	if (ret)
		return ret;
	ret = session_call(
		session,
		json_pack("{s:s, s:o}", "command", "undrain", "filter", filter_to_json(&filter)),
		NULL, NULL, &result);
	if (!ret && result.code)
		ret = session_fail("%s", result.err.text);
	return ret;
}
