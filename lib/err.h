/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_ERR_H
#define LIB_ERR_H

/* What went wrong, for a person: one sentence, no newline. Code below daemon/ and ctl/ never logs,
 * it fills one of these. */
struct error {
	char text[512];
};

/* Formats @fmt into @err (which may be NULL) and returns @code, so that
 * "return error_set(err, -EINVAL, ...)" reads as one step. @code is a negative errno. Any thread.
 */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
