// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/slab.c: objects apart from each other, memory given back, the walk meets who stays once. */
#include "lvs/slab.h"
#include "lvs/rcu.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 136u
#define MANY 20000u

static struct slab *slab;
static uint64_t *objects[MANY]; /* the first word holds the object's number */

/* Each CPU has its shelf: who moves in the middle takes more blocks. */
static void stay(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	cr_assert_eq(sched_setaffinity(0, sizeof(here), &here), 0);
}

static void setup(void)
{
	stay();
	rcu_register_thread();
	slab = slab_new(SIZE, 8);
	for (uint64_t i = 0; i < MANY; i++) {
		objects[i] = slab_alloc(slab);
		cr_assert(objects[i]);
		memset(objects[i], (int)i, SIZE);
		*objects[i] = i;
	}
}

static void teardown(void)
{
	rcu_barrier();
	slab_free(slab);
	rcu_unregister_thread();
}

TestSuite(slab, .init = setup, .fini = teardown);

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

Test(slab, objects_do_not_overlap)
{
	for (uint64_t i = 0; i < MANY; i++) {
		cr_assert_eq(*objects[i], i, "object %lu was overwritten", (unsigned long)i);
		cr_assert_eq(((uint8_t *)objects[i])[SIZE - 1], (uint8_t)i);
	}
	qsort(objects, MANY, sizeof(objects[0]), by_address);
	for (uint64_t i = 1; i < MANY; i++)
		cr_assert_geq((uintptr_t)objects[i] - (uintptr_t)objects[i - 1], SIZE);
	cr_assert_leq(slab_bytes(slab), MANY * SIZE + 2 * SLAB_BLOCK, "more than was asked for");
	cr_assert_eq(slab_size(slab), SIZE);
}

Test(slab, alignment_is_kept)
{
	struct slab *aligned = slab_new(100, 128);

	cr_assert_eq(slab_size(aligned), 128);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq((uintptr_t)slab_alloc(aligned) % 128, 0);
	slab_free(aligned);
}

Test(slab, released_objects_are_used_again)
{
	size_t bytes = slab_bytes(slab);

	for (unsigned int round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < MANY; i += 2)
			slab_release(objects[i]);
		for (uint32_t i = 0; i < MANY; i += 2)
			objects[i] = slab_alloc(slab);
	}
	cr_assert_leq(slab_bytes(slab), bytes + 2 * SLAB_BLOCK);
}

Test(slab, empty_blocks_are_given_back)
{
	for (uint32_t i = 0; i < MANY; i++)
		slab_release(objects[i]);
	cr_assert_leq(slab_bytes(slab), 2 * SLAB_BLOCK, "%zu bytes are kept", slab_bytes(slab));
	/* And what is taken then is found by a walk as before. */
	objects[0] = slab_alloc(slab);
	slab_show(objects[0]);
	rcu_read_lock();
	cr_assert_eq(slab_next(slab, &(struct slab_cursor){0}), objects[0]);
	rcu_read_unlock();
}

/* Each object with an odd number is shown; the walk is interrupted, and others go meanwhile. */
Test(slab, a_walk_meets_all_that_are_shown_once)
{
	static uint8_t met[MANY];
	struct slab_cursor cursor = {0};
	uint64_t *object;

	for (uint32_t i = 0; i < MANY; i++)
		slab_show(objects[i]);
	for (uint32_t i = 0; i < MANY; i += 2)
		slab_hide(objects[i]);
	for (uint32_t n = 0;; n++) {
		rcu_read_lock();
		object = slab_next(slab, &cursor);
		rcu_read_unlock();
		if (!object)
			break;
		cr_assert_lt(*object, MANY);
		met[*object]++;
		if (n < MANY / 2)
			slab_release(objects[2 * n]);
	}
	for (uint32_t i = 0; i < MANY; i++)
		cr_assert_eq(met[i], i % 2, "object %u was met %u times", i, met[i]);
}

Test(slab, a_walk_may_begin_anywhere)
{
	size_t bytes = slab_bytes(slab);
	unsigned int before = MANY + 1, n;

	for (uint32_t i = 0; i < MANY; i++)
		slab_show(objects[i]);
	rcu_read_lock();
	for (size_t at = 0; at < bytes; at += bytes / 8) {
		struct slab_cursor cursor = slab_place(slab, at);

		for (n = 0; slab_next(slab, &cursor); n++)
			;
		cr_assert_lt(n, before, "no fewer follow at %zu", at);
		before = n;
	}
	rcu_read_unlock();
	cr_assert_lt(before, MANY / 4);
}
