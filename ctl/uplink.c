// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Default routes that came by router advertisements. The one idea: a machine that forwards IPv6 is
 * a router to the kernel, and with accept_ra=1 a router heeds no other: once forwarding is switched
 * on such a route is dropped (rt6_purge_dflt_routers()), or runs out, and the clients beyond it
 * hear nothing any more. Where accept_ra is 0 a program of the system keeps the route, and 2 is
 * right. nfvsd's control thread, nfvsadm.
 */
#include "ctl/uplink.h"
#include "lib/sysctl.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

static int take_interface(const struct nlattr *attr, void *data)
{
	char name[IF_NAMESIZE], setting[SYSCTL_NAME_MAX];

	if (mnl_attr_get_type(attr) != RTA_OIF || mnl_attr_get_payload_len(attr) != 4 ||
	    !if_indextoname(mnl_attr_get_u32(attr), name))
		return MNL_CB_OK;
	snprintf(setting, sizeof(setting), "net/ipv6/conf/%s/accept_ra", name);
	if (sysctl_number(setting) == 1)
		interfaces_add(data, name);
	return MNL_CB_OK;
}

/* The kernel's own are never of several interfaces (rt6_qualify_for_ecmp()). */
static int take_route(const struct nlmsghdr *head, void *data)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(head);

	if (head->nlmsg_type == RTM_NEWROUTE && !msg->rtm_dst_len && msg->rtm_type == RTN_UNICAST &&
	    msg->rtm_protocol == RTPROT_RA)
		mnl_attr_parse(head, sizeof(*msg), take_interface, data);
	return MNL_CB_OK;
}

static void read_routes(struct mnl_socket *socket, struct interfaces *out)
{
	unsigned int portid = mnl_socket_get_portid(socket);
	char buf[16384];
	struct nlmsghdr *head = mnl_nlmsg_put_header(buf);
	struct rtmsg *msg;
	ssize_t len;

	head->nlmsg_type = RTM_GETROUTE;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head->nlmsg_seq = 1;
	msg = mnl_nlmsg_put_extra_header(head, sizeof(*msg));
	msg->rtm_family = AF_INET6;
	if (mnl_socket_sendto(socket, head, head->nlmsg_len) < 0)
		return;
	do
		len = mnl_socket_recvfrom(socket, buf, sizeof(buf));
	while (len > 0 && mnl_cb_run(buf, (size_t)len, 1, portid, take_route, out) > MNL_CB_STOP);
}

void uplinks_advertised(struct interfaces *out)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	out->len = 0;
	if (!socket)
		return;
	if (!mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
		read_routes(socket, out);
	mnl_socket_close(socket);
}
