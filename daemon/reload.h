/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/director.h"

/* Refuses changes of the director section that only a restart can make. -EINVAL with the keys in
 * @err. Control thread. */
int reload_check(const struct director_conf *from, const struct director_conf *to,
		 struct error *err);

/* Moves the tables from what @from asked for (NULL: nothing) to what @to asks for, as
 * director_load() describes. Control thread. */
int reload_apply(struct director *director, const struct conf *from, const struct conf *to,
		 struct error *err);

#endif
