/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_FALLBACK_H
#define RULES_FALLBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many slots has each service: a new connection gets one of them, in turn or by a hash. */
#define FALLBACK_SLOTS 16

struct fallback_server {
	uint32_t weight; /* the caller's; the rest is fallback_fill()'s */
	uint32_t slots;	 /* how many it got */
	uint64_t rest;	 /* of its share, in parts of the sum of all weights */
	int32_t credit;
};

/* Which of @servers has which slot: numbers in the array, by weight and spread evenly. False, with
 * @slots untouched, if no server has a weight. Pure; any thread. */
bool fallback_fill(size_t slots[FALLBACK_SLOTS], struct fallback_server *servers, size_t len);

#endif
