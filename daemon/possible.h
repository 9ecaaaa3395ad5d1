/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_POSSIBLE_H
#define DAEMON_POSSIBLE_H

#include "daemon/director.h"

/* Can @svc be changed to @spec, which is whole? 0, or -EOPNOTSUPP with the reason in @err. */
int service_possible(const struct director *director, const struct service *svc,
		     const struct service_spec *spec, struct error *err);

/* Beside that: may somebody edit it so, by hand? Likewise. */
int edit_possible(const struct director *director, const struct service *svc,
		  const struct service_spec *spec, struct error *err);

/* Can @svc have such a server? Likewise. */
int dest_possible(const struct director *director, const struct service *svc,
		  const struct dest_spec *spec, struct error *err);

#endif
