// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Strict reading of JSON objects. The one idea: the reader remembers which members it was asked
 * for, so that at the end whatever nobody asked for is known to be a mistake of the sender. Both
 * ends of the control socket use it: the daemon on its control thread, nfvsadm on its only one.
 */
#include "ctl/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reader_open(struct reader *reader, const json_t *json, const char *what, struct error *err)
{
	*reader = (struct reader){.object = json, .what = what, .err = err};
	if (!json_is_object(json))
		reader_fail(reader, "not an object");
}

int reader_fail(struct reader *reader, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (reader->ret)
		return reader->ret;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reader->ret = error_set(reader->err, -EBADMSG, "%s: %s", reader->what, text);
	return reader->ret;
}

/* So that reader_close() knows it. More members than the array has room for would be a mistake of
 * ours, which every test of that object shows. */
static void know(struct reader *reader, const char *name)
{
	for (size_t i = 0; i < reader->names_len; i++)
		if (!strcmp(reader->names[i], name))
			return;
	if (reader->names_len == READER_MEMBERS_MAX)
		abort();
	reader->names[reader->names_len++] = name;
}

static bool known(const struct reader *reader, const char *name)
{
	for (size_t i = 0; i < reader->names_len; i++)
		if (!strcmp(reader->names[i], name))
			return true;
	return false;
}

int reader_close(struct reader *reader)
{
	void *at;

	for (at = json_object_iter((json_t *)reader->object); at && !reader->ret;
	     at = json_object_iter_next((json_t *)reader->object, at))
		if (!known(reader, json_object_iter_key(at)))
			reader_fail(reader, "unknown member '%.64s'", json_object_iter_key(at));
	return reader->ret;
}

const json_t *reader_get(struct reader *reader, const char *name)
{
	if (reader->ret)
		return NULL;
	know(reader, name);
	return json_object_get(reader->object, name);
}

void reader_need(struct reader *reader, const char *name)
{
	if (!reader->ret && !reader_get(reader, name))
		reader_fail(reader, "'%s' is missing", name);
}

bool reader_uint(struct reader *reader, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
	const json_t *value = reader_get(reader, name);
	json_int_t number = json_integer_value(value);

	if (!value)
		return false;
	if (!json_is_integer(value) || number < 0 || (uint64_t)number < min ||
	    (uint64_t)number > max) {
		reader_fail(reader, "'%s' must be a whole number %" PRIu64 "..%" PRIu64, name, min,
			    max);
		return false;
	}
	*out = (uint64_t)number;
	return true;
}

bool reader_u32(struct reader *reader, const char *name, uint32_t max, uint32_t *out)
{
	uint64_t value;

	if (!reader_uint(reader, name, 0, max, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

bool reader_bool(struct reader *reader, const char *name, bool *out)
{
	const json_t *value = reader_get(reader, name);

	if (!value)
		return false;
	if (!json_is_boolean(value)) {
		reader_fail(reader, "'%s' must be true or false", name);
		return false;
	}
	*out = json_is_true(value);
	return true;
}

bool reader_string(struct reader *reader, const char *name, char *out, size_t size)
{
	const json_t *value = reader_get(reader, name);

	if (!value)
		return false;
	if (!json_is_string(value) || json_string_length(value) >= size) {
		reader_fail(reader, "'%s' must be a text of at most %zu bytes", name, size - 1);
		return false;
	}
	memcpy(out, json_string_value(value), json_string_length(value) + 1);
	return true;
}

bool reader_addr(struct reader *reader, const char *name, uint8_t *af, union addr *out)
{
	char text[ADDR_STRLEN];

	if (!reader_string(reader, name, text, sizeof(text)))
		return false;
	if (addr_parse(text, af, out)) {
		reader_fail(reader, "'%s' is no IPv4 or IPv6 address: %s", name, text);
		return false;
	}
	return true;
}

bool reader_port(struct reader *reader, const char *name, __be16 *out)
{
	uint64_t port;

	if (!reader_uint(reader, name, 0, UINT16_MAX, &port))
		return false;
	*out = htons((uint16_t)port);
	return true;
}
