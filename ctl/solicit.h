/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_SOLICIT_H
#define CTL_SOLICIT_H

#include "ctl/networks.h"

/*
 * The messages by which neighbours are asked who has an address, and those that say it. Pure; any
 * thread.
 */
#define ARP_LEN	    28u
#define SOLICIT_LEN 32u

/* An ARP probe for @addr as RFC 5227 has it: from no address, so that nobody learns anything by
 * it. @mac: ours. */
void arp_probe_build(uint8_t out[ARP_LEN], const uint8_t mac[MAC_LEN], const union addr *addr);

/* Any ARP message in which somebody says that an address is his. -EPROTO: it is none such; the rest
 * is untouched. */
int arp_claim_parse(const uint8_t *data, size_t len, union addr *addr, uint8_t mac[MAC_LEN]);

/* The ICMPv6 part of a neighbour solicitation (RFC 4861) for @addr; the checksum is left to the
 * kernel. Not one of duplicate address detection: the answer to those goes to all, and would move
 * them to whoever gives it. */
void nd_solicit_build(uint8_t out[SOLICIT_LEN], const uint8_t mac[MAC_LEN], const union addr *addr);

/* Where it is sent: the group of all that could have @addr. */
union addr nd_solicit_group(const union addr *addr);

/* The ICMPv6 part of a neighbour advertisement that says whose the address is. As above. */
int nd_claim_parse(const uint8_t *data, size_t len, union addr *addr, uint8_t mac[MAC_LEN]);

/* "02:00:00:00:00:01"; returns @buf. */
#define MAC_STRLEN 18
const char *mac_format(char buf[MAC_STRLEN], const uint8_t mac[MAC_LEN]);

#endif
