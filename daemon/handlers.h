/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_HANDLERS_H
#define DAEMON_HANDLERS_H

#include "ctl/proto.h"
#include "daemon/drain.h"
#include "daemon/listing.h"

struct upgrade;

/* What requests are answered from. */
struct handling {
	struct director *director;
	struct killer *killer;
	struct drains *drains;
	struct upgrade *upgrade; /* NULL: there are none */
	bool by_root;		 /* whoever asks is root */
	json_t *(*status)(void *data);
	void *data;
};

/* The answer to one request: at most one row, or a listing of many; then the result. */
struct answer {
	json_t *row;		 /* owned, or NULL */
	struct listing *listing; /* owned, or NULL */
	struct result result;
};

/* Does what @request asks for. Control thread. */
void request_answer(const struct handling *handling, const json_t *request, struct answer *answer);

#endif
