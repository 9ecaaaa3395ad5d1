/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_ADDR_H
#define LVS_ADDR_H

#include <linux/types.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address of either family, network byte order. IPv4 fills the first word, the rest is zero:
 * so two addresses of one family are equal when all 16 bytes are. To make one, initialize .ip6, the
 * whole of it: what an initializer of .ip does to the rest is the compiler's choice. */
union addr {
	__be32 ip;
	__be32 ip6[4];
	uint8_t bytes[16];
};

/* Room for "[v6]:port" and its NUL. */
#define ADDR_STRLEN (INET6_ADDRSTRLEN + 8)

bool addr_equal(const union addr *a, const union addr *b);

/*
 * Can this be a virtual service's or a real server's address? As for IPVS, one that a single host
 * can have: no group, no broadcast, not "this network", no IPv6 address that is link-local (it
 * would need an interface) or an IPv4 one in disguise.
 */
bool addr_is_unicast(uint8_t af, const union addr *addr);

/* Bytes of an address of @af: 4 or 16. */
size_t addr_size(uint8_t af);

/* Reads a plain IPv4 or IPv6 address. 0, or -EINVAL with @af and @addr untouched. */
int addr_parse(const char *text, uint8_t *af, union addr *addr);

/* Writes "10.0.0.1" or "2001:db8::1" into @buf and returns it. */
const char *addr_format(char buf[ADDR_STRLEN], uint8_t af, const union addr *addr);

/* Writes "10.0.0.1:80" or "[2001:db8::1]:80" into @buf and returns it; @port in network order. */
const char *addr_format_port(char buf[ADDR_STRLEN], uint8_t af, const union addr *addr,
			     __be16 port);

/* The network part of @addr. @netmask is IPVS's: for AF_INET a mask in network order, for AF_INET6
 * a prefix length 1..128 in host order. */
union addr addr_network(uint8_t af, const union addr *addr, uint32_t netmask);

/* The order of ipvsadm's listings and of our tables: by value, big-endian. <0, 0, >0. */
int addr_compare(const union addr *a, const union addr *b);

/* "tcp", "udp", "sctp", "icmp", "ipv6-icmp" or "proto-N"; static storage. */
const char *protocol_name(uint8_t protocol);

/* IPPROTO_TCP for "tcp", likewise "udp" and "sctp", in any case of letters; -EINVAL otherwise. */
int protocol_parse(const char *text);

#endif
