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
 * destination as if this machine had made it, whatever its source address. Else, with the lowest
 * clear: the number of a server, to which the kernel carries this connection.
 */
static inline uint32_t mark_refuse(uint32_t mask)
{
	return mask;
}

static inline uint32_t mark_send(uint32_t mask)
{
	return mask & (mask - 1);
}

/* In the conntrack mark of a connection that the kernel carries: the daemon was told that both ends
 * have spoken. */
static inline uint32_t mark_told(uint32_t mask)
{
	return mask & -mask;
}

/*
 * In the packet mark, on the way to the daemon: conntrack makes nothing of the packet, so the
 * kernel cannot carry it. On the way back: it is none of ours, and no schedule of the rules' is to
 * touch it.
 */
static inline uint32_t mark_unseen(uint32_t mask)
{
	return mark_told(mask);
}

/* The mark with @number, from 1 on, in the bits of @mask above the lowest; 0: too large a number,
 * or not one for a server. */
static inline uint32_t mark_carried(uint32_t mask, uint32_t number)
{
	uint32_t mark = 0;

	for (uint32_t bits = mask & (mask - 1); bits; bits &= bits - 1, number >>= 1)
		if (number & 1)
			mark |= bits & -bits;
	return number || mark == mark_send(mask) ? 0 : mark;
}

/* Its reverse. */
static inline uint32_t mark_number(uint32_t mask, uint32_t mark)
{
	uint32_t number = 0, bit = 1;

	for (uint32_t bits = mask & (mask - 1); bits; bits &= bits - 1, bit <<= 1)
		if (mark & bits & -bits)
			number |= bit;
	return number;
}

#endif
