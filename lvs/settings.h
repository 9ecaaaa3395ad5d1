/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SETTINGS_H
#define LVS_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What /proc/sys/net/ipv4/vs offers, under the same names, with the same meaning and defaults; a
 * yes is 1. Each is a key of the configuration's group director (conf/keys.c has their bounds).
 */
enum setting_id {
	SETTING_CACHE_BYPASS,	    /* fwmark services without a server: on to where it was sent */
	SETTING_PMTU_DISC,	    /* TUN: the sender of what is too big is told; 0: it is cut */
	SETTING_CONN_REUSE_MODE,    /* bits: what a SYN on a remembered connection may begin anew */
	SETTING_EXPIRE_NODEST_CONN, /* connections end with their server */
	SETTING_EXPIRE_QUIESCENT_TEMPLATE, /* templates end when their server has weight 0 */
	SETTING_SLOPPY_TCP,		   /* any packet but a reset starts a connection */
	SETTING_SLOPPY_SCTP,
	SETTING_SCHEDULE_ICMP, /* an ICMP error may start one, by the packet that it carries */
	SETTING_DROP_ENTRY,    /* the defences, 0..3: see lvs/defence.h */
	SETTING_DROP_PACKET,
	SETTING_SECURE_TCP,
	SETTING_AM_DROPRATE,
	SETTING_AMEMTHRESH,
	SETTING_NAT_ICMP_SEND,	 /* a NAT server whose packet nobody waits for is told */
	SETTING_RUN_ESTIMATION,	 /* rates are estimated */
	SETTING_LBLC_EXPIRATION, /* seconds until an address is forgotten that nobody asks for */
	SETTING_LBLCR_EXPIRATION,
	SETTING_MAX
};

/* What the settings of the defence come to at present; lvs/defence.c. Written by the control
 * thread but for drop_counter, all relaxed. */
struct defence {
	_Atomic uint32_t drop_rate;   /* of so many new connections one is dropped; 0: none */
	_Atomic int32_t drop_counter; /* until the next */
	_Atomic bool drop_entry;      /* memory is cleared */
	_Atomic bool secure_tcp;      /* the stricter state table holds */
};

/* Written by the control thread, read by workers, relaxed. */
struct settings {
	_Atomic uint32_t values[SETTING_MAX];
	struct defence defence;
	/* Not a setting of IPVS's, but kept like one, host order: net.ipv4.ip_local_port_range. */
	_Atomic uint32_t port_min, port_max;
	/* Likewise: the rules in the kernel are such that it can carry connections. */
	_Atomic uint32_t carries;
	/* Likewise: conntrack has no room for connections that it would carry. */
	_Atomic uint32_t conntrack_full;
	/* Set by workers: some server's dest->near is new. */
	_Atomic uint32_t near;
};

#define SETTINGS_INIT                                          \
	{                                                      \
		.values = {[SETTING_PMTU_DISC] = 1,            \
			   [SETTING_LBLC_EXPIRATION] = 86400,  \
			   [SETTING_LBLCR_EXPIRATION] = 86400, \
			   [SETTING_CONN_REUSE_MODE] = 1,      \
			   [SETTING_AM_DROPRATE] = 10,         \
			   [SETTING_AMEMTHRESH] = 1024,        \
			   [SETTING_RUN_ESTIMATION] = 1},      \
		.port_min = 32768, .port_max = 60999           \
	}

/* The value of a setting. Any thread. */
static inline uint32_t setting(const struct settings *settings, enum setting_id id)
{
	return atomic_load_explicit(&settings->values[id], memory_order_relaxed);
}

#endif
