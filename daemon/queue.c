// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NFQUEUE over netlink, the edge where packets become struct pkt and verdicts become messages. The
 * one idea: nothing is copied here. A batch is received into fixed buffers by one recvmmsg(), a
 * packet is changed where it lies, and all verdicts go out in one sendmsg() whose vector points at
 * the packets. Main opens and binds, then each queue belongs to its worker. Facts about the kernel:
 * docs/kernel.md.
 */
#include "daemon/queue.h"
#include "daemon/owner.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONFIG_MAX 256 /* bytes of a message about a queue */
/* The most that one netlink attribute can carry of a packet (kernel: 65535 - NLA_HDRLEN). */
#define COPY_RANGE 65531u
/* A packet, its attributes, and room to pad. The odd part keeps buffers from sharing cache sets. */
#define BUFFER_SIZE (65536u + 4096u + 192u)
/* Verdicts are sent early when they carry this much, to keep the kernel's copy small. */
#define FLUSH_BYTES (256u * 1024u)
/* Of the socket, for each packet that may wait: sk_buff and a page. */
#define RECEIVE_BYTES 4608u

/* A verdict message up to its payload. Layout: linux/netfilter/nfnetlink_queue.h. */
struct verdict_msg {
	struct nlmsghdr nlh;
	struct nfgenmsg nfg;
	struct nlattr verdict_attr;
	struct nfqnl_msg_verdict_hdr verdict;
	struct nlattr tail[3]; /* mark, if any: header and value; then the payload's header */
};

struct slot {
	struct pkt pkt;
	__be32 id;
	__be16 number; /* of the queue that it came from */
	struct verdict_msg msg;
};

struct queue {
	struct mnl_socket *nl;
	uint16_t segments; /* queue without GSO */
	unsigned int iov_len;
	size_t bytes; /* noted and not sent */
	struct slot slots[QUEUE_BATCH];
	struct iovec iov[QUEUE_BATCH * 2];
	struct mmsghdr msgs[QUEUE_BATCH];
	struct iovec buffers[QUEUE_BATCH];
	uint8_t *memory;
};

static int socket_option(struct queue *queue, int level, int name, int value)
{
	return setsockopt(mnl_socket_get_fd(queue->nl), level, name, &value, sizeof(value));
}

/* SO_*BUFFORCE needs CAP_NET_ADMIN over the host; in a user namespace the plain form must do. */
static void buffer_size(struct queue *queue, int force, int plain, int size)
{
	if (socket_option(queue, SOL_SOCKET, force, size))
		(void)socket_option(queue, SOL_SOCKET, plain, size);
}

struct queue *queue_open(struct error *err)
{
	struct timeval wait = {.tv_usec = 250000};
	struct queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		goto no_memory;
	queue->memory = malloc((size_t)BUFFER_SIZE * QUEUE_BATCH);
	if (!queue->memory)
		goto no_memory;
	queue->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!queue->nl || mnl_socket_bind(queue->nl, 0, MNL_SOCKET_AUTOPID)) {
		error_set(err, -errno, "cannot open a netfilter netlink socket: %s",
			  strerror(errno));
		queue_close(queue);
		return NULL;
	}
	for (unsigned int i = 0; i < QUEUE_BATCH; i++) {
		queue->buffers[i] =
			(struct iovec){queue->memory + (size_t)i * BUFFER_SIZE, BUFFER_SIZE - 8};
		queue->msgs[i].msg_hdr.msg_iov = &queue->buffers[i];
		queue->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	/* Without it an overrun would block all delivery until the buffer is empty. */
	(void)socket_option(queue, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
	buffer_size(queue, SO_SNDBUFFORCE, SO_SNDBUF, 4 * (int)FLUSH_BYTES);
	setsockopt(mnl_socket_get_fd(queue->nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return queue;

no_memory:
	error_set(err, -ENOMEM, "no memory for a queue");
	queue_close(queue);
	return NULL;
}

void queue_close(struct queue *queue)
{
	if (!queue)
		return;
	if (queue->nl)
		mnl_socket_close(queue->nl);
	free(queue->memory);
	free(queue);
}

void queue_set_segments(struct queue *queue, uint16_t number)
{
	queue->segments = number;
}

/* Where it was queued, and which way that means. From output comes either way: answers are looked
 * for first, as in IPVS. */
static void hook_read(struct pkt *pkt, uint8_t hook)
{
	static const enum pkt_hook hooks[NF_INET_NUMHOOKS] = {
		[NF_INET_PRE_ROUTING] = HOOK_PREROUTING,
		[NF_INET_LOCAL_IN] = HOOK_INPUT,
		[NF_INET_FORWARD] = HOOK_FORWARD,
		[NF_INET_LOCAL_OUT] = HOOK_OUTPUT,
	};

	pkt->hook = hook < NF_INET_NUMHOOKS ? hooks[hook] : HOOK_FORWARD;
	pkt->dir = pkt->hook == HOOK_PREROUTING ? PKT_IN : PKT_OUT;
}

/* One attribute of a packet message. */
static void attr_read(struct slot *slot, const struct nlattr *attr)
{
	uint8_t *value = (uint8_t *)attr + NLA_HDRLEN;
	const struct nfqnl_msg_packet_hdr *hdr;
	uint32_t word;

	switch (attr->nla_type & NLA_TYPE_MASK) {
	case NFQA_PACKET_HDR:
		hdr = (const void *)value;
		memcpy(&slot->id, &hdr->packet_id, sizeof(slot->id));
		hook_read(&slot->pkt, hdr->hook);
		break;
	case NFQA_MARK:
		memcpy(&word, value, sizeof(word));
		slot->pkt.mark = ntohl(word);
		break;
	case NFQA_IFINDEX_INDEV:
		memcpy(&word, value, sizeof(word));
		slot->pkt.ifindex = ntohl(word);
		break;
	case NFQA_SKB_INFO:
		memcpy(&word, value, sizeof(word));
		slot->pkt.csum_partial = ntohl(word) & NFQA_SKB_CSUMNOTREADY;
		slot->pkt.gso = ntohl(word) & NFQA_SKB_GSO;
		break;
	case NFQA_PAYLOAD:
		slot->pkt.data = value;
		slot->pkt.len = attr->nla_len - NLA_HDRLEN;
		break;
	}
}

/* A received message into @slot; false if it is no packet (the kernel refused a verdict). The
 * kernel's own messages are well formed; only what we then touch is checked. */
static bool slot_fill(struct slot *slot, uint8_t *buf, size_t len, struct stats *stats)
{
	const struct nlmsghdr *nlh = (const void *)buf;
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	size_t at = MNL_ALIGN(sizeof(*nlh) + sizeof(*nfg));

	if (len < at || nlh->nlmsg_len > len)
		return false;
	if (nlh->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) {
		if (nlh->nlmsg_type == NLMSG_ERROR)
			stat_add(&stats->verdict_errors, 1);
		return false;
	}
	slot->pkt = (struct pkt){.data = buf};
	slot->number = nfg->res_id;
	while (at + NLA_HDRLEN <= nlh->nlmsg_len) {
		const struct nlattr *attr = (const void *)(buf + at);

		if (attr->nla_len < NLA_HDRLEN || at + attr->nla_len > nlh->nlmsg_len)
			return false;
		attr_read(slot, attr);
		at += NLA_ALIGN(attr->nla_len);
	}
	return true;
}

int queue_receive(struct queue *queue, struct stats *stats)
{
	int n = recvmmsg(mnl_socket_get_fd(queue->nl), queue->msgs, QUEUE_BATCH, MSG_WAITFORONE,
			 NULL);
	uint64_t bytes = 0;
	int packets = 0;

	stat_add(&stats->syscalls, 1);
	if (n < 0) {
		if (errno == ENOBUFS)
			stat_add(&stats->overruns, 1);
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	}
	for (int i = 0; i < n; i++) {
		struct slot *slot = &queue->slots[packets];

		if (!slot_fill(slot, queue->buffers[i].iov_base, queue->msgs[i].msg_len, stats))
			continue;
		bytes += slot->pkt.len;
		packets++;
	}
	if (packets) {
		stat_add(&stats->batches, 1);
		stat_add(&stats->packets, (uint64_t)packets);
		stat_add(&stats->bytes, bytes);
	}
	return packets;
}

struct pkt *queue_pkt(struct queue *queue, unsigned int i)
{
	return &queue->slots[i].pkt;
}

static uint32_t verdict_word(const struct queue *queue, const struct verdict *verdict,
			     struct stats *stats)
{
	switch (verdict->action) {
	case VERDICT_ACCEPT:
		stat_add(&stats->accepted, 1);
		return NF_ACCEPT;
	case VERDICT_DROP:
		stat_add(&stats->dropped, 1);
		return NF_DROP;
	case VERDICT_STOLEN:
		return NF_DROP;
	case VERDICT_SEGMENT:
		stat_add(&stats->requeued, 1);
		return NF_QUEUE_NR(queue->segments);
	}
	return NF_DROP;
}

/* The message up to the payload; returns its length. */
static uint32_t msg_fill(struct slot *slot, uint32_t word, const struct verdict *verdict)
{
	struct verdict_msg *msg = &slot->msg;
	struct nlattr *attr = msg->tail;
	__be32 mark = htonl(verdict->mark);
	uint32_t payload = verdict->mangled ? slot->pkt.len : 0;

	*msg = (struct verdict_msg){
		.nlh = {.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT,
			.nlmsg_flags = NLM_F_REQUEST},
		.nfg = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = slot->number},
		.verdict_attr = {NLA_HDRLEN + sizeof(msg->verdict), NFQA_VERDICT_HDR},
		.verdict = {htonl(word), slot->id},
	};
	if (verdict->set_mark) {
		*attr++ = (struct nlattr){NLA_HDRLEN + sizeof(mark), NFQA_MARK};
		memcpy(attr++, &mark, sizeof(mark));
	}
	if (payload)
		*attr++ = (struct nlattr){(uint16_t)(NLA_HDRLEN + payload), NFQA_PAYLOAD};
	msg->nlh.nlmsg_len = (uint32_t)((uint8_t *)attr - (uint8_t *)msg) + NLA_ALIGN(payload);
	return msg->nlh.nlmsg_len - NLA_ALIGN(payload);
}

void queue_verdict(struct queue *queue, unsigned int i, const struct verdict *verdict,
		   struct stats *stats)
{
	struct slot *slot = &queue->slots[i];
	uint32_t word = verdict_word(queue, verdict, stats);
	uint32_t head = msg_fill(slot, word, verdict);

	queue->iov[queue->iov_len++] = (struct iovec){&slot->msg, head};
	if (verdict->mangled) {
		stat_add(&stats->mangled, 1);
		/* Up to three bytes behind the packet pad the attribute: they are ours. */
		queue->iov[queue->iov_len++] =
			(struct iovec){slot->pkt.data, NLA_ALIGN(slot->pkt.len)};
	}
	queue->bytes += slot->msg.nlh.nlmsg_len;
	if (queue->bytes >= FLUSH_BYTES)
		queue_flush(queue, stats);
}

/* One message after the other, when the kernel would not take them together (no memory for so large
 * a buffer). A packet whose verdict is lost would keep its place in the queue for ever, so what
 * cannot be sent whole is dropped. */
static void flush_singly(struct queue *queue, struct stats *stats)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr msg = {.msg_name = &kernel, .msg_namelen = sizeof(kernel)};
	int fd = mnl_socket_get_fd(queue->nl);

	for (unsigned int i = 0; i < queue->iov_len; i += (unsigned int)msg.msg_iovlen) {
		struct verdict_msg *head = queue->iov[i].iov_base;

		msg.msg_iov = &queue->iov[i];
		msg.msg_iovlen = head->nlh.nlmsg_len > queue->iov[i].iov_len ? 2 : 1;
		stat_add(&stats->syscalls, 1);
		if (sendmsg(fd, &msg, 0) >= 0)
			continue;
		stat_add(&stats->verdict_errors, 1);
		head->verdict.verdict = htonl(NF_DROP);
		head->nlh.nlmsg_len = offsetof(struct verdict_msg, tail);
		(void)send(fd, head, head->nlh.nlmsg_len, 0);
	}
}

void queue_flush(struct queue *queue, struct stats *stats)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr msg = {.msg_name = &kernel,
			     .msg_namelen = sizeof(kernel),
			     .msg_iov = queue->iov,
			     .msg_iovlen = queue->iov_len};

	if (!queue->iov_len)
		return;
	stat_add(&stats->syscalls, 1);
	if (sendmsg(mnl_socket_get_fd(queue->nl), &msg, 0) < 0)
		flush_singly(queue, stats);
	queue->iov_len = 0;
	queue->bytes = 0;
}

int queue_read_counters(uint16_t number, struct queue_counters *out)
{
	FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	struct queue_counters row;
	unsigned int queue;
	int ret = -ENOENT;

	if (!file)
		return -ENOENT;
	while (ret && fscanf(file, "%u %u %u %*u %*u %u %u %u %*u", &queue, &row.portid,
			     &row.waiting, &row.dropped, &row.user_dropped, &row.sequence) == 6)
		if (queue == number) {
			*out = row;
			ret = 0;
		}
	fclose(file);
	return ret;
}

/*
 * Sends @nlh, which asks for an acknowledgement, and waits for it. Where a killed daemon left its
 * rules behind, packets may come in between; they are dropped, and will be sent again.
 */
static int request(struct queue *queue, struct nlmsghdr *nlh)
{
	const struct verdict drop = {.action = VERDICT_DROP};
	uint8_t *buf = queue->buffers[0].iov_base;
	const struct nlmsghdr *reply = (const void *)buf;
	const struct nlmsgerr *ack;
	struct stats stats = {0};
	ssize_t n;

	if (mnl_socket_sendto(queue->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		n = mnl_socket_recvfrom(queue->nl, buf, queue->buffers[0].iov_len);
		if (n < 0)
			return -errno;
		if (slot_fill(&queue->slots[0], buf, (size_t)n, &stats)) {
			queue_verdict(queue, 0, &drop, &stats);
			queue_flush(queue, &stats);
			continue;
		}
		ack = mnl_nlmsg_get_payload(reply);
		if (reply->nlmsg_type == NLMSG_ERROR && reply->nlmsg_seq == nlh->nlmsg_seq)
			return ack->error;
	}
}

static int bind_error(uint16_t number, int code, struct error *err)
{
	char owner[OWNER_STRLEN];
	struct queue_counters counters;

	if (!queue_read_counters(number, &counters))
		return error_set(
			err, -EBUSY,
			"queue %u is in use by %s (another nfvsd? set director.first_queue)",
			number, owner_of_portid(owner, counters.portid));
	if (code == -EPERM)
		return error_set(err, code,
				 "not enough privilege: CAP_NET_ADMIN is needed to bind a queue");
	if (code == -EOPNOTSUPP || code == -EINVAL || code == -EPROTONOSUPPORT)
		return error_set(
			err, code,
			"this kernel has no nfnetlink_queue (CONFIG_NETFILTER_NETLINK_QUEUE; "
			"try: modprobe nfnetlink_queue)");
	return error_set(err, code, "cannot bind queue %u: %s", number, strerror(-code));
}

static struct nlmsghdr *config_begin(char buf[CONFIG_MAX], uint16_t number, uint8_t command)
{
	const struct nfqnl_msg_config_cmd cmd = {.command = command};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = number + 1u;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(number);
	mnl_attr_put(nlh, NFQA_CFG_CMD, sizeof(cmd), &cmd);
	return nlh;
}

static void config_bind(struct nlmsghdr *nlh, uint32_t length, uint32_t flags)
{
	const struct nfqnl_msg_config_params params = {htonl(COPY_RANGE), NFQNL_COPY_PACKET};

	mnl_attr_put(nlh, NFQA_CFG_PARAMS, sizeof(params), &params);
	mnl_attr_put_u32(nlh, NFQA_CFG_QUEUE_MAXLEN, htonl(length));
	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS,
			 htonl((flags & QUEUE_GSO ? NFQA_CFG_F_GSO : 0) |
			       (flags & QUEUE_OPENS ? NFQA_CFG_F_FAIL_OPEN : 0)));
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
}

/*
 * Bind, copy mode, length and flags in one message: the kernel applies them in this order under one
 * lock, while separate messages would leave a moment in which packets are dropped. Fail-open is for
 * packets that begin connections, and for which the rules have a server: a mid-stream packet let
 * through unmangled would be answered with RST by the director's own stack, a dropped one is sent
 * again.
 */
int queue_bind(struct queue *queue, uint16_t number, uint32_t length, uint32_t flags,
	       struct error *err)
{
	char buf[CONFIG_MAX];
	struct nlmsghdr *nlh = config_begin(buf, number, NFQNL_CFG_CMD_BIND);
	int ret;

	config_bind(nlh, length, flags);
	nlh->nlmsg_flags |= NLM_F_ACK;
	ret = request(queue, nlh);
	if (ret)
		return bind_error(number, ret, err);
	buffer_size(queue, SO_RCVBUFFORCE, SO_RCVBUF, (int)(length * RECEIVE_BYTES));
	return 0;
}

void queue_unbind(struct queue *queue, uint16_t number)
{
	char buf[CONFIG_MAX];
	struct nlmsghdr *nlh = config_begin(buf, number, NFQNL_CFG_CMD_UNBIND);

	(void)mnl_socket_sendto(queue->nl, nlh, nlh->nlmsg_len);
}

void queue_rebind(struct queue *queue, uint16_t number, uint32_t length, uint32_t flags)
{
	char buf[CONFIG_MAX];
	struct nlmsghdr *nlh = config_begin(buf, number, NFQNL_CFG_CMD_BIND);

	config_bind(nlh, length, flags);
	(void)mnl_socket_sendto(queue->nl, nlh, nlh->nlmsg_len);
}
