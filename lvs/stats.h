/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_STATS_H
#define LVS_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* Why a packet was dropped or let through undecided. Names in reason_name() are shown to users. */
enum reason {
	REASON_NONE,
	/* not a packet we can read (pkt_parse) */
	REASON_TRUNCATED, /* shorter than a header says, or than a header is */
	REASON_VERSION,	  /* neither IPv4 nor IPv6 */
	REASON_HEADER,	  /* header length or option out of bounds */
	REASON_FRAGMENT,  /* a fragment: the kernel was to reassemble it before the queue */
	REASON_PROTOCOL,  /* a transport that no service can have */
	/* dropped */
	REASON_NO_SERVER,    /* no usable server: refused with port unreachable */
	REASON_SERVICE_FULL, /* the service is at its limit of connections: refused */
	REASON_SERVER_FULL,  /* the server that the client belongs to is: refused */
	REASON_SERVER_GONE,  /* the connection's server was removed: silent, so that re-adding
				revives */
	REASON_NO_MEMORY,    /* no room for a connection */
	REASON_NO_KEY,	     /* its service's persistence engine finds no client in it */
	REASON_NO_LOCAL, /* no local address and port is left for a FULLNAT connection: refused */
	REASON_LOCAL_UNKNOWN,  /* conntrack is asked which it has given; the sender tries again */
	REASON_CONNTRACK_FULL, /* nor room in conntrack, which was to carry it: refused */
	REASON_NO_ROUTE,       /* this machine has no way to the real server */
	REASON_TTL,	       /* its time to live ended here: the sender is told */
	REASON_TOO_BIG,	       /* larger than the way to the server allows: the sender is told */
	REASON_TUNNEL_ERROR,   /* an ICMP error from inside a tunnel: told to the client */
	REASON_OUTBOX,	       /* no room to send it */
	REASON_DROP_PACKET,    /* a new connection too many: the drop_packet defence */
	REASON_NO_CLIENT, /* a server's, of no connection: the server is told (nat_icmp_send) */
	REASON_KILLED,	  /* of a connection that nfvsadm kill or drain ended: answered by a RST */
	/* passed on unchanged */
	REASON_NO_SERVICE, /* no service has this address, port or mark */
	REASON_NO_CONN,	   /* of a service, but of no connection, and not one that starts one */
	REASON_MAX
};

/* The name of a reason, e.g. "truncated"; static storage. */
const char *reason_name(enum reason reason);

/* Counters of one worker thread, or of what several do in turns. Only who has the turn writes, with
 * relaxed stores; anybody reads. */
struct stats {
	_Atomic uint64_t reasons[REASON_MAX];
	_Atomic uint64_t packets, bytes;    /* received from the queue */
	_Atomic uint64_t batches, syscalls; /* receive calls that returned packets; all calls */
	_Atomic uint64_t accepted, dropped; /* verdicts */
	_Atomic uint64_t mangled;	    /* verdicts that carried a payload */
	_Atomic uint64_t requeued;	    /* sent to the queue that segments */
	_Atomic uint64_t sent;	      /* sent by the director itself: fragments, ICMP errors too */
	_Atomic uint64_t send_errors; /* of these, what the kernel refused */
	_Atomic uint64_t verdict_errors; /* the kernel refused a verdict (ENOENT, ...) */
	_Atomic uint64_t overruns;	 /* receive buffer overrun reports */
};

/* Adds @n to a counter that only the calling thread writes. */
static inline void stat_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

#endif
