/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_OUTBOX_H
#define LVS_OUTBOX_H

#include "lvs/addr.h"
#include "lvs/tunnel.h"

#include <sys/uio.h>

/*
 * Packets that the director sends itself, instead of giving them back to the kernel with a verdict:
 * those of DR and TUN servers, whose way the kernel would not choose, and ICMP errors to clients.
 * Filled by the packet decision, emptied by the worker before the next batch, so it may point at
 * the received packets. One for each worker.
 */

#define OUTBOX_MAX    64u /* packets; as many as come in a batch */
#define OUTBOX_ERRORS 16u /* ICMP errors a batch: a flood must not make a flood */
#define OUTBOX_QUOTE  1280u
#define OUTBOX_BODY   60u /* a TCP segment without data */

/* One complete IP packet in two parts. */
struct outgoing {
	uint8_t af;	       /* of the packet */
	union addr hop;	       /* where it is sent, whatever its destination address says */
	uint32_t mtu;	       /* larger than this: to be cut into fragments; 0: never */
	uint32_t mark;	       /* of the packet; 0: the director's usual one */
	struct iovec parts[2]; /* the first may be empty */
	uint8_t head[TUNNEL_HEAD_MAX];
	uint8_t body[OUTBOX_BODY]; /* for who has no packet to point at: see outbox_body() */
};

struct outbox {
	unsigned int len, errors;
	uint32_t credit;  /* ICMP errors that may be sent now */
	uint64_t counted; /* ms, until when credit was given */
	struct outgoing items[OUTBOX_MAX + OUTBOX_ERRORS];
	uint8_t quotes[OUTBOX_ERRORS][OUTBOX_QUOTE];
};

/* The next free place, zeroed but for its buffers; NULL: full. The caller fills it in. */
struct outgoing *outbox_add(struct outbox *outbox);

/* The body of the place that outbox_add() will give next, for a small packet to be written before
 * it is known whether it can leave; NULL: full. */
uint8_t *outbox_body(struct outbox *outbox);

/*
 * A place for an ICMP error, with @buf to write it to (OUTBOX_QUOTE bytes); NULL: enough of them in
 * this batch, or lately: 1000 a second and 50 at once, as the kernel has it (icmp_msgs_per_sec,
 * icmp_msgs_burst). The caller sets its length and family, or takes it back with outbox_undo().
 * @now: ms.
 */
struct outgoing *outbox_add_error(struct outbox *outbox, uint64_t now, uint8_t **buf);
void outbox_undo(struct outbox *outbox);

#endif
