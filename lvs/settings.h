/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SETTINGS_H
#define LVS_SETTINGS_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * What /proc/sys/net/ipv4/vs offers, under the same names and with the same meaning. Written by the
 * control thread, read by workers, relaxed.
 */
struct settings {
	_Atomic uint32_t
		cache_bypass;	    /* fwmark services without a server: on to where it was sent */
	_Atomic uint32_t pmtu_disc; /* TUN: the sender of what is too big is told; 0: it is cut */
	/* Not a setting of IPVS's, but kept like one, host order: net.ipv4.ip_local_port_range. */
	_Atomic uint32_t port_min, port_max;
	/* Set by workers: some server's dest->near is new. */
	_Atomic uint32_t near;
};

#define SETTINGS_INIT                                                \
	{                                                            \
		.pmtu_disc = 1, .port_min = 32768, .port_max = 60999 \
	}

static inline uint32_t setting(const _Atomic uint32_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

#endif
