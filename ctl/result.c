// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The line that ends an answer. Errors travel by their symbolic names, because the numbers differ
 * between machines, and with a sentence. Both ends use it; the daemon on its control thread.
 */
#include "ctl/proto.h"
#include "ctl/reader.h"

#include <errno.h>
#include <string.h>

json_t *result_to_json(const struct result *result)
{
	const char *name = strerrorname_np(-result->code);
	json_t *json;

	if (!result->code)
		return json_pack("{s:b}", "ok", 1);
	json = json_pack("{s:o, s:s}", "error", text_to_json(result->err.text), "errno",
			 name ? name : "EIO");
	if (json && result->own)
		json_object_set_new(json, "own", json_true());
	return json;
}

bool json_is_result(const json_t *line)
{
	return json_object_get(line, "ok") || json_object_get(line, "error");
}

/* The number of "ESRCH"; EIO for a name that is unknown here. */
static int errno_find(const char *name)
{
	for (int i = 1; i < 256; i++)
		if (strerrorname_np(i) && !strcmp(strerrorname_np(i), name))
			return i;
	return EIO;
}

int result_from_json(const json_t *json, struct result *out, struct error *err)
{
	struct result result = {0};
	struct reader reader;
	bool ok = false;
	char name[24];

	reader_open(&reader, json, "result", err);
	if (!reader_bool(&reader, "ok", &ok)) {
		reader_need(&reader, "error");
		reader_need(&reader, "errno");
		reader_string(&reader, "error", result.err.text, sizeof(result.err.text));
		if (reader_string(&reader, "errno", name, sizeof(name)))
			result.code = -errno_find(name);
		reader_bool(&reader, "own", &result.own);
	} else if (!ok) {
		reader_fail(&reader, "'ok' must be true");
	}
	if (reader_close(&reader))
		return reader.ret;
	*out = result;
	return 0;
}
