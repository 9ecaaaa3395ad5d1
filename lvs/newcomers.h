/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_NEWCOMERS_H
#define LVS_NEWCOMERS_H

#include <stdbool.h>
#include <stdint.h>

/* Connections for which the rules chose a server while the daemon was there. Any thread. */
struct newcomers {
	_Atomic uint64_t fallback; /* because a queue was full */
	_Atomic uint64_t turns;	   /* to services that the rules schedule always */
	_Atomic bool missed;	   /* perhaps not all are known: conntrack is to be read */
};

#endif
