/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_DRAINED_H
#define CTL_DRAINED_H

#include "ctl/selection.h"

/* A drain as the daemon tells of it (daemon/drain.h), in one line for a person: "tcp
 * 10.1.0.100:80, 10.2.0.11:8080: 12 active and 3 inactive connections, 45 s to the deadline".
 * Returns @buf. nfvsadm. */
#define DRAIN_LINE_MAX 320
const char *drain_format(char buf[DRAIN_LINE_MAX], const json_t *drain);

#endif
