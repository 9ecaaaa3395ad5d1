/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SCHEDULE_H
#define LVS_SCHEDULE_H

#include "lvs/direct.h"

/* What became of a packet without a connection. */
enum scheduled {
	SCHEDULED,	    /* there is a connection now */
	SCHEDULED_IGNORED,  /* of a service, but it starts nothing: it passes on */
	SCHEDULED_REFUSED,  /* nobody can take it */
	SCHEDULED_NO_LOCAL, /* all local endpoints towards the server are in use (FULLNAT) */
	SCHEDULED_NO_MEMORY
};

/*
 * A connection for the first packet of a flow (pkt->dir is PKT_IN) to @svc, as ip_vs_schedule() and
 * ip_vs_sched_persist() do it. On SCHEDULED *@out is set. Worker under RCU.
 */
enum scheduled conn_schedule(struct direct *d, struct service *svc, const struct pkt *pkt,
			     struct conn **out);

/* The key of the persistence template that covers @flow to @svc (lvs-semantics, section 5). */
struct flow template_key(const struct service *svc, const struct flow *flow);

/* May this template still choose? Not once its server is gone. */
bool template_valid(const struct conn *template);

#endif
