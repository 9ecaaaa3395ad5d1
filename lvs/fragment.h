/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_FRAGMENT_H
#define LVS_FRAGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * Cuts an IP packet of either family into fragments, one at a time. Pure; any thread.
 *
 *	if (fragment_start(&f, parts, 2, mtu, id))
 *		drop;
 *	while ((len = fragment_next(&f, buf)))
 *		send(buf, len);
 */
struct fragments {
	const struct iovec *parts;
	size_t parts_len;
	uint32_t mtu, id;
	uint32_t head;	    /* bytes of the packet that begin every fragment */
	uint32_t next_at;   /* IPv6: offset of the field that says what follows the head */
	uint32_t at, total; /* bytes of the packet done, and all of them */
	bool v6;
};

/*
 * @parts make up one complete packet whose length is theirs; they must stay until the last
 * fragment. @mtu: bytes that a fragment may have, IP header included. @id: of the fragments, not 0
 * (a raw socket would give each IPv4 fragment another); an IPv4 packet that has one keeps it.
 * Whether the packet may be cut (DF) is the caller's question. A packet that fits comes out whole.
 * -EINVAL: no IP packet; -EMSGSIZE: @mtu leaves no room.
 */
int fragment_start(struct fragments *f, const struct iovec *parts, size_t parts_len, uint32_t mtu,
		   uint32_t id);

/*
 * A new identification, counted in *@last, which all who send from one address share: were each to
 * count for itself, pieces of different packets would fit together. It should start at random (RFC
 * 7739). Never 0 in its lower half, in whose place a raw socket puts another for each fragment. Any
 * thread.
 */
uint32_t fragment_id(_Atomic uint32_t *last);

/* Writes the next fragment into @buf, room for the mtu, and returns its length; 0: no more. */
size_t fragment_next(struct fragments *f, uint8_t *buf);

#endif
