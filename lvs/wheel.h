/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_WHEEL_H
#define LVS_WHEEL_H

#include "lvs/rcu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A timer wheel for millions of entries that are put off far more often than they end. Putting off
 * costs a store to the owner's expiry time and no lock: when the slot of an entry comes up, whoever
 * runs the wheel asks the owner for the real time and files it again. Only an entry that must end
 * earlier than filed is moved at once.
 */
struct wheel_entry {
	struct cds_list_head list;
	_Atomic uint64_t slot_time; /* ms, of the slot it is filed in; 0: not filed */
};

struct wheel;

struct wheel *wheel_new(uint64_t now);
void wheel_free(struct wheel *wheel);

/* Bytes that it takes, with no entry or with many. Any thread. */
size_t wheel_bytes(const struct wheel *wheel);

/* Files @entry to come up at @when (ms) or soon after, unless it is filed earlier. Any thread. */
void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t when);

/* Takes @entry out; false if it was not filed. Any thread. */
bool wheel_del(struct wheel *wheel, struct wheel_entry *entry);

/* Takes out an entry whose slot has come up at @now; NULL if there is none. One thread. */
struct wheel_entry *wheel_next(struct wheel *wheel, uint64_t now);

#endif
