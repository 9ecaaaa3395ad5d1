/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_ENDING_H
#define DAEMON_ENDING_H

#include "daemon/handlers.h"

/* Requests that select connections: to list them, to end them, to drain servers of them. True if
 * @name is one of these; it is then done, and @answer says how it went. Control thread. */
bool ending_answer(const struct handling *handling, const char *name, const json_t *request,
		   struct answer *answer);

#endif
