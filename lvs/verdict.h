/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_VERDICT_H
#define LVS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict_action {
	VERDICT_ACCEPT, /* on with the next base chain */
	VERDICT_DROP,
	VERDICT_SEGMENT /* to the queue without GSO: it comes back cut into packets */
};

/* What is to happen to a packet: a value. It is sent in one place, daemon/queue.c. */
struct verdict {
	enum verdict_action action;
	bool mangled;  /* pkt->data .. pkt->len replaces the packet */
	bool set_mark; /* mark is the whole new packet mark, foreign bits included */
	uint32_t mark;
};

#endif
