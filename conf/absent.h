/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_ABSENT_H
#define CONF_ABSENT_H

#include <stddef.h>

/* A setting of /proc/sys/net/ipv4/vs that is no key of the director, and why: a sentence. */
struct absent {
	const char *name, *why;
};

extern const struct absent absents[];
extern const size_t absents_len;

/* Why @name is not there, or NULL: it was never a setting of IPVS's. */
const char *absent_why(const char *name);

#endif
