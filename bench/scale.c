// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What many services, servers and connections cost, without root and without a network: packets go
 * straight into direct_packet(). The one idea: every figure is CPU time of the thread that worked,
 * so others on the machine do not count, but for the caches that they share. Each section runs in a
 * process of its own, so that memory is counted from nothing. docs/performance.md explains it.
 */
#include "bench/scale_build.h"
#include "bench/scale_measure.h"
#include "daemon/upkeep.h"
#include "lvs/conns.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS	 5
#define PACKETS	 500000u
#define BATCH	 32u
#define THOUSAND 1000u
#define MILLION	 1000000u
#define MANY	 10000u /* services */
#define WORKERS	 2
#define WATCHERS (WORKERS + 1) /* and one that touches memory of its own and nothing of ours */
#define TURN_MS	 100	       /* as upkeep_tick() wants it */

static uint32_t connections_max = MILLION;

/* What is done with a batch of packets. */
enum how {
	MADE,	/* nothing */
	ALONE,	/* one after the other */
	BATCHED /* as a worker does: each step for all of them */
};

/* How many of them were not forwarded. */
static unsigned int batch_decide(struct direct *d, struct packet packets[BATCH], enum how how)
{
	struct sight sights[BATCH];
	unsigned int lost = 0;

	switch (how) {
	case MADE:
		__asm__ volatile("" : : "r"(packets) : "memory");
		break;
	case ALONE:
		for (uint32_t i = 0; i < BATCH; i++)
			lost += !direct_packet(d, &packets[i].pkt).mangled;
		break;
	case BATCHED:
		for (uint32_t i = 0; i < BATCH; i++)
			direct_look(d, &packets[i].pkt, &sights[i]);
		for (uint32_t i = 0; i < BATCH; i++)
			direct_fetch(&sights[i]);
		for (uint32_t i = 0; i < BATCH; i++)
			lost += !direct_decide(d, &packets[i].pkt, &sights[i]).mangled;
		break;
	}
	return lost;
}

/* ns a packet of random connections, both directions. */
static double packets_round(struct world *world, struct direct *d, uint32_t connections,
			    enum how how, uint64_t *random)
{
	struct packet packets[BATCH];
	uint64_t begin = cpu_ns();
	unsigned int lost = 0;

	for (uint32_t done = 0; done < PACKETS; done += BATCH) {
		rcu_read_lock();
		for (uint32_t i = 0; i < BATCH; i++)
			world_packet(world, &packets[i], random_below(random, connections),
				     i % 2 ? PKT_OUT : PKT_IN, PKT_ACK);
		lost += batch_decide(d, packets, how);
		rcu_read_unlock();
	}
	if (lost) {
		fprintf(stderr, "%u packets were not forwarded\n", lost);
		exit(EXIT_FAILURE);
	}
	return (double)(cpu_ns() - begin) / PACKETS;
}

/* Medians of both ways, whose rounds take turns, so that the machine's other work meets both. */
struct packets_cost {
	double batched, alone;
};

static struct packets_cost packets_cost(struct world *world, struct direct *d, uint32_t connections)
{
	double rounds[BATCHED + 1][ROUNDS];
	uint64_t random = 88172645463325252ull;

	packets_round(world, d, connections, BATCHED, &random);
	for (int i = 0; i < ROUNDS; i++)
		for (enum how how = MADE; how <= BATCHED; how++)
			rounds[how][i] = packets_round(world, d, connections, how, &random) -
					 (how == MADE ? 0 : rounds[MADE][i]);
	return (struct packets_cost){median(rounds[BATCHED], ROUNDS),
				     median(rounds[ALONE], ROUNDS)};
}

/* Established connections number @from .. @to; ns of CPU for each SYN. */
static double establish(struct world *world, struct direct *d, uint32_t from, uint32_t to)
{
	uint64_t spent = 0, begin;

	for (uint32_t i = from; i < to; i += BATCH) {
		uint32_t end = i + BATCH < to ? i + BATCH : to;

		rcu_read_lock();
		begin = cpu_ns();
		for (uint32_t n = i; n < end; n++)
			world_send(world, d, n, PKT_IN, PKT_SYN);
		spent += cpu_ns() - begin;
		for (uint32_t n = i; n < end; n++) {
			world_send(world, d, n, PKT_OUT, PKT_SYN | PKT_ACK);
			world_send(world, d, n, PKT_IN, PKT_ACK);
		}
		rcu_read_unlock();
		if (i / BATCH % 64 == 0)
			conns_expire(world->conns, d->now, 0); /* resizes the hashes */
	}
	world_settle(world);
	return (double)spent / (to - from);
}

static void lookups(uint32_t services)
{
	struct world *world = world_new(services, SERVERS_EACH, AF_INET, FORWARD_NAT);
	struct direct d = world_direct(world);
	struct packets_cost cost;
	struct conns_memory memory;
	uint32_t have = 0;

	printf("%u services of %u servers; ns of CPU time:\n"
	       "  connections  a packet, in batches of %u  alone  a new connection  "
	       "MB  a bare access to it  in huge pages\n",
	       services, SERVERS_EACH, BATCH);
	for (uint32_t n = THOUSAND; n <= connections_max; n *= n == THOUSAND ? 100 : 10) {
		double fresh = establish(world, &d, have, n);
		size_t bytes;

		have = n;
		memory = conns_memory(world->conns);
		bytes = memory.connections + memory.hashes;
		cost = packets_cost(world, &d, n);
		printf("  %11u  %27.0f  %5.0f  %16.0f  %4.0f  %19.0f  %13.0f\n", n, cost.batched,
		       cost.alone, fresh, (double)bytes / 1e6, access_ns(bytes, false),
		       access_ns(bytes, true));
	}
	world_direct_free(&d);
	world_free(world);
}

static void one_service(void)
{
	lookups(1);
}

static void many_services(void)
{
	lookups(MANY);
}

/* ns to find one of the services by its address and port. */
static void find_services(void)
{
	for (uint32_t services = 1; services <= MANY; services *= 100) {
		struct world *world = world_new(services, 1, AF_INET, FORWARD_NAT);
		double rounds[ROUNDS];
		uint64_t random = 1;

		for (int round = 0; round < ROUNDS; round++) {
			uint64_t begin = cpu_ns();

			rcu_read_lock();
			for (uint32_t i = 0; i < PACKETS; i++) {
				struct flow flow =
					world_flow(world, random_below(&random, services));

				if (!services_find(world->services, &flow, 0))
					exit(EXIT_FAILURE);
			}
			rcu_read_unlock();
			rounds[round] = (double)(cpu_ns() - begin) / PACKETS;
		}
		printf("%8u services %7.0f ns to find one\n", services, median(rounds, ROUNDS));
		world_free(world);
	}
}

static void memory(uint8_t af, enum forward_method method, const char *name)
{
	size_t before = resident();
	struct world *world = world_new(1, SERVERS_EACH, af, method);
	struct direct d = world_direct(world);
	const double n = connections_max;
	struct conns_memory memory;

	for (uint32_t i = 0; i < connections_max; i++)
		world_add(world, &d, i);
	world_settle(world);
	memory = conns_memory(world->conns);
	printf("%s %9.0f connections: %5.1f bytes each in memory; %5.1f for the connection, %4.1f "
	       "for its places in two hashes, %3.1f its share of timers and the rest\n",
	       name, n, (double)(resident() - before) / n, (double)memory.connections / n,
	       (double)memory.hashes / n, (double)memory.fixed / n);
	world_direct_free(&d);
	world_free(world);
}

static void memory_nat4(void)
{
	memory(AF_INET, FORWARD_NAT, "IPv4, NAT    ");
}

static void memory_nat6(void)
{
	memory(AF_INET6, FORWARD_NAT, "IPv6, NAT    ");
}

static void memory_fullnat4(void)
{
	memory(AF_INET, FORWARD_FULLNAT, "IPv4, FULLNAT");
}

static void memory_fullnat6(void)
{
	memory(AF_INET6, FORWARD_FULLNAT, "IPv6, FULLNAT");
}

/* A worker beside the end of all connections, and what held it up; with memory, somebody who only
 * goes to random places in it: what holds that one up, too, is the machine. */
struct watcher {
	pthread_t thread;
	char *memory;
	size_t bytes;
	struct world *world;
	uint32_t connections;
	_Atomic bool *stop;
	uint64_t batches, alone,
		over; /* all; those that kept their CPU; of these, above a millisecond */
	uint64_t cpu, wall, kept; /* ns: the longest batch by each clock; of those that kept it */
};

static void longest(uint64_t *max, uint64_t value)
{
	if (value > *max)
		*max = value;
}

static uint64_t switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

/* As many cache lines as a packet may have to wait for. */
static void memory_touch(struct watcher *w, uint64_t *random)
{
	for (int i = 0; i < 4; i++)
		w->memory[(size_t)random_below(random, (uint32_t)(w->bytes / LINE)) * LINE]++;
}

static void watch_batch(struct watcher *w, struct direct *d, uint64_t *random)
{
	uint64_t before = switches(), cpu = cpu_ns(), wall = clock_ns(CLOCK_MONOTONIC);

	rcu_read_lock();
	for (uint32_t i = 0; i < BATCH; i++)
		if (w->memory)
			memory_touch(w, random);
		else
			world_send(w->world, d, random_below(random, w->connections),
				   i % 2 ? PKT_OUT : PKT_IN, PKT_ACK);
	rcu_read_unlock();
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	cpu = cpu_ns() - cpu;
	longest(&w->cpu, cpu);
	longest(&w->wall, wall);
	if (switches() == before) {
		w->alone++;
		w->over += wall > 1000000;
		longest(&w->kept, wall);
	}
	w->batches++;
}

static void *watch(void *data)
{
	struct watcher *w = data;
	struct direct d = world_direct(w->world);
	uint64_t random = (uintptr_t)w;

	rcu_register_thread();
	while (!atomic_load_explicit(w->stop, memory_order_relaxed))
		watch_batch(w, &d, &random);
	rcu_unregister_thread();
	world_direct_free(&d);
	return NULL;
}

/* The control thread's part, turn by turn as the daemon does it; ns of the longest turn. */
static uint64_t expire_all(struct conns *conns, uint64_t now, uint64_t *cpu_turn)
{
	const struct timespec pause = {.tv_nsec = TURN_MS * 1000000};
	uint64_t turn = 0;

	while (conns_count(conns)) {
		uint64_t begin = clock_ns(CLOCK_MONOTONIC), cpu = cpu_ns();

		for (unsigned int i = 0; i < UPKEEP_PORTIONS; i++)
			if (!conns_expire(conns, now, UPKEEP_PORTION))
				break;
		longest(cpu_turn, cpu_ns() - cpu);
		longest(&turn, clock_ns(CLOCK_MONOTONIC) - begin);
		nanosleep(&pause, NULL);
	}
	return turn;
}

static void watch_start(struct watcher watchers[WATCHERS], _Atomic bool *stop)
{
	atomic_store(stop, false);
	for (int i = 0; i < WATCHERS; i++) {
		struct watcher *w = &watchers[i];

		w->stop = stop;
		w->batches = w->alone = w->over = w->cpu = w->wall = w->kept = 0;
		pthread_create(&w->thread, NULL, watch, w);
	}
}

static void watch_end(struct watcher watchers[WATCHERS], const char *when)
{
	atomic_store(watchers[0].stop, true);
	for (int i = 0; i < WATCHERS; i++) {
		struct watcher *w = &watchers[i];

		pthread_join(w->thread, NULL);
		printf("  %s, %s: of %lu batches that kept their CPU the longest took %.3f ms, "
		       "%lu more than 1 ms; of all %lu the longest %.3f ms of CPU, %.3f ms\n",
		       w->memory ? "bare memory" : "a worker", when, (unsigned long)w->alone,
		       (double)w->kept / 1e6, (unsigned long)w->over, (unsigned long)w->batches,
		       (double)w->cpu / 1e6, (double)w->wall / 1e6);
	}
}

static void watch_prepare(struct watcher watchers[WATCHERS], struct world *world)
{
	const struct conns_memory memory = conns_memory(world->conns);
	struct watcher *bare = &watchers[WORKERS];

	for (int i = 0; i < WATCHERS; i++)
		watchers[i] = (struct watcher){.world = world, .connections = connections_max};
	bare->bytes = memory.connections + memory.hashes;
	bare->memory = malloc(bare->bytes);
	if (!bare->memory)
		abort();
	memset(bare->memory, 0, bare->bytes);
}

/* All connections due at once, after as long a time without: what others on the machine do to
 * workers is in both. */
static void expiry(void)
{
	struct world *world = world_new(1, SERVERS_EACH, AF_INET, FORWARD_NAT);
	struct direct d = world_direct(world);
	const struct timespec quiet = {.tv_sec = 4};
	struct watcher watchers[WATCHERS];
	uint64_t begin, turn, cpu_turn = 0;
	_Atomic bool stop;

	for (uint32_t i = 0; i < connections_max; i++)
		world_add(world, &d, i);
	world_settle(world);
	watch_prepare(watchers, world);
	watch_start(watchers, &stop);
	nanosleep(&quiet, NULL);
	watch_end(watchers, "before");
	watch_start(watchers, &stop);
	begin = clock_ns(CLOCK_MONOTONIC);
	turn = expire_all(world->conns, d.now + 4000000, &cpu_turn);
	printf("%9u connections due at once: gone after %.1f s; longest turn of the control thread "
	       "%.1f ms, of CPU %.1f ms\n",
	       connections_max, (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9,
	       (double)turn / 1e6, (double)cpu_turn / 1e6);
	watch_end(watchers, "meanwhile");
	free(watchers[WORKERS].memory);
	begin = resident();
	world_free(world);
	printf("memory before and after giving all back: %.1f MB, %.1f MB\n", (double)begin / 1e6,
	       (double)resident() / 1e6);
}

/* Each is run in a process of its own. */
static const struct section {
	const char *name;
	void (*run)(void);
} sections[] = {
	{"one-service", one_service},	      {"many-services", many_services},
	{"find-services", find_services},     {"memory-nat4", memory_nat4},
	{"memory-nat6", memory_nat6},	      {"memory-fullnat4", memory_fullnat4},
	{"memory-fullnat6", memory_fullnat6}, {"expiry", expiry},
};

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static void section_run(const struct section *section)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		rcu_register_thread();
		section->run();
		rcu_barrier();
		rcu_unregister_thread();
		fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		exit(EXIT_FAILURE);
}

static bool wanted(const struct section *section, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (!strcmp(section->name, argv[i]))
			return true;
	return argc <= 2;
}

static int usage(void)
{
	fprintf(stderr,
		"Usage: scale [CONNECTIONS [SECTION ...]], at least %u. Sections:", THOUSAND);
	for (size_t i = 0; i < SECTIONS; i++)
		fprintf(stderr, " %s", sections[i].name);
	fputc('\n', stderr);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		if (atol(argv[1]) < (long)THOUSAND)
			return usage();
		connections_max = (uint32_t)atol(argv[1]);
	}
	for (size_t i = 0; i < SECTIONS; i++)
		if (wanted(&sections[i], argc, argv))
			section_run(&sections[i]);
	return EXIT_SUCCESS;
}
