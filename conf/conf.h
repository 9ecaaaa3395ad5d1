/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "lib/err.h"
#include "lvs/locals.h"
#include "lvs/settings.h"
#include "lvs/spec.h"

#define TABLE_NAME_MAX 64
#define GROUP_NAME_MAX 64

/* Addresses of both families, and ports of each of them. */
#define LOCAL_ADDRESSES_MAX 64
struct local_addresses {
	struct locals_addr items[LOCAL_ADDRESSES_MAX];
	uint32_t len;
};

struct port_range {
	uint16_t first, last; /* host order, both included */
};

/* The director = { ... } group, bounds checked. */
struct director_conf {
	uint32_t workers;	/* 0: one per online CPU; 1..256 */
	uint16_t first_queue;	/* NFQUEUE numbers first_queue .. first_queue + workers */
	uint32_t queue_length;	/* packets that wait in each queue at most; 64..32768 */
	uint32_t conntrack_max; /* nf_conntrack_max; 0: as it is */
	bool flowtable;		/* where the kernel has one */
	uint32_t flows_max;	/* room for connections to dr servers at the devices, of a family */
	char table[TABLE_NAME_MAX];
	bool rules_managed;  /* rules = "managed", else "external" */
	bool system_managed; /* system = "manage", else "check" */
	enum datapath datapath;
	enum schedule schedule;
	uint32_t mark_mask; /* contiguous high bits of the packet mark */
	uint32_t settings[SETTING_MAX];
	struct local_addresses locals; /* what FULLNAT sends from; may be empty */
	struct port_range local_ports;
	struct port_range flow_ports; /* likewise, of what the kernel carries */
	char group[GROUP_NAME_MAX];   /* who may use the control socket beside root; "": nobody */
};

struct service_conf {
	struct service_spec spec;
	struct dest_spec *servers; /* in the order of the file */
	size_t servers_len;
	unsigned int line; /* in the file, for messages */
};

/* A configuration, validated whole. */
struct conf {
	struct director_conf director;
	struct timeouts_spec timeouts;
	struct service_conf *services;
	size_t services_len;
};

/*
 * Reads and validates @path. On success *@out is owned by the caller, conf_free() it. On failure
 * -errno, *@out untouched and @err "FILE:LINE: message" (or "FILE: message" where no line is to
 * blame). Any thread.
 */
int conf_load(const char *path, struct conf **out, struct error *err);

/* The same from text in memory; @name stands for the file in messages. */
int conf_parse(const char *text, const char *name, struct conf **out, struct error *err);

void conf_free(struct conf *conf);

#endif
