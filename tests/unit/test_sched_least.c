// SPDX-License-Identifier: GPL-2.0-or-later
/* sched/lc.c, wlc.c, sed.c, nq.c, fo.c, ovf.c: those that look at weights and connections. */
#include "tests/unit/sched_build.h"

#define BIG  INT32_MAX
#define MANY 20000000

TestSuite(sched_least, .init = lab_open, .fini = lab_close, .timeout = 10);

Test(sched_least, least_connection)
{
	static const struct loads rows[] = {
		{"lc: none", "lc", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"lc: least", "lc", {{1, 1, 0, 0}, {1, 2, 0, 0}, {1, 3, 0, 0}}, 'A'},
		{"lc: ties to the newest", "lc", {{1, 1, 0, 0}, {1, 1, 0, 0}, {1, 2, 0, 0}}, 'B'},
		{"lc: weight is not asked", "lc", {{9, 2, 0, 0}, {1, 1, 0, 0}, {9, 2, 0, 0}}, 'B'},
		{"lc: weight 0 is out", "lc", {{1, 2, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"lc: overloaded is out", "lc", {{1, 2, 0, 0}, {1, 3, 0, 0}, {1, 1, 0, 1}}, 'A'},
		{"lc: 256 inactive", "lc", {{1, 0, 256, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'A'},
		{"lc: 257 inactive tie", "lc", {{1, 0, 257, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'B'},
		{"lc: 258 inactive", "lc", {{1, 1, 0, 0}, {1, 0, 258, 0}, {1, 9, 0, 0}}, 'A'},
		{"wlc: none", "wlc", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"wlc: by weight", "wlc", {{2, 3, 0, 0}, {1, 2, 0, 0}, {4, 7, 0, 0}}, 'A'},
		{"wlc: ties to the newest", "wlc", {{1, 1, 0, 0}, {2, 2, 0, 0}, {3, 4, 0, 0}}, 'B'},
		{"wlc: idle, weight ignored",
		 "wlc",
		 {{9, 0, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}},
		 'B'},
		{"wlc: weight 0 is out", "wlc", {{1, 2, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"wlc: overloaded is out", "wlc", {{1, 9, 0, 0}, {1, 0, 0, 1}, {1, 0, 0, 1}}, 'A'},
		{"wlc: inactive", "wlc", {{2, 0, 513, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'A'},
		{"wlc: inactive tie", "wlc", {{2, 0, 514, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'B'},
		{"wlc: huge", "wlc", {{BIG, MANY - 1, 0, 0}, {BIG, MANY, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"wlc: many", "wlc", {{BIG, MANY, 0, 0}, {BIG, MANY - 1, 0, 0}, {0, 0, 0, 0}}, 'B'},
	};

	loads_run(rows, LEN(rows));
}

Test(sched_least, lc_and_wlc_follow_changes)
{
	static const struct script rows[] = {
		{"lc", "lc", true, "- +A1 A A +B1 B B B =A0 B =A1 A A B !B A -A - !B B"},
		{"wlc", "wlc", true, "- +A1 A +B2 B B B =B0 A =B9 B -B A A A"},
	};

	scripts_run(rows, LEN(rows));
}

Test(sched_least, delay)
{
	static const struct loads rows[] = {
		{"sed: none", "sed", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"sed: idle, by weight", "sed", {{9, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}}, 'A'},
		{"sed: this one counts", "sed", {{3, 1, 0, 0}, {1, 0, 0, 0}, {1, 0, 0, 0}}, 'A'},
		{"sed: ties to the newest", "sed", {{2, 1, 0, 0}, {1, 0, 0, 0}, {2, 2, 0, 0}}, 'B'},
		{"sed: not the inactive", "sed", {{1, 1, 0, 0}, {1, 0, 999, 0}, {1, 1, 0, 0}}, 'B'},
		{"sed: weight 0 is out", "sed", {{1, 5, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"sed: overloaded is out", "sed", {{1, 5, 0, 0}, {9, 0, 0, 1}, {9, 0, 0, 1}}, 'A'},
		{"sed: overloaded in between",
		 "sed",
		 {{1, 5, 0, 0}, {9, 0, 0, 1}, {1, 6, 0, 0}},
		 'A'},
		{"nq: none", "nq", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"nq: idle before fast", "nq", {{1, 0, 0, 0}, {9, 1, 0, 0}, {9, 1, 0, 0}}, 'A'},
		{"nq: the first idle", "nq", {{9, 0, 0, 0}, {1, 0, 0, 0}, {9, 1, 0, 0}}, 'B'},
		{"nq: idle with the inactive",
		 "nq",
		 {{1, 0, 9, 0}, {1, 1, 0, 0}, {1, 1, 0, 0}},
		 'A'},
		{"nq: none idle: sed", "nq", {{2, 3, 0, 0}, {1, 1, 0, 0}, {4, 6, 0, 0}}, 'C'},
		{"nq: none idle, ties", "nq", {{2, 3, 0, 0}, {1, 1, 0, 0}, {1, 2, 0, 0}}, 'B'},
		{"nq: idle of weight 0", "nq", {{1, 5, 0, 0}, {0, 0, 0, 0}, {1, 6, 0, 0}}, 'A'},
		{"nq: idle, overloaded", "nq", {{1, 5, 0, 0}, {1, 0, 0, 1}, {1, 6, 0, 0}}, 'A'},
	};

	loads_run(rows, LEN(rows));
}

Test(sched_least, by_weight)
{
	static const struct loads rows[] = {
		{"fo: none", "fo", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"fo: greatest", "fo", {{3, 99, 0, 0}, {2, 0, 0, 0}, {1, 0, 0, 0}}, 'A'},
		{"fo: the newest of equals", "fo", {{3, 0, 0, 0}, {3, 0, 0, 0}, {1, 0, 0, 0}}, 'B'},
		{"fo: overloaded is out", "fo", {{1, 0, 0, 0}, {2, 0, 0, 0}, {3, 0, 0, 1}}, 'B'},
		{"fo: weight 1 will do", "fo", {{1, 9, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"ovf: none", "ovf", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"ovf: greatest", "ovf", {{3, 0, 0, 0}, {2, 0, 0, 0}, {1, 0, 0, 0}}, 'A'},
		{"ovf: the newest of equals",
		 "ovf",
		 {{3, 0, 0, 0}, {3, 1, 0, 0}, {1, 0, 0, 0}},
		 'B'},
		{"ovf: one more than its weight",
		 "ovf",
		 {{3, 3, 0, 0}, {2, 0, 0, 0}, {1, 0, 0, 0}},
		 'A'},
		{"ovf: and no more", "ovf", {{3, 4, 0, 0}, {2, 0, 0, 0}, {1, 0, 0, 0}}, 'B'},
		{"ovf: the inactive are free",
		 "ovf",
		 {{3, 0, 99, 0}, {2, 0, 0, 0}, {1, 0, 0, 0}},
		 'A'},
		{"ovf: weight 0 is out", "ovf", {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, '-'},
		{"ovf: overloaded is out", "ovf", {{3, 0, 0, 1}, {2, 3, 0, 0}, {1, 1, 0, 0}}, 'C'},
		{"ovf: all run over", "ovf", {{3, 4, 0, 0}, {2, 3, 0, 0}, {1, 2, 0, 0}}, '-'},
	};

	loads_run(rows, LEN(rows));
}
