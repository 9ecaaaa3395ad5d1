/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_CARRIED_BUILD_H
#define TESTS_CARRIED_BUILD_H

/* One service whose only server has a number in the kernel, one client, and copies of what passes
 * between them there. */

#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>
#include <netinet/tcp.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define MARK   0x00020000u /* number 1 */

#define ACTIVE_MS  (15 * 60 * 1000ull) /* timeouts of IPVS */
#define FINWAIT_MS (2 * 60 * 1000ull)
#define UDP_MS	   (5 * 60 * 1000ull)

static struct lab lab;
static struct service *svc;
static struct dest *a;
static bool chosen;	     /* its copies say so, and ... */
static uint32_t copied_mark; /* ... have this mark */

static inline void setup(void)
{
	lab_open(&lab);
	svc = lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80));
	a = lab_dest(&lab, svc, A, 8080, 1);
	atomic_store(&a->carried, MARK);
}

static inline void teardown(void)
{
	lab_close(&lab);
}

static inline const struct build *tcp(enum pkt_dir dir, uint8_t flags)
{
	static struct build b;

	if (dir == PKT_IN)
		b = (struct build){.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80)};
	else
		b = (struct build){.protocol = IPPROTO_TCP, FROM_TO(A, 8080, CLIENT, 4000)};
	b.flags = flags;
	return &b;
}

static inline void in(uint8_t flags)
{
	lab_send(&lab, PKT_IN, tcp(PKT_IN, flags));
}

static inline struct conn *conn(void)
{
	return lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
}

static inline uint8_t state(void)
{
	return conn() ? atomic_load(&conn()->state) : 0xff;
}

/* A copy of a packet, or of its first @len bytes; 0: all. The block is just as large, so that ASan
 * sees what is read behind it. */
static inline void copy(const struct build *b, size_t len)
{
	static uint8_t bytes[BUILD_MAX];
	size_t whole = build_packet(bytes, b);
	struct pkt pkt = {.len = (uint32_t)(len ? len : whole),
			  .gso = true,
			  .chosen = chosen,
			  .mark = copied_mark};

	pkt.data = malloc(pkt.len);
	memcpy(pkt.data, bytes, pkt.len);
	lab.outbox.len = 0;
	rcu_read_lock();
	direct_observe(&lab.d, &pkt);
	rcu_read_unlock();
	cr_assert(!memcmp(pkt.data, bytes, pkt.len), "a copy is only read");
	cr_assert_eq(lab.outbox.len, 0);
	free(pkt.data);
}

static inline void seen(enum pkt_dir dir, uint8_t flags)
{
	copy(tcp(dir, flags), 0);
}

#define COUNTS(n, m)                                                                   \
	do {                                                                           \
		cr_assert_eq(dest_active(a), (n), "active: %u", dest_active(a));       \
		cr_assert_eq(dest_inactive(a), (m), "inactive: %u", dest_inactive(a)); \
	} while (0)

#endif
