// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses of both families and the names of protocols, between text and wire. The one idea: an
 * unused byte of union addr is zero, so comparing never asks for the family. Pure; any thread, and
 * comparing on the packet path.
 */
#include "lvs/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool addr_equal(const union addr *a, const union addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

bool addr_is_unicast(uint8_t af, const union addr *addr)
{
	struct in6_addr ip6;

	if (af == AF_INET) {
		uint32_t ip = ntohl(addr->ip);

		return ip >> IN_CLASSA_NSHIFT && !IN_MULTICAST(ip) && ip != INADDR_BROADCAST;
	}
	memcpy(&ip6, addr, sizeof(ip6));
	return !IN6_IS_ADDR_MULTICAST(&ip6) && !IN6_IS_ADDR_LINKLOCAL(&ip6) &&
	       !IN6_IS_ADDR_UNSPECIFIED(&ip6) && !IN6_IS_ADDR_V4MAPPED(&ip6);
}

size_t addr_size(uint8_t af)
{
	return af == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

int addr_parse(const char *text, uint8_t *af, union addr *addr)
{
	union addr parsed = {.ip6 = {0}};
	uint8_t family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, parsed.bytes) != 1)
		return -EINVAL;
	*af = family;
	*addr = parsed;
	return 0;
}

const char *addr_format(char buf[ADDR_STRLEN], uint8_t af, const union addr *addr)
{
	return inet_ntop(af, addr->bytes, buf, ADDR_STRLEN);
}

const char *addr_format_port(char buf[ADDR_STRLEN], uint8_t af, const union addr *addr, __be16 port)
{
	bool v6 = af == AF_INET6;
	size_t len;

	if (v6)
		buf[0] = '[';
	inet_ntop(af, addr->bytes, buf + v6, INET6_ADDRSTRLEN);
	len = strlen(buf);
	snprintf(buf + len, ADDR_STRLEN - len, "%s:%u", v6 ? "]" : "", ntohs(port));
	return buf;
}

union addr addr_network(uint8_t af, const union addr *addr, uint32_t netmask)
{
	union addr network = *addr;

	if (af == AF_INET) {
		network.ip &= netmask;
		return network;
	}
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t bits = netmask < 32 ? netmask : 32;

		network.ip6[i] &= bits ? htonl(UINT32_MAX << (32 - bits)) : 0;
		netmask -= bits;
	}
	return network;
}

int addr_compare(const union addr *a, const union addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* "proto-T0" .. "proto-T9" */
#define TEN(t)                                                                               \
	"proto-" #t "0", "proto-" #t "1", "proto-" #t "2", "proto-" #t "3", "proto-" #t "4", \
		"proto-" #t "5", "proto-" #t "6", "proto-" #t "7", "proto-" #t "8",          \
		"proto-" #t "9"

const char *protocol_name(uint8_t protocol)
{
	static const char *const numbers[] = {
		TEN(),	 TEN(1),  TEN(2),  TEN(3),  TEN(4),  TEN(5),  TEN(6),  TEN(7),	TEN(8),
		TEN(9),	 TEN(10), TEN(11), TEN(12), TEN(13), TEN(14), TEN(15), TEN(16), TEN(17),
		TEN(18), TEN(19), TEN(20), TEN(21), TEN(22), TEN(23), TEN(24), TEN(25),
	};

	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "ipv6-icmp";
	}
	return numbers[protocol];
}

int protocol_parse(const char *text)
{
	if (!strcasecmp(text, "tcp"))
		return IPPROTO_TCP;
	if (!strcasecmp(text, "udp"))
		return IPPROTO_UDP;
	if (!strcasecmp(text, "sctp"))
		return IPPROTO_SCTP;
	return -EINVAL;
}
