/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_CSUM_H
#define LVS_CSUM_H

#include "lvs/addr.h"

/*
 * Internet checksums (RFC 1071) and their incremental update (RFC 1624). A "sum" is a 32-bit one's
 * complement sum in network order, not folded and not complemented; csum_fold() makes the 16 bits
 * of a header field from it. Pure; any thread.
 */

/* Adds @len bytes to @sum. @data may have any alignment; an odd last byte is padded with zero. */
uint32_t csum_add_bytes(uint32_t sum, const void *data, size_t len);

/* Folds and complements. */
__be16 csum_fold(uint32_t sum);

/* The pseudo-header of RFC 793/768 (AF_INET) or RFC 8200 (AF_INET6); @len is the L4 length. */
uint32_t csum_pseudo(uint8_t af, const union addr *saddr, const union addr *daddr, uint32_t len,
		     uint8_t protocol);

/* The field @check after 16 or 32 bits (or an address) of what it covers changed. RFC 1624, eqn. 3.
 */
__be16 csum_replace16(__be16 check, __be16 from, __be16 to);
__be16 csum_replace32(__be16 check, __be32 from, __be32 to);
__be16 csum_replace_addr(__be16 check, uint8_t af, const union addr *from, const union addr *to);

#endif
