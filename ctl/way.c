// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How the kernel would route a packet. The one idea: it is asked by rtnetlink, for a packet that
 * leaves as well as for one that arrives, so that policy rules, gateways and rp_filter count as
 * they do for packets, and none is sent. nfvsadm.
 */
#include "ctl/way.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct ways {
	struct mnl_socket *socket;
	uint32_t seq;
	int ioctl; /* any socket, for SIOCGIFMTU */
	char buf[8192];
};

int ways_open(struct ways **out, struct error *err)
{
	struct ways *ways = calloc(1, sizeof(*ways));
	int ret = -ENOMEM;

	if (!ways)
		return error_set(err, ret, "no memory");
	ways->ioctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ways->socket = ways->ioctl < 0 ? NULL : mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!ways->socket || mnl_socket_bind(ways->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = error_set(err, -errno, "rtnetlink cannot be asked: %s", strerror(errno));
		ways_close(ways);
		return ret;
	}
	*out = ways;
	return 0;
}

void ways_close(struct ways *ways)
{
	if (!ways)
		return;
	if (ways->socket)
		mnl_socket_close(ways->socket);
	if (ways->ioctl >= 0)
		close(ways->ioctl);
	free(ways);
}

static struct nlmsghdr *ask_begin(struct ways *ways, uint8_t af, const union addr *to)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(ways->buf);
	struct rtmsg *msg;

	head->nlmsg_type = RTM_GETROUTE;
	head->nlmsg_flags = NLM_F_REQUEST;
	head->nlmsg_seq = ++ways->seq;
	msg = mnl_nlmsg_put_extra_header(head, sizeof(*msg));
	msg->rtm_family = af;
	msg->rtm_dst_len = (unsigned char)(addr_size(af) * 8);
	mnl_attr_put(head, RTA_DST, addr_size(af), to->bytes);
	return head;
}

/* Sends what was begun and hands its answer to @take. */
static int ask_end(struct ways *ways, struct nlmsghdr *head, mnl_cb_t take, void *data)
{
	ssize_t len = mnl_socket_sendto(ways->socket, head, head->nlmsg_len);

	if (len >= 0)
		len = mnl_socket_recvfrom(ways->socket, ways->buf, sizeof(ways->buf));
	if (len < 0 || mnl_cb_run(ways->buf, (size_t)len, ways->seq,
				  mnl_socket_get_portid(ways->socket), take, data) < 0)
		return -errno;
	return 0;
}

struct answer {
	uint8_t type;
	uint32_t interface, mtu;
	bool routed;
	union addr gateway;
};

static int take_metric(const struct nlattr *attr, void *data)
{
	struct answer *answer = data;

	if (mnl_attr_get_type(attr) == RTAX_MTU && mnl_attr_get_payload_len(attr) == 4)
		answer->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *data)
{
	struct answer *answer = data;
	size_t len = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case RTA_OIF:
		answer->interface = mnl_attr_get_u32(attr);
		break;
	case RTA_GATEWAY:
		if (len <= sizeof(answer->gateway))
			memcpy(answer->gateway.bytes, mnl_attr_get_payload(attr), len);
		answer->routed = true;
		break;
	case RTA_VIA:
		answer->routed = true;
		break;
	case RTA_METRICS:
		mnl_attr_parse_nested(attr, take_metric, answer);
		break;
	}
	return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *head, void *data)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(head);
	struct answer *answer = data;

	if (head->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	answer->type = msg->rtm_type;
	return mnl_attr_parse(head, sizeof(*msg), take_attr, answer);
}

static uint32_t interface_mtu(const struct ways *ways, const char *name)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, name, IF_NAMESIZE);
	if (ioctl(ways->ioctl, SIOCGIFMTU, &request))
		return 0;
	return (uint32_t)request.ifr_mtu;
}

int ways_find(struct ways *ways, uint8_t af, const union addr *addr, struct way *out)
{
	struct answer answer = {0};
	struct nlmsghdr *head = ask_begin(ways, af, addr);
	uint32_t mtu;
	int ret = ask_end(ways, head, take_route, &answer);

	if (ret)
		return ret;
	if (answer.type != RTN_UNICAST && answer.type != RTN_LOCAL)
		return -EHOSTUNREACH;
	*out = (struct way){
		.local = answer.type == RTN_LOCAL,
		.routed = answer.routed,
		.gateway = answer.gateway,
	};
	if (!if_indextoname(answer.interface, out->name))
		return -ENODEV;
	mtu = interface_mtu(ways, out->name);
	out->mtu = answer.mtu && answer.mtu < mtu ? answer.mtu : mtu;
	return 0;
}

bool ways_enter(struct ways *ways, const char *name, const union addr *source, const union addr *to)
{
	struct answer answer = {0};
	struct nlmsghdr *head = ask_begin(ways, AF_INET, to);
	struct rtmsg *msg = mnl_nlmsg_get_payload(head);
	int ret;

	msg->rtm_src_len = 32;
	mnl_attr_put(head, RTA_SRC, sizeof(source->ip), source->bytes);
	mnl_attr_put_u32(head, RTA_IIF, if_nametoindex(name));
	ret = ask_end(ways, head, take_route, &answer);
	/* What rp_filter drops is EXDEV, and EINVAL since Linux 6.14. */
	return ret != -EXDEV && ret != -EINVAL;
}
