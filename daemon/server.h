/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include "daemon/handlers.h"

#include <uv.h>

/* The control socket: nfvsadm's peer, on the event loop of the control thread. */
struct server;

/*
 * Listens at @path: mode 0660, of group @group if not "". Makes the directory; takes a dead socket
 * over, but refuses a live one (-EADDRINUSE). What @handling points at is borrowed. -errno with
 * @err. Control thread.
 */
int server_open(struct server **out, uv_loop_t *loop, const char *path, const char *group,
		const struct handling *handling, struct error *err);

/* Stops listening, drops all clients, removes the socket and frees, once the loop has run. */
void server_close(struct server *server);

#endif
