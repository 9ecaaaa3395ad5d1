// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Persistence by where a client is: its network, by the service's netmask. Where a service has
 * several ports, or a mark several addresses and protocols, one template covers them all
 * (lvs-semantics, section 5). Workers; control thread for "nfvsadm explain".
 */
#include "lvs/persistence.h"
#include "lvs/service.h"

#include <arpa/inet.h>

#define FTP_PORT 21

/* The firewall mark written as an address, in the first word of either family, as IPVS lists it:
 * 0.0.0.N, or [N::]. */
static union addr mark_addr(uint32_t mark)
{
	return (union addr){.ip6 = {htonl(mark)}};
}

static bool address_fill(const struct service *svc, const struct flow *flow, const struct pkt *pkt,
			 struct template_key *key)
{
	uint32_t netmask = atomic_load_explicit(&svc->netmask, memory_order_relaxed);

	(void)pkt;
	*key = (struct template_key){
		.flow = {.af = flow->af,
			 .protocol = flow->protocol,
			 .saddr = addr_network(flow->af, &flow->saddr, netmask),
			 .daddr = flow->daddr}};
	if (svc->key.fwmark) {
		key->flow.protocol = IPPROTO_IP;
		key->flow.daddr = mark_addr(svc->key.fwmark);
	} else if (flow->dport == svc->key.port && svc->key.port != htons(FTP_PORT)) {
		key->flow.dport = flow->dport;
	}
	return true;
}

const struct persistence_engine pe_address = {
	.name = "address",
	.fill = address_fill,
};
