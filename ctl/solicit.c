// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ARP probes and neighbour solicitations, and what comes back: bytes to values, every length
 * checked. The one idea: what is sent must change nothing anywhere, neither the caches of
 * neighbours nor the mind of a machine that has the address. Pure; nfvsadm.
 */
#include "ctl/solicit.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct ether_arp) == ARP_LEN, "ARP of Ethernet and IPv4");
_Static_assert(sizeof(struct nd_neighbor_solicit) + 2 + MAC_LEN == SOLICIT_LEN,
	       "a solicitation with its sender's address");

void arp_probe_build(uint8_t out[ARP_LEN], const uint8_t mac[MAC_LEN], const union addr *addr)
{
	struct ether_arp arp = {
		.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
			   .ar_pro = htons(ETH_P_IP),
			   .ar_hln = MAC_LEN,
			   .ar_pln = 4,
			   .ar_op = htons(ARPOP_REQUEST)},
	};

	memcpy(arp.arp_sha, mac, MAC_LEN);
	memcpy(arp.arp_tpa, addr->bytes, 4);
	memcpy(out, &arp, sizeof(arp));
}

int arp_claim_parse(const uint8_t *data, size_t len, union addr *addr, uint8_t mac[MAC_LEN])
{
	struct ether_arp arp;
	uint16_t op;

	if (len < sizeof(arp))
		return -EPROTO;
	memcpy(&arp, data, sizeof(arp));
	op = ntohs(arp.ea_hdr.ar_op);
	if (arp.ea_hdr.ar_hrd != htons(ARPHRD_ETHER) || arp.ea_hdr.ar_pro != htons(ETH_P_IP) ||
	    arp.ea_hdr.ar_hln != MAC_LEN || arp.ea_hdr.ar_pln != 4 ||
	    (op != ARPOP_REQUEST && op != ARPOP_REPLY))
		return -EPROTO;
	memset(addr, 0, sizeof(*addr));
	memcpy(addr->bytes, arp.arp_spa, 4);
	memcpy(mac, arp.arp_sha, MAC_LEN);
	return 0;
}

void nd_solicit_build(uint8_t out[SOLICIT_LEN], const uint8_t mac[MAC_LEN], const union addr *addr)
{
	struct nd_neighbor_solicit solicit = {.nd_ns_type = ND_NEIGHBOR_SOLICIT};
	uint8_t *option = out + sizeof(solicit);

	memcpy(&solicit.nd_ns_target, addr->bytes, sizeof(solicit.nd_ns_target));
	memcpy(out, &solicit, sizeof(solicit));
	option[0] = ND_OPT_SOURCE_LINKADDR;
	option[1] = 1; /* in units of 8 bytes */
	memcpy(option + 2, mac, MAC_LEN);
}

union addr nd_solicit_group(const union addr *addr)
{
	union addr group = {.bytes = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};

	memcpy(group.bytes + 13, addr->bytes + 13, 3);
	return group;
}

int nd_claim_parse(const uint8_t *data, size_t len, union addr *addr, uint8_t mac[MAC_LEN])
{
	struct nd_neighbor_advert advert;
	size_t at = sizeof(advert), size;

	if (len < sizeof(advert))
		return -EPROTO;
	memcpy(&advert, data, sizeof(advert));
	if (advert.nd_na_type != ND_NEIGHBOR_ADVERT || advert.nd_na_code)
		return -EPROTO;
	for (; len - at >= 8; at += size) {
		size = data[at + 1] * 8u;
		if (!size || size > len - at)
			return -EPROTO;
		if (data[at] != ND_OPT_TARGET_LINKADDR || size != 8)
			continue;
		memcpy(addr->bytes, &advert.nd_na_target, sizeof(addr->bytes));
		memcpy(mac, data + at + 2, MAC_LEN);
		return 0;
	}
	return -EPROTO;
}

const char *mac_format(char buf[MAC_STRLEN], const uint8_t mac[MAC_LEN])
{
	snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return buf;
}
