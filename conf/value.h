/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/keys.h"
#include "conf/source.h"

#include <libconfig.h>

/* What everything that reads settings needs to say what is wrong with one. */
struct reader {
	const struct source *source;
	struct error *err;
};

/* Words an error about the line of @at; returns -EINVAL. Any thread, as all here. */
int reader_fault(const struct reader *reader, const config_setting_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads @at, a setting of @key's name, into its place in the group's struct @values. */
int value_read(const struct reader *reader, const struct key *key, const config_setting_t *at,
	       void *values) __attribute__((warn_unused_result));

/* Puts the default there. */
void value_init(const struct key *key, void *values);

/* What the value of @key has to be: "an integer"; static storage. */
const char *value_wanted(const struct key *key);

/* What a setting is: "a string"; static storage. */
const char *value_got(const config_setting_t *at);

/*
 * The next range of "80,443,8000-8100" at *@at, which moves behind it. 1: there was one; 0: the
 * end; -EINVAL with *@why a few words. Ports are in host order.
 */
int ports_next(const char **at, uint16_t *first, uint16_t *last, const char **why);

#endif
