// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Raw sockets for the packets that the director sends itself. The one idea: with IP_HDRINCL the
 * kernel sends a packet where the call says, not where its header does; the neighbour is looked up
 * for that address (FLOWI_FLAG_KNOWN_NH), which is what direct routing needs. All that fits goes
 * out in one sendmmsg() for each family; what does not is cut here, as the kernel does not cut such
 * packets. Worker.
 */
#include "daemon/sender.h"
#include "lvs/fragment.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACES (OUTBOX_MAX + OUTBOX_ERRORS)

struct sender {
	int v4, v6; /* v6: -1 if the kernel has not the family */
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} names[PLACES];
	struct mmsghdr msgs[PLACES];
	union {
		char bytes[CMSG_SPACE(sizeof(uint32_t))];
		struct cmsghdr align;
	} marks[PLACES];
	uint8_t fragment[65536];
};

/* One for all workers, which send from the same addresses. */
static _Atomic uint32_t last_id;

/* Privileged, so that it is not subject to what a user may send; nothing is ever received. */
static int raw_open(int family, int level, int hdrincl, uint32_t mark)
{
	const int yes = 1;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, level, hdrincl, &yes, sizeof(yes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) {
		int err = -errno;

		close(fd);
		return err;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){4 << 20}, sizeof(int));
	return fd;
}

struct sender *sender_open(uint32_t mark, struct error *err)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	uint32_t start;

	if (!sender) {
		error_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	if (getrandom(&start, sizeof(start), 0) == sizeof(start))
		atomic_fetch_add_explicit(&last_id, start, memory_order_relaxed);
	sender->v6 = raw_open(AF_INET6, IPPROTO_IPV6, IPV6_HDRINCL, mark);
	sender->v4 = raw_open(AF_INET, IPPROTO_IP, IP_HDRINCL, mark);
	if (sender->v4 >= 0)
		return sender;
	error_set(err, sender->v4, "cannot open a raw socket (CAP_NET_RAW is needed): %s",
		  strerror(-sender->v4));
	sender_close(sender);
	return NULL;
}

void sender_close(struct sender *sender)
{
	if (!sender)
		return;
	if (sender->v4 >= 0)
		close(sender->v4);
	if (sender->v6 >= 0)
		close(sender->v6);
	free(sender);
}

static int family_socket(const struct sender *sender, uint8_t af)
{
	return af == AF_INET6 ? sender->v6 : sender->v4;
}

/* Another mark than the socket's, for one packet. */
static void mark_fill(struct msghdr *msg, char *bytes, size_t len, uint32_t mark)
{
	struct cmsghdr *cmsg;

	msg->msg_control = bytes;
	msg->msg_controllen = len;
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SO_MARK;
	cmsg->cmsg_len = CMSG_LEN(sizeof(mark));
	memcpy(CMSG_DATA(cmsg), &mark, sizeof(mark));
}

/* The call that sends @out in one piece, in place @i. */
static void message_fill(struct sender *sender, unsigned int i, struct outgoing *out)
{
	bool empty = !out->parts[0].iov_len;
	struct msghdr *msg = &sender->msgs[i].msg_hdr;

	*msg = (struct msghdr){
		.msg_name = &sender->names[i],
		.msg_iov = out->parts + empty,
		.msg_iovlen = empty ? 1 : 2,
	};
	if (out->mark)
		mark_fill(msg, sender->marks[i].bytes, sizeof(sender->marks[i].bytes), out->mark);
	if (out->af == AF_INET6) {
		sender->names[i].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
		memcpy(&sender->names[i].v6.sin6_addr, out->hop.ip6, sizeof(out->hop.ip6));
		msg->msg_namelen = sizeof(sender->names[i].v6);
	} else {
		sender->names[i].v4 =
			(struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = out->hop.ip};
		msg->msg_namelen = sizeof(sender->names[i].v4);
	}
}

static uint32_t length(const struct outgoing *out)
{
	return (uint32_t)(out->parts[0].iov_len + out->parts[1].iov_len);
}

/* In fragments of at most @mtu bytes. */
static void send_cut(struct sender *sender, struct outgoing *out, uint32_t mtu, struct stats *stats)
{
	struct fragments fragments;
	struct iovec piece = {.iov_base = sender->fragment};
	struct msghdr msg;
	int err = fragment_start(&fragments, out->parts, 2, mtu, fragment_id(&last_id));

	if (err) {
		stat_add(&stats->send_errors, 1);
		return;
	}
	message_fill(sender, 0, out);
	msg = sender->msgs[0].msg_hdr;
	msg.msg_iov = &piece;
	msg.msg_iovlen = 1;
	while ((piece.iov_len = fragment_next(&fragments, sender->fragment))) {
		stat_add(&stats->syscalls, 1);
		if (sendmsg(family_socket(sender, out->af), &msg, 0) < 0)
			stat_add(&stats->send_errors, 1);
		else
			stat_add(&stats->sent, 1);
	}
}

/* The kernel did not take @out: if it was for its size, the way has a smaller MTU than was known.
 */
static void send_failed(struct sender *sender, struct outgoing *out, int err, struct router *router,
			struct stats *stats)
{
	struct route route = {0};

	if (err == EMSGSIZE)
		router->find(router, out->af, &out->hop, &route);
	if (route.mtu && route.mtu < length(out))
		send_cut(sender, out, route.mtu, stats);
	else
		stat_add(&stats->send_errors, 1);
}

/* All of one family that go out in one piece; @pieces has them. */
static void send_whole(struct sender *sender, struct outgoing **pieces, unsigned int len,
		       struct router *router, struct stats *stats)
{
	unsigned int done = 0;
	int n;

	for (unsigned int i = 0; i < len; i++)
		message_fill(sender, i, pieces[i]);
	while (done < len) {
		stat_add(&stats->syscalls, 1);
		n = sendmmsg(family_socket(sender, pieces[done]->af), sender->msgs + done,
			     len - done, 0);
		if (n > 0) {
			stat_add(&stats->sent, (uint64_t)n);
			done += (unsigned int)n;
			continue;
		}
		send_failed(sender, pieces[done], errno, router, stats);
		/* The first message's place was used for fragments. */
		if (++done < len)
			message_fill(sender, done, pieces[done]);
	}
}

static void flush_family(struct sender *sender, struct outbox *outbox, uint8_t af,
			 struct router *router, struct stats *stats)
{
	struct outgoing *pieces[PLACES];
	unsigned int len = 0;

	for (unsigned int i = 0; i < outbox->len; i++) {
		struct outgoing *out = &outbox->items[i];

		if (out->af == af && (!out->mtu || length(out) <= out->mtu))
			pieces[len++] = out;
	}
	if (len)
		send_whole(sender, pieces, len, router, stats);
	for (unsigned int i = 0; i < outbox->len; i++) {
		struct outgoing *out = &outbox->items[i];

		if (out->af == af && out->mtu && length(out) > out->mtu)
			send_cut(sender, out, out->mtu, stats);
	}
}

void sender_flush(struct sender *sender, struct outbox *outbox, struct router *router,
		  struct stats *stats)
{
	if (!outbox->len)
		return;
	flush_family(sender, outbox, AF_INET, router, stats);
	flush_family(sender, outbox, AF_INET6, router, stats);
	outbox->len = outbox->errors = 0;
}
