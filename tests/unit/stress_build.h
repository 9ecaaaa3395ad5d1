/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_STRESS_BUILD_H
#define TESTS_STRESS_BUILD_H

/*
 * What every stress program has in common. For ThreadSanitizer: liburcu's own threads pass memory
 * to each other in ways that it cannot see in a library built without it. Only what malloc(),
 * free() and their like are called for *from inside* liburcu is left out; what our callbacks do in
 * its threads is not. How our own objects are published and freed is said in lvs/rcu.h.
 */

#include <stdint.h>

const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:liburcu.so\n"
	       "called_from_lib:liburcu-cds.so\n";
}

/* xorshift64: the same on every machine. */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32) % n;
}

#endif
