// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvs's own verbs: a table of words from which they are called and described, and what they share.
 * A new word is a file cmd_NAME.c and a row here. nfvsadm.
 */
#include "ctl/word.h"
#include "ctl/condition.h"

#include <string.h>

static int help_main(struct session *session, int argc, const char *const *argv);

static const struct word words[] = {
	{"status", status_main, "[--json]", "the daemon, its queues, what it dropped and why"},
	{"explain", explain_main, "[--json] tcp|udp|sctp ADDRESS:PORT ADDRESS:PORT [mark N]",
	 "what would happen to a packet from client to virtual service, and why"},
	{"set", set_main, "[--json] [NAME] | NAME VALUE",
	 "the settings that IPVS has as sysctls, their defaults and bounds; or changes one"},
	{"connections", connections_main, "[--json] " CONDITION_USAGE,
	 "the connections that all conditions select"},
	{"kill", kill_main, "[--quietly] --all | " CONDITION_USAGE, "ends them"},
	{"drain", drain_main,
	 "SERVICE ADDRESS[:PORT] [--deadline TIME [--then reset|expire|keep]] [--no-wait]",
	 "nothing new to this server, and shows how its connections end"},
	{"undrain", undrain_main, "SERVICE ADDRESS[:PORT]", "gives the server its weight again"},
	{"check", check_main, "[-v|--verbose] [--json]",
	 "what keeps the services from working, as far as this machine can see"},
	{"upgrade", upgrade_main, "[PATH]",
	 "the program there, or the one now in its place, goes on as this nfvsd"},
	{"version", version_main, "", "the version of this program"},
	{"help", help_main, "", "this list"},
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static int help_main(struct session *session, int argc, const char *const *argv)
{
	(void)session;
	if (argc > 1)
		return word_misused(argv[0], argv[1]);
	puts("Usage: nfvsadm OPTIONS    as ipvsadm: nfvsadm -h lists them\n"
	     "       nfvsadm WORD ...   nfvs's own:");
	for (size_t i = 0; i < WORDS; i++)
		printf("  %s %s\n      %s\n", words[i].name, words[i].usage, words[i].help);
	puts("SERVICE is tcp, udp or sctp ADDRESS:PORT, fwmark N [ipv6], or --name NAME.\n"
	     "TIME is a number of seconds, or 90s, 5m, 2h, 1d.");
	puts("The daemon is found at $NFVS_SOCKET, else at " PROTO_SOCKET ".");
	return 0;
}

int version_main(struct session *session, int argc, const char *const *argv)
{
	(void)session;
	if (argc > 1)
		return word_misused(argv[0], argv[1]);
	puts("nfvsadm " NFVS_VERSION);
	return 0;
}

int word_misused(const char *name, const char *unexpected)
{
	if (unexpected)
		session_fail("unexpected '%s'", unexpected);
	for (size_t i = 0; i < WORDS; i++)
		if (!strcmp(words[i].name, name))
			fprintf(stderr, "Usage: nfvsadm %s%s%s\n", name, *words[i].usage ? " " : "",
				words[i].usage);
	return EXIT_ARGUMENT;
}

static int take_object(const json_t *row, void *data, struct error *err)
{
	json_t **out = data;

	(void)err;
	json_decref(*out);
	*out = json_incref((json_t *)row);
	return 0;
}

int word_fetch(struct session *session, json_t *request, const char *name, json_t **out)
{
	struct result result = {0};
	json_t *answer = NULL, *object;
	int ret = session_call(session, request, take_object, &answer, &result);

	if (!ret && result.code)
		ret = session_fail("%s", result.err.text);
	object = json_object_get(answer, name);
	if (!ret && !object)
		ret = session_fail("nfvsd's answer has no '%s': is it of another version?", name);
	if (!ret)
		*out = json_incref(object);
	json_decref(answer);
	return ret;
}

void word_print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

int word_run(struct session *session, int argc, const char *const *argv)
{
	for (size_t i = 0; i < WORDS; i++)
		if (!strcmp(words[i].name, argv[0]))
			return words[i].main(session, argc, argv);
	return session_fail("unknown word '%s' (nfvsadm help lists them)", argv[0]);
}
