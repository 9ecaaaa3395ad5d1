/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_BATCH_H
#define RULES_BATCH_H

#include "lib/err.h"

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One nf_tables transaction: messages are appended, then the kernel takes all or none of them.
 * Running out of memory is remembered and reported when the batch is sent. Control thread.
 */
struct batch;

/* NULL without memory. */
struct batch *batch_new(void);
void batch_free(struct batch *batch);

/*
 * The header of a new message of @type (NFT_MSG_*) about @family (NFPROTO_*), with room for 128 KiB
 * behind it; to be filled before the next one is asked for. @what: static text for error messages,
 * "rules of chain classify". NULL without memory.
 */
struct nlmsghdr *batch_put(struct batch *batch, uint16_t type, uint16_t family, uint16_t flags,
			   const char *what);

/* The messages so far, without the end: netlink headers with their payload, owned by @batch. */
const void *batch_bytes(struct batch *batch, size_t *len);

/* Sends and waits for the outcome. On refusal the kernel's errno, with what it refused in @err. */
int batch_send(struct batch *batch, struct error *err);

#endif
