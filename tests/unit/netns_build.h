/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETNS_BUILD_H
#define TESTS_NETNS_BUILD_H

/* A network namespace of the test's own, with rules and packets on its loopback, for what only a
 * kernel can answer. A test that cannot have one is skipped. */

#include "lvs/pkt.h"

#include <criterion/criterion.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* False, after it has marked the test as skipped: the caller returns. */
static inline bool netns_enter(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET)) {
		cr_skip_test("no privilege to make a network namespace");
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	if (system("PATH=$PATH:/usr/sbin:/sbin nft -v >/dev/null 2>&1")) {
		cr_skip_test("no nft");
		return false;
	}
	return true;
}

static inline void netns_rules(const char *rules)
{
	FILE *nft = popen("PATH=$PATH:/usr/sbin:/sbin nft -f -", "w");

	cr_assert_not_null(nft);
	fputs(rules, nft);
	cr_assert_eq(pclose(nft), 0, "nft does not take the rules");
}

/* Loopback of @af at @port in *@at; its length. */
static inline socklen_t netns_loopback(uint8_t af, uint16_t port, struct sockaddr_storage *at)
{
	struct sockaddr_in *v4 = (void *)at;
	struct sockaddr_in6 *v6 = (void *)at;

	memset(at, 0, sizeof(*at));
	at->ss_family = af;
	if (af == AF_INET) {
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	v6->sin6_addr = in6addr_loopback;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

/* A socket of @type at loopback, port @port (0: any); its address to @at. */
static inline int netns_socket(uint8_t af, int type, uint16_t port, struct sockaddr_storage *at)
{
	socklen_t len = netns_loopback(af, port, at);
	int on = 1, fd = socket(af, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	cr_assert_eq(bind(fd, (struct sockaddr *)at, len), 0);
	if (type == SOCK_STREAM)
		cr_assert_eq(listen(fd, 8), 0);
	return fd;
}

/* Connects a new socket of @type to port @port of loopback; its flow to @flow. */
static inline int netns_connect(uint8_t af, int type, uint16_t port, struct flow *flow)
{
	struct sockaddr_storage self = {0}, peer;
	const struct sockaddr_in *to4 = (void *)&peer, *own4 = (void *)&self;
	const struct sockaddr_in6 *to6 = (void *)&peer, *own6 = (void *)&self;
	socklen_t len = netns_loopback(af, port, &peer);
	int fd = socket(af, type, 0);

	*flow = (struct flow){.af = af,
			      .protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP,
			      .dport = htons(port)};
	cr_assert_eq(connect(fd, (struct sockaddr *)&peer, len), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&self, &len), 0);
	if (af == AF_INET) {
		flow->saddr.ip = own4->sin_addr.s_addr;
		flow->daddr.ip = to4->sin_addr.s_addr;
		flow->sport = own4->sin_port;
	} else {
		memcpy(&flow->saddr, &own6->sin6_addr, 16);
		memcpy(&flow->daddr, &to6->sin6_addr, 16);
		flow->sport = own6->sin6_port;
	}
	return fd;
}

#endif
