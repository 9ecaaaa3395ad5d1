/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_VERDICT_H
#define LVS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict_action {
	VERDICT_ACCEPT, /* on with the next base chain */
	VERDICT_DROP,
	VERDICT_STOLEN, /* it is in the outbox; the kernel's copy goes */
	VERDICT_SEGMENT /* to the queue without GSO: it comes back cut into packets */
};

/* What is to happen to a packet: a value. It is sent in one place, daemon/queue.c. */
struct verdict {
	enum verdict_action action;
	bool mangled;  /* pkt->data .. pkt->len replaces the packet */
	bool set_mark; /* mark is the whole new packet mark, foreign bits included */
	uint32_t mark;
};

/*
 * What the daemon tells the rules after the queue, in the bits of the packet mark that nfvs owns.
 * All of them set: there is no server, refuse. All but the lowest: send the packet to its
 * destination as if this machine had made it, whatever its source address.
 */
static inline uint32_t mark_refuse(uint32_t mask)
{
	return mask;
}

static inline uint32_t mark_send(uint32_t mask)
{
	return mask & (mask - 1);
}

#endif
