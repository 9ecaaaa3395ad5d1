// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places for packets that the director sends itself, handed out in order. A batch of the queue is
 * no larger than the outbox, so it is full only of errors. Worker.
 */
#include "lvs/outbox.h"

#define BURST 50u

static struct outgoing *place(struct outbox *outbox)
{
	struct outgoing *out = &outbox->items[outbox->len++];

	out->mtu = out->mark = 0;
	out->parts[0] = out->parts[1] = (struct iovec){0};
	return out;
}

struct outgoing *outbox_add(struct outbox *outbox)
{
	if (outbox->len - outbox->errors >= OUTBOX_MAX)
		return NULL;
	return place(outbox);
}

uint8_t *outbox_body(struct outbox *outbox)
{
	if (outbox->len - outbox->errors >= OUTBOX_MAX)
		return NULL;
	return outbox->items[outbox->len].body;
}

/* One for each ms that passed. */
static void earn(struct outbox *outbox, uint64_t now)
{
	uint64_t passed = now - outbox->counted;

	if (!outbox->counted || passed >= BURST - outbox->credit)
		outbox->credit = BURST;
	else
		outbox->credit += (uint32_t)passed;
	outbox->counted = now;
}

struct outgoing *outbox_add_error(struct outbox *outbox, uint64_t now, uint8_t **buf)
{
	earn(outbox, now);
	if (outbox->errors >= OUTBOX_ERRORS || !outbox->credit)
		return NULL;
	outbox->credit--;
	*buf = outbox->quotes[outbox->errors++];
	return place(outbox);
}

void outbox_undo(struct outbox *outbox)
{
	outbox->errors--;
	outbox->credit++;
	outbox->len--;
}
