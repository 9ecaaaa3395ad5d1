// SPDX-License-Identifier: GPL-2.0-or-later
/* What keeps a million connections cheap, counted rather than timed: their memory, what one turn of
 * the control thread ends, and what one insertion does while the hashes grow. */
#include "bench/scale_build.h"
#include "daemon/upkeep.h"
#include "lib/log.h"
#include "lvs/conns.h"

#include <criterion/criterion.h>
#include <dlfcn.h>

#define MANY	   100000u
#define BYTES	   189u	    /* a connection, without what is shared by all: */
#define BYTES_MORE 3000000u /* 3 bytes for each of a million */

TestSuite(scale, .init = (void (*)(void))rcu_register_thread, .fini = rcu_unregister_thread);

/* The hashes may just have doubled, so all along the way there. */
static void fits(uint8_t af, enum forward_method method, const char *name)
{
	struct world *world = world_new(1, SERVERS_EACH, af, method);
	struct direct d = world_direct(world);
	struct conns_memory memory;

	for (uint32_t n = 0; n < MANY; n++) {
		world_add(world, &d, n);
		memory = conns_memory(world->conns);
		if (n > MANY / 4)
			cr_assert_leq(memory.connections + memory.hashes,
				      BYTES * n + 4 * SLAB_BLOCK, "%s: %zu and %zu for %u", name,
				      memory.connections, memory.hashes, n);
	}
	cr_assert_leq(memory.fixed, BYTES_MORE);
	world_direct_free(&d);
	world_free(world);
}

Test(scale, a_connection_takes_192_bytes_at_most)
{
	fits(AF_INET, FORWARD_NAT, "IPv4");
	fits(AF_INET6, FORWARD_NAT, "IPv6");
	fits(AF_INET, FORWARD_FULLNAT, "IPv4 with a local endpoint");
	fits(AF_INET6, FORWARD_FULLNAT, "IPv6 with a local endpoint");
}

static _Atomic bool resize_waits;
static _Atomic unsigned int resizes;

/* liburcu's, which takes its time if the test wants that. */
void cds_lfht_resize(struct cds_lfht *table, unsigned long buckets)
{
	void (*resize)(struct cds_lfht *, unsigned long);
	const struct timespec moment = {.tv_nsec = 1000000};

	*(void **)&resize = dlsym(RTLD_NEXT, "cds_lfht_resize");
	atomic_fetch_add(&resizes, 1);
	while (atomic_load(&resize_waits))
		nanosleep(&moment, NULL);
	resize(table, buckets);
}

/* With a resize that does not end, neither who adds nor the control thread would go on if it waited
 * for that, or did it itself. */
Test(scale, nobody_waits_for_the_hashes_to_grow, .timeout = 60)
{
	struct world *world = world_new(1, SERVERS_EACH, AF_INET, FORWARD_NAT);
	struct direct d = world_direct(world);
	const size_t hashes = conns_memory(world->conns).hashes;
	const struct flow last = world_flow(world, MANY - 1);
	const struct timespec moment = {.tv_nsec = 1000000};

	atomic_store(&resize_waits, true);
	for (uint32_t n = 0; n < MANY; n++)
		world_add(world, &d, n);
	while (!atomic_load(&resizes)) {
		conns_expire(world->conns, d.now, 0);
		nanosleep(&moment, NULL);
	}
	cr_assert_eq(atomic_load(&resizes), 1, "one after the other");
	rcu_read_lock();
	cr_assert(conn_find(world->conns, &last, PKT_IN), "not found meanwhile");
	rcu_read_unlock();
	atomic_store(&resize_waits, false);
	world_settle(world);
	cr_assert_geq(conns_memory(world->conns).hashes, 16 * hashes, "they did not grow");
	cr_assert_geq(atomic_load(&resizes), 4);
	world_direct_free(&d);
	world_free(world);
}

static struct director *director_make(struct dest **dest)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 1024, .table = "test", .mark_mask = 0xffff0000};
	const struct service_spec web = build_service(IPPROTO_TCP, "11.0.0.1", 80);
	const struct dest_spec spec = build_dest("12.0.0.1", 8080, 1);
	struct error err = {""};
	struct director *director;

	log_init(LOG_ERR);
	director = director_new(&conf, 1, &err);
	cr_assert(director, "%s", err.text);
	cr_assert_not(director_service_add(director, &web, &err), "%s", err.text);
	cr_assert_not(director_dest_add(director, &web.key, &spec, &err), "%s", err.text);
	*dest = service_dest(services_get(director_services(director), &web.key), spec.af,
			     &spec.addr, spec.port);
	return director;
}

/* All are due at once, but one turn ends only so many. */
Test(scale, ends_are_spread_over_turns)
{
	const struct timespec moment = {.tv_nsec = 300000000}; /* more than a slot of the wheel */
	const uint64_t most = UPKEEP_PORTION * UPKEEP_PORTIONS;
	const struct world numbers = {.services_len = 1, .servers_each = 1, .af = AF_INET};
	struct dest *dest;
	struct director *director = director_make(&dest);
	struct conns *conns = director_conns(director);
	struct upkeep upkeep = {.director = director};
	uint64_t left = 2 * MANY, turns = 0;
	struct conn *conn;

	rcu_read_lock();
	for (uint32_t n = 0; n < left; n++) {
		struct flow flow = world_flow(&numbers, n);

		cr_assert_not(conn_add(conns, &flow, dest, htons(8080), 0, 0, NULL, 1, &conn));
	}
	rcu_read_unlock();
	nanosleep(&moment, NULL);
	for (; conns_count(conns); turns++) {
		upkeep_tick(&upkeep);
		cr_assert_eq(left - conns_count(conns), left < most ? left : most,
			     "turn %lu: %lu, then %lu left", (unsigned long)turns,
			     (unsigned long)left, (unsigned long)conns_count(conns));
		left = conns_count(conns);
	}
	cr_assert_eq(turns, (2 * MANY + most - 1) / most);
	director_free(director);
}

/* And so many without leaving RCU, or the memory of those before could not be given back. */
Test(scale, ends_are_spread_over_portions)
{
	struct world *world = world_new(1, SERVERS_EACH, AF_INET, FORWARD_NAT);
	struct direct d = world_direct(world);
	uint64_t left = MANY;
	bool more = true;

	for (uint32_t n = 0; n < MANY; n++)
		world_add(world, &d, n);
	while (more) {
		more = conns_expire(world->conns, d.now + 10000, UPKEEP_PORTION);
		cr_assert_leq(left - conns_count(world->conns), UPKEEP_PORTION);
		cr_assert(!more || left - conns_count(world->conns) == UPKEEP_PORTION);
		left = conns_count(world->conns);
	}
	cr_assert_eq(left, 0);
	world_direct_free(&d);
	world_free(world);
}
