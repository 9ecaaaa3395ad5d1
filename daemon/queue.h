/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include "lib/err.h"
#include "lvs/pkt.h"
#include "lvs/verdict.h"

#include <linux/netfilter.h>

/*
 * NFQUEUE over netlink. One socket serves the queues of one worker: a verdict must come from the
 * socket that bound the queue. A batch is received, decided packet by packet, and answered with one
 * message.
 */
struct queue;

/* Packets received, and answered, at a time. With two system calls a batch. */
#define QUEUE_BATCH 64u

/* A socket without queues. NULL with @err. Main thread. */
struct queue *queue_open(struct error *err);
void queue_close(struct queue *queue);

#define QUEUE_GSO   0x1u /* super-packets come in one piece */
#define QUEUE_OPENS 0x2u /* what finds no room goes on undecided, to the next chain of its hook */

/* Binds queue @number: whole packets; at most @length of them wait. @flags: QUEUE_*. In use:
 * -EBUSY, and @err says by whom. Main thread. */
int queue_bind(struct queue *queue, uint16_t number, uint32_t length, uint32_t flags,
	       struct error *err);

/* Gives the queue up: what waits in it is dropped, what would come passes it by; or takes it again,
 * with the same values. While a worker receives from it, so nobody waits for an answer. */
void queue_unbind(struct queue *queue, uint16_t number);
void queue_rebind(struct queue *queue, uint16_t number, uint32_t length, uint32_t flags);

/* Where VERDICT_SEGMENT sends packets. */
void queue_set_segments(struct queue *queue, uint16_t number);

/*
 * Waits up to 250 ms for packets and takes a batch. Returns how many there are (0: none came), or
 * -errno. They are then in queue_pkt(0 ..), valid until the next call. Worker.
 */
int queue_receive(struct queue *queue, struct stats *stats);
struct pkt *queue_pkt(struct queue *queue, unsigned int i);

/* Notes the verdict on packet @i of the batch. Worker. */
void queue_verdict(struct queue *queue, unsigned int i, const struct verdict *verdict,
		   struct stats *stats);

/* Sends all that was noted. Worker. */
void queue_flush(struct queue *queue, struct stats *stats);

/* What the kernel counts of a queue, from /proc/net/netfilter/nfnetlink_queue. */
struct queue_counters {
	uint32_t portid, waiting, dropped, user_dropped, sequence;
};

/* -ENOENT: nobody has this queue. Control thread. */
int queue_read_counters(uint16_t number, struct queue_counters *out);

#endif
