/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_SCHEDULING_H
#define CONF_SCHEDULING_H

#include "conf/keys.h"
#include "conf/value.h"

/* The keys scheduler and scheduler_flags of the service @at into @spec; 0 or -errno, as
 * group_read(). Any thread. */
int scheduling_read(const struct reader *reader, const config_setting_t *at,
		    const struct service_values *values, struct service_spec *spec)
	__attribute__((warn_unused_result));

#endif
