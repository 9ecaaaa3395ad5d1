// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The slab allocator. The one idea: objects of one size lie side by side in large aligned blocks,
 * so an object has no header, its block is a mask away, and all of them can be walked block by
 * block. The blocks are kept on shelves, one for each of a few CPUs with a lock of its own: workers
 * that make objects at the same moment rarely meet. A bit for each object says whether the walk may
 * see it. An empty block goes back to the kernel after a grace period. Workers allocate, liburcu's
 * reclaiming thread releases, any thread walks.
 */
#include "lvs/slab.h"
#include "lvs/lock.h"
#include "lvs/rcu.h"

#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

/* LeakSanitizer does not look into mapped memory by itself: objects refer to others, and those that
 * wait to be freed stand in a queue with what does. */
#ifdef __SANITIZE_ADDRESS__
#define LVS_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LVS_LSAN 1
#endif
#endif
#ifdef LVS_LSAN
#define REFERS(at, size)     __lsan_register_root_region(at, size)
#define REFERS_NOT(at, size) __lsan_unregister_root_region(at, size)
#else
#define REFERS(at, size)     ((void)(at))
#define REFERS_NOT(at, size) ((void)(at))
#endif

#define SHELVES	   16u
#define BLOCKS_MAX (1u << 18) /* 64 GB */
#define WORD_BITS  64u

struct shelf {
	pthread_mutex_t lock;
	struct cds_list_head open; /* blocks that are not full */
} __attribute__((aligned(64)));

struct slab {
	size_t size, begin; /* of an object; of the first one in its block */
	uint32_t per_block;
	struct shelf shelves[SHELVES];
	pthread_mutex_t lock;		/* of what follows */
	uint32_t free_slot;		/* no slot before is free */
	_Atomic uint32_t slots, blocks; /* all after these are free; how many are not */
	struct block *_Atomic *directory;
};

struct block {
	struct slab *slab;
	struct shelf *shelf;
	uint32_t slot; /* in slab->directory */
	/* under shelf->lock */
	uint32_t used, fresh;	   /* objects in use; those from here on never were */
	void *released;		   /* linked by their first word */
	struct cds_list_head list; /* in shelf->open, unless full */
	struct rcu_head rcu;
	_Atomic uint64_t shown[SLAB_BLOCK / SLAB_SIZE_MIN / WORD_BITS];
};

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Address space for a block: twice as much, and the ends returned. */
static void *block_map(void)
{
	char *at = map(2 * SLAB_BLOCK);
	size_t before = -(uintptr_t)at % SLAB_BLOCK;

	if (!at)
		return NULL;
	if (before)
		munmap(at, before);
	munmap(at + before + SLAB_BLOCK, SLAB_BLOCK - before);
	REFERS(at + before, SLAB_BLOCK);
	return at + before;
}

static void block_unmap(struct block *block)
{
	ASAN_UNPOISON_MEMORY_REGION(block, SLAB_BLOCK);
	REFERS_NOT(block, SLAB_BLOCK);
	munmap(block, SLAB_BLOCK);
}

static void block_reclaim(struct rcu_head *rcu)
{
	struct block *block = caa_container_of(rcu, struct block, rcu);

	RCU_RECLAIM(block);
	block_unmap(block);
}

struct slab *slab_new(size_t size, size_t align)
{
	struct slab *slab = aligned_alloc(_Alignof(struct slab), sizeof(*slab));

	if (!slab)
		return NULL;
	*slab = (struct slab){.size = (size + align - 1) & -align,
			      .begin = (sizeof(struct block) + align - 1) & -align,
			      .directory = map(BLOCKS_MAX * sizeof(struct block *))};
	if (!slab->directory) {
		free(slab);
		return NULL;
	}
	slab->per_block = (uint32_t)((SLAB_BLOCK - slab->begin) / slab->size);
	lock_init(&slab->lock);
	for (unsigned int i = 0; i < SHELVES; i++) {
		lock_init(&slab->shelves[i].lock);
		CDS_INIT_LIST_HEAD(&slab->shelves[i].open);
	}
	return slab;
}

void slab_free(struct slab *slab)
{
	if (!slab)
		return;
	for (uint32_t i = 0; i < atomic_load_explicit(&slab->slots, memory_order_relaxed); i++) {
		struct block *block =
			atomic_load_explicit(&slab->directory[i], memory_order_relaxed);

		if (block)
			block_unmap(block);
	}
	for (unsigned int i = 0; i < SHELVES; i++)
		pthread_mutex_destroy(&slab->shelves[i].lock);
	pthread_mutex_destroy(&slab->lock);
	munmap(slab->directory, BLOCKS_MAX * sizeof(struct block *));
	free(slab);
}

/* Enters @block into the directory; false if that is full. */
static bool directory_add(struct slab *slab, struct block *block)
{
	uint32_t i;

	pthread_mutex_lock(&slab->lock);
	for (i = slab->free_slot; i < BLOCKS_MAX; i++)
		if (!atomic_load_explicit(&slab->directory[i], memory_order_relaxed))
			break;
	slab->free_slot = i;
	if (i < BLOCKS_MAX) {
		block->slot = i;
		atomic_store_explicit(&slab->directory[i], block, memory_order_release);
		if (i >= atomic_load_explicit(&slab->slots, memory_order_relaxed))
			atomic_store_explicit(&slab->slots, i + 1, memory_order_release);
		atomic_fetch_add_explicit(&slab->blocks, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&slab->lock);
	return i < BLOCKS_MAX;
}

static void directory_del(struct slab *slab, const struct block *block)
{
	pthread_mutex_lock(&slab->lock);
	atomic_store_explicit(&slab->directory[block->slot], NULL, memory_order_relaxed);
	if (block->slot < slab->free_slot)
		slab->free_slot = block->slot;
	atomic_fetch_sub_explicit(&slab->blocks, 1, memory_order_relaxed);
	pthread_mutex_unlock(&slab->lock);
}

/* A new block on @shelf, whose lock the caller holds; NULL without memory. */
static struct block *block_new(struct slab *slab, struct shelf *shelf)
{
	struct block *block = block_map();

	if (!block)
		return NULL;
	block->slab = slab;
	block->shelf = shelf;
	if (!directory_add(slab, block)) {
		block_unmap(block);
		return NULL;
	}
	cds_list_add(&block->list, &shelf->open);
	ASAN_POISON_MEMORY_REGION((char *)block + slab->begin, SLAB_BLOCK - slab->begin);
	return block;
}

static char *block_object(struct block *block, const struct slab *slab, uint32_t i)
{
	return (char *)block + slab->begin + i * slab->size;
}

static struct block *block_of(void *object)
{
	return (struct block *)((uintptr_t)object & -(uintptr_t)SLAB_BLOCK);
}

/* An object of @block, which is not full. Caller holds shelf->lock. */
static void *block_take(struct block *block, const struct slab *slab)
{
	void *object = block->released;

	if (object) {
		ASAN_UNPOISON_MEMORY_REGION(object, slab->size);
		block->released = *(void **)object;
	} else {
		object = block_object(block, slab, block->fresh++);
		ASAN_UNPOISON_MEMORY_REGION(object, slab->size);
	}
	if (++block->used == slab->per_block)
		cds_list_del(&block->list);
	return object;
}

void *slab_alloc(struct slab *slab)
{
	struct shelf *shelf = &slab->shelves[(unsigned int)sched_getcpu() % SHELVES];
	struct block *block;
	void *object = NULL;

	pthread_mutex_lock(&shelf->lock);
	if (cds_list_empty(&shelf->open))
		block = block_new(slab, shelf);
	else
		block = cds_list_first_entry(&shelf->open, struct block, list);
	if (block)
		object = block_take(block, slab);
	pthread_mutex_unlock(&shelf->lock);
	return object;
}

/* An empty block may stay as the last that is open, or a lone object that comes and goes would take
 * and return a block each time. */
static bool block_spare(const struct block *block)
{
	const struct cds_list_head *open = &block->shelf->open;

	return !block->used && !(open->next == &block->list && open->prev == &block->list);
}

void slab_release(void *object)
{
	struct block *block = block_of(object);
	struct shelf *shelf = block->shelf;
	struct slab *slab = block->slab;
	bool spare;

	pthread_mutex_lock(&shelf->lock);
	*(void **)object = block->released;
	block->released = object;
	ASAN_POISON_MEMORY_REGION(object, slab->size);
	if (block->used-- == slab->per_block)
		cds_list_add_tail(&block->list, &shelf->open);
	spare = block_spare(block);
	if (spare)
		cds_list_del(&block->list);
	pthread_mutex_unlock(&shelf->lock);
	if (spare) {
		directory_del(slab, block);
		RCU_LEFT(block);
		call_rcu(&block->rcu, block_reclaim);
	}
}

/* The word of the object's bit, and the bit. */
static _Atomic uint64_t *shown_bit(void *object, uint64_t *bit)
{
	struct block *block = block_of(object);
	size_t at = (size_t)((char *)object - (char *)block) - block->slab->begin;
	uint32_t i = (uint32_t)at / (uint32_t)block->slab->size;

	*bit = UINT64_C(1) << (i % WORD_BITS);
	return &block->shown[i / WORD_BITS];
}

void slab_show(void *object)
{
	uint64_t bit;
	_Atomic uint64_t *word = shown_bit(object, &bit);

	atomic_fetch_or_explicit(word, bit, memory_order_release);
}

void slab_hide(void *object)
{
	uint64_t bit;
	_Atomic uint64_t *word = shown_bit(object, &bit);

	atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
}

/* The first object from number @i on that is shown, or per_block. */
static uint32_t block_next(struct block *block, uint32_t i, uint32_t per_block)
{
	while (i < per_block) {
		uint64_t word =
			atomic_load_explicit(&block->shown[i / WORD_BITS], memory_order_acquire);

		word >>= i % WORD_BITS;
		if (word)
			return i + (uint32_t)__builtin_ctzll(word);
		i += WORD_BITS - i % WORD_BITS;
	}
	return per_block;
}

void *slab_next(const struct slab *slab, struct slab_cursor *cursor)
{
	uint32_t slots = atomic_load_explicit(&slab->slots, memory_order_acquire);

	for (; cursor->block < slots; cursor->block++, cursor->object = 0) {
		struct block *block =
			atomic_load_explicit(&slab->directory[cursor->block], memory_order_acquire);
		uint32_t i;

		if (!block)
			continue;
		RCU_FOUND(block);
		i = block_next(block, cursor->object, slab->per_block);
		if (i < slab->per_block) {
			cursor->object = i + 1;
			return block_object(block, slab, i);
		}
	}
	return NULL;
}

size_t slab_bytes(const struct slab *slab)
{
	return (size_t)atomic_load_explicit(&slab->blocks, memory_order_relaxed) * SLAB_BLOCK;
}

struct slab_cursor slab_place(const struct slab *slab, size_t offset)
{
	return (struct slab_cursor){
		.block = (uint32_t)(offset / SLAB_BLOCK),
		.object = (uint32_t)(offset % SLAB_BLOCK / slab->size),
	};
}

size_t slab_size(const struct slab *slab)
{
	return slab->size;
}
