/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SETTINGS_H
#define LVS_SETTINGS_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * What /proc/sys/net/ipv4/vs offers, under the same names, with the same meaning and defaults; a
 * yes is 1. Each is a key of the configuration's group director (conf/keys.c has their bounds).
 */
enum setting_id {
	SETTING_CACHE_BYPASS, /* fwmark services without a server: on to where it was sent */
	SETTING_PMTU_DISC,    /* TUN: the sender of what is too big is told; 0: it is cut */
	SETTING_MAX
};

/* Written by the control thread, read by workers, relaxed. */
struct settings {
	_Atomic uint32_t values[SETTING_MAX];
	/* Not a setting of IPVS's, but kept like one, host order: net.ipv4.ip_local_port_range. */
	_Atomic uint32_t port_min, port_max;
	/* Set by workers: some server's dest->near is new. */
	_Atomic uint32_t near;
};

#define SETTINGS_INIT                                                                     \
	{                                                                                 \
		.values = {[SETTING_PMTU_DISC] = 1}, .port_min = 32768, .port_max = 60999 \
	}

/* The value of a setting. Any thread. */
static inline uint32_t setting(const struct settings *settings, enum setting_id id)
{
	return atomic_load_explicit(&settings->values[id], memory_order_relaxed);
}

#endif
