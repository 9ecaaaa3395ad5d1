/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_LVS_BUILD_H
#define TESTS_LVS_BUILD_H

/* Short forms for tests that need addresses, services and servers. */

#include "lvs/route.h"
#include "lvs/service.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static inline union addr build_addr(const char *text)
{
	union addr addr = {.ip6 = {0}};
	uint8_t af;

	if (addr_parse(text, &af, &addr))
		abort();
	return addr;
}

static inline uint8_t build_af(const char *text)
{
	union addr addr;
	uint8_t af;

	if (addr_parse(text, &af, &addr))
		abort();
	return af;
}

static inline struct service_spec build_service(uint8_t protocol, const char *addr, uint16_t port)
{
	return (struct service_spec){
		.key = {.af = build_af(addr),
			.protocol = protocol,
			.port = htons(port),
			.addr = build_addr(addr)},
		.scheduler = "rr",
		.netmask = netmask_full(build_af(addr)),
	};
}

static inline struct service_spec build_fwmark(uint32_t mark)
{
	return (struct service_spec){.key = {.af = AF_INET, .fwmark = mark},
				     .scheduler = "rr",
				     .netmask = netmask_full(AF_INET)};
}

static inline struct dest_spec build_dest(const char *addr, uint16_t port, int32_t weight)
{
	return (struct dest_spec){.af = build_af(addr),
				  .method = FORWARD_NAT,
				  .port = htons(port),
				  .weight = weight,
				  .addr = build_addr(addr)};
}

static inline struct flow build_flow(uint8_t protocol, const char *saddr, uint16_t sport,
				     const char *daddr, uint16_t dport)
{
	return (struct flow){.af = build_af(saddr),
			     .protocol = protocol,
			     .sport = htons(sport),
			     .dport = htons(dport),
			     .saddr = build_addr(saddr),
			     .daddr = build_addr(daddr)};
}

/* The one that service_schedule() would return now, changing nothing. */
static inline struct dest *service_peek(struct service *svc, const struct flow *flow)
{
	_Alignas(16) uint8_t state[SCHEDULER_STATE_MAX];

	memcpy(state, svc->sched_state, sizeof(state));
	return svc->pool_len ? svc->sched->pick(svc, flow, state) : NULL;
}

static inline int build_count_one(struct service *svc, void *data)
{
	(void)svc;
	++*(uint32_t *)data;
	return 0;
}

static inline uint32_t build_count(const struct services *services)
{
	uint32_t n = 0;

	rcu_read_lock();
	services_each(services, build_count_one, &n);
	rcu_read_unlock();
	return n;
}

/* A router for whom every way takes 1500 bytes, from the address beside the one asked for. */
static inline void build_find(struct router *router, uint8_t af, const union addr *daddr,
			      struct route *out)
{
	(void)router;
	*out = (struct route){.saddr = *daddr, .mtu = 1500};
	out->saddr.bytes[af == AF_INET6 ? 15 : 3] ^= 1;
}

static inline uint32_t build_mtu(struct router *router, uint32_t ifindex)
{
	(void)router;
	(void)ifindex;
	return 1500;
}

#endif
