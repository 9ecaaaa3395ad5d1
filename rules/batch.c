// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A transaction over netlink. The one idea: all messages lie in one growing buffer and go out in
 * one sendmsg(), because the kernel treats exactly one datagram as a transaction. The kernel works
 * it off inside that call, so all answers wait in the socket when it returns. Control thread.
 */
#include "rules/batch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ROOM (128u * 1024u)

struct batch {
	char *buf;
	size_t len, max; /* of buf; the message under construction is not in len yet */
	size_t open;	 /* offset of the message under construction, if any */
	bool is_open;
	bool no_memory;
	uint32_t seq;	   /* of the next message */
	const char **what; /* by sequence number */
	size_t what_max;
};

/* Counts the message under construction in. */
static void batch_close_message(struct batch *batch)
{
	if (!batch->is_open)
		return;
	batch->len += MNL_ALIGN(((struct nlmsghdr *)(batch->buf + batch->open))->nlmsg_len);
	batch->is_open = false;
}

static bool batch_room(struct batch *batch)
{
	size_t max = batch->max ? batch->max : ROOM;
	char *buf;

	while (max - batch->len < ROOM)
		max *= 2;
	if (max == batch->max)
		return true;
	buf = realloc(batch->buf, max);
	if (!buf)
		return false;
	batch->buf = buf;
	batch->max = max;
	return true;
}

static bool batch_name(struct batch *batch, const char *what)
{
	if (batch->seq >= batch->what_max) {
		size_t max = batch->what_max ? batch->what_max * 2 : 128;
		const char **more = reallocarray(batch->what, max, sizeof(*more));

		if (!more)
			return false;
		batch->what = more;
		batch->what_max = max;
	}
	batch->what[batch->seq] = what;
	return true;
}

struct batch *batch_new(void)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	if (!batch_room(batch) || !batch_name(batch, "begin")) {
		batch_free(batch);
		return NULL;
	}
	nftnl_batch_begin(batch->buf, batch->seq++);
	batch->is_open = true;
	return batch;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	free(batch->buf);
	free(batch->what);
	free(batch);
}

struct nlmsghdr *batch_put(struct batch *batch, uint16_t type, uint16_t family, uint16_t flags,
			   const char *what)
{
	batch_close_message(batch);
	if (batch->no_memory || !batch_room(batch) || !batch_name(batch, what)) {
		batch->no_memory = true;
		return NULL;
	}
	batch->open = batch->len;
	batch->is_open = true;
	return nftnl_nlmsg_build_hdr(batch->buf + batch->len, type, family, flags, batch->seq++);
}

const void *batch_bytes(struct batch *batch, size_t *len)
{
	batch_close_message(batch);
	*len = batch->len;
	return batch->buf;
}

/* Reads the answers that wait: the first refusal, or 0. */
static int batch_answers(const struct batch *batch, struct mnl_socket *nl, struct error *err)
{
	char buf[8192];
	int ret = 0;
	ssize_t n;

	while ((n = recv(mnl_socket_get_fd(nl), buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *nlh = (const void *)buf;

		for (int len = (int)n; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type != NLMSG_ERROR || !answer->error || ret)
				continue;
			ret = answer->error;
			error_set(err, ret, "the kernel refused the %s: %s",
				  nlh->nlmsg_seq < batch->seq ? batch->what[nlh->nlmsg_seq]
							      : "rules",
				  strerror(-ret));
		}
	}
	return ret;
}

static int batch_exchange(struct batch *batch, struct mnl_socket *nl, struct error *err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int size = (int)(batch->len < 1u << 30 ? batch->len + 4096 : 1u << 30);
	int fd = mnl_socket_get_fd(nl);

	/* The plain option is for user namespaces, where forcing is not allowed. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (sendto(fd, batch->buf, batch->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return error_set(err, -errno, "cannot send %zu bytes of rules to the kernel: %s",
				 batch->len, strerror(errno));
	return batch_answers(batch, nl, err);
}

int batch_send(struct batch *batch, struct error *err)
{
	struct nlmsghdr *nlh = batch_put(batch, 0, 0, 0, "end");
	struct mnl_socket *nl;
	int ret;

	if (!nlh)
		return error_set(err, -ENOMEM, "no memory for the rules");
	nftnl_batch_end((char *)nlh, nlh->nlmsg_seq);
	batch_close_message(batch);
	nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nl)
		return error_set(err, -errno, "cannot open a netfilter netlink socket: %s",
				 strerror(errno));
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		ret = error_set(err, -errno, "cannot bind a netlink socket: %s", strerror(errno));
	else
		ret = batch_exchange(batch, nl, err);
	mnl_socket_close(nl);
	return ret;
}
