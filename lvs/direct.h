/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_DIRECT_H
#define LVS_DIRECT_H

#include "lvs/asked.h"
#include "lvs/conn.h"
#include "lvs/newcomers.h"
#include "lvs/proto.h"
#include "lvs/outbox.h"
#include "lvs/service.h"
#include "lvs/settings.h"
#include "lvs/stats.h"
#include "lvs/verdict.h"

/* What one worker needs to decide. The tables are shared by all, stats and now are its own. */
struct direct {
	struct services *services;
	struct conns *conns;
	const struct proto_timeouts *timeouts;
	struct settings *settings;
	struct bypass *bypass;	     /* NULL: no cache_bypass */
	struct router *router;	     /* its own */
	struct outbox *outbox;	     /* its own; empty when a batch begins */
	struct stats *stats;	     /* its own */
	struct newcomers *newcomers; /* NULL: whom the rules chose is of no interest */
	struct tracker *tracker;     /* the observer's own, see lvs/endpoint.h; NULL: none */
	struct asked *asked;	     /* where it notes what it wants to know; NULL: nobody looks */
	uint32_t mark_mask; /* the bits of the packet mark that nfvs owns: see lvs/verdict.h */
	uint32_t seed;	    /* of the source ports of tunnels */
	uint64_t now;	    /* ms, monotonic; set once a batch */
	uint32_t begun;	    /* so many connections, for direct_decide() */
};

/* Stand-ins for a server where there is none and cache_bypass is on: a destination without address
 * for each family, whose connections go where their clients sent them. */
struct bypass {
	struct dest *v4, *v6;
};

/* What is known of a packet before its turn. */
struct sight {
	enum reason reason; /* why it cannot be read */
	enum pkt_dir dir;   /* as it was before */
	uint32_t begun;	    /* d->begun */
	struct conn *conn;  /* NULL: none, or not looked for */
};

/*
 * A packet, in three steps: reads it and looks for its connection; asks for the memory that the
 * third will want; decides. Every packet of every worker goes through all of them. With many
 * connections each step waits for memory, so a worker takes a whole batch through one step and then
 * through the next: the waiting of its packets overlaps. Caller holds the RCU read lock from the
 * first to the last, and what a packet changes, those after it see.
 */
void direct_look(const struct direct *d, struct pkt *pkt, struct sight *sight);
void direct_fetch(const struct sight *sight);
struct verdict direct_decide(struct direct *d, struct pkt *pkt, const struct sight *sight);

/* All steps of a lone packet. */
struct verdict direct_packet(struct direct *d, struct pkt *pkt);

/* A copy of a packet that the kernel carried itself: its connection follows it. If it begins
 * one for which the rules chose the server, that comes into the table. It may be cut, and late by
 * some milliseconds. The observer's thread, under RCU; uses neither router nor outbox. */
void direct_observe(struct direct *d, struct pkt *pkt);

/* What becomes of a flow. */
enum outcome {
	OUTCOME_PASSED, /* not ours */
	OUTCOME_CONNECTION,
	OUTCOME_DROPPED, /* the server of its connection was removed */
	OUTCOME_RESET,	 /* its connection was killed */
	OUTCOME_TEMPLATE,
	OUTCOME_SCHEDULED,
	OUTCOME_BYPASSED, /* cache_bypass, if what it is sent to is not this machine */
	OUTCOME_REFUSED,  /* no server can take it */
	OUTCOME_SERVICE_FULL,
	OUTCOME_SERVER_FULL
};

struct fate {
	enum outcome outcome;
	struct conn *template; /* the persistence template that decides, or NULL */
	struct dest *dest;     /* who gets it, or NULL */
};

/* A server as the choice saw it. */
struct server_view {
	struct dest *dest;
	int32_t weight, full_weight; /* to schedule by; the administrator's */
	uint32_t active, inactive;
	uint32_t flags; /* DEST_* */
	int64_t load;	/* as the scheduler compares them, if it does */
	bool in_pool;	/* the scheduler chooses among them */
};

/* How a flow would be answered, for "nfvsadm explain". The pointers are valid under RCU. */
struct explanation {
	struct service *svc;	   /* NULL: no service claims it */
	uint32_t mark;		   /* with which it was looked up */
	const struct match *match; /* the line of a firewall-mark group that marks it, or NULL */
	struct conn *conn;	   /* an existing connection, or NULL */
	struct fate fate;
	bool reopens;	  /* a packet that opens a connection takes the place of conn: ... */
	struct fate anew; /* ... and this becomes of it */
	bool full;	  /* the service is */
	/* of one moment, that of the scheduler's choice if there is one */
	struct sched_facts facts; /* none: it did not choose */
	struct server_view *servers;
	size_t servers_len;
};

/* Looks @flow (client -> virtual) up as a packet with @mark would be, and changes nothing. The
 * caller frees *@out. -ENOMEM: nothing to free. Control thread under RCU. */
int direct_explain(const struct direct *d, const struct flow *flow, uint32_t mark,
		   struct explanation *out);
void explanation_free(struct explanation *explanation);

#endif
