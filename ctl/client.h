/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "ctl/proto.h"

/* nfvsadm's end of the control socket. */
struct client;

/* Finds the daemon by $NFVS_SOCKET, else at PROTO_SOCKET. -errno with @err, which names the
 * socket. */
int client_open(struct client **out, struct error *err);
void client_close(struct client *client); /* NULL is fine */

/*
 * Sends @request (taken over, may be NULL: no memory) and calls @row, if not NULL, for each row of
 * the answer, until it returns non-zero. Returns 0 with the daemon's @result, or -errno with @err
 * if there is no answer to speak of.
 */
int client_call(struct client *client, json_t *request,
		int (*row)(const json_t *row, void *data, struct error *err), void *data,
		struct result *result, struct error *err);

#endif
