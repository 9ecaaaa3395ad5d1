/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include "daemon/handlers.h"

#include <uv.h>

/*
 * The clients of the control socket. Their number, and the memory that all of their listings take,
 * are bounded; who is idle, or does not read, is dropped after a time, and earlier if others wait.
 * Control thread.
 */
struct peers;

/* @room: called when there may be room for one more; @gone: once, after peers_close(), when all
 * have left and everything is freed. NULL without memory. */
struct peers *peers_new(uv_loop_t *loop, const struct handling *handling, void (*room)(void *data),
			void (*gone)(void *data), void *data);

/* Drops all clients. */
void peers_close(struct peers *peers);

/* Is one more welcome? Drops an idle client to make room, if there is one. */
bool peers_welcome(struct peers *peers);

/* Takes the waiting connection from @listener. It is refused with a message unless @may says that
 * its owner may command the daemon; @may fills in @err, or whether that is root. False without
 * memory. */
bool peers_accept(struct peers *peers, uv_stream_t *listener,
		  bool (*may)(int fd, void *data, bool *root, struct error *err), void *data);

/* To be called a few times a second: drops who is idle for too long, starts listings that waited.
 */
void peers_tick(struct peers *peers);

#endif
