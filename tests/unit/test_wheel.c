// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/wheel.c: entries come up in time, never early by more than a slot, far ones too. */
#include "lvs/wheel.h"

#include <criterion/criterion.h>

#define SLOT 128u

/* Steps the clock until @entry comes up; returns the time, or 0 if it has not by @limit. */
static uint64_t comes_up(struct wheel *wheel, const struct wheel_entry *entry, uint64_t now,
			 uint64_t limit)
{
	for (; now <= limit; now += 50) {
		struct wheel_entry *next = wheel_next(wheel, now);

		if (next == entry)
			return now;
		cr_assert_null(next);
	}
	return 0;
}

Test(wheel, entries_come_up_after_their_time)
{
	static const uint64_t delays[] = {0, 1, 100, 127, 128, 129, 3000, 10000, 60000, 900000};

	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		struct wheel_entry entry = {0};
		uint64_t start = 1000003, at;
		struct wheel *wheel = wheel_new(start);

		wheel_add(wheel, &entry, start + delays[i]);
		at = comes_up(wheel, &entry, start, start + delays[i] + 1000);
		cr_assert(at, "delay %lu never came up", (unsigned long)delays[i]);
		cr_assert_geq(at, start + delays[i], "delay %lu too early",
			      (unsigned long)delays[i]);
		cr_assert_leq(at, start + delays[i] + 2 * SLOT + 50, "delay %lu too late",
			      (unsigned long)delays[i]);
		cr_assert_not(wheel_del(wheel, &entry));
		wheel_free(wheel);
	}
}

Test(wheel, beyond_one_turn_comes_up_early_to_be_asked_again)
{
	struct wheel_entry entry = {0};
	struct wheel *wheel = wheel_new(0);
	uint64_t month = 2678400000ull, at;

	wheel_add(wheel, &entry, month);
	at = comes_up(wheel, &entry, 0, 8192 * SLOT + 1000);
	cr_assert(at);
	wheel_add(wheel, &entry, month);
	cr_assert(comes_up(wheel, &entry, at, at + 8192 * SLOT + 1000));
	wheel_free(wheel);
}

Test(wheel, later_does_not_move_earlier_does)
{
	struct wheel_entry entry = {0};
	struct wheel *wheel = wheel_new(0);
	uint64_t at;

	wheel_add(wheel, &entry, 60000);
	wheel_add(wheel, &entry, 90000);
	cr_assert_lt(entry.slot_time, 61000);
	wheel_add(wheel, &entry, 10000);
	at = comes_up(wheel, &entry, 0, 100000);
	cr_assert(at >= 10000 && at < 10400, "at %lu", (unsigned long)at);
	wheel_free(wheel);
}

Test(wheel, deleted_never_comes_up)
{
	struct wheel_entry entries[100] = {0};
	struct wheel *wheel = wheel_new(0);
	unsigned int up = 0;

	for (int i = 0; i < 100; i++)
		wheel_add(wheel, &entries[i], 1000);
	for (int i = 0; i < 100; i += 2)
		cr_assert(wheel_del(wheel, &entries[i]));
	for (struct wheel_entry *entry; (entry = wheel_next(wheel, 5000)); up++)
		cr_assert((entry - entries) % 2);
	cr_assert_eq(up, 50);
	wheel_free(wheel);
}
