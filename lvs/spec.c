// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is common to everybody who handles an administrator's wishes: when two name the same
 * service, and how they are called in messages. Pure; any thread.
 */
#include "lvs/spec.h"

#include <arpa/inet.h>
#include <stdio.h>

bool service_key_equal(const struct service_key *a, const struct service_key *b)
{
	if (a->af != b->af || a->fwmark != b->fwmark)
		return false;
	return a->fwmark ||
	       (a->protocol == b->protocol && a->port == b->port && addr_equal(&a->addr, &b->addr));
}

const char *service_key_format(char buf[SERVICE_KEY_STRLEN], const struct service_key *key)
{
	char addr[ADDR_STRLEN];

	if (key->fwmark)
		snprintf(buf, SERVICE_KEY_STRLEN, "fwmark %u%s", key->fwmark,
			 key->af == AF_INET6 ? " IPv6" : "");
	else
		snprintf(buf, SERVICE_KEY_STRLEN, "%s %s", protocol_name(key->protocol),
			 addr_format_port(addr, key->af, &key->addr, key->port));
	return buf;
}

const char *forward_method_name(enum forward_method method)
{
	static const char *const names[FORWARD_MAX] = {
		[FORWARD_NAT] = "nat",
		[FORWARD_DR] = "dr",
		[FORWARD_TUN] = "tun",
	};

	return names[method];
}

const char *forward_method_title(enum forward_method method)
{
	static const char *const titles[FORWARD_MAX] = {
		[FORWARD_NAT] = "Masq",
		[FORWARD_DR] = "Route",
		[FORWARD_TUN] = "Tunnel",
	};

	return titles[method];
}

uint32_t netmask_full(uint8_t af)
{
	return af == AF_INET ? UINT32_MAX : 128;
}

bool match_contains(const struct match *match, uint8_t af, uint8_t protocol, const union addr *addr,
		    __be16 port)
{
	return match->af == af && match->protocol == protocol && ntohs(port) >= match->first &&
	       ntohs(port) <= match->last && addr_equal(&match->addr, addr);
}
