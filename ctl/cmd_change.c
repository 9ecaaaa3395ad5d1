// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands that change something: each becomes one request with the members it needs, listed in
 * a table, and one result. nfvsadm.
 */
#include "ctl/run.h"

enum member {
	MEMBER_KEY = 1,	     /* "service": its key only */
	MEMBER_SERVICE = 2,  /* "service": all of it */
	MEMBER_SERVER = 4,   /* "server" */
	MEMBER_TIMEOUTS = 8, /* "timeouts" */
	MEMBER_ENGINE = 16,  /* "engine", if one was given */
	MEMBER_OPTIONAL = 32 /* the key only if a service was given */
};

static const struct {
	const char *name;
	unsigned int members;
} requests[COMMAND_MAX] = {
	[COMMAND_ADD] = {"service-add", MEMBER_SERVICE | MEMBER_ENGINE},
	[COMMAND_EDIT] = {"service-edit", MEMBER_SERVICE | MEMBER_ENGINE},
	[COMMAND_DELETE] = {"service-delete", MEMBER_KEY},
	[COMMAND_FLUSH] = {"flush", 0},
	[COMMAND_ADD_SERVER] = {"server-add", MEMBER_KEY | MEMBER_SERVER},
	[COMMAND_EDIT_SERVER] = {"server-edit", MEMBER_KEY | MEMBER_SERVER},
	[COMMAND_DELETE_SERVER] = {"server-delete", MEMBER_KEY | MEMBER_SERVER},
	[COMMAND_SET] = {"timeouts-set", MEMBER_TIMEOUTS},
	[COMMAND_ZERO] = {"zero", MEMBER_KEY | MEMBER_OPTIONAL},
};

static json_t *request_new(const struct command *command)
{
	unsigned int members = requests[command->kind].members;
	json_t *json = json_pack("{s:s}", "command", requests[command->kind].name);
	int failed = 0;

	if (members & MEMBER_OPTIONAL && !command_has(command, OPTION_SERVICE))
		members &= ~(unsigned int)MEMBER_KEY;
	if (members & MEMBER_KEY)
		failed |= json_object_set_new(json, "service", key_to_json(&command->service.key));
	if (members & MEMBER_SERVICE)
		failed |= json_object_set_new(json, "service", service_to_json(&command->service));
	if (members & MEMBER_SERVER)
		failed |= json_object_set_new(json, "server", dest_to_json(&command->server));
	if (members & MEMBER_TIMEOUTS)
		failed |=
			json_object_set_new(json, "timeouts", timeouts_to_json(&command->timeouts));
	if (members & MEMBER_ENGINE && command_has(command, OPTION_ENGINE))
		failed |= json_object_set_new(json, "engine", text_to_json(command->engine));
	if (!failed)
		return json;
	json_decref(json);
	return NULL;
}

int run_change(struct session *session, const struct command *command)
{
	struct result result = {0};
	int ret = session_call(session, request_new(command), NULL, NULL, &result);

	return ret ? ret : run_result(command->kind, &result, EXIT_REFUSED);
}
