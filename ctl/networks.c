// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which networks this machine is in, from its interfaces' addresses and netmasks. Read anew for
 * each question or few, as both change without notice. The control thread of nfvsd, and nfvsadm.
 */
#include "ctl/networks.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

struct networks {
	struct ifaddrs *list;
};

struct networks *networks_read(void)
{
	struct networks *networks = calloc(1, sizeof(*networks));

	if (networks && getifaddrs(&networks->list)) {
		free(networks);
		return NULL;
	}
	return networks;
}

void networks_free(struct networks *networks)
{
	if (!networks)
		return;
	freeifaddrs(networks->list);
	free(networks);
}

/* The address bytes of @name if it is of @af, or NULL. */
static const uint8_t *bytes_of(const struct sockaddr *name, uint8_t af)
{
	if (!name || name->sa_family != af)
		return NULL;
	if (af == AF_INET6)
		return ((const struct sockaddr_in6 *)name)->sin6_addr.s6_addr;
	return (const uint8_t *)&((const struct sockaddr_in *)name)->sin_addr;
}

static unsigned int mask_length(const uint8_t *mask, size_t size)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < size && mask[i]; i++)
		bits += (unsigned int)__builtin_popcount(mask[i]);
	return bits;
}

static bool same_network(const uint8_t *a, const uint8_t *b, const uint8_t *mask, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((a[i] ^ b[i]) & mask[i])
			return false;
	return true;
}

unsigned int networks_prefix(const struct networks *networks, uint8_t af, const union addr *addr,
			     char name[IF_NAMESIZE])
{
	size_t size = addr_size(af);
	unsigned int best = 0, length;

	for (const struct ifaddrs *at = networks->list; at; at = at->ifa_next) {
		const uint8_t *own = bytes_of(at->ifa_addr, af);
		const uint8_t *mask = bytes_of(at->ifa_netmask, af);

		if (!own || !mask || !same_network(own, addr->bytes, mask, size))
			continue;
		length = mask_length(mask, size);
		if (length <= best)
			continue;
		best = length;
		strncpy(name, at->ifa_name, IF_NAMESIZE - 1);
		name[IF_NAMESIZE - 1] = '\0';
	}
	return best;
}

bool networks_own(const struct networks *networks, uint8_t af, const union addr *addr)
{
	for (const struct ifaddrs *at = networks->list; at; at = at->ifa_next) {
		const uint8_t *own = bytes_of(at->ifa_addr, af);

		if (own && !memcmp(own, addr->bytes, addr_size(af)))
			return true;
	}
	return false;
}

bool networks_has(const struct networks *networks, const char *name, uint8_t af,
		  const union addr *addr)
{
	for (const struct ifaddrs *at = networks->list; at; at = at->ifa_next) {
		const uint8_t *own = bytes_of(at->ifa_addr, af);

		if (own && !strcmp(at->ifa_name, name) && !memcmp(own, addr->bytes, addr_size(af)))
			return true;
	}
	return false;
}

int networks_address(const struct networks *networks, const char *name, uint8_t af, union addr *out)
{
	for (const struct ifaddrs *at = networks->list; at; at = at->ifa_next) {
		const uint8_t *own = bytes_of(at->ifa_addr, af);

		if (!own || strcmp(at->ifa_name, name))
			continue;
		memset(out, 0, sizeof(*out));
		memcpy(out->bytes, own, addr_size(af));
		return 0;
	}
	return -ENOENT;
}

bool interfaces_have(const struct interfaces *interfaces, const char *name)
{
	for (size_t i = 0; i < interfaces->len; i++)
		if (!strcmp(interfaces->names[i], name))
			return true;
	return false;
}

void interfaces_add(struct interfaces *interfaces, const char *name)
{
	if (!*name || interfaces->len == INTERFACES_MAX || interfaces_have(interfaces, name))
		return;
	strncpy(interfaces->names[interfaces->len], name, IF_NAMESIZE - 1);
	interfaces->names[interfaces->len++][IF_NAMESIZE - 1] = '\0';
}

void networks_around(const struct networks *networks, uint8_t af, const union addr *addr,
		     struct interfaces *out)
{
	size_t size = addr_size(af);

	out->len = 0;
	for (const struct ifaddrs *at = networks->list; at; at = at->ifa_next) {
		const uint8_t *own = bytes_of(at->ifa_addr, af);
		const uint8_t *mask = bytes_of(at->ifa_netmask, af);

		if (!own || !mask || !(at->ifa_flags & IFF_UP) || (at->ifa_flags & IFF_LOOPBACK))
			continue;
		/* An address alone is in no network with others. */
		if (mask_length(mask, size) < size * 8 &&
		    same_network(own, addr->bytes, mask, size))
			interfaces_add(out, at->ifa_name);
	}
}

/* The Ethernet address of this entry, or NULL. */
static const uint8_t *mac_of(const struct ifaddrs *at)
{
	const struct sockaddr_ll *link = (const void *)at->ifa_addr;

	if (!link || link->sll_family != AF_PACKET || link->sll_hatype != ARPHRD_ETHER ||
	    link->sll_halen != MAC_LEN)
		return NULL;
	return link->sll_addr;
}

int networks_mac(const struct networks *networks, const char *name, uint8_t mac[MAC_LEN])
{
	for (const struct ifaddrs *at = networks->list; at; at = at->ifa_next) {
		const uint8_t *own = mac_of(at);

		if (!own || strcmp(at->ifa_name, name))
			continue;
		if (!(at->ifa_flags & IFF_UP) || (at->ifa_flags & (IFF_LOOPBACK | IFF_NOARP)))
			return -EOPNOTSUPP;
		memcpy(mac, own, MAC_LEN);
		return 0;
	}
	return -EOPNOTSUPP;
}

bool networks_own_mac(const struct networks *networks, const uint8_t mac[MAC_LEN])
{
	for (const struct ifaddrs *at = networks->list; at; at = at->ifa_next) {
		const uint8_t *own = mac_of(at);

		if (own && !memcmp(own, mac, MAC_LEN))
			return true;
	}
	return false;
}
