// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading what nf_tables has: one request, one answer of many messages. Who looks for leftovers of
 * an earlier daemon and who reads counters call it. Control thread.
 */
#include "rules/dump.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>

struct mnl_socket *dump_open(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int err;

	if (!nl || !mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		return nl;
	err = errno;
	mnl_socket_close(nl);
	errno = err;
	return NULL;
}

struct nlmsghdr *dump_begin(char *buf, uint16_t type, enum family family)
{
	return nftnl_nlmsg_build_hdr(buf, type, family_nfproto(family), NLM_F_DUMP, type);
}

int dump_run(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t callback, void *data)
{
	const uint32_t seq = nlh->nlmsg_seq;
	char buf[32768];
	int ret = MNL_CB_OK;
	ssize_t n;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		ret = n < 0 ? MNL_CB_ERROR
			    : mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), callback,
					 data);
	}
	return ret == MNL_CB_ERROR && errno != ENOENT ? -errno : 0;
}
