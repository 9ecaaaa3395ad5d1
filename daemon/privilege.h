/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_PRIVILEGE_H
#define DAEMON_PRIVILEGE_H

#include "lib/err.h"

#include <stdbool.h>

/* The daemon's capabilities. Main thread: they are per thread, and what it starts inherits them. */

/* -EPERM with what to do about it unless this process has what it cannot do without. */
int privilege_check(struct error *err);

/* Gives up all but what running needs. After privilege_check(), and before any thread exists. */
void privilege_drop(void);

/* Are these capabilities to pass to a program that this thread executes, whoever it runs as? Root's
 * do anyway. -errno: they cannot. */
int privilege_pass(bool pass);

#endif
