/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BENCH_SCALE_BUILD_H
#define BENCH_SCALE_BUILD_H

/*
 * A director with many services, servers and connections, all of them numbered: connection n goes
 * to service n % services, and its addresses follow from n, so packets are made from nothing but
 * numbers and no table of ours takes part in the caches.
 */
#include "lvs/direct.h"
#include "lvs/route.h"
#include "sched/schedulers.h"
#include "tests/unit/lvs_build.h"

#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <time.h>

#define SERVERS_EACH 10u
#define LOCALS	     16u
#define LOCAL_FIRST  1024u
#define LOCAL_LAST   65535u

struct world {
	uint32_t services_len, servers_each;
	uint8_t af;
	struct services *services;
	struct conns *conns;
	struct proto_timeouts timeouts;
	struct settings settings;
	struct locals *locals;
	struct router router;
	struct dest *dests[SERVERS_EACH]; /* of service 0 */
	uint32_t order[SERVERS_EACH];	  /* the server that the n-th connection gets */
};

struct packet {
	struct pkt pkt;
	uint8_t data[sizeof(struct iphdr) + sizeof(struct tcphdr)];
};

/* Address number @n of network @net. */
static inline union addr world_addr(uint8_t af, uint32_t net, uint32_t n)
{
	if (af == AF_INET6)
		return (union addr){.ip6 = {htonl(0xfd000000 | net), 0, 0, htonl(n)}};
	return (union addr){.ip6 = {htonl(net << 24 | n)}};
}

/* Connection @n from its client. A client has a thousand of them. */
static inline struct flow world_flow(const struct world *world, uint32_t n)
{
	return (struct flow){.af = world->af,
			     .protocol = IPPROTO_TCP,
			     .sport = htons((uint16_t)(1024 + n % 1000)),
			     .dport = htons(80),
			     .saddr = world_addr(world->af, 10, 1 + n / 1000),
			     .daddr = world_addr(world->af, 11, 1 + n % world->services_len)};
}

static inline uint32_t world_server(const struct world *world, uint32_t n)
{
	return n % world->services_len * world->servers_each +
	       world->order[n / world->services_len % world->servers_each];
}

/* IPv4 only. */
static inline void world_packet(const struct world *world, struct packet *out, uint32_t n,
				enum pkt_dir dir, uint8_t tcp_flags)
{
	const struct flow flow = world_flow(world, n);
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .tot_len = htons(sizeof(out->data)),
			   .ttl = 64,
			   .protocol = IPPROTO_TCP,
			   .saddr = flow.saddr.ip,
			   .daddr = flow.daddr.ip};
	struct tcphdr tcp = {.source = flow.sport, .dest = flow.dport, .doff = 5};

	if (dir == PKT_OUT) {
		ip.saddr = world_addr(AF_INET, 12, 1 + world_server(world, n)).ip;
		ip.daddr = flow.saddr.ip;
		tcp.source = htons(8080);
		tcp.dest = flow.sport;
	}
	memcpy(out->data, &ip, sizeof(ip));
	memcpy(out->data + sizeof(ip), &tcp, sizeof(tcp));
	out->data[sizeof(ip) + 13] = tcp_flags;
	out->pkt = (struct pkt){.data = out->data,
				.len = sizeof(out->data),
				.hook = dir == PKT_IN ? HOOK_PREROUTING : HOOK_FORWARD,
				.dir = dir};
}

static inline void world_send(const struct world *world, struct direct *d, uint32_t n,
			      enum pkt_dir dir, uint8_t tcp_flags)
{
	struct packet packet;

	world_packet(world, &packet, n, dir, tcp_flags);
	direct_packet(d, &packet.pkt);
}

/* Connection @n without a packet, to one of service 0's servers. */
static inline void world_add(const struct world *world, struct direct *d, uint32_t n)
{
	struct flow flow = world_flow(world, n);
	struct conn *conn;

	rcu_read_lock();
	if (conn_add(world->conns, &flow, world->dests[world->order[n % SERVERS_EACH]], htons(8080),
		     0, 0, NULL, d->now, &conn))
		abort();
	rcu_read_unlock();
	if (n % 4096 == 0)
		conns_expire(world->conns, d->now, 0);
}

/* Waits until the hashes have their size, and what was freed is. */
static inline void world_settle(struct world *world)
{
	const struct timespec moment = {.tv_nsec = 20000000};

	for (int i = 0; i < 25; i++) {
		conns_expire(world->conns, 0, 0);
		nanosleep(&moment, NULL);
	}
	rcu_barrier();
}

static inline struct direct world_direct(struct world *world)
{
	return (struct direct){.services = world->services,
			       .conns = world->conns,
			       .timeouts = &world->timeouts,
			       .settings = &world->settings,
			       .router = &world->router,
			       .outbox = calloc(1, sizeof(struct outbox)),
			       .stats = calloc(1, sizeof(struct stats)),
			       .mark_mask = 0xffff0000u,
			       .now = 1000};
}

static inline void world_direct_free(struct direct *d)
{
	free(d->outbox);
	free(d->stats);
}

static inline void world_locals(struct world *world)
{
	struct locals_addr addrs[LOCALS];

	for (uint32_t i = 0; i < LOCALS; i++)
		addrs[i] = (struct locals_addr){world->af, world_addr(world->af, 13, 1 + i)};
	world->locals = locals_new(addrs, LOCALS, LOCAL_FIRST, LOCAL_LAST);
	conns_set_locals(world->conns, world->locals, 0);
}

static inline void world_service(struct world *world, uint32_t n, enum forward_method method)
{
	struct service_spec spec = {.key = {.af = world->af,
					    .protocol = IPPROTO_TCP,
					    .port = htons(80),
					    .addr = world_addr(world->af, 11, 1 + n)},
				    .netmask = netmask_full(world->af)};
	struct service *svc;

	if (service_add(world->services, &spec, scheduler_find("rr"), &svc))
		abort();
	for (uint32_t i = 0; i < world->servers_each; i++) {
		struct dest_spec server = {
			.af = world->af,
			.method = method,
			.port = htons(8080),
			.weight = 1,
			.addr = world_addr(world->af, 12, 1 + n * world->servers_each + i)};
		struct dest *dest;

		if (service_dest_add(world->services, svc, &server, &dest))
			abort();
		if (!n)
			world->dests[i] = dest;
	}
}

/* Which server follows which, as the scheduler has it. */
static inline void world_learn(struct world *world)
{
	struct flow flow = world_flow(world, 0);
	struct service *svc = services_find(world->services, &flow, 0);
	const struct sched_time time = {.now = 1000, .settings = &world->settings};

	for (uint32_t i = 0; i < world->servers_each; i++) {
		struct dest *dest = service_schedule(svc, &flow, &time);

		while (world->dests[world->order[i]] != dest)
			world->order[i]++;
	}
}

static inline struct world *world_new(uint32_t services, uint32_t servers, uint8_t af,
				      enum forward_method method)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		abort();
	*world = (struct world){.services_len = services,
				.servers_each = servers,
				.af = af,
				.services = services_new(1),
				.conns = conns_new(1, 1000),
				.settings = SETTINGS_INIT,
				.router = {.find = build_find, .mtu = build_mtu}};
	proto_timeouts_init(&world->timeouts);
	if (method == FORWARD_FULLNAT)
		world_locals(world);
	for (uint32_t i = 0; i < services; i++)
		world_service(world, i, method);
	world_learn(world);
	return world;
}

static inline void world_free(struct world *world)
{
	conns_free(world->conns);
	services_free(world->services);
	locals_free(world->locals);
	rcu_barrier();
	free(world);
}

#endif
