// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places for packets that the director sends itself, handed out in order. A batch of the queue is
 * no larger than the outbox, so it is full only of errors. Worker.
 */
#include "lvs/outbox.h"

static struct outgoing *place(struct outbox *outbox)
{
	struct outgoing *out = &outbox->items[outbox->len++];

	out->mtu = 0;
	out->parts[0] = out->parts[1] = (struct iovec){0};
	return out;
}

struct outgoing *outbox_add(struct outbox *outbox)
{
	if (outbox->len - outbox->errors >= OUTBOX_MAX)
		return NULL;
	return place(outbox);
}

struct outgoing *outbox_add_error(struct outbox *outbox, uint8_t **buf)
{
	if (outbox->errors >= OUTBOX_ERRORS)
		return NULL;
	*buf = outbox->quotes[outbox->errors++];
	return place(outbox);
}

void outbox_undo(struct outbox *outbox)
{
	outbox->errors--;
	outbox->len--;
}
