// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices and routes by rtnetlink. Two sockets: one asks, the other is told what changes and is
 * only drained: what changed does not matter, as all that depends on it is asked for anew. Control
 * thread.
 */
#include "daemon/links.h"
#include "lib/array.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct links {
	struct mnl_socket *ask, *told;
	uint32_t seq;
	bool asked; /* links_changed() was */
};

static const int groups[] = {RTNLGRP_LINK,	 RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
			     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
			     RTNLGRP_IPV6_RULE,	 RTNLGRP_NEXTHOP};

/* An older kernel has not all groups. */
static struct mnl_socket *open_one(bool listens)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int err;

	if (!nl)
		return NULL;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
		err = errno;
		mnl_socket_close(nl);
		errno = err;
		return NULL;
	}
	for (size_t i = 0; listens && i < sizeof(groups) / sizeof(groups[0]); i++)
		(void)mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					    sizeof(groups[i]));
	return nl;
}

struct links *links_open(void)
{
	struct links *links = calloc(1, sizeof(*links));
	int err;

	if (!links)
		return NULL;
	links->ask = open_one(false);
	links->told = links->ask ? open_one(true) : NULL;
	if (links->told)
		return links;
	err = errno;
	links_close(links);
	errno = err;
	return NULL;
}

void links_close(struct links *links)
{
	if (!links)
		return;
	if (links->ask)
		mnl_socket_close(links->ask);
	if (links->told)
		mnl_socket_close(links->told);
	free(links);
}

/* What did not fit into the socket's buffer (ENOBUFS) is a change, too. */
bool links_changed(struct links *links)
{
	bool changed = !links->asked;
	char buf[8192];
	ssize_t n;

	links->asked = true;
	do {
		n = recv(mnl_socket_get_fd(links->told), buf, sizeof(buf), MSG_DONTWAIT);
		changed |= n > 0 || (n < 0 && errno == ENOBUFS);
	} while (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR)));
	return changed;
}

static int attr_store(const struct nlattr *attr, void *data)
{
	const struct nlattr **table = data;

	if (mnl_attr_get_type(attr) <= IFLA_MAX)
		table[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int ask(struct links *links, struct nlmsghdr *nlh, mnl_cb_t callback, void *data)
{
	char buf[32768];
	int ret = MNL_CB_OK;
	ssize_t n;

	nlh->nlmsg_seq = ++links->seq;
	if (mnl_socket_sendto(links->ask, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(links->ask, buf, sizeof(buf));
		ret = n < 0 ? MNL_CB_ERROR
			    : mnl_cb_run(buf, (size_t)n, links->seq,
					 mnl_socket_get_portid(links->ask), callback, data);
		if (ret > MNL_CB_STOP && !(nlh->nlmsg_flags & NLM_F_DUMP))
			break;
	}
	return ret == MNL_CB_ERROR ? -errno : 0;
}

/* A device as it is told of. */
struct seen {
	struct link link;
	uint32_t lower; /* index of the device that this one is a VLAN of, or 0 */
	bool usable;
};

struct reading {
	struct seen *items;
	size_t len, max;
	bool no_memory;
};

/* "vlan" and the like stand on another device, whose packets with tags are theirs. */
static bool is_vlan(const struct nlattr *info)
{
	const struct nlattr *attr;

	if (!info)
		return false;
	mnl_attr_for_each_nested(attr,
				 info) if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
					   !strcmp(mnl_attr_get_str(attr), "vlan")) return true;
	return false;
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MAX + 1] = {NULL};
	struct reading *reading = data;
	struct seen *seen;

	if (mnl_attr_parse(nlh, sizeof(*info), attr_store, tb) < 0 || !tb[IFLA_IFNAME])
		return MNL_CB_OK;
	if (!array_grow(&reading->items, reading->len, &reading->max, sizeof(*reading->items))) {
		reading->no_memory = true;
		return MNL_CB_OK;
	}
	seen = &reading->items[reading->len++];
	*seen = (struct seen){.link.device.index = (uint32_t)info->ifi_index};
	strncpy(seen->link.device.name, mnl_attr_get_str(tb[IFLA_IFNAME]), IF_NAMESIZE - 1);
	if (tb[IFLA_MTU])
		seen->link.mtu = mnl_attr_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_LINK] && is_vlan(tb[IFLA_LINKINFO]))
		seen->lower = mnl_attr_get_u32(tb[IFLA_LINK]);
	seen->usable =
		info->ifi_type == ARPHRD_ETHER && info->ifi_flags & IFF_UP && !tb[IFLA_MASTER];
	return MNL_CB_OK;
}

static bool carries_vlans(const struct reading *reading, uint32_t index)
{
	for (size_t i = 0; i < reading->len; i++)
		if (reading->items[i].lower == index)
			return true;
	return false;
}

static int by_index(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return (x->device.index > y->device.index) - (x->device.index < y->device.index);
}

int links_read(struct links *links, struct link **out, size_t *len)
{
	char buf[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	struct reading reading = {0};
	int ret;

	*len = 0;
	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info->ifi_family = AF_UNSPEC;
	ret = ask(links, nlh, on_link, &reading);
	*out = calloc(reading.len + 1, sizeof(**out));
	if (!ret && (reading.no_memory || !*out))
		ret = -ENOMEM;
	for (size_t i = 0; !ret && i < reading.len; i++)
		if (reading.items[i].usable &&
		    !carries_vlans(&reading, reading.items[i].link.device.index))
			(*out)[(*len)++] = reading.items[i].link;
	free(reading.items);
	if (*len)
		qsort(*out, *len, sizeof(**out), by_index);
	return ret;
}

struct answer {
	struct hop *hop;
	uint8_t af;
	bool found;
};

static uint32_t route_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	if (!metrics)
		return 0;
	mnl_attr_for_each_nested(attr, metrics) if (mnl_attr_get_type(attr) ==
						    RTAX_MTU) return mnl_attr_get_u32(attr);
	return 0;
}

/* A gateway of the other family (RTA_VIA) is none for us. */
static int on_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MAX + 1] = {NULL};
	struct answer *answer = data;

	if (mnl_attr_parse(nlh, sizeof(*rtm), attr_store, tb) < 0 || !tb[RTA_OIF] ||
	    rtm->rtm_type != RTN_UNICAST || tb[RTA_VIA] || tb[RTA_ENCAP])
		return MNL_CB_OK;
	answer->found = true;
	answer->hop->device = mnl_attr_get_u32(tb[RTA_OIF]);
	answer->hop->mtu = route_mtu(tb[RTA_METRICS]);
	if (tb[RTA_GATEWAY] && mnl_attr_get_payload_len(tb[RTA_GATEWAY]) <= sizeof(union addr))
		memcpy(answer->hop->addr.bytes, mnl_attr_get_payload(tb[RTA_GATEWAY]),
		       mnl_attr_get_payload_len(tb[RTA_GATEWAY]));
	return MNL_CB_OK;
}

bool links_hop(struct links *links, uint8_t af, const union addr *addr, struct hop *out)
{
	const size_t len = af == AF_INET6 ? 16 : 4;
	char buf[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct answer answer = {.hop = out, .af = af};

	*out = (struct hop){.addr = *addr};
	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	rtm->rtm_family = af;
	rtm->rtm_dst_len = (unsigned char)(len * 8);
	mnl_attr_put(nlh, RTA_DST, len, addr->bytes);
	return !ask(links, nlh, on_route, &answer) && answer.found;
}
