/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SCHEDULE_H
#define LVS_SCHEDULE_H

#include "lvs/direct.h"
#include "lvs/persistence.h"

/* What became of a packet without a connection. */
enum scheduled {
	SCHEDULED,		/* there is a connection now */
	SCHEDULED_IGNORED,	/* of a service, but it starts nothing: it passes on */
	SCHEDULED_REFUSED,	/* nobody can take it */
	SCHEDULED_SERVICE_FULL, /* the service has as many connections as its limit allows */
	SCHEDULED_SERVER_FULL,	/* the server that the client belongs to has */
	SCHEDULED_NO_KEY,	/* the service's persistence engine finds no client in the packet */
	SCHEDULED_NO_LOCAL,	/* all local endpoints towards the server are in use (FULLNAT) */
	SCHEDULED_NO_ROOM,	/* conntrack is full, and was to carry it */
	SCHEDULED_NO_MEMORY
};

/*
 * A connection for a new flow (client -> virtual) to @svc, as ip_vs_schedule() and
 * ip_vs_sched_persist() do it. @pkt is its first packet, or an ICMP error about it. On SCHEDULED
 * *@out is set. Worker under RCU.
 */
enum scheduled conn_schedule(struct direct *d, struct service *svc, const struct flow *flow,
			     const struct pkt *pkt, struct conn **out);

/* A connection that was scheduled counts at the service and at the server. Any thread. */
void account_conn(struct service *svc, struct dest *dest);

/* The key of the persistence template that covers @flow to @svc, by its engine, or false; @pkt as
 * in struct persistence_engine. */
bool template_key(const struct service *svc, const struct flow *flow, const struct pkt *pkt,
		  struct template_key *key);

/* A new template for @key, which has @dest from now on, for as long as the service has it; NULL
 * without memory. Under RCU. */
struct conn *template_make(struct direct *d, const struct service *svc,
			   const struct template_key *key, struct dest *dest);

/* May this template still choose? Not once its server is gone, is a backup that stands back, or by
 * expire_quiescent_template has weight 0. */
bool template_valid(const struct settings *settings, const struct conn *template);

/* Is it taken for an active FTP data connection, which a real server opened and no client? IPVS
 * looks at nothing but the port, in other protocols too. */
bool flow_from_ftp(const struct flow *flow);

/* Where nobody can take it, does @flow pass on? To the :21 service also come flows to ports that
 * may be another's, and those are not ours to refuse (ip_vs_leave). */
bool refusal_passes(const struct service *svc, const struct flow *flow);

/* And may it go to where it is sent, by cache_bypass, unless that is this machine? */
bool bypass_allowed(const struct direct *d, const struct service *svc, const struct flow *flow);

#endif
