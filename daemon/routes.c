// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel knows of the way to an address. The one idea: a UDP socket that is connected to
 * the address has looked the route up, without a packet being sent, and can be asked for the source
 * that was chosen and the path MTU. Where the source is the address itself, it is this machine's.
 * Each worker has its own sockets.
 */
#include "daemon/routes.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DISCARD_PORT 9 /* nothing is sent there */

struct routes {
	struct router router;
	int v4, v6; /* -1: the kernel has not the family */
};

static socklen_t address_fill(struct sockaddr_storage *to, uint8_t af, const union addr *addr)
{
	struct sockaddr_in *v4 = (void *)to;
	struct sockaddr_in6 *v6 = (void *)to;

	memset(to, 0, sizeof(*to));
	if (af == AF_INET6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(DISCARD_PORT);
		memcpy(&v6->sin6_addr, addr->ip6, sizeof(v6->sin6_addr));
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(DISCARD_PORT);
	v4->sin_addr.s_addr = addr->ip;
	return sizeof(*v4);
}

static void address_read(const struct sockaddr_storage *from, union addr *addr)
{
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;

	*addr = (union addr){.ip6 = {0}};
	if (from->ss_family == AF_INET6)
		memcpy(addr->ip6, &v6->sin6_addr, sizeof(addr->ip6));
	else
		addr->ip = v4->sin_addr.s_addr;
}

static void routes_find(struct router *router, uint8_t af, const union addr *daddr,
			struct route *out)
{
	struct routes *routes = (struct routes *)router;
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = af == AF_INET6 ? routes->v6 : routes->v4;
	struct sockaddr_storage name;
	socklen_t len = address_fill(&name, af, daddr);
	int mtu = 0;

	*out = (struct route){0};
	/* Otherwise the source of the last look-up would stay. */
	(void)connect(fd, &none, sizeof(none));
	if (connect(fd, (struct sockaddr *)&name, len))
		return;
	len = sizeof(name);
	if (getsockname(fd, (struct sockaddr *)&name, &len))
		return;
	address_read(&name, &out->saddr);
	out->local = addr_equal(&out->saddr, daddr);
	len = sizeof(mtu);
	if (af == AF_INET6 ? getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &len)
			   : getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len))
		return;
	out->mtu = (uint32_t)mtu;
}

static uint32_t routes_mtu(struct router *router, uint32_t ifindex)
{
	struct routes *routes = (struct routes *)router;
	struct ifreq request = {.ifr_ifindex = (int)ifindex};

	if (ioctl(routes->v4, SIOCGIFNAME, &request) || ioctl(routes->v4, SIOCGIFMTU, &request))
		return 0;
	return (uint32_t)request.ifr_mtu;
}

struct router *routes_open(struct error *err)
{
	struct routes *routes = calloc(1, sizeof(*routes));

	if (!routes) {
		error_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	routes->router.find = routes_find;
	routes->router.mtu = routes_mtu;
	routes->v4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	routes->v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (routes->v4 >= 0)
		return &routes->router;
	error_set(err, -errno, "cannot open a UDP socket: %s", strerror(errno));
	routes_close(&routes->router);
	return NULL;
}

void routes_close(struct router *router)
{
	struct routes *routes = (struct routes *)router;

	if (!routes)
		return;
	if (routes->v4 >= 0)
		close(routes->v4);
	if (routes->v6 >= 0)
		close(routes->v6);
	free(routes);
}

void routes_observe(struct settings *settings)
{
	unsigned int first, last;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	if (!file)
		return;
	if (fscanf(file, "%u %u", &first, &last) == 2) {
		atomic_store_explicit(&settings->port_min, first, memory_order_relaxed);
		atomic_store_explicit(&settings->port_max, last, memory_order_relaxed);
	}
	fclose(file);
}
