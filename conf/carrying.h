/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_CARRYING_H
#define CONF_CARRYING_H

#include "conf/conf.h"
#include "conf/datapath.h"
#include "conf/turns.h"
#include "conf/value.h"

/* Do conntrack and the daemon give FULLNAT ports of ranges that have none in common? */
bool ports_apart(const struct director_conf *director);

/* What the kernel is to do for a service of a file, on a machine where all is possible. Any
 * thread. */
struct datapath_case datapath_of_conf(const struct service_conf *service,
				      const struct director_conf *director);

/* @own: NULL, or takes whose server each number of a turn is: its place in service->servers. */
void turns_of_conf(struct turns_case *which, const struct service_conf *service,
		   const struct director_conf *director, size_t own[TURNS_MAX + 1]);

/* Refuses what the service at @at must have and cannot. */
int carrying_judge(const struct reader *reader, const struct director_conf *director,
		   const config_setting_t *at, const struct service_conf *service);

#endif
