/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BENCH_SCALE_MEASURE_H
#define BENCH_SCALE_MEASURE_H

/* Clocks, the middle of some values, random numbers, memory in use, and what memory itself costs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LINE	  64u
#define HUGE_PAGE (2u << 20)
#define ACCESSES  500000u

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double median(double *values, size_t len)
{
	qsort(values, len, sizeof(*values), by_value);
	return values[len / 2];
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32) % n;
}

/* Bytes of this process in memory. */
static inline size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		exit(EXIT_FAILURE);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Links all cache lines of @bytes at @at into one circle, in random order. */
static inline void circle_make(char *at, size_t bytes)
{
	uint32_t len = (uint32_t)(bytes / LINE), *order = malloc(len * sizeof(*order));
	uint64_t random = 88172645463325252ull;

	if (!order)
		abort();
	for (uint32_t i = 0; i < len; i++)
		order[i] = i;
	for (uint32_t i = len - 1; i; i--) {
		uint32_t other = random_below(&random, i + 1), mine = order[i];

		order[i] = order[other];
		order[other] = mine;
	}
	for (uint32_t i = 0; i < len; i++)
		*(char **)(at + (size_t)order[i] * LINE) = at + (size_t)order[(i + 1) % len] * LINE;
	free(order);
}

/* ns for one bare access to a random place in @bytes of memory whose address the access before had
 * to find out; with @huge, in huge pages, where the kernel gives them. */
static inline double access_ns(size_t bytes, bool huge)
{
	size_t room = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	char *at = aligned_alloc(HUGE_PAGE, room);
	void *volatile next;
	uint64_t begin;
	double ns = 0;

	if (!at)
		abort();
	madvise(at, room, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	circle_make(at, bytes);
	next = at;
	for (int round = 0; round < 2; round++) { /* the first warms up */
		char *step = next;

		begin = cpu_ns();
		for (uint32_t i = 0; i < ACCESSES; i++)
			step = *(char **)step;
		next = step;
		ns = (double)(cpu_ns() - begin) / ACCESSES;
	}
	free(at);
	return ns;
}

#endif
