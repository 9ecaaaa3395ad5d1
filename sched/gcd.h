/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_GCD_H
#define SCHED_GCD_H

#include <stdint.h>

/* The greatest common divisor of two weights, of which either may be 0. */
static inline int32_t gcd(int32_t a, int32_t b)
{
	while (b) {
		int32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

#endif
