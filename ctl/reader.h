/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_READER_H
#define CTL_READER_H

#include "lib/err.h"
#include "lvs/addr.h"

#include <jansson.h>

#define READER_MEMBERS_MAX 32

/*
 * Reads one JSON object member by member, strictly: a wrong type, a value out of range, a missing
 * and an unknown member are errors, worded for a person. The first error sticks and what follows
 * does nothing, so a caller asks for all members and looks at reader_close() only. Any thread.
 */
struct reader {
	const json_t *object;
	const char *what; /* what the object is, for messages: "server" */
	struct error *err;
	int ret; /* the first error, or 0 */
	const char *names[READER_MEMBERS_MAX];
	size_t names_len;
};

void reader_open(struct reader *reader, const json_t *json, const char *what, struct error *err);

/* -EBADMSG if anything was wrong or a member was never asked for, else 0. */
int reader_close(struct reader *reader);

/* Notes an error that the caller found, and returns -EBADMSG. */
int reader_fail(struct reader *reader, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The member, borrowed, or NULL if it is not there. */
const json_t *reader_get(struct reader *reader, const char *name);

/* It is an error if this member is missing. */
void reader_need(struct reader *reader, const char *name);

/* The rest return true if the member is there and right; else @out is untouched. Bounds are
 * included; a string must fit @size with its NUL. */
bool reader_uint(struct reader *reader, const char *name, uint64_t min, uint64_t max,
		 uint64_t *out);
bool reader_u32(struct reader *reader, const char *name, uint32_t max, uint32_t *out);
bool reader_bool(struct reader *reader, const char *name, bool *out);
bool reader_string(struct reader *reader, const char *name, char *out, size_t size);
bool reader_addr(struct reader *reader, const char *name, uint8_t *af, union addr *out);
bool reader_port(struct reader *reader, const char *name, __be16 *out);

#endif
