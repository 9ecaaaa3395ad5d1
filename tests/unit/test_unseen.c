// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/direct.c and the mark by which the rules and the daemon tell each other that the kernel
 * cannot carry a packet, or is not to find a server for it (mark_unseen() in lvs/verdict.h). */
#include "tests/unit/direct_build.h"

#include "lvs/verdict.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define MARK   0x00020000u /* number 1 */
#define UNSEEN mark_unseen(LAB_MASK)

static struct lab lab;
static struct dest *a;

static void setup(void)
{
	lab_open(&lab);
	a = lab_dest(&lab, lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80)), A, 8080, 1);
	atomic_store(&a->carried, MARK);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(unseen, .init = setup, .fini = teardown);

static void in(uint16_t dport, uint8_t flags, uint32_t mark)
{
	lab.mark = mark;
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, dport),
				 .flags = flags});
}

Test(unseen, what_conntrack_makes_nothing_of_is_translated_here)
{
	in(80, PKT_SYN, UNSEEN);
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 8080));
	cr_assert_eq(atomic_load(&a->traffic.in_pkts), 1, "and counted");
	in(80, PKT_ACK, 0);
	cr_assert_eq(lab.verdict.mark, MARK, "the next one may be carried");
	cr_assert_eq(atomic_load(&a->traffic.in_pkts), 1);
}

/* Where rules carry, only. */
Test(unseen, what_belongs_to_no_connection_is_left_alone)
{
	in(80, PKT_ACK, 0x1234);
	cr_assert(lab_passed(&lab));
	atomic_store(&lab.settings.carries, 1);
	in(80, PKT_ACK, 0x1234);
	cr_assert_eq(lab.verdict.action, VERDICT_ACCEPT);
	cr_assert(lab.verdict.set_mark);
	cr_assert_eq(lab.verdict.mark, UNSEEN | 0x1234);
	cr_assert(lab_untouched(&lab));
	cr_assert_eq(lab_reason(&lab, REASON_NO_CONN), 2);
	in(81, PKT_ACK, 0x1234);
	cr_assert(lab_passed(&lab), "of no service at all");
}

/* Our bits are no part of a firewall mark. */
Test(unseen, a_group_is_found_by_the_mark_without_it)
{
	struct dest *dest = lab_dest(&lab, lab_service(&lab, build_fwmark(7)), "10.2.0.7", 0, 1);

	in(443, PKT_SYN, 7 | UNSEEN);
	cr_assert(lab_runs(&lab, CLIENT, 4000, "10.2.0.7", 443));
	cr_assert_eq(dest_total(dest), 1);
}
