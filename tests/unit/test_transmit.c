// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/transmit.c and the methods on it: what leaves how for DR, TUN and FULLNAT, and what a sender
 * is told whose packet cannot. The lab's network takes 1500 bytes (direct_build.h). */
#include "tests/unit/transmit_build.h"

#include "lvs/filter.h"
#include "lvs/forward.h"
#include "lvs/transmit.h"
#include "lvs/verdict.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

static struct lab lab;
static struct locals *locals;

static void setup(void)
{
	const struct locals_addr addr = {AF_INET, build_addr(LOCAL)};

	lab_open(&lab);
	locals = locals_new(&addr, 1, 2000, 2002);
	conns_set_locals(lab.d.conns, locals, 0);
}

static void teardown(void)
{
	lab_close(&lab);
	locals_free(locals);
}

TestSuite(transmit, .init = setup, .fini = teardown);

/* The last packet's ICMP error: of this type and code, to @client, with this MTU. */
static void assert_told(const char *client, uint8_t type, uint8_t code, uint16_t mtu)
{
	const struct outgoing *out = &lab.outbox.items[0];
	const uint8_t *packet = out->parts[1].iov_base, *icmp;
	union addr to = build_addr(client);

	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	cr_assert_eq(lab.outbox.len, 1);
	cr_assert_eq(lab.outbox.errors, 1);
	cr_assert(addr_equal(&out->hop, &to));
	icmp = packet + packet_layout(packet).l4;
	cr_assert_eq(icmp[0], type);
	cr_assert_eq(icmp[1], code);
	cr_assert_eq(get_be16(icmp + 6), mtu);
	cr_assert_not(packet_wrong_sum(packet));
}

Test(transmit, dr_sends_the_packet_as_it_is_to_the_server)
{
	union addr rs = build_addr(RS);
	const struct outgoing *out = &lab.outbox.items[0];

	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 53, 1), FORWARD_DR);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.outbox.len, 1);
	cr_assert(addr_equal(&out->hop, &rs));
	cr_assert_eq(out->parts[0].iov_len, 0);
	cr_assert_eq(out->parts[1].iov_len, lab.before_len);
	cr_assert(packet_runs(out->parts[1].iov_base, CLIENT, 4000, VIP, 53));
	cr_assert_eq(((uint8_t *)out->parts[1].iov_base)[IPV4_TTL], 63);
	cr_assert_not(packet_wrong_sum(out->parts[1].iov_base));
}

Test(transmit, dr_makes_a_checksum_that_was_left_to_the_card)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP6, 53), build_dest(RS6, 53, 1), FORWARD_DR);
	lab.partial = true;
	lab_datagram(&lab, CLIENT6, VIP6, 4000, 101, true, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_not(packet_wrong_sum(lab.pkt.data));
	cr_assert_eq(lab.pkt.data[IPV6_TTL], 63);
}

Test(transmit, a_super_packet_is_cut_first)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct build syn = {.protocol = IPPROTO_TCP,
			    FROM_TO(CLIENT, 4000, VIP, 80),
			    .flags = PKT_SYN},
		     data = syn;

	lab_serve(&lab, spec, build_dest(RS, 80, 1), FORWARD_DR);
	lab_send(&lab, PKT_IN, &syn);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	data.flags = PKT_ACK;
	data.payload = 4000;
	lab.gso = lab.partial = true;
	lab_send(&lab, PKT_IN, &data);
	cr_assert_eq(lab.verdict.action, VERDICT_SEGMENT);
	cr_assert_eq(lab.outbox.len, 0);
}

Test(transmit, a_server_that_is_this_machine_gets_it_by_local_delivery)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest("127.0.0.1", 53, 1),
		  FORWARD_DR);
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP6, 53), build_dest("::1", 53, 1),
		  FORWARD_TUN);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 1);
	cr_assert(lab_passed(&lab));
	lab_datagram(&lab, CLIENT6, VIP6, 4000, 100, true, 1);
	cr_assert(lab_passed(&lab));
}

/* Where rules deal out what the daemon lets pass unmarked. */
Test(transmit, what_stays_here_is_marked_as_seen)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest("127.0.0.1", 53, 1),
		  FORWARD_DR);
	lab.hook = HOOK_PREROUTING;
	lab.d.mark_mask = 0xffff0000;
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_not(lab.verdict.set_mark);
	atomic_store(&lab.settings.carries, 1);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert(lab.verdict.set_mark);
	cr_assert_eq(lab.verdict.mark, mark_unseen(lab.d.mark_mask));
}

Test(transmit, the_sender_of_what_is_too_big_is_told)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 53, 1), FORWARD_DR);
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP6, 53), build_dest(RS6, 53, 1), FORWARD_TUN);
	lab.ifindex = 9;
	lab_datagram(&lab, CLIENT, VIP, 4000, 1473, true, 64);
	assert_told(CLIENT, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1500);
	lab_datagram(&lab, CLIENT, VIP, 4000, 1472, true, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	lab_datagram(&lab, CLIENT6, VIP6, 4000, 1500 - 40 - 48 + 1, true, 64);
	assert_told(CLIENT6, ICMP6_PACKET_TOO_BIG, 0, 1460);
	cr_assert_eq(lab_reason(&lab, REASON_TOO_BIG), 2);
}

Test(transmit, what_may_be_cut_is_cut)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 53, 1), FORWARD_DR);
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP6, 53), build_dest(RS6, 53, 1), FORWARD_DR);
	lab_datagram(&lab, CLIENT, VIP, 4000, 3000, false, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.outbox.items[0].mtu, 1500);
	/* Larger than any interface takes, so it came in fragments. */
	lab_datagram(&lab, CLIENT6, VIP6, 4000, 3000, true, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.outbox.items[0].mtu, 1500);
}

Test(transmit, tunnels_cut_when_pmtu_disc_is_off)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 53, 1), FORWARD_TUN);
	lab_datagram(&lab, CLIENT, VIP, 4000, 1472, true, 64);
	assert_told(CLIENT, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1480);
	lab.settings.values[SETTING_PMTU_DISC] = 0;
	lab_datagram(&lab, CLIENT, VIP, 4000, 1472, true, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.outbox.items[0].head[IPV4_FLAGS] & DF, 0);
}

/* The narrow network of the rows below. */
static uint32_t narrow;

static void find_narrow(struct router *router, uint8_t af, const union addr *daddr,
			struct route *out)
{
	lab_find(router, af, daddr, out);
	out->mtu = narrow;
}

/* Sends @size bytes; true: they leave, in tunnel packets that the way takes in one piece. */
static bool fits(bool v6, uint16_t size)
{
	const struct outgoing *out = &lab.outbox.items[0];

	lab_datagram(&lab, v6 ? CLIENT6 : CLIENT, v6 ? VIP6 : VIP, 4000,
		     (uint16_t)(size - (v6 ? 48 : 28)), true, 64);
	return lab.verdict.action == VERDICT_STOLEN &&
	       out->parts[0].iov_len + out->parts[1].iov_len <= out->mtu;
}

/* What is left of the way's MTU is what the outer IP header, of 20 or 40 bytes, and the tunnel's
 * own leave; one byte more is refused, and exactly that is told. */
Test(transmit, a_tunnel_takes_its_headers_off_the_mtu)
{
	static const struct {
		const char *name;
		enum tunnel_type type;
		uint8_t flags;
		uint32_t mtu;
		uint16_t room4, room6; /* inside IPv4, and inside IPv6 */
	} rows[] = {
		{"ipip", TUNNEL_IPIP, 0, 1500, 1480, 1460},
		{"ipip, less", TUNNEL_IPIP, 0, 1400, 1380, 1360},
		{"ipip, more", TUNNEL_IPIP, 0, 8996, 8976, 8956},
		{"gue", TUNNEL_GUE, 0, 1500, 1468, 1448},
		{"gue, sum", TUNNEL_GUE, TUNNEL_CSUM, 1500, 1468, 1448},
		{"gue, remote sum, made", TUNNEL_GUE, TUNNEL_REMCSUM, 1500, 1468, 1448},
		{"gre", TUNNEL_GRE, 0, 1500, 1476, 1456},
		{"gre, sum", TUNNEL_GRE, TUNNEL_CSUM, 1500, 1472, 1452},
	};

	for (size_t i = 0; i < 4 * sizeof(rows) / sizeof(rows[0]); i++) {
		bool v6 = i & 1, outer6 = i & 2;
		uint16_t room = outer6 ? rows[i / 4].room6 : rows[i / 4].room4;
		struct dest_spec server = build_dest(outer6 ? RS6 : RS, 53, 1);

		server.tunnel.type = rows[i / 4].type;
		server.tunnel.flags = rows[i / 4].flags;
		server.tunnel.port = htons(6080);
		narrow = rows[i / 4].mtu;
		lab.router.find = find_narrow;
		lab.ifindex = 9;
		lab_serve(&lab, build_service(IPPROTO_UDP, v6 ? VIP6 : VIP, 53), server,
			  FORWARD_TUN);
		cr_expect(fits(v6, room), "%s, %zu", rows[i / 4].name, i % 4);
		cr_expect_not(fits(v6, room + 1), "%s, %zu", rows[i / 4].name, i % 4);
		if (v6)
			assert_told(CLIENT6, ICMP6_PACKET_TOO_BIG, 0, room);
		else
			assert_told(CLIENT, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, room);
		teardown();
		setup();
	}
}

/* What every way of IPv6 takes is never refused: where the tunnel has no room for it, its packets
 * are cut. */
Test(transmit, a_tunnel_leaves_ipv6_its_1280_bytes)
{
	for (int outer6 = 0; outer6 < 2; outer6++) {
		narrow = 1290;
		lab.router.find = find_narrow;
		lab_serve(&lab, build_service(IPPROTO_UDP, VIP6, 53),
			  build_dest(outer6 ? RS6 : RS, 53, 1), FORWARD_TUN);
		lab_datagram(&lab, CLIENT6, VIP6, 4000, 1281 - 48, true, 64);
		assert_told(CLIENT6, ICMP6_PACKET_TOO_BIG, 0, 1280);
		lab_datagram(&lab, CLIENT6, VIP6, 4000, 1280 - 48, true, 64);
		cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
		cr_assert_eq(lab.outbox.items[0].mtu, 1290, "so the sender cuts it");
		if (!outer6)
			cr_assert_eq(lab.outbox.items[0].head[IPV4_FLAGS] & DF, 0);
		teardown();
		setup();
	}
}

Test(transmit, time_to_live_ends_here)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 53, 1), FORWARD_DR);
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP6, 53), build_dest(RS6, 53, 1), FORWARD_TUN);
	lab_serve(&lab, build_service(IPPROTO_UDP, "10.1.0.101", 53), build_dest(RS, 5353, 1),
		  FORWARD_FULLNAT);
	lab_datagram(&lab, CLIENT, VIP, 4000, 10, true, 1);
	assert_told(CLIENT, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
	lab_datagram(&lab, CLIENT6, VIP6, 4000, 10, true, 1);
	assert_told(CLIENT6, ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, 0);
	lab_datagram(&lab, CLIENT, "10.1.0.101", 4000, 10, true, 1);
	assert_told(CLIENT, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
	cr_assert_eq(lab_reason(&lab, REASON_TTL), 3);
}

Test(transmit, no_way_to_the_server)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest("10.99.0.1", 53, 1),
		  FORWARD_TUN);
	lab_datagram(&lab, CLIENT, VIP, 4000, 10, true, 64);
	assert_told(CLIENT, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	cr_assert_eq(lab_reason(&lab, REASON_NO_ROUTE), 1);
}

/* Errors that a packet a ms, or all at once, makes. */
static unsigned int errors_of(unsigned int packets, unsigned int ms)
{
	unsigned int errors = 0;

	for (unsigned int i = 0; i < packets; i++) {
		lab.d.now += ms;
		lab_datagram(&lab, CLIENT, VIP, 4000, 10, true, 64);
		errors += lab.outbox.errors;
	}
	return errors;
}

Test(transmit, a_flood_makes_no_flood_of_errors)
{
	uint8_t *buf;

	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest("10.99.0.1", 53, 1),
		  FORWARD_DR);
	lab.d.now = 1000000;
	cr_assert_eq(errors_of(1000, 0), 50);
	cr_assert_eq(errors_of(1000, 1), 1000, "a thousand a second");
	lab.outbox.len = lab.outbox.errors = OUTBOX_ERRORS;
	cr_assert_null(outbox_add_error(&lab.outbox, lab.d.now + 10, &buf), "and a batch has few");
}

Test(transmit, a_client_on_the_director_is_routed_anew)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 5353, 1),
		  FORWARD_FULLNAT);
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP6, 53), build_dest(RS6, 53, 1), FORWARD_DR);
	lab.hook = HOOK_OUTPUT;
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 1);
	cr_assert(lab.verdict.mangled && !lab.verdict.set_mark);
	lab_datagram(&lab, CLIENT6, VIP6, 4000, 100, true, 1);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.pkt.data[IPV6_TTL], 1, "nobody forwarded it");
}

Test(transmit, a_connection_keeps_the_method_that_it_began_with)
{
	struct dest *dest = lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53),
				      build_dest(RS, 53, 1), FORWARD_NAT);
	struct dest_spec spec;

	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 53));
	dest_get(dest, &spec);
	spec.method = FORWARD_DR;
	dest_set(dest, &spec);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 53));
	lab_datagram(&lab, CLIENT, VIP, 4001, 100, true, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
}

Test(transmit, a_client_in_the_network_of_its_nat_server_is_noted)
{
	struct dest *dest = lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53),
				      build_dest(RS, 53, 1), FORWARD_NAT);

	atomic_store(&dest->near_prefix, 24);
	lab.hook = HOOK_PREROUTING;
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(lab.settings.near, 0);
	lab_datagram(&lab, "10.2.0.77", VIP, 4000, 100, true, 64);
	cr_assert_eq(lab.settings.near, 1);
	cr_assert_eq(dest->near, NEAR_SEEN);
}

Test(transmit, bypass_where_there_is_no_server)
{
	struct bypass bypass;
	struct dest_spec spec = {.af = AF_INET, .method = FORWARD_BYPASS};
	struct service_key nobody = {.af = AF_INET}, marked = {.af = AF_INET, .fwmark = 7};
	struct filter filter = {.set = FILTER_SERVICE, .service = marked};
	struct service *svc = lab_service(&lab, build_fwmark(7));
	struct dest *dest;

	bypass.v4 = bypass.v6 = dest_new(&spec, &nobody);
	atomic_fetch_or(&bypass.v4->flags, DEST_AVAILABLE);
	lab.d.bypass = &bypass;
	lab.mark = 7;
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(lab.verdict.mark, 7 | mark_refuse(LAB_MASK));
	lab.settings.values[SETTING_CACHE_BYPASS] = 1;
	lab_datagram(&lab, CLIENT, "127.0.0.1", 4000, 100, true, 64);
	cr_assert_eq(lab.verdict.mark, 7 | mark_refuse(LAB_MASK), "this machine is no way round");
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert(lab_passed(&lab));
	cr_assert(filter_matches(&filter, lab_conn(&lab, IPPROTO_UDP, CLIENT, 4000, VIP, 53), 0));
	/* A server that comes back gets new flows only. */
	dest = lab_dest(&lab, svc, RS, 53, 1);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert(lab_passed(&lab));
	lab_datagram(&lab, CLIENT, VIP, 4001, 100, true, 64);
	cr_assert(lab_runs(&lab, CLIENT, 4001, RS, 53));
	cr_assert_eq(dest->traffic.conns, 1);
	cr_assert_eq(svc->traffic.conns, 1, "bypassed ones do not count");
	lab_wait(&lab, 301000);
	dest_put(bypass.v4);
}
