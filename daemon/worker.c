// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The worker threads: receive a batch, decide each packet under one RCU read lock, send all
 * verdicts. Where there is a worker for each CPU, it is pinned to it, because the rest of a
 * packet's way through the kernel runs inside the sending of its verdict. It never logs and never
 * waits for anything but packets.
 */
#include "daemon/worker.h"
#include "daemon/queue.h"
#include "daemon/routes.h"
#include "daemon/sender.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

/* See gather(). */
#define GATHER_NS  15000
#define GATHER_MIN 8
#define GATHER_MAX 48

struct worker {
	struct workers *all;
	struct queue *queue;
	struct sender *sender;
	struct router *router;
	struct outbox outbox;
	struct stats stats;
	struct direct direct;
	pthread_t thread;
	bool running;
	unsigned int index;
} __attribute__((aligned(64)));

struct workers {
	unsigned int len;
	uint16_t first_queue;
	uint32_t queue_length;
	_Atomic bool stop;
	struct worker *items;
};

unsigned int workers_default(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

/* The n-th CPU that this process may use. */
static int nth_cpu(const cpu_set_t *set, unsigned int n)
{
	n %= (unsigned int)CPU_COUNT(set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, set) && !n--)
			return cpu;
	return 0;
}

/* With a worker for each CPU, each keeps its own. Fewer are left to the kernel's scheduler: a
 * pinned one would wait for its CPU while another is idle. */
static void pin(unsigned int n, unsigned int workers)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) ||
	    workers < (unsigned int)CPU_COUNT(&allowed))
		return;
	CPU_ZERO(&one);
	CPU_SET(nth_cpu(&allowed, n), &one);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

/*
 * Packets that come one after the other in small batches cost two system calls for a few of them.
 * After such a batch a worker waits for a moment, as a network card does before it interrupts, so
 * that the next one is larger. A lone packet is answered at once, and so are full batches.
 */
static void gather(struct worker *worker, int received)
{
	const struct timespec moment = {.tv_nsec = GATHER_NS};

	if (received < GATHER_MIN || received >= GATHER_MAX)
		return;
	stat_add(&worker->stats.syscalls, 1);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

/* The packets of a batch, each step for all of them before the next one: see direct_look(). */
static void worker_decide(struct worker *worker, unsigned int n)
{
	struct sight sights[QUEUE_BATCH];
	struct verdict verdict;

	for (unsigned int i = 0; i < n; i++)
		direct_look(&worker->direct, queue_pkt(worker->queue, i), &sights[i]);
	for (unsigned int i = 0; i < n; i++)
		direct_fetch(&sights[i]);
	for (unsigned int i = 0; i < n; i++) {
		verdict = direct_decide(&worker->direct, queue_pkt(worker->queue, i), &sights[i]);
		queue_verdict(worker->queue, i, &verdict, &worker->stats);
	}
}

static void *worker_run(void *data)
{
	struct worker *worker = data;
	char name[16];
	int n;

	snprintf(name, sizeof(name), "nfvs-queue-%u", worker->index % 1000);
	(void)pthread_setname_np(pthread_self(), name);
	pin(worker->index, worker->all->len);
	(void)prctl(PR_SET_TIMERSLACK, 1); /* or a moment would be 50 us longer */
	rcu_register_thread();
	while (!atomic_load_explicit(&worker->all->stop, memory_order_relaxed)) {
		n = queue_receive(worker->queue, &worker->stats);
		if (n <= 0)
			continue;
		worker->direct.now = director_now();
		rcu_read_lock();
		worker_decide(worker, (unsigned int)n);
		rcu_read_unlock();
		sender_flush(worker->sender, &worker->outbox, worker->router, &worker->stats);
		queue_flush(worker->queue, &worker->stats);
		gather(worker, n);
	}
	rcu_unregister_thread();
	return NULL;
}

/* The queue that segments belongs to the first worker, beside its own. */
static int worker_open(struct workers *workers, unsigned int i, const struct director_conf *conf,
		       struct error *err)
{
	struct worker *worker = &workers->items[i];
	int ret = 0;

	worker->all = workers;
	worker->index = i;
	worker->queue = queue_open(err);
	if (!worker->queue)
		return -ENOMEM;
	worker->sender = sender_open(mark_send(conf->mark_mask), err);
	if (!worker->sender)
		return -EPERM;
	worker->router = routes_open(err);
	if (!worker->router)
		return -ENOMEM;
	queue_set_segments(worker->queue, workers_segment_queue(workers));
	if (!i)
		ret = queue_bind(worker->queue, workers_segment_queue(workers), conf->queue_length,
				 0, err);
	if (!ret)
		ret = queue_bind(worker->queue, workers_queue(workers, i), conf->queue_length,
				 QUEUE_GSO, err);
	return ret ? ret
		   : queue_bind(worker->queue, workers_first_queue(workers, i), conf->queue_length,
				QUEUE_GSO | QUEUE_OPENS, err);
}

int workers_open(struct workers **out, const struct director_conf *conf, struct error *err)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	int ret = -ENOMEM;

	if (!workers)
		return error_set(err, ret, "no memory");
	workers->len = conf->workers ? conf->workers : workers_default();
	workers->first_queue = conf->first_queue;
	workers->queue_length = conf->queue_length;
	if (workers->first_queue + 2 * workers->len > UINT16_MAX) {
		ret = error_set(err, -EINVAL, "queues %u .. %u do not exist: the last is 65535",
				workers->first_queue, workers->first_queue + 2 * workers->len);
		goto fail;
	}
	workers->items = aligned_alloc(64, workers->len * sizeof(*workers->items));
	if (!workers->items)
		goto fail;
	memset(workers->items, 0, workers->len * sizeof(*workers->items));
	for (unsigned int i = 0; i < workers->len; i++) {
		ret = worker_open(workers, i, conf, err);
		if (ret)
			goto fail;
	}
	*out = workers;
	return 0;

fail:
	workers_close(workers);
	return ret;
}

int workers_start(struct workers *workers, struct director *director, struct error *err)
{
	int ret;

	for (unsigned int i = 0; i < workers->len; i++) {
		struct worker *worker = &workers->items[i];

		director_decide(director, &worker->direct);
		worker->direct.router = worker->router;
		worker->direct.outbox = &worker->outbox;
		worker->direct.stats = &worker->stats;
		ret = pthread_create(&worker->thread, NULL, worker_run, worker);
		if (ret)
			return error_set(err, -ret, "cannot start worker %u: %s", i, strerror(ret));
		worker->running = true;
	}
	return 0;
}

static void step(struct workers *workers, unsigned int i, uint16_t number, uint32_t flags,
		 bool aside)
{
	struct queue *queue = workers->items[i].queue;

	if (aside)
		queue_unbind(queue, number);
	else
		queue_rebind(queue, number, workers->queue_length, flags);
}

void workers_aside(struct workers *workers, bool aside)
{
	for (unsigned int i = 0; i < workers->len; i++) {
		step(workers, i, workers_queue(workers, i), QUEUE_GSO, aside);
		step(workers, i, workers_first_queue(workers, i), QUEUE_GSO | QUEUE_OPENS, aside);
	}
	step(workers, 0, workers_segment_queue(workers), 0, aside);
}

void workers_close(struct workers *workers)
{
	if (!workers)
		return;
	atomic_store_explicit(&workers->stop, true, memory_order_relaxed);
	for (unsigned int i = 0; workers->items && i < workers->len; i++) {
		if (workers->items[i].running)
			pthread_join(workers->items[i].thread, NULL);
		queue_close(workers->items[i].queue);
		sender_close(workers->items[i].sender);
		routes_close(workers->items[i].router);
	}
	free(workers->items);
	free(workers);
}

unsigned int workers_count(const struct workers *workers)
{
	return workers->len;
}

uint16_t workers_queue(const struct workers *workers, unsigned int i)
{
	return (uint16_t)(workers->first_queue + i);
}

uint16_t workers_segment_queue(const struct workers *workers)
{
	return (uint16_t)(workers->first_queue + workers->len);
}

uint16_t workers_first_queue(const struct workers *workers, unsigned int i)
{
	return (uint16_t)(workers->first_queue + workers->len + 1 + i);
}

const struct stats *workers_stats(const struct workers *workers, unsigned int i)
{
	return &workers->items[i].stats;
}
