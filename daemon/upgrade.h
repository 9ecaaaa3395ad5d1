/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_UPGRADE_H
#define DAEMON_UPGRADE_H

#include "lib/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

/*
 * Another nfvsd takes the place of this one: the same process, the same arguments, another program.
 * Control thread.
 */
struct upgrade;

struct upgrade_conf {
	uv_loop_t *loop;
	char *const *argv; /* of this program */
	const char *conf;  /* the configuration file */
	uint64_t upgrades; /* how many came before */
	/* What to hand over to upgrade @number: a new object, or NULL without memory. */
	json_t *(*state)(void *data, uint64_t number);
	/* The queues are given up, or taken again. */
	void (*aside)(void *data, bool aside);
	void *data;
};

/* Copies @conf. NULL without memory. */
struct upgrade *upgrade_new(const struct upgrade_conf *conf);

/* Ends what goes on, and frees, once the loop has run on. NULL is fine. */
void upgrade_close(struct upgrade *upgrade);

/*
 * Asks the program at @path (NULL: whatever is now where this one was started from) whether it
 * takes the configuration file and what would be handed over. If so it takes this one's place, and
 * this one is no more; else upgrade_json() says why not. -EBUSY, or -errno if it cannot be asked,
 * with
 * @err.
 */
int upgrade_start(struct upgrade *upgrade, const char *path, struct error *err);

/* In the new program, once it watches signals: those that came in between come now. */
void upgrade_arrive(void);

/* {"number", "state": "none", "asking", "refused" or "done", "because", "version"}: of the last
 * one. The caller owns it. */
json_t *upgrade_json(const struct upgrade *upgrade);

#endif
