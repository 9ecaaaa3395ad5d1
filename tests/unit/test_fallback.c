// SPDX-License-Identifier: GPL-2.0-or-later
/* rules/fallback.c: who gets which slot. */
#include "rules/fallback.h"

#include <criterion/criterion.h>

/* Servers by letters, the number of slots that each gets, and how they lie. */
Test(fallback, slots_by_weight_and_without_runs)
{
	static const struct {
		const char *name;
		uint32_t weights[20];
		size_t len;
		const char *want;
	} rows[] = {
		{"none", {0}, 0, ""},
		{"no weight", {0, 0}, 2, ""},
		{"one", {7}, 1, "aaaaaaaaaaaaaaaa"},
		{"equal", {1, 1}, 2, "abababababababab"},
		{"equal and large", {UINT32_MAX, UINT32_MAX}, 2, "abababababababab"},
		{"one without", {1, 0, 1}, 3, "acacacacacacacac"},
		{"one to three", {1, 3}, 2, "babbbabbbabbbabb"},
		{"three do not divide: the first gets one more", {1, 1, 1}, 3, "abcabcabcabcabca"},
		{"largest remainder: 11.2, 4.8", {7, 3}, 2, "abaabaaabaabaaba"},
		{"too small a share", {1000, 1}, 2, "aaaaaaaaaaaaaaaa"},
		{"more servers than slots",
		 {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		 18,
		 "abcdefghijklmnop"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fallback_server servers[20] = {0};
		size_t slots[FALLBACK_SLOTS];
		char have[FALLBACK_SLOTS + 1] = "";

		for (size_t k = 0; k < rows[i].len; k++)
			servers[k].weight = rows[i].weights[k];
		if (fallback_fill(slots, servers, rows[i].len))
			for (size_t k = 0; k < FALLBACK_SLOTS; k++)
				have[k] = (char)('a' + slots[k]);
		cr_expect_str_eq(have, rows[i].want, "%s: %s", rows[i].name, have);
	}
}
