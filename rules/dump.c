// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading what nf_tables has: one request, one answer of many messages. Who looks for leftovers of
 * an earlier daemon and who reads counters call it. Control thread.
 */
#include "rules/dump.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

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

struct elements_for {
	int (*fn)(struct nftnl_set_elem *elem, void *data);
	void *data;
};

static int on_elements(const struct nlmsghdr *nlh, void *data)
{
	const struct elements_for *caller = data;
	struct nftnl_set *set = nftnl_set_alloc();
	int ret = MNL_CB_ERROR;

	if (set && nftnl_set_elems_nlmsg_parse(nlh, set) >= 0) {
		nftnl_set_elem_foreach(set, caller->fn, caller->data);
		ret = MNL_CB_OK;
	}
	if (set)
		nftnl_set_free(set);
	return ret;
}

/* A request for one element is no dump: it has one answer, or an error. */
int dump_elements(struct mnl_socket *nl, enum family family, struct nftnl_set *set, bool all,
		  int (*fn)(struct nftnl_set_elem *elem, void *data), void *data)
{
	struct elements_for caller = {.fn = fn, .data = data};
	char buf[4096];
	struct nlmsghdr *nlh = dump_begin(buf, NFT_MSG_GETSETELEM, family);

	if (!all)
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nftnl_set_elems_nlmsg_build_payload(nlh, set);
	return dump_run(nl, nlh, on_elements, &caller);
}

struct counter {
	uint64_t packets, bytes;
	bool found;
};

static int on_expr(struct nftnl_expr *expr, void *data)
{
	struct counter *counter = data;

	if (strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter") != 0)
		return 0;
	*counter = (struct counter){.packets = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS),
				    .bytes = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_BYTES),
				    .found = true};
	return 0;
}

bool dump_counter(struct nftnl_set_elem *elem, uint64_t *packets, uint64_t *bytes)
{
	struct counter counter = {0};

	nftnl_set_elem_expr_foreach(elem, on_expr, &counter);
	*packets = counter.packets;
	*bytes = counter.bytes;
	return counter.found;
}
