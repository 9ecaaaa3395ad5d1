/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include "ctl/finding.h"
#include "ctl/probe.h"
#include "ctl/table.h"
#include "ctl/way.h"

/* What the questions of nfvsadm check share; one file a group of them. */

/* A virtual address, of however many services. */
struct check_vip {
	uint8_t af;
	union addr addr;
	bool used;  /* a packet for it has come */
	bool local; /* it is this machine's */
	bool nat;   /* some server of its services is a NAT server */
	bool given; /* some other machine is given its packets as they are: dr, tun */
	struct interfaces around;
};

/* The address of a real server, of however many. */
struct check_server {
	uint8_t af;
	union addr addr;
	int ret; /* of ways_find() */
	struct way way;
	struct interfaces around;
};

struct check_local {
	uint8_t af;
	union addr addr;
};

struct check {
	struct table table;
	struct networks *networks;
	struct ways *ways;
	struct check_vip *vips;
	struct check_server *servers;
	struct check_local *locals; /* director.local_addresses */
	size_t vips_len, vips_max, servers_len, servers_max, locals_len;
	bool bypass;		      /* director.cache_bypass */
	struct interfaces uplinks[2]; /* of the default routes, IPv4 and IPv6 */
	struct probes probes;
	struct findings findings;
};

/* Which virtual and real addresses the table is about, and where they are. -errno with @err. */
int check_collect(struct check *check, struct error *err);

struct check_vip *check_vip_find(const struct check *check, uint8_t af, const union addr *addr);
struct check_server *check_server_find(const struct check *check, uint8_t af,
				       const union addr *addr);

/* Calls @ask for each server of each service with each virtual address that the service has. */
void check_each(struct check *check,
		void (*ask)(struct check *check, const struct check_vip *vip,
			    const struct dest_spec *spec, const struct check_server *server));

/* Is the server on the wire of the interface by which it is reached? */
bool check_near(const struct check_server *server);

static inline const struct interfaces *check_uplinks(const struct check *check, uint8_t af)
{
	return &check->uplinks[af == AF_INET6];
}

/* The groups of questions. */
void check_servers(struct check *check);
void check_vips(struct check *check);
void check_system(struct check *check);
void check_neighbours(struct check *check); /* takes PROBE_WAIT_MS */
void check_filter(struct check *check);	    /* after check_neighbours() */

#endif
