/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_ICMP_H
#define LVS_ICMP_H

#include <stddef.h>
#include <stdint.h>

#define ICMP_ERROR_MAX 1280u /* IPv4: 576 */

/*
 * Writes an ICMP or ICMPv6 error about the packet at @packet (its first @len bytes, or all of it)
 * into @buf, as a complete IP packet from that packet's destination to its source, and returns its
 * length. @type and @code of the packet's family; @info: the second word, that is the MTU of
 * "fragmentation needed" and "packet too big", else 0. Host order. 0: no error may be sent about
 * this packet (RFC 1122 3.2.2, RFC 4443 2.4): it is an ICMP error, a fragment but the first, to or
 * from no single host, or nothing that can be read. Pure; any thread.
 */
size_t icmp_error_build(uint8_t buf[ICMP_ERROR_MAX], const uint8_t *packet, size_t len,
			uint8_t type, uint8_t code, uint32_t info);

#endif
