/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_TRANSMIT_BUILD_H
#define TESTS_TRANSMIT_BUILD_H

/* Datagrams to services of one server, for the tests of the ways in which packets leave. */

#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

#define CLIENT	"10.1.0.2"
#define VIP	"10.1.0.100"
#define RS	"10.2.0.1"
#define LOCAL	"10.3.0.1"
#define CLIENT6 "fd00:1::2"
#define VIP6	"fd00:1::100"
#define RS6	"fd00:2::1"

#define IPV4_FLAGS 6 /* offset of the byte that has DF */
#define DF	   0x40
#define IPV4_TTL   8
#define IPV6_TTL   7

/* A service with one server of this method, which is returned. */
static inline struct dest *lab_serve(struct lab *lab, struct service_spec spec,
				     struct dest_spec server, enum forward_method method)
{
	struct service *svc = lab_service(lab, spec);
	struct dest *dest = NULL;

	server.method = method;
	cr_assert_eq(service_dest_add(lab->d.services, svc, &server, &dest), 0);
	return dest;
}

/* A datagram from a client; @df, @ttl: of an IPv4 packet. */
static inline void lab_datagram(struct lab *lab, const char *from, const char *to, uint16_t sport,
				uint16_t payload, bool df, uint8_t ttl)
{
	static uint8_t bytes[BUILD_MAX];
	struct build b = {.protocol = IPPROTO_UDP,
			  FROM_TO(from, sport, to, 53),
			  .payload = payload,
			  .partial = lab->partial};
	size_t len = build_packet(bytes, &b);

	if (bytes[0] >> 4 == 6) {
		bytes[IPV6_TTL] = ttl;
	} else {
		bytes[IPV4_FLAGS] = df ? DF : 0;
		bytes[IPV4_TTL] = ttl;
		put_be16(bytes + 10, 0);
		put_be16(bytes + 10, ~sum_words(0, bytes, 20));
	}
	lab_bytes(lab, PKT_IN, bytes, len);
}

#endif
