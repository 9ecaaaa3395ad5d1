// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lvs/conn.c and lvs/wheel.c under threads: workers find, add, put off, end and invalidate the same
 * connections and templates while the control thread lets time pass, which makes the hashes grow
 * and shrink, and another thread lists them. For ThreadSanitizer; a plain program, because
 * criterion does not start under it. Exits 0 if in the end nothing is counted.
 */
#include "tests/unit/lvs_build.h"
#include "tests/unit/stress_build.h"

#include "lvs/conn.h"
#include "lvs/persistence.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define WORKERS	 3
#define CLIENTS	 64
#define PORTS	 16   /* that all workers meet at */
#define MANY	 8192 /* so many make the hashes grow, and shrink when they are gone */
#define SERVERS	 3
#define MILLISEC 2000 /* of real time */

static struct conns *conns;
static struct dest *dests[SERVERS];
static _Atomic uint64_t clock_ms; /* the connections' time; control thread writes */
static _Atomic bool stop;

struct worker {
	pthread_t thread;
	uint64_t random;
	uint64_t added, found, ended;
};

static void extend(struct conn *conn, uint32_t timeout, uint64_t now)
{
	conn_lock(conn);
	conn_set_timeout(conns, conn, timeout, now);
	conn_unlock(conn);
}

/* The template of a client, found or made. */
static struct conn *template_get(struct worker *w, const struct flow *flow, uint64_t now)
{
	struct template_key key = {.flow = *flow};
	struct conn *template;

	key.flow.sport = 0;
	template = conn_find_template(conns, &key);
	if (template)
		return template;
	conn_add_template(conns, &key, dests[random_below(&w->random, SERVERS)], 0, now, &template);
	extend(template, 500, now);
	return template;
}

static void use(struct worker *w, struct conn *conn, uint64_t now)
{
	uint8_t flags;

	w->found++;
	switch (random_below(&w->random, 8)) {
	case 0:
		extend(conn, 100 + random_below(&w->random, 3000), now);
		break;
	case 1: /* what a change of state does */
		conn_lock(conn);
		flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
		if (!(flags & CONN_DEAD)) {
			dest_activate(conn->dest, flags & CONN_INACTIVE);
			atomic_store_explicit(&conn->flags, flags ^ CONN_INACTIVE,
					      memory_order_relaxed);
		}
		conn_unlock(conn);
		break;
	case 2:
		conn_expire(conns, conn);
		w->ended++;
		break;
	case 3:
		if (conn->control)
			conn_invalidate(conns, conn->control);
		break;
	default:
		conn_touch(conn, now);
	}
}

static void count_one(struct conn *conn, void *data)
{
	unsigned int *n = data;

	*n += conn->dport != 0;
}

static void step(struct worker *w)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.0", 0, "10.1.0.100", 80), reply;
	uint64_t now = atomic_load_explicit(&clock_ms, memory_order_relaxed);
	struct conn *conn, *control = NULL;
	bool once = random_below(&w->random, 2);
	unsigned int n = 0;

	flow.saddr.ip = htonl(0x0a010000 + random_below(&w->random, CLIENTS));
	flow.sport = htons((uint16_t)(1000 + random_below(&w->random, once ? MANY : PORTS)));
	conn = conn_find(conns, &flow, PKT_IN);
	if (!conn) {
		if (!once && random_below(&w->random, 2))
			control = template_get(w, &flow, now);
		conn_add(conns, &flow,
			 control ? control->dest : dests[random_below(&w->random, SERVERS)],
			 htons(8080), 0, random_below(&w->random, 16) ? 0 : CONN_ONEPACKET, control,
			 now, &conn);
		w->added++;
		if (atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_ONEPACKET)
			conn_expire(conns, conn);
		else if (once)
			extend(conn, 10000, now);
		return;
	}
	use(w, conn, now);
	reply = (struct flow){.af = AF_INET,
			      .protocol = IPPROTO_TCP,
			      .sport = htons(8080),
			      .dport = flow.sport,
			      .saddr = dests[0]->addr,
			      .daddr = flow.saddr};
	conn = conn_find(conns, &reply, PKT_OUT);
	if (conn)
		use(w, conn, now);
	if (!random_below(&w->random, 4096))
		conns_walk(conns, &(struct conns_walk){0}, UINT_MAX, count_one, &n);
}

static void count_walked(struct conn *conn, void *data)
{
	count_one(conn, data);
}

/* Lists all in portions, while they come and go. */
static void *list(void *data)
{
	unsigned int *lists = data, n = 0;
	struct conns_walk walk;

	rcu_register_thread();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		walk = (struct conns_walk){0};
		while (conns_walk(conns, &walk, 64, count_walked, &n))
			;
		++*lists;
	}
	rcu_unregister_thread();
	return NULL;
}

static void *work(void *data)
{
	struct worker *w = data;

	rcu_register_thread();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		rcu_read_lock();
		for (int i = 0; i < 64; i++)
			step(w);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

static void pass_time(uint64_t ms)
{
	uint64_t now = atomic_load_explicit(&clock_ms, memory_order_relaxed) + ms;

	atomic_store_explicit(&clock_ms, now, memory_order_relaxed);
	while (conns_expire(conns, now, 64))
		;
}

/* What is still counted after all connections had the time to end. */
static int left_over(void)
{
	int bad = 0;

	for (int i = 0; i < 1000; i++)
		pass_time(500);
	if (conns_count(conns)) {
		fprintf(stderr, "%lu connections left\n", (unsigned long)conns_count(conns));
		bad = 1;
	}
	for (int i = 0; i < SERVERS; i++) {
		struct dest *d = dests[i];

		if (!dest_total(d) && !atomic_load(&d->persistent) && atomic_load(&d->refs) == 1)
			continue;
		fprintf(stderr, "server %d: %u active, %u inactive, %u templates, %u references\n",
			i, dest_active(d), dest_inactive(d), atomic_load(&d->persistent),
			atomic_load(&d->refs));
		bad = 1;
	}
	return bad;
}

int main(void)
{
	struct timespec tick = {.tv_nsec = 1000000};
	struct worker workers[WORKERS] = {0};
	struct service_key key = {.af = AF_INET};
	unsigned int lists = 0;
	pthread_t lister;
	uint64_t most = 0;
	int bad;

	rcu_register_thread();
	conns = conns_new(1, 0);
	for (int i = 0; i < SERVERS; i++) {
		struct dest_spec spec = build_dest("10.2.0.1", 8080, 1);

		spec.addr.ip = htonl(0x0a020001 + (uint32_t)i);
		spec.upper = 50;
		dests[i] = dest_new(&spec, &key);
	}
	for (int i = 0; i < WORKERS; i++) {
		workers[i].random = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1);
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	pthread_create(&lister, NULL, list, &lists);
	for (int i = 0; i < MILLISEC; i++) {
		pass_time(20);
		most = conns_count(conns) > most ? conns_count(conns) : most;
		nanosleep(&tick, NULL);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		printf("worker %d: %lu added, %lu found, %lu ended\n", i,
		       (unsigned long)workers[i].added, (unsigned long)workers[i].found,
		       (unsigned long)workers[i].ended);
	}
	pthread_join(lister, NULL);
	printf("%lu connections at most, listed %u times\n", (unsigned long)most, lists);
	bad = left_over();
	conns_free(conns);
	for (int i = 0; i < SERVERS; i++)
		dest_put(dests[i]);
	rcu_barrier();
	rcu_unregister_thread();
	return bad;
}
