/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_HANDOVER_H
#define DAEMON_HANDOVER_H

#include "daemon/drain.h"

#include <jansson.h>

/*
 * What a daemon leaves to the one that takes its place, beside what is in the kernel: services and
 * servers as they are, timeouts, settings, drains, which sysctls are to be put back, and what the
 * configuration file said, so that it can be told what has changed in it. It goes through a file in
 * memory, whose descriptor is named by an environment variable, or is kept by systemd. Control
 * thread.
 */
#define HANDOVER_ENV "NFVS_HANDOVER"

/* The state of this daemon; @upgrades: the number of this one, failures included. NULL without
 * memory. */
json_t *handover_to_json(const struct director *director, const struct drains *drains,
			 uint64_t upgrades);

/* A file in memory with @json, at its beginning; or -errno. It is closed by exec. */
int handover_write(const json_t *json);

/* Has systemd keep @json until this service is started again; -errno if there is no systemd. */
int handover_store(const json_t *json);

/* It need not keep it longer. */
void handover_forget(void);

/* What was left to this process: *@out is NULL if nothing was, else the caller's. -EBADMSG with
 * @err if it cannot be understood. */
int handover_take(json_t **out, struct error *err);

/* The number of the upgrade; 0: there was none. */
uint64_t handover_upgrades(const json_t *json);

/* Makes what @json has in the empty @director, before its first director_load(), which then is as a
 * reload. What cannot be made is logged, and left out. */
void handover_apply(const json_t *json, struct director *director);

/* Begins the drains anew where they were. After director_load(). */
void handover_drains(const json_t *json, struct drains *drains);

#endif
