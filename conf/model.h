/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_MODEL_H
#define CONF_MODEL_H

#include "conf/conf.h"
#include "conf/value.h"

/* Reads one service { ... } with its matches and servers. On failure too, @out is to be freed with
 * model_free(). Any thread. */
int model_read(const struct reader *reader, const struct director_conf *director,
	       const config_setting_t *at, struct service_conf *out)
	__attribute__((warn_unused_result));

void model_free(struct service_conf *service);

/* The order of services by key, for duplicate_find(). */
int model_compare(const void *service_a, const void *service_b);

#endif
