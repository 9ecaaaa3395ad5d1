// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/tunnel_error.c: what routers inside a tunnel's way say, which the client is told, and what is
 * learned from it. The lab's network takes 1500 bytes (direct_build.h). */
#include "tests/unit/direct_build.h"

#include "lvs/forward.h"

#include <criterion/criterion.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#define IPV4_FLAGS 6 /* offset of the byte that has DF */
#define DF	   0x40

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(tunnel_error, .init = setup, .fini = teardown);

/* From a client of one family to a server of the same or the other one. */
struct ends {
	bool v6, outer_v6;
};

static const char *client_of(struct ends ends)
{
	return ends.v6 ? "fd00:1::2" : "10.1.0.2";
}

static const char *vip_of(struct ends ends)
{
	return ends.v6 ? "fd00:1::100" : "10.1.0.100";
}

static struct dest *serve(struct ends ends)
{
	struct service *svc = lab_service(&lab, build_service(IPPROTO_UDP, vip_of(ends), 53));
	struct dest_spec spec = build_dest(ends.outer_v6 ? "fd00:2::1" : "10.2.0.1", 53, 1);
	struct dest *dest = NULL;

	spec.method = FORWARD_TUN;
	cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &dest), 0);
	return dest;
}

/* A client's packet of @size bytes; of IPv4 with DF, or not. */
static void request(struct ends ends, uint16_t size, bool df)
{
	static uint8_t bytes[BUILD_MAX];
	struct build b = {.protocol = IPPROTO_UDP,
			  FROM_TO(client_of(ends), 4000, vip_of(ends), 53),
			  .payload = (uint16_t)(size - (ends.v6 ? 48 : 28))};
	size_t len = build_packet(bytes, &b);

	if (!ends.v6) {
		bytes[IPV4_FLAGS] = df ? DF : 0;
		put_be16(bytes + 10, 0);
		put_be16(bytes + 10, ~sum_words(0, bytes, 20));
	}
	lab_bytes(&lab, PKT_IN, bytes, len);
}

/* A router's error about the packet that went out last, to the tunnel's end at the director. */
static void router_says(struct ends ends, uint8_t type, uint8_t code, uint16_t mtu)
{
	static uint8_t bytes[BUILD_MAX];
	const struct outgoing *out = &lab.outbox.items[0];
	size_t inner = ends.v6 ? 48 : 28;
	struct build b = {.protocol = ends.outer_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			  .saddr = ends.outer_v6 ? "fd00:5::1" : "10.5.0.1",
			  .daddr = ends.outer_v6 ? "fd00:9::9" : "10.9.9.9",
			  .type = type,
			  .code = code,
			  .payload = (uint16_t)(out->parts[0].iov_len + inner)};
	size_t len = build_packet(bytes, &b), l4 = ends.outer_v6 ? 40 : 20;
	struct layout at = packet_layout(bytes);

	memcpy(bytes + l4 + 8, out->parts[0].iov_base, out->parts[0].iov_len);
	memcpy(bytes + l4 + 8 + out->parts[0].iov_len, out->parts[1].iov_base, inner);
	put_be16(bytes + l4 + 6, mtu);
	put_be16(bytes + l4 + 2, 0);
	put_be16(bytes + l4 + 2, ~sum_words(sum_pseudo(bytes, &at), bytes + l4, at.end - l4));
	lab.hook = HOOK_PREROUTING;
	lab_bytes(&lab, PKT_IN, bytes, len);
	lab.hook = HOOK_FORWARD;
}

/* Is the client told this, with this number in the error's second word? */
static bool told(struct ends ends, uint8_t type, uint8_t code, uint16_t info)
{
	const struct outgoing *out = &lab.outbox.items[0];
	union addr to = build_addr(client_of(ends));
	const uint8_t *packet = out->parts[1].iov_base, *icmp;

	if (lab.verdict.action != VERDICT_DROP || lab.outbox.len != 1 || lab.outbox.errors != 1 ||
	    !addr_equal(&out->hop, &to) || packet_wrong_sum(packet))
		return false;
	icmp = packet + packet_layout(packet).l4;
	return icmp[0] == type && icmp[1] == code && get_be16(icmp + 6) == info;
}

static bool told_size(struct ends ends, uint16_t mtu)
{
	return ends.v6 ? told(ends, ICMP6_PACKET_TOO_BIG, 0, mtu)
		       : told(ends, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
}

static void router_says_size(struct ends ends, uint16_t mtu)
{
	if (ends.outer_v6)
		router_says(ends, ICMP6_PACKET_TOO_BIG, 0, mtu);
	else
		router_says(ends, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
}

/* ipip costs 20 bytes in IPv4, and 40 in IPv6. */
Test(tunnel_error, the_size_is_told_and_learned)
{
	static const struct {
		struct ends ends;
		uint16_t said;	  /* by the router */
		uint16_t told;	  /* to the client */
		uint16_t learned; /* how large tunnel packets may be from then on */
	} rows[] = {
		{{false, false}, 1300, 1280, 1300},
		{{true, true}, 1400, 1360, 1400},
		{{false, true}, 1400, 1360, 1400},
		{{true, false}, 1400, 1380, 1400},
		/* The least that is believed, also of routers that name no size. */
		{{false, false}, 100, 532, 552},
		{{false, false}, 0, 532, 552},
		{{false, true}, 1280, 1240, 1280},
		/* Less than 1280 an IPv6 client is never told: the tunnel packet is cut. */
		{{true, false}, 1000, 1280, 1000},
		{{true, false}, 0, 1280, 552},
		{{true, true}, 1300, 1280, 1300},
		{{true, true}, 1280, 1280, 1280},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct ends ends = rows[i].ends;

		serve(ends);
		request(ends, 1420, true);
		cr_assert_eq(lab.verdict.action, VERDICT_STOLEN, "row %zu: sent", i);
		cr_assert_eq(lab.outbox.items[0].mtu, 1500, "row %zu", i);
		router_says_size(ends, rows[i].said);
		cr_expect(told_size(ends, rows[i].told), "row %zu: told", i);
		cr_expect_eq(lab_reason(&lab, REASON_TUNNEL_ERROR), 1, "row %zu", i);
		request(ends, rows[i].told + 1, true);
		cr_expect(told_size(ends, rows[i].told), "row %zu: one byte more", i);
		request(ends, rows[i].told, true);
		cr_assert_eq(lab.verdict.action, VERDICT_STOLEN, "row %zu: all that fits", i);
		cr_expect_eq(lab.outbox.items[0].mtu, rows[i].learned, "row %zu: %u", i,
			     lab.outbox.items[0].mtu);
		/* For ten minutes. */
		lab.d.now += 601000;
		request(ends, 1420, true);
		cr_expect_eq(lab.verdict.action, VERDICT_STOLEN, "row %zu: forgotten", i);
		teardown();
		setup();
	}
}

/* Whoever says that a way takes less of IPv6 than any must take is not believed. */
Test(tunnel_error, an_absurd_size_is_not_heeded)
{
	static const uint16_t sizes[] = {0, 40, 1279};

	for (int v6 = 0; v6 < 2; v6++) {
		struct ends ends = {v6, true};

		serve(ends);
		for (size_t i = 0; i < LEN(sizes); i++) {
			request(ends, 1420, true);
			cr_assert_eq(lab.verdict.action, VERDICT_STOLEN, "%u", sizes[i]);
			cr_assert_eq(lab.outbox.items[0].mtu, 1500, "%u", sizes[i]);
			router_says_size(ends, sizes[i]);
			cr_expect_eq(lab.verdict.action, VERDICT_DROP, "%u", sizes[i]);
			cr_expect_eq(lab.outbox.len, 0, "%u", sizes[i]);
		}
	}
	cr_expect_eq(lab_reason(&lab, REASON_TUNNEL_ERROR), 2 * LEN(sizes));
}

/* It need not know, as what is too big is cut; the director must. */
Test(tunnel_error, a_client_whose_packets_may_be_cut_is_not_told)
{
	struct ends ends = {false, false};

	serve(ends);
	request(ends, 1420, false);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	router_says_size(ends, 1300);
	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	cr_assert_eq(lab.outbox.len, 0);
	cr_assert_eq(lab_reason(&lab, REASON_TUNNEL_ERROR), 1);
	request(ends, 1420, true);
	cr_assert(told_size(ends, 1280));
}

/* As it is where the families are one, otherwise as much of it as the client's family can say. */
Test(tunnel_error, other_errors_are_told_in_the_clients_family)
{
	static const struct {
		struct ends ends;
		uint8_t type, code, told_type, told_code;
	} rows[] = {
		{{false, false}, ICMP_TIME_EXCEEDED, 0, ICMP_TIME_EXCEEDED, 0},
		{{true, true}, ICMP6_TIME_EXCEEDED, 0, ICMP6_TIME_EXCEEDED, 0},
		{{false, true}, ICMP6_TIME_EXCEEDED, 0, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH},
		{{true, false}, ICMP_DEST_UNREACH, 3, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct ends ends = rows[i].ends;

		serve(ends);
		request(ends, 1420, true);
		router_says(ends, rows[i].type, rows[i].code, 0);
		cr_expect(told(ends, rows[i].told_type, rows[i].told_code, 0), "row %zu", i);
		request(ends, 1420, true);
		cr_expect_eq(lab.verdict.action, VERDICT_STOLEN, "row %zu: no size was learned", i);
		teardown();
		setup();
	}
}

Test(tunnel_error, about_a_tunnel_of_somebody_else_passes)
{
	struct ends ends = {false, false};
	struct dest *dest = serve(ends);
	struct dest_spec spec;

	request(ends, 1420, true);
	/* The quoted packet is ipip, but the server has gre now. */
	dest_get(dest, &spec);
	spec.tunnel.type = TUNNEL_GRE;
	dest_set(dest, &spec);
	router_says_size(ends, 1300);
	cr_assert_eq(lab.verdict.action, VERDICT_ACCEPT);
	cr_assert(!lab.verdict.mangled && !lab.outbox.len);
}
