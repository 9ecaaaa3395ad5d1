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
		[FORWARD_NAT] = "nat",	       [FORWARD_DR] = "dr",	    [FORWARD_TUN] = "tun",
		[FORWARD_FULLNAT] = "fullnat", [FORWARD_BYPASS] = "bypass",
	};

	return names[method];
}

const char *forward_method_title(enum forward_method method)
{
	static const char *const titles[FORWARD_MAX] = {
		[FORWARD_NAT] = "Masq",	     [FORWARD_DR] = "Route",
		[FORWARD_TUN] = "Tunnel",    [FORWARD_FULLNAT] = "FullNat",
		[FORWARD_BYPASS] = "Bypass",
	};

	return titles[method];
}

const char *tunnel_type_name(enum tunnel_type type)
{
	static const char *const names[TUNNEL_MAX] = {
		[TUNNEL_IPIP] = "ipip",
		[TUNNEL_GUE] = "gue",
		[TUNNEL_GRE] = "gre",
	};

	return names[type];
}

const char *tunnel_checksum_name(uint8_t flags)
{
	if (flags & TUNNEL_REMCSUM)
		return "remote";
	return flags & TUNNEL_CSUM ? "full" : "none";
}

const char *tunnel_fault(const struct tunnel *tunnel, const char **why)
{
	if (tunnel->type != TUNNEL_GUE && tunnel->port) {
		*why = "only gue has a port";
		return "tunnel_port";
	}
	if (tunnel->type == TUNNEL_IPIP && tunnel->flags) {
		*why = "ipip has no checksum";
		return "tunnel_checksum";
	}
	if (tunnel->type != TUNNEL_GUE && tunnel->flags & TUNNEL_REMCSUM) {
		*why = "only gue can leave it to the receiver";
		return "tunnel_checksum";
	}
	if (tunnel->type == TUNNEL_GUE && !tunnel->port) {
		*why = "gue needs a tunnel_port";
		return "tunnel";
	}
	return NULL;
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
