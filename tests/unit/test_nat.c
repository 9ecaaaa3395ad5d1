// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/fwd_nat.c: what NAT may change in a packet (addresses, ports, checksums) and nothing else, in
 * both directions and inside ICMP errors; checksums that were right stay right, wrong stay wrong.
 */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

/* Who takes part, by address family. */
struct cast {
	const char *client, *vip, *rs, *router;
};

static const struct cast casts[] = {
	{"10.1.0.2", "10.1.0.100", "10.2.0.1", "10.9.9.9"},
	{"fd00:1::2", "fd00:1::100", "fd00:2:3:4:5:6:7:1", "fd00:9::9"},
};

#define PROTOCOLS 3
static const uint8_t protocols[PROTOCOLS] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
	for (int v6 = 0; v6 < 2; v6++) {
		const struct cast *c = &casts[v6];

		for (size_t i = 0; i < PROTOCOLS; i++) {
			struct service *kept, *mapped;

			mapped = lab_service(&lab, build_service(protocols[i], c->vip, 80));
			lab_dest(&lab, mapped, c->rs, 8080, 1);
			kept = lab_service(&lab, build_service(protocols[i], c->vip, 81));
			lab_dest(&lab, kept, c->rs, 0, 1);
		}
	}
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(nat, .init = setup, .fini = teardown);

/* Offset and size of one address in the IP header at @l3. */
static size_t addr_at(const uint8_t *l3, bool source)
{
	bool v6 = l3[0] >> 4 == 6;

	return v6 ? (source ? 8 : 24) : (source ? 12 : 16);
}

/* Copies into @to what a translation of the packet at @l3 may change. */
static void copy_translated(uint8_t *to, const uint8_t *from, bool source)
{
	struct layout at = packet_layout(from);
	size_t addr = addr_at(from, source);

	memcpy(to + addr, from + addr, at.v6 ? 16 : 4);
	if (!at.v6)
		memcpy(to + 10, from + 10, 2);
	if (has_ports(at.protocol))
		memcpy(to + at.l4 + (source ? 0 : 2), from + at.l4 + (source ? 0 : 2), 2);
}

/* Did nothing else change than the source (or destination), and the checksum of the transport? */
static bool only_translated(bool source)
{
	static uint8_t was[BUILD_MAX];
	struct layout at = packet_layout(lab.before);
	size_t check = at.l4 + sum_offset(at.protocol);
	const uint8_t *is = lab.pkt.data;

	memcpy(was, lab.before, lab.before_len);
	copy_translated(was, is, source);
	memcpy(was + check, is + check, sum_size(at.protocol));
	if (at.protocol == IPPROTO_ICMP || at.protocol == IPPROTO_ICMPV6)
		copy_translated(was + at.l4 + 8, is + at.l4 + 8, !source);
	return lab.pkt.len == lab.before_len && !memcmp(was, is, lab.before_len);
}

static uint16_t l4_check(const uint8_t *pkt)
{
	struct layout at = packet_layout(pkt);

	return get_be16(pkt + at.l4 + sum_offset(at.protocol));
}

/* Ways in which a packet can come. */
struct shape {
	const char *name;
	struct build build; /* options, payload, sums */
	bool gso, partial;
	bool tcp_only, udp_only;
};

static const struct shape shapes[] = {
	{.name = "bare"},
	{.name = "one byte", .build = {.payload = 1}},
	{.name = "full", .build = {.payload = 1400}},
	{.name = "IP options and extension headers",
	 .build = {.ip_options = 10,
		   .ext = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT},
		   .ext_len = 4,
		   .payload = 77}},
	{.name = "TCP options", .build = {.tcp_options = 10, .payload = 99}, .tcp_only = true},
	{.name = "no checksum", .build = {.no_sum = true, .payload = 33}, .udp_only = true},
	{.name = "partial", .build = {.payload = 100}, .partial = true},
	{.name = "partial, odd, options",
	 .build = {.payload = 101,
		   .ip_options = 1,
		   .ext = {IPPROTO_DSTOPTS},
		   .ext_len = 1,
		   .tcp_options = 3},
	 .partial = true},
	{.name = "GSO", .build = {.payload = 60000}, .gso = true, .tcp_only = true},
	{.name = "GSO, partial",
	 .build = {.payload = 60001},
	 .gso = true,
	 .partial = true,
	 .tcp_only = true},
};

static void check_sums(const struct shape *shape, const char *what)
{
	bool none = shape->build.no_sum, kept = shape->gso || none;

	if (kept)
		cr_assert_eq(l4_check(lab.pkt.data), l4_check(lab.before),
			     "%s, %s: checksum touched", shape->name, what);
	else
		cr_assert_null(packet_wrong_sum(lab.pkt.data), "%s, %s: wrong checksum: %s",
			       shape->name, what, packet_wrong_sum(lab.pkt.data));
	if (none)
		cr_assert_eq(l4_check(lab.pkt.data), 0, "%s, %s", shape->name, what);
	if (kept && lab.pkt.data[0] >> 4 == 4)
		cr_assert_eq(sum_words(0, lab.pkt.data, packet_layout(lab.pkt.data).l4), 0xffff,
			     "%s, %s: IPv4 header", shape->name, what);
}

static void there_and_back(const struct shape *shape, const struct cast *c, uint8_t protocol,
			   uint16_t cport, uint16_t vport)
{
	struct build b = shape->build;
	uint16_t dport = vport == 80 ? 8080 : vport;

	lab.gso = shape->gso;
	lab.partial = shape->partial;
	b.protocol = protocol;
	b.saddr = c->client;
	b.sport = cport;
	b.daddr = c->vip;
	b.dport = vport;
	b.flags = PKT_SYN;
	b.type = CHUNK_INIT;
	lab_send(&lab, PKT_IN, &b);
	cr_assert(lab_runs(&lab, c->client, cport, c->rs, dport), "%s to %s:%u", shape->name,
		  c->vip, vport);
	cr_assert(only_translated(false), "%s: other bytes changed", shape->name);
	check_sums(shape, "request");

	b.saddr = c->rs;
	b.sport = dport;
	b.daddr = c->client;
	b.dport = cport;
	b.flags = PKT_ACK;
	b.type = CHUNK_INIT_ACK;
	lab_send(&lab, PKT_OUT, &b);
	cr_assert(lab_runs(&lab, c->vip, vport, c->client, cport), "%s from %s:%u", shape->name,
		  c->rs, dport);
	cr_assert(only_translated(true), "%s: other bytes changed", shape->name);
	check_sums(shape, "reply");
}

Test(nat, every_shape_of_packet_there_and_back)
{
	uint16_t cport = 4000;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (int v6 = 0; v6 < 2; v6++)
			for (uint16_t vport = 80; vport <= 81; vport++) {
				cport++;
				if (!shapes[i].udp_only)
					there_and_back(&shapes[i], &casts[v6], IPPROTO_TCP, cport,
						       vport);
				if (!shapes[i].tcp_only)
					there_and_back(&shapes[i], &casts[v6], IPPROTO_UDP, cport,
						       vport);
				if (!shapes[i].tcp_only && !shapes[i].udp_only)
					there_and_back(&shapes[i], &casts[v6], IPPROTO_SCTP, cport,
						       vport);
			}
}

/* Its parts are in a list that a changed packet has lost, so the kernel has to cut it before. */
Test(nat, a_super_packet_of_sctp_comes_cut)
{
	struct build b = {.protocol = IPPROTO_SCTP,
			  FROM_TO(casts[0].client, 4000, casts[0].vip, 80),
			  .type = CHUNK_INIT,
			  .payload = 5000};

	lab.gso = true;
	lab_send(&lab, PKT_IN, &b);
	cr_assert_eq(lab.verdict.action, VERDICT_SEGMENT);
	cr_assert(lab_untouched(&lab));
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

/* RFC 768: a sum of zero is sent as all ones, or it would say that there is none. */
Test(nat, a_udp_checksum_never_becomes_zero)
{
	struct build b = {.protocol = IPPROTO_UDP, .payload = 4};
	unsigned int ones = 0;

	for (int partial = 0; partial < 2; partial++) {
		lab.partial = partial;
		for (unsigned int cport = 21; cport < 65536; cport++) {
			b.saddr = casts[0].client;
			b.daddr = casts[0].vip;
			b.sport = (uint16_t)cport;
			b.dport = 80;
			lab_send(&lab, PKT_IN, &b);
			cr_assert(lab.verdict.mangled);
			cr_assert_neq(l4_check(lab.pkt.data), 0, "from port %u", cport);
			cr_assert_null(packet_wrong_sum(lab.pkt.data), "from port %u", cport);
			ones += l4_check(lab.pkt.data) == 0xffff;
		}
	}
	cr_assert_geq(ones, 2, "the case did not occur");
}

/* How an ICMP error looks. */
struct trouble {
	const char *name;
	uint8_t type4, type6;	/* 0: not in this family */
	uint16_t transport_len; /* bytes of the packet inside, from its transport header on; 0: all
				 */
	struct build inner;
};

static const struct trouble troubles[] = {
	{"unreachable, 8 bytes", 3, 1, 8, {.payload = 100}},
	{"unreachable, all", 3, 1, 0, {.payload = 101}},
	{"too big, options", 3, 2, 0, {.payload = 8, .ip_options = 10}},
	{"too big, 8 bytes after headers",
	 3,
	 2,
	 8,
	 {.payload = 8,
	  .ip_options = 3,
	  .ext = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS},
	  .ext_len = 3}},
	{"time exceeded, 9 bytes", 11, 3, 9, {.payload = 100}},
	{"parameter problem", 12, 4, 8, {.payload = 100}},
	{"source quench", 4, 0, 8, {.payload = 100}},
};

/* The error about @inner, sent by @from to @to; false if this family has none such. */
static bool send_error(const struct trouble *t, struct build inner, const char *from,
		       const char *to, enum pkt_dir dir)
{
	static uint8_t scratch[BUILD_MAX];
	bool v6 = build_af(from) == AF_INET6;
	struct build error = {.protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			      .saddr = from,
			      .daddr = to,
			      .type = v6 ? t->type6 : t->type4,
			      .code = 1,
			      .inner = &inner};

	build_packet(scratch, &inner);
	if (t->transport_len)
		error.inner_len = (uint16_t)(packet_layout(scratch).l4 + t->transport_len);
	if (error.type)
		lab_send(&lab, dir, &error);
	return error.type;
}

static struct build inner_of(const struct trouble *t, uint8_t protocol)
{
	struct build inner = t->inner;

	inner.protocol = protocol;
	return inner;
}

/* About a reply of the server that did not get through: to the server. */
static void error_to_server(const struct trouble *t, const struct cast *c, uint8_t protocol,
			    const char *from)
{
	struct build inner = inner_of(t, protocol);

	inner.saddr = c->vip;
	inner.sport = 80;
	inner.daddr = c->client;
	inner.dport = 4000;
	if (!send_error(t, inner, from, c->vip, PKT_IN))
		return;
	cr_assert(lab_runs(&lab, from, 0, c->rs, 0), "%s from %s: outside", t->name, from);
	cr_assert(packet_runs(packet_inner(lab.pkt.data), c->rs, 8080, c->client, 4000),
		  "%s from %s: inside", t->name, from);
	cr_assert(only_translated(false), "%s from %s: other bytes changed", t->name, from);
	cr_assert_null(packet_wrong_sum(lab.pkt.data), "%s from %s: wrong checksum: %s", t->name,
		       from, packet_wrong_sum(lab.pkt.data));
}

/* About a request that did not get through to the server: to the client. Whoever says so, for the
 * client it is the virtual address, as in ip_vs_nat_icmp(). */
static void error_to_client(const struct trouble *t, const struct cast *c, uint8_t protocol,
			    const char *from)
{
	struct build inner = inner_of(t, protocol);

	inner.saddr = c->client;
	inner.sport = 4000;
	inner.daddr = c->rs;
	inner.dport = 8080;
	if (!send_error(t, inner, from, c->client, PKT_OUT))
		return;
	cr_assert(lab_runs(&lab, c->vip, 0, c->client, 0), "%s from %s: outside", t->name, from);
	cr_assert(packet_runs(packet_inner(lab.pkt.data), c->client, 4000, c->vip, 80),
		  "%s from %s: inside", t->name, from);
	cr_assert(only_translated(true), "%s from %s: other bytes changed", t->name, from);
	cr_assert_null(packet_wrong_sum(lab.pkt.data), "%s from %s: wrong checksum: %s", t->name,
		       from, packet_wrong_sum(lab.pkt.data));
}

static void begin(const struct cast *c, uint8_t protocol)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = protocol,
				 FROM_TO(c->client, 4000, c->vip, 80),
				 .flags = PKT_SYN,
				 .type = CHUNK_INIT});
}

Test(nat, icmp_errors_are_translated_outside_and_inside)
{
	for (int i = 0; i < 2 * PROTOCOLS; i++) {
		const struct cast *c = &casts[i / PROTOCOLS];
		uint8_t protocol = protocols[i % PROTOCOLS];

		lab.partial = false;
		begin(c, protocol);
		for (int partial = 0; partial < 2; partial++) {
			lab.partial = partial;
			for (size_t t = 0; t < sizeof(troubles) / sizeof(troubles[0]); t++) {
				error_to_server(&troubles[t], c, protocol, c->client);
				error_to_server(&troubles[t], c, protocol, c->router);
				error_to_client(&troubles[t], c, protocol, c->rs);
				error_to_client(&troubles[t], c, protocol, c->router);
			}
		}
	}
}

Test(nat, icmp_errors_count_but_put_no_timer_off)
{
	const struct cast *c = &casts[0];
	struct dest *dest;
	struct conn *conn;
	uint64_t expires;

	begin(c, IPPROTO_TCP);
	conn = lab_conn(&lab, IPPROTO_TCP, c->client, 4000, c->vip, 80);
	dest = conn->dest;
	expires = atomic_load(&conn->expires);
	lab_wait(&lab, 1000);
	error_to_server(&troubles[0], c, IPPROTO_TCP, c->client);
	error_to_client(&troubles[0], c, IPPROTO_TCP, c->rs);
	cr_assert_eq(atomic_load(&conn->expires), expires);
	cr_assert_eq(atomic_load(&conn->state), TCP_SRECV);
	cr_assert_eq(atomic_load(&dest->traffic.in_pkts), 2);
	cr_assert_eq(atomic_load(&dest->traffic.out_pkts), 1);
}

static uint64_t random_state = 88172645463325252ull;

/* xorshift64: the same on every machine. */
static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

static struct build random_packet(const struct cast *c, bool icmp, struct build *inner)
{
	static const uint8_t exts[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
				       IPPROTO_FRAGMENT};
	struct build b = {.protocol = protocols[random_below(PROTOCOLS)],
			  FROM_TO(c->client, (uint16_t)(21 + random_below(65000)), c->vip,
				  (uint16_t)(80 + random_below(2))),
			  .flags = PKT_SYN,
			  .type = CHUNK_INIT,
			  .payload = (uint16_t)random_below(1400),
			  .ip_options = (uint8_t)random_below(11),
			  .tcp_options = (uint8_t)random_below(11),
			  .ext_len = (uint8_t)random_below(5)};

	for (int i = 0; i < b.ext_len; i++)
		b.ext[i] = exts[random_below(sizeof(exts))];
	*inner = b;
	if (!icmp)
		return b;
	*inner = (struct build){.protocol = b.protocol,
				FROM_TO(c->vip, b.dport, c->client, b.sport),
				.payload = b.payload};
	return (struct build){.protocol =
				      b.saddr == casts[0].client ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			      .saddr = c->client,
			      .daddr = c->vip,
			      .type = b.saddr == casts[0].client ? 3 : 1,
			      .inner = inner};
}

Test(nat, random_flows_come_back_as_they_went)
{
	for (int i = 0; i < 20000; i++) {
		const struct cast *c = &casts[random_below(2)];
		struct build b, inner;
		struct flow there;

		b = random_packet(c, false, &inner);
		lab.partial = !random_below(4);
		lab_send(&lab, PKT_IN, &b);
		cr_assert(only_translated(false), "packet %d", i);
		cr_assert_null(packet_wrong_sum(lab.pkt.data), "packet %d: %s", i,
			       packet_wrong_sum(lab.pkt.data));
		there = packet_flow(lab.pkt.data);
		cr_assert_eq(there.sport, htons(b.sport));
		b.sport = ntohs(there.dport);
		b.dport = ntohs(there.sport);
		b.saddr = c->rs;
		b.daddr = c->client;
		b.flags = PKT_ACK;
		lab_send(&lab, PKT_OUT, &b);
		cr_assert(lab_runs(&lab, c->vip, inner.dport, c->client, inner.sport), "packet %d",
			  i);
		cr_assert(only_translated(true), "packet %d", i);
		cr_assert_null(packet_wrong_sum(lab.pkt.data), "packet %d: %s", i,
			       packet_wrong_sum(lab.pkt.data));
	}
}

/*
 * A bit falls over behind the addresses and ports, which NAT replaces: in the payload, in an option
 * that nobody reads, in a checksum. Translation must not make that look right.
 */
Test(nat, what_was_corrupt_stays_corrupt)
{
	static uint8_t bytes[BUILD_MAX];
	unsigned int seen = 0;

	for (int i = 0; i < 20000; i++) {
		const struct cast *c = &casts[random_below(2)];
		bool icmp = !random_below(4);
		struct build b, inner;
		struct layout at;
		size_t len, hit;

		b = random_packet(c, icmp, &inner);
		b.ip_options = 0;
		if (icmp) {
			struct build first = {.protocol = inner.protocol,
					      FROM_TO(c->client, inner.dport, c->vip, inner.sport),
					      .flags = PKT_SYN,
					      .type = CHUNK_INIT};

			lab_send(&lab, PKT_IN, &first);
		}
		len = build_packet(bytes, &b);
		at = packet_layout(bytes);
		/* The checksum itself, the IPv4 TTL, or a byte after all headers. */
		hit = at.l4 + sum_offset(at.protocol);
		if (!random_below(4) && !at.v6)
			hit = 8;
		else if (random_below(2) && !icmp && b.payload)
			hit = len - 1 - random_below(b.payload);
		bytes[hit] ^= (uint8_t)(1 << random_below(8));
		if (at.protocol == IPPROTO_UDP && !get_be16(bytes + at.l4 + 6))
			continue; /* now it says that there is none */
		seen++;
		cr_assert(packet_wrong_sum(bytes));
		lab_bytes(&lab, PKT_IN, bytes, len);
		cr_assert(lab.verdict.mangled, "packet %d", i);
		cr_assert(packet_wrong_sum(lab.pkt.data), "packet %d was repaired", i);
	}
	cr_assert_geq(seen, 19000);
}
