// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies of packets that the kernel carries itself: those that begin and end connections. They come
 * from an nflog group, many in one message, some milliseconds after the packets are gone. The one
 * idea: nobody waits for this thread, so it may be late and may miss some; a copy that is lost
 * leaves its connection to its timeout. Facts about the kernel: docs/kernel.md.
 */
#include "daemon/observer.h"
#include "daemon/carrier.h"
#include "daemon/flowtable.h"
#include "daemon/owner.h"
#include "daemon/tracking.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Headers are all that is read of a copy. The kernel takes as much memory for a message as it may
 * become long, even if it holds one copy, and in one piece: so messages are small.
 */
#define COPY_RANGE    512u
#define MESSAGE_SIZE  32768u
#define MESSAGE_PKTS  64u		/* it is sent when it holds so many ... */
#define MESSAGE_WAIT  1u		/* ... or after so many 1/100 s */
#define RECEIVE_BYTES (4 * 1024 * 1024) /* of the socket */

/* Of copies as such, and of those with conntrack's entry: see rules_entries(). */
enum group {
	GROUP_COPIES,
	GROUP_ENTRIES,
	GROUPS
};

/* Conntrack's entry of a copy, as it came, and the packet's direction. */
struct copy {
	const struct nlattr *entry; /* NULL: it has none */
	bool reply;
};

struct observer {
	struct mnl_socket *nl;
	uint16_t groups[GROUPS];
	uint32_t sequences[GROUPS]; /* of the next copy */
	const char *no_entries;	    /* why GROUP_ENTRIES is not bound */
	struct offloads *offloads;
	struct direct direct;
	struct stats stats;
	struct observer_stats counters;
	pthread_t thread;
	bool running;
	struct copy copy; /* the one in turn */
	_Atomic bool stop;
	/* A lone copy may need more than the kernel planned. */
	uint8_t buffer[MESSAGE_SIZE + 4096] __attribute__((aligned(8)));
};

static enum pkt_hook hook_of(uint8_t hook)
{
	static const enum pkt_hook hooks[NF_INET_NUMHOOKS] = {
		[NF_INET_PRE_ROUTING] = HOOK_PREROUTING,
		[NF_INET_LOCAL_IN] = HOOK_INPUT,
		[NF_INET_FORWARD] = HOOK_FORWARD,
		[NF_INET_LOCAL_OUT] = HOOK_OUTPUT,
	};

	return hook < NF_INET_NUMHOOKS ? hooks[hook] : HOOK_FORWARD;
}

/* The kernel numbers the copies of a group when it makes them; it does not say what it lost. */
static void sequence_note(struct observer *observer, enum group group, uint32_t sequence)
{
	uint32_t *next = &observer->sequences[group];

	if (sequence != *next) {
		stat_add(&observer->counters.overruns, 1);
		stat_add(&observer->counters.lost, sequence - *next);
		if (observer->direct.newcomers)
			atomic_store_explicit(&observer->direct.newcomers->missed, true,
					      memory_order_relaxed);
	}
	*next = sequence + 1;
}

static uint32_t attr_word(const struct nlattr *attr)
{
	__be32 word = 0;

	if (mnl_attr_get_payload_len(attr) >= sizeof(word))
		memcpy(&word, mnl_attr_get_payload(attr), sizeof(word));
	return ntohl(word);
}

/* A copy's message into a packet; false if there is nothing of the packet in it. */
static bool copy_read(struct observer *observer, const struct nlmsghdr *nlh, struct pkt *pkt)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	const enum group group = ntohs(nfg->res_id) == observer->groups[GROUP_ENTRIES]
					 ? GROUP_ENTRIES
					 : GROUP_COPIES;
	const struct nfulnl_msg_packet_hdr *hdr;
	const struct nlattr *attr;

	/* Super-packets are not marked as such; one of more than 64 KiB states no length. */
	*pkt = (struct pkt){.dir = PKT_IN, .copied = true, .gso = true};
	observer->copy = (struct copy){0};
	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFULA_PACKET_HDR:
			hdr = mnl_attr_get_payload(attr);
			if (mnl_attr_get_payload_len(attr) >= sizeof(*hdr))
				pkt->hook = hook_of(hdr->hook);
			break;
		case NFULA_MARK:
			pkt->mark = attr_word(attr);
			break;
		case NFULA_IFINDEX_INDEV:
			pkt->ifindex = attr_word(attr);
			break;
		case NFULA_PREFIX: /* always there, mostly empty */
			pkt->chosen = mnl_attr_get_payload_len(attr) == sizeof(RULES_CHOSEN) &&
				      !memcmp(mnl_attr_get_payload(attr), RULES_CHOSEN,
					      sizeof(RULES_CHOSEN));
			break;
		case NFULA_CT:
			observer->copy.entry = attr;
			break;
		case NFULA_CT_INFO:
			observer->copy.reply = attr_word(attr) >= IP_CT_IS_REPLY;
			break;
		case NFULA_SEQ:
			sequence_note(observer, group, attr_word(attr));
			break;
		case NFULA_PAYLOAD:
			pkt->data = mnl_attr_get_payload(attr);
			pkt->len = mnl_attr_get_payload_len(attr);
			break;
		}
	}
	return pkt->data;
}

static uint32_t length(const struct pkt *pkt)
{
	const struct iphdr *ip = (const void *)pkt->data;
	const struct ip6_hdr *ip6 = (const void *)pkt->data;

	if (pkt->len >= sizeof(*ip) && ip->version == 4)
		return ntohs(ip->tot_len);
	return pkt->len >= sizeof(*ip6) ? ntohs(ip6->ip6_plen) + (uint32_t)sizeof(*ip6) : 0;
}

static bool in_flowtable(const struct nlattr *entry)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, entry)
	{
		if (mnl_attr_get_type(attr) == CTA_STATUS)
			return attr_word(attr) & IPS_OFFLOAD;
	}
	return false;
}

/*
 * A copy from where packets are forwarded is the last that rules see of a connection that went into
 * the flowtable; true. Any other, of one that is not in there, is the first that they see again.
 */
static bool joins(struct observer *observer, const struct pkt *pkt)
{
	const struct nlattr *entry = observer->copy.entry;
	const bool joins = pkt->hook == HOOK_FORWARD;
	const uint64_t now = observer->direct.now;
	struct tracked tracked;

	if (!entry || (!joins && (!offloads_count(observer->offloads) || in_flowtable(entry))))
		return joins;
	if (conntrack_parse(mnl_attr_get_payload(entry), mnl_attr_get_payload_len(entry),
			    pkt->data[0] >> 4 == 4 ? AF_INET : AF_INET6, &tracked))
		return joins;
	if (joins)
		offloads_join(observer->offloads, &tracked, true, now);
	else
		offloads_leave(observer->offloads, &tracked, observer->copy.reply, length(pkt),
			       now);
	return joins;
}

/* All copies of a received message. Under the RCU read lock. */
static void copies_observe(struct observer *observer, size_t len)
{
	const struct nlmsghdr *nlh = (const void *)observer->buffer;
	uint64_t copies = 0;
	struct pkt pkt;

	for (int left = (int)len; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
		    !copy_read(observer, nlh, &pkt))
			continue;
		if (!joins(observer, &pkt))
			direct_observe(&observer->direct, &pkt);
		copies++;
	}
	if (!copies)
		return;
	stat_add(&observer->counters.batches, 1);
	stat_add(&observer->counters.copies, copies);
}

static void *observer_run(void *data)
{
	struct observer *observer = data;
	ssize_t n;

	(void)pthread_setname_np(pthread_self(), "nfvs-observe");
	rcu_register_thread();
	while (!atomic_load_explicit(&observer->stop, memory_order_relaxed)) {
		n = recv(mnl_socket_get_fd(observer->nl), observer->buffer,
			 sizeof(observer->buffer), 0);
		if (n <= 0)
			continue;
		observer->direct.now = director_now();
		rcu_read_lock();
		copies_observe(observer, (size_t)n);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

/* The port id of the socket that has the group: /proc/net/netfilter/nfnetlink_log; -ENOENT: none */
static int group_owner(uint16_t number, uint32_t *portid)
{
	FILE *file = fopen("/proc/net/netfilter/nfnetlink_log", "re");
	unsigned int group;
	int ret = -ENOENT;

	if (!file)
		return -ENOENT;
	while (ret && fscanf(file, "%u %u %*[^\n]", &group, portid) == 2)
		if (group == number)
			ret = 0;
	fclose(file);
	return ret;
}

static int bind_error(uint16_t group, int code, struct error *err)
{
	char owner[OWNER_STRLEN];
	uint32_t portid;

	/* A group of another socket is refused as a lack of privilege is. */
	if (!group_owner(group, &portid))
		return error_set(err, -EBUSY,
				 "log group %u is in use by %s (another nfvsd? set "
				 "director.first_queue)",
				 group, owner_of_portid(owner, portid));
	if (code == -EPERM)
		return error_set(
			err, code,
			"not enough privilege: CAP_NET_ADMIN is needed to bind a log group");
	if (code == -EOPNOTSUPP || code == -EINVAL || code == -EPROTONOSUPPORT)
		return error_set(err, code,
				 "this kernel has no nfnetlink_log (CONFIG_NETFILTER_NETLINK_LOG; "
				 "try: modprobe nfnetlink_log)");
	return error_set(err, code, "cannot bind log group %u: %s", group, strerror(-code));
}

/* Sends @nlh and waits for its acknowledgement. Copies that come before it, on account of rules
 * that a killed daemon left, are passed over and will count as lost. */
static int request(struct observer *observer, const struct nlmsghdr *nlh)
{
	const struct nlmsghdr *reply = (const void *)observer->buffer;
	const struct nlmsgerr *ack;
	ssize_t n;

	if (mnl_socket_sendto(observer->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		n = mnl_socket_recvfrom(observer->nl, observer->buffer, sizeof(observer->buffer));
		if (n < 0)
			return -errno;
		ack = mnl_nlmsg_get_payload(reply);
		if ((size_t)n >= sizeof(*reply) + sizeof(*ack) &&
		    reply->nlmsg_type == NLMSG_ERROR && reply->nlmsg_seq == nlh->nlmsg_seq)
			return ack->error;
	}
}

/* All in one message: the kernel applies it in this order. */
static int group_bind(struct observer *observer, enum group group)
{
	const uint16_t flags =
		NFULNL_CFG_F_SEQ | (group == GROUP_ENTRIES ? NFULNL_CFG_F_CONNTRACK : 0);
	struct nfulnl_msg_config_cmd cmd = {.command = NFULNL_CFG_CMD_BIND};
	struct nfulnl_msg_config_mode mode = {.copy_range = htonl(COPY_RANGE),
					      .copy_mode = NFULNL_COPY_PACKET};
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nlh->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(observer->groups[group]);
	mnl_attr_put(nlh, NFULA_CFG_CMD, sizeof(cmd), &cmd);
	mnl_attr_put(nlh, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(nlh, NFULA_CFG_NLBUFSIZ, htonl(MESSAGE_SIZE));
	mnl_attr_put_u32(nlh, NFULA_CFG_TIMEOUT, htonl(MESSAGE_WAIT));
	mnl_attr_put_u32(nlh, NFULA_CFG_QTHRESH, htonl(MESSAGE_PKTS));
	mnl_attr_put_u16(nlh, NFULA_CFG_FLAGS, htons(flags));
	return request(observer, nlh);
}

static int socket_open(struct observer *observer)
{
	const struct timeval wait = {.tv_usec = 250000};
	const int bytes = RECEIVE_BYTES, on = 1;
	int fd;

	observer->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!observer->nl || mnl_socket_bind(observer->nl, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	fd = mnl_socket_get_fd(observer->nl);
	/* Without it an overrun would block all delivery until the buffer is empty. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	/* The first needs CAP_NET_ADMIN over the host. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ? -errno : 0;
}

int observer_open(struct observer **out, uint16_t group, struct error *err)
{
	struct observer *observer = calloc(1, sizeof(*observer));
	int ret;

	if (!observer)
		return error_set(err, -ENOMEM, "no memory");
	observer->groups[GROUP_COPIES] = group;
	observer->groups[GROUP_ENTRIES] = rules_entries(group);
	observer->no_entries = "nfvsd does not listen to copies that have conntrack's entry";
	ret = socket_open(observer);
	if (ret) {
		error_set(err, ret, "cannot open a netfilter netlink socket: %s", strerror(-ret));
		goto fail;
	}
	ret = group_bind(observer, GROUP_COPIES);
	if (ret) {
		ret = bind_error(group, ret, err);
		goto fail;
	}
	*out = observer;
	return 0;

fail:
	observer_close(observer);
	return ret;
}

void observer_open_entries(struct observer *observer)
{
	uint32_t portid;

	if (!group_bind(observer, GROUP_ENTRIES))
		observer->no_entries = NULL;
	else if (!group_owner(observer->groups[GROUP_ENTRIES], &portid))
		observer->no_entries = "log group first_queue + 1 is in use";
	else
		observer->no_entries = "this kernel's log copies have no conntrack entries";
}

int observer_start(struct observer *observer, struct director *director, struct error *err)
{
	int ret;

	director_decide(director, &observer->direct);
	observer->direct.stats = &observer->stats;
	observer->direct.newcomers = carrier_newcomers(director_carrier(director));
	observer->offloads = flowtable_offloads(carrier_flowtable(director_carrier(director)));
	observer->direct.tracker = tracker_new();
	ret = pthread_create(&observer->thread, NULL, observer_run, observer);
	if (ret)
		return error_set(err, -ret, "cannot start the observer: %s", strerror(ret));
	observer->running = true;
	return 0;
}

void observer_close(struct observer *observer)
{
	if (!observer)
		return;
	atomic_store_explicit(&observer->stop, true, memory_order_relaxed);
	if (observer->running)
		pthread_join(observer->thread, NULL);
	if (observer->nl)
		mnl_socket_close(observer->nl);
	tracker_free(observer->direct.tracker);
	free(observer);
}

const char *observer_no_entries(const struct observer *observer)
{
	return observer->no_entries;
}

const struct observer_stats *observer_stats(const struct observer *observer)
{
	return &observer->counters;
}
