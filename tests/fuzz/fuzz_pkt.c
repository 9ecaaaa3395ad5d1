// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as packets into direct_packet(), for libFuzzer: a few services and servers of both
 * families, and a clock that moves, so that connections come, change and end. An input is a row of
 * packets, each with two bytes that say how it comes and two of length before it; addresses and
 * ports are mapped onto few values, else nothing would ever meet. Whatever comes: no byte outside
 * the packet is touched (AddressSanitizer sees to it), the verdict is one of ours, and what was
 * translated can be read again and belongs to the connection's other side.
 */
#include "tests/unit/pkt_build.h"

#include "lvs/direct.h"
#include "lvs/fragment.h"
#include "sched/schedulers.h"

#include <limits.h>

/* How a packet comes: the first byte. */
#define HOW_OUT	    0x01u
#define HOW_GSO	    0x02u
#define HOW_PARTIAL 0x04u
#define HOW_MARK    0x08u
#define HOW_WAIT    0x10u /* time passes before it, by the second byte */
#define HOW_TAME    0x20u /* keep some headers sane, by the second byte */
#define HOW_EDIT    0x40u /* the server is quiesced, removed or back */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct direct direct;
static struct stats stats;
static struct settings settings = SETTINGS_INIT;
static struct outbox outbox;
static struct locals *locals;

static struct router router = {build_find, build_mtu};
static struct proto_timeouts timeouts;
static struct service *web, *group; /* edited between packets */

#define check(what)              \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

static struct service *serve(struct service_spec spec, const char *const *servers, uint16_t port,
			     enum forward_method method)
{
	struct service *svc;
	struct dest *dest;

	check(!service_add(direct.services, &spec, scheduler_find(spec.scheduler), &svc));
	for (; *servers; servers++) {
		struct dest_spec wanted = build_dest(*servers, port, 2);

		wanted.upper = 200;
		wanted.method = method;
		check(!service_dest_add(direct.services, svc, &wanted, &dest));
	}
	return svc;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const servers4[] = {"10.0.0.3", "10.0.0.4", NULL};
	static const char *const servers6[] = {"fd00::3", "fd00::4", NULL};
	struct service_spec dns = build_service(IPPROTO_UDP, "10.0.0.1", 53);
	struct service_spec marked = build_fwmark(7),
			    all = build_service(IPPROTO_TCP, "fd00::1", 0);

	(void)argc;
	(void)argv;
	rcu_register_thread();
	proto_timeouts_init(&timeouts);
	direct = (struct direct){.services = services_new(1),
				 .conns = conns_new(1, 0),
				 .timeouts = &timeouts,
				 .settings = &settings,
				 .outbox = &outbox,
				 .router = &router,
				 .mark_mask = 0xffff0000u,
				 .stats = &stats};
	locals = locals_new((const struct locals_addr[]){{AF_INET, build_addr("10.0.0.9")},
							 {AF_INET6, build_addr("fd00::9")}},
			    2, 1000, 1100);
	conns_set_locals(direct.conns, locals, 0);
	web = serve(build_service(IPPROTO_TCP, "10.0.0.1", 80), servers4, 8080, FORWARD_NAT);
	dns.flags = SERVICE_ONEPACKET;
	serve(dns, servers4, 0, FORWARD_NAT);
	serve(build_service(IPPROTO_UDP, "10.0.0.2", 53), servers4, 5353, FORWARD_FULLNAT);
	serve(build_service(IPPROTO_UDP, "10.0.0.2", 54), servers4, 54, FORWARD_DR);
	serve(build_service(IPPROTO_UDP, "10.0.0.2", 55), servers4, 55, FORWARD_TUN);
	serve(build_service(IPPROTO_TCP, "fd00::2", 80), servers6, 80, FORWARD_TUN);
	serve(build_service(IPPROTO_TCP, "10.0.0.2", 80), servers4 + 2, 0,
	      FORWARD_NAT); /* nobody */
	marked.flags = all.flags = SERVICE_PERSISTENT;
	marked.timeout = all.timeout = 100;
	group = serve(marked, servers4, 0, FORWARD_NAT);
	serve(all, servers6, 0, FORWARD_NAT);
	serve(build_service(IPPROTO_UDP, "fd00::1", 53), servers6, 5353, FORWARD_DR);
	serve(build_service(IPPROTO_SCTP, "10.0.0.1", 80), servers4, 8080, FORWARD_NAT);
	serve(build_service(IPPROTO_SCTP, "10.0.0.2", 80), servers4, 80, FORWARD_FULLNAT);
	serve(build_service(IPPROTO_SCTP, "fd00::1", 80), servers6, 8080, FORWARD_NAT);
	serve(build_service(IPPROTO_SCTP, "fd00::2", 80), servers6, 80, FORWARD_TUN);
	return 0;
}

/* Onto .1 to .4 of one network. */
static void tame_addr(uint8_t *addr, bool v6)
{
	static const uint8_t net6[16] = {0xfd}, net4[4] = {10};
	size_t last = v6 ? 15 : 3;
	uint8_t host = (uint8_t)(1 + addr[last] % 4);

	memcpy(addr, v6 ? net6 : net4, last + 1);
	addr[last] = host;
}

/* Makes a guess at an IP header true: version, length, addresses, protocol. */
static void tame(uint8_t *pkt, size_t len, uint8_t how)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};
	static const uint16_t ports[] = {80, 53, 8080, 5353};
	uint8_t protocol = how & 32 ? IPPROTO_SCTP : protocols[how >> 1 & 3];
	bool v6 = how & 1;
	struct layout at;

	if (len < (v6 ? 60 : 40))
		return;
	if (v6) {
		pkt[0] = 0x60;
		put_be16(pkt + 4, (uint32_t)(len - 40));
		pkt[6] = how & 8 ? pkt[6] : protocol;
		tame_addr(pkt + 8, true);
		tame_addr(pkt + 24, true);
		return;
	}
	pkt[0] = (uint8_t)(0x40 | (how & 8 ? pkt[0] & 15 : 5));
	put_be16(pkt + 2, (uint32_t)len);
	pkt[6] &= 0x40;
	pkt[7] = 0;
	pkt[9] = protocol;
	tame_addr(pkt + 12, false);
	tame_addr(pkt + 16, false);
	at = packet_layout(pkt);
	if (at.l4 + 4 <= len && how & 16) {
		put_be16(pkt + at.l4, 1000 + pkt[at.l4] % 4u);
		put_be16(pkt + at.l4 + 2, ports[pkt[at.l4 + 2] % 4]);
	}
}

static void edit(struct service *svc, uint16_t port, uint8_t how)
{
	struct dest_spec spec = build_dest("10.0.0.3", port, how & 1);
	struct dest *dest = service_dest(svc, AF_INET, &spec.addr, spec.port), *out;

	if (!dest)
		check(!service_dest_add(direct.services, svc, &spec, &out));
	else if (how & 2)
		check(!service_dest_del(direct.services, svc, dest));
	else
		check(!service_dest_edit(svc, &spec, &out));
}

/* A translated packet can be read again, and is of the same kind and length. */
static void check_mangled(const struct pkt *pkt, bool fullnat)
{
	struct pkt again = {.data = pkt->data, .len = pkt->len, .dir = pkt->dir, .gso = pkt->gso};

	check(pkt_parse(&again) == REASON_NONE);
	check(again.len == pkt->len && again.l4 == pkt->l4);
	check(again.flow.af == pkt->flow.af && again.flow.protocol == pkt->flow.protocol);
	check(again.icmp_error == pkt->icmp_error && again.tcp_flags == pkt->tcp_flags);
	check(again.chunk == pkt->chunk && again.chunk_abort == pkt->chunk_abort);
	/* NAT changes one end of the flow. */
	if (fullnat)
		return;
	if (pkt->dir == PKT_IN)
		check(addr_equal(&again.flow.saddr, &pkt->flow.saddr) &&
		      again.flow.sport == pkt->flow.sport);
	else
		check(addr_equal(&again.flow.daddr, &pkt->flow.daddr) &&
		      again.flow.dport == pkt->flow.dport);
}

/* What is to be sent can be cut, which reads its headers, and is read by ourselves. */
static void check_outbox(bool stolen)
{
	static uint8_t buf[65536];
	struct fragments fragments;

	check(outbox.len <= 1 && outbox.len >= outbox.errors &&
	      stolen == (outbox.len > outbox.errors));
	if (outbox.len) {
		struct outgoing *out = &outbox.items[0];

		check(!fragment_start(&fragments, out->parts, 2, 1300, 1));
		while (fragment_next(&fragments, buf))
			;
	}
	outbox.len = outbox.errors = 0;
}

static void send_one(uint8_t how, uint8_t more, const uint8_t *bytes, size_t len)
{
	struct pkt pkt = {.data = malloc(len),
			  .len = (uint32_t)len,
			  .mark = how & HOW_MARK ? 7 : more << 16,
			  .hook = more & 1	  ? HOOK_OUTPUT
				  : how & HOW_OUT ? HOOK_FORWARD
						  : HOOK_PREROUTING,
			  .dir = how & HOW_OUT ? PKT_OUT : PKT_IN,
			  .csum_partial = how & HOW_PARTIAL,
			  .gso = how & HOW_GSO};
	const uint8_t *data = pkt.data;
	struct verdict verdict;

	memcpy(pkt.data, bytes, len);
	if (how & HOW_TAME)
		tame(pkt.data, len, more);
	rcu_read_lock();
	verdict = direct_packet(&direct, &pkt);
	rcu_read_unlock();
	check_outbox(verdict.action == VERDICT_STOLEN);
	check(verdict.action == VERDICT_ACCEPT || verdict.action == VERDICT_DROP ||
	      verdict.action == VERDICT_SEGMENT || verdict.action == VERDICT_STOLEN);
	check(pkt.data == data && pkt.len <= len);
	check(verdict.action == VERDICT_ACCEPT || (!verdict.mangled && !verdict.set_mark));
	/* Refused as it is, or sent on with both ends changed. */
	if (verdict.set_mark)
		check(verdict.mark == ((pkt.mark & ~direct.mark_mask) |
				       (verdict.mangled ? mark_send(direct.mark_mask)
							: mark_refuse(direct.mark_mask))));
	if (verdict.mangled)
		check_mangled(&pkt, verdict.set_mark);
	free(pkt.data);
}

static void dest_check(struct dest *dest, void *data)
{
	(void)data;
	check(dest_total(dest) < 1u << 30 && atomic_load(&dest->persistent) < 1u << 30);
	check(dest_total(dest) + atomic_load(&dest->persistent) + 1 == atomic_load(&dest->refs));
}

static void end_conn(struct conn *conn, void *data)
{
	(void)data;
	conn_expire(direct.conns, conn);
}

/* Back to the beginning, so that an input alone repeats what it found. Those that were chosen for
 * go before the templates that chose. */
static void reset(void)
{
	rcu_read_lock();
	conns_walk(direct.conns, &(struct conns_walk){0}, UINT_MAX, end_conn, NULL);
	conns_walk(direct.conns, &(struct conns_walk){0}, UINT_MAX, end_conn, NULL);
	rcu_read_unlock();
	edit(web, 8080, 1);
	edit(group, 0, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	while (len > 4) {
		uint8_t how = bytes[0], more = bytes[1];
		size_t size = get_be16(bytes + 2);

		bytes += 4;
		len -= 4;
		size = size < len ? size : len;
		if (how & HOW_WAIT)
			direct.now += more * 1000u;
		if (how & HOW_EDIT)
			edit(more & 4 ? group : web, more & 4 ? 0 : 8080, more);
		send_one(how, more, bytes, size);
		bytes += size;
		len -= size;
		while (conns_expire(direct.conns, direct.now, 100))
			;
	}
	services_each_dest(direct.services, dest_check, NULL);
	reset();
	return 0;
}
