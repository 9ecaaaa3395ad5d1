/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_TIMEOUTS_H
#define LVS_TIMEOUTS_H

#include "lvs/proto.h"
#include "lvs/spec.h"

/* A timeout that can be set, as the configuration and the control protocol call it. */
struct timeout_key {
	const char *name;
	uint8_t protocol, state;
	size_t offset; /* in struct timeouts_spec */
};

extern const struct timeout_key timeout_keys[];
extern const size_t timeout_keys_len;

/* Its value in @spec. */
uint32_t *timeout_at(struct timeouts_spec *spec, const struct timeout_key *key);
uint32_t timeout_value(const struct timeouts_spec *spec, const struct timeout_key *key);

/* Does @spec say anything? */
bool timeouts_any(const struct timeouts_spec *spec);

/* From an administrator's words to what workers read, and back: all of them; and only those that
 * are not 0. The control thread alone writes. */
void timeouts_set(struct proto_timeouts *timeouts, const struct timeouts_spec *spec);
void timeouts_get(const struct proto_timeouts *timeouts, struct timeouts_spec *spec);
void timeouts_change(struct proto_timeouts *timeouts, const struct timeouts_spec *spec);

#endif
