/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_DIRECT_BUILD_H
#define TESTS_DIRECT_BUILD_H

/* A director without queues and rules: what one worker needs, and packets sent through it. */

#include "tests/unit/pkt_build.h"

#include "lvs/direct.h"
#include "lvs/persistence.h"
#include "lvs/route.h"
#include "sched/schedulers.h"

#define LAB_MASK 0xffff0000u

struct lab {
	struct direct d;
	struct settings settings;
	struct outbox outbox; /* what the director sent itself since the last packet came */
	struct router router;
	struct stats stats;
	struct proto_timeouts timeouts;
	/* of the packets to come */
	uint32_t mark;
	bool gso, partial;
	uint32_t ifindex;   /* see lab_mtu() */
	enum pkt_hook hook; /* HOOK_FORWARD: the direction that is given says it all */
	/* of the last packet: as it came, and as the decision left it */
	uint8_t before[BUILD_MAX];
	uint32_t before_len;
	struct pkt pkt; /* its data is a block of exactly its size, so that ASan sees overreads */
	struct verdict verdict;
};

/* A network whose every way takes 1500 bytes, from 10.9.9.9 or fd00:9::9; 127.0.0.1 and ::1 are
 * this machine, and to 10.99.0.0/16 there is no way. */
static inline void lab_find(struct router *router, uint8_t af, const union addr *daddr,
			    struct route *out)
{
	char text[ADDR_STRLEN];

	(void)router;
	*out = (struct route){.saddr = build_addr(af == AF_INET6 ? "fd00:9::9" : "10.9.9.9"),
			      .mtu = 1500};
	addr_format(text, af, daddr);
	if (!strcmp(text, "127.0.0.1") || !strcmp(text, "::1")) {
		out->saddr = *daddr;
		out->local = true;
	}
	if (!strncmp(text, "10.99.", 6))
		*out = (struct route){0};
}

/* Packets come in by interface 1, which takes 1500 bytes, or 9, which takes 9000. */
static inline uint32_t lab_mtu(struct router *router, uint32_t ifindex)
{
	(void)router;
	return ifindex == 9 ? 9000 : 1500;
}

static inline void lab_open(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	lab->settings = (struct settings)SETTINGS_INIT;
	lab->ifindex = 1;
	lab->router.find = lab_find;
	lab->router.mtu = lab_mtu;
	rcu_register_thread();
	proto_timeouts_init(&lab->timeouts);
	lab->d = (struct direct){.services = services_new(42),
				 .conns = conns_new(7, 0),
				 .timeouts = &lab->timeouts,
				 .settings = &lab->settings,
				 .outbox = &lab->outbox,
				 .router = &lab->router,
				 .mark_mask = LAB_MASK,
				 .stats = &lab->stats};
	if (!lab->d.services || !lab->d.conns)
		abort();
}

/* Nothing counts any more, and only the list (or the trash) refers to the server. */
static inline void lab_dest_idle(struct dest *dest, void *data)
{
	(void)data;
	if (dest_total(dest) || atomic_load(&dest->persistent) || atomic_load(&dest->refs) != 1)
		abort();
}

static inline void lab_close(struct lab *lab)
{
	conns_free(lab->d.conns);
	services_each_dest(lab->d.services, lab_dest_idle, NULL);
	services_free(lab->d.services);
	rcu_barrier();
	rcu_unregister_thread();
	free(lab->pkt.data);
}

static inline struct service *lab_service(struct lab *lab, struct service_spec spec)
{
	struct service *svc = NULL;

	if (service_add(lab->d.services, &spec, scheduler_find(spec.scheduler), &svc))
		abort();
	return svc;
}

static inline struct dest *lab_dest(struct lab *lab, struct service *svc, const char *addr,
				    uint16_t port, int32_t weight)
{
	struct dest_spec spec = build_dest(addr, port, weight);
	struct dest *dest = NULL;

	if (service_dest_add(lab->d.services, svc, &spec, &dest))
		abort();
	return dest;
}

/* What "nfvsadm -e" does. */
static inline void lab_edit(struct service *svc, const struct dest *dest, int32_t weight,
			    uint32_t upper, uint32_t lower)
{
	struct dest_spec spec;
	struct dest *out;

	dest_get(dest, &spec);
	spec.weight = weight;
	spec.upper = upper;
	spec.lower = lower;
	if (service_dest_edit(svc, &spec, &out))
		abort();
}

static inline struct verdict lab_bytes(struct lab *lab, enum pkt_dir dir, const void *bytes,
				       size_t len)
{
	free(lab->pkt.data);
	lab->outbox.len = lab->outbox.errors = 0;
	if (len)
		memcpy(lab->before, bytes, len);
	lab->before_len = (uint32_t)len;
	lab->pkt = (struct pkt){.data = malloc(len),
				.len = (uint32_t)len,
				.mark = lab->mark,
				.ifindex = lab->ifindex,
				.hook = lab->hook,
				.dir = lab->hook == HOOK_OUTPUT ? PKT_OUT : dir,
				.csum_partial = lab->partial,
				.gso = lab->gso};
	if (len)
		memcpy(lab->pkt.data, bytes, len);
	rcu_read_lock();
	lab->verdict = direct_packet(&lab->d, &lab->pkt);
	rcu_read_unlock();
	return lab->verdict;
}

static inline struct verdict lab_send(struct lab *lab, enum pkt_dir dir, const struct build *b)
{
	static uint8_t bytes[BUILD_MAX];
	struct build build = *b;

	build.partial |= lab->partial;
	return lab_bytes(lab, dir, bytes, build_packet(bytes, &build));
}

/* Lets time pass: @ms from now, as the control thread sees it in small steps. */
static inline void lab_wait(struct lab *lab, uint64_t ms)
{
	uint64_t end = lab->d.now + ms;

	while (lab->d.now < end) {
		lab->d.now += end - lab->d.now < 500 ? end - lab->d.now : 500;
		while (conns_expire(lab->d.conns, lab->d.now, 100))
			;
	}
}

/* The last packet came back unchanged in every byte. */
static inline bool lab_untouched(const struct lab *lab)
{
	return !lab->verdict.mangled && lab->pkt.len == lab->before_len &&
	       !memcmp(lab->pkt.data, lab->before, lab->before_len);
}

/* The last packet was accepted as it is and unmarked: none of our business. */
static inline bool lab_passed(const struct lab *lab)
{
	return lab->verdict.action == VERDICT_ACCEPT && !lab->verdict.set_mark &&
	       lab_untouched(lab);
}

/* The last packet was accepted, mangled, and now runs between these two. */
static inline bool lab_runs(const struct lab *lab, const char *saddr, uint16_t sport,
			    const char *daddr, uint16_t dport)
{
	return lab->verdict.action == VERDICT_ACCEPT && lab->verdict.mangled &&
	       !lab->verdict.set_mark && packet_runs(lab->pkt.data, saddr, sport, daddr, dport);
}

static inline uint64_t lab_reason(const struct lab *lab, enum reason reason)
{
	return atomic_load(&lab->stats.reasons[reason]);
}

/* The connection from client to virtual service, or NULL. */
static inline struct conn *lab_conn(const struct lab *lab, uint8_t protocol, const char *caddr,
				    uint16_t cport, const char *vaddr, uint16_t vport)
{
	struct flow flow = build_flow(protocol, caddr, cport, vaddr, vport);

	return conn_find(lab->d.conns, &flow, PKT_IN);
}

#endif
