// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asking neighbours who has an address. The one idea: all questions are sent at once, over one
 * socket for ARP and one for IPv6, and silence is an answer too, so the wait is the same for one
 * question and for all. Nothing that is sent changes what a neighbour knows (solicit.c). nfvsadm.
 */
#include "ctl/probe.h"
#include "ctl/solicit.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_MS 350 /* those that nobody answered are asked again */

const struct probe *probes_find(const struct probes *probes, uint8_t af, const union addr *addr,
				const char *name)
{
	for (size_t i = 0; i < probes->len; i++) {
		const struct probe *probe = &probes->items[i];

		if (probe->af == af && addr_equal(&probe->addr, addr) && !strcmp(probe->name, name))
			return probe;
	}
	return NULL;
}

void probes_add(struct probes *probes, const struct networks *networks, uint8_t af,
		const union addr *addr, const char *name)
{
	struct probe probe = {.af = af, .addr = *addr, .interface = if_nametoindex(name)};

	if (networks_mac(networks, name, probe.source) || !probe.interface ||
	    probes_find(probes, af, addr, name))
		return;
	if (!probes->items)
		probes->items = calloc(PROBES_MAX, sizeof(probe));
	if (!probes->items || probes->len == PROBES_MAX) {
		probes->left_out++;
		return;
	}
	strncpy(probe.name, name, sizeof(probe.name) - 1);
	probes->items[probes->len++] = probe;
}

void probes_free(struct probes *probes)
{
	free(probes->items);
	*probes = (struct probes){0};
}

bool probe_answered_by(const struct probe *probe, const uint8_t mac[MAC_LEN])
{
	for (size_t i = 0; i < probe->answers_len; i++)
		if (!memcmp(probe->answers[i], mac, MAC_LEN))
			return true;
	return false;
}

/* -errno: it cannot be opened. */
static int arp_open(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ARP));

	return fd < 0 ? -errno : fd;
}

static int nd_open(void)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	const int hops = 255, yes = 1, no = 0;
	struct icmp6_filter filter;
	int err;

	if (fd < 0)
		return -errno;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
	if (!setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) &&
	    !setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) &&
	    !setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &no, sizeof(no)) &&
	    !setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &yes, sizeof(yes)) &&
	    !setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof(yes)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int arp_send(int fd, const struct probe *probe)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)probe->interface,
		.sll_halen = MAC_LEN,
	};
	uint8_t msg[ARP_LEN];

	memset(to.sll_addr, 0xff, MAC_LEN);
	arp_probe_build(msg, probe->source, &probe->addr);
	return sendto(fd, msg, sizeof(msg), 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

/* From this machine's link-local address there, which the kernel chooses. */
static int nd_send(int fd, const struct probe *probe)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = probe->interface};
	union addr group = nd_solicit_group(&probe->addr);
	uint8_t msg[SOLICIT_LEN];

	memcpy(&to.sin6_addr, group.bytes, sizeof(to.sin6_addr));
	nd_solicit_build(msg, probe->source, &probe->addr);
	return sendto(fd, msg, sizeof(msg), 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static void claim_note(struct probes *probes, uint8_t af, unsigned int interface,
		       const union addr *addr, const uint8_t mac[MAC_LEN])
{
	for (size_t i = 0; i < probes->len; i++) {
		struct probe *probe = &probes->items[i];

		if (probe->af != af || probe->interface != interface ||
		    !addr_equal(&probe->addr, addr) || probe_answered_by(probe, mac) ||
		    probe->answers_len == ANSWERS_MAX)
			continue;
		memcpy(probe->answers[probe->answers_len++], mac, MAC_LEN);
	}
}

static void arp_receive(struct probes *probes, int fd)
{
	struct sockaddr_ll from;
	uint8_t buf[128], mac[MAC_LEN];
	union addr addr;
	ssize_t len;

	for (;;) {
		socklen_t size = sizeof(from);

		len = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);
		if (len < 0)
			return;
		if (!arp_claim_parse(buf, (size_t)len, &addr, mac))
			claim_note(probes, AF_INET, (unsigned int)from.sll_ifindex, &addr, mac);
	}
}

/* By which interface it came, or 0 if it is not from a neighbour. */
static unsigned int nd_interface(struct msghdr *msg)
{
	struct in6_pktinfo info = {0};
	int hops = 0;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(msg); at; at = CMSG_NXTHDR(msg, at)) {
		if (at->cmsg_level != IPPROTO_IPV6)
			continue;
		if (at->cmsg_type == IPV6_PKTINFO)
			memcpy(&info, CMSG_DATA(at), sizeof(info));
		else if (at->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hops, CMSG_DATA(at), sizeof(hops));
	}
	return hops == 255 ? info.ipi6_ifindex : 0;
}

static void nd_receive(struct probes *probes, int fd)
{
	uint8_t buf[1024], mac[MAC_LEN];
	struct iovec vec = {buf, sizeof(buf)};
	unsigned int interface;
	char control[128];
	union addr addr;
	ssize_t len;

	for (;;) {
		struct msghdr msg = {
			.msg_iov = &vec,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};

		len = recvmsg(fd, &msg, 0);
		if (len < 0)
			return;
		interface = nd_interface(&msg);
		if (interface && !nd_claim_parse(buf, (size_t)len, &addr, mac))
			claim_note(probes, AF_INET6, interface, &addr, mac);
	}
}

static int now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)(now.tv_sec % 1000000) * 1000 + (int)(now.tv_nsec / 1000000);
}

static void send_all(struct probes *probes, int arp, int nd)
{
	for (size_t i = 0; i < probes->len; i++) {
		struct probe *probe = &probes->items[i];
		int fd = probe->af == AF_INET6 ? nd : arp;

		if (probe->answers_len)
			continue;
		if (fd < 0)
			probe->err = fd;
		else
			probe->err =
				probe->af == AF_INET6 ? nd_send(fd, probe) : arp_send(fd, probe);
	}
}

static void receive_until(struct probes *probes, int arp, int nd, int end)
{
	struct pollfd fds[] = {{.fd = arp, .events = POLLIN}, {.fd = nd, .events = POLLIN}};
	int left;

	while ((left = end - now_ms()) > 0) {
		if (poll(fds, 2, left) <= 0)
			continue;
		if (fds[0].revents)
			arp_receive(probes, arp);
		if (fds[1].revents)
			nd_receive(probes, nd);
	}
}

void probes_run(struct probes *probes)
{
	int arp, nd, start = now_ms();

	if (!probes->len)
		return;
	arp = arp_open();
	nd = nd_open();
	send_all(probes, arp, nd);
	if (arp >= 0 || nd >= 0) {
		receive_until(probes, arp, nd, start + AGAIN_MS);
		send_all(probes, arp, nd);
		receive_until(probes, arp, nd, start + PROBE_WAIT_MS);
	}
	if (arp >= 0)
		close(arp);
	if (nd >= 0)
		close(nd);
}
