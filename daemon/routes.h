/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_ROUTES_H
#define DAEMON_ROUTES_H

#include "lib/err.h"
#include "lvs/route.h"
#include "lvs/settings.h"

/* A router that asks the kernel. NULL with @err. Main thread; then it belongs to one worker. */
struct router *routes_open(struct error *err);
void routes_close(struct router *router);

/* Brings up to date what @settings has of this machine: its local ports. Control thread. */
void routes_observe(struct settings *settings);

#endif
