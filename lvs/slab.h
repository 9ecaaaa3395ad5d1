/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SLAB_H
#define LVS_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory for millions of objects of one size, without malloc's 16 bytes for each, given back when
 * they are gone; and a way through all of them that needs no list. Each block of SLAB_BLOCK bytes
 * is aligned to its size, so an object's block is known by its address.
 */
struct slab;

#define SLAB_BLOCK    (256u << 10)
#define SLAB_SIZE_MIN 64u

/* For objects of @size bytes, SLAB_SIZE_MIN or more, aligned to @align, a power of 2 up to 128.
 * NULL without memory. */
struct slab *slab_new(size_t size, size_t align);

/* Frees all objects at once. None may be waiting for a grace period to be released. */
void slab_free(struct slab *slab);

/* An object, with anything in it, or NULL. Any thread. */
void *slab_alloc(struct slab *slab);

/* Takes @object back; nobody may use it any more. Any thread, not while readers hold it: who was
 * shown waits for a grace period after slab_hide(). */
void slab_release(void *object);

/* slab_next() returns @object from now on; no more. Whoever found it may use it until leaving RCU.
 * Any thread. */
void slab_show(void *object);
void slab_hide(void *object);

/* A place in the walk through a slab. To begin: all zero. */
struct slab_cursor {
	uint32_t block, object;
};

/* The next object that is shown, or NULL after the last. Objects that are shown during the whole
 * walk come exactly once; others may come. Any thread under RCU; the cursor may be kept outside. */
void *slab_next(const struct slab *slab, struct slab_cursor *cursor);

/* The place that lies @offset bytes behind the beginning of all blocks, for a walk that begins
 * somewhere. @offset: below slab_bytes(). Any thread. */
struct slab_cursor slab_place(const struct slab *slab, size_t offset);

/* Bytes of an object. */
size_t slab_size(const struct slab *slab);

/* Bytes of address space that the objects take. Any thread. */
size_t slab_bytes(const struct slab *slab);

#endif
