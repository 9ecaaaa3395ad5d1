/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_MANUAL_H
#define CONF_MANUAL_H

#include <stdio.h>

/*
 * Copies a manual page in troff, and puts the list of a group's keys where a line is its marker:
 * "@KEYS director@"; where it is "@SCHEDULERS@", all schedulers; and where it is "@ABSENT@", what
 * IPVS has and nfvs has not. 0; -EINVAL: a marker of no group; -EIO: reading or writing. Any
 * thread.
 */
int manual_expand(FILE *in, FILE *out) __attribute__((warn_unused_result));

#endif
