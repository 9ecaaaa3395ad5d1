// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's table of connections. The one idea: the kernel says how long an entry still has, and
 * began to count at its last packet, so the rest of its timeout is for how long it was idle. One
 * socket, one request at a time, each waited for; an answer that came too late is passed over by
 * its sequence number. One thread at a time.
 */
#include "daemon/conntrack.h"
#include "lib/sysctl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define BUFFER_SIZE 32768u /* the most that the kernel sends of a dump at a time */
#define WAIT_S	    1
#define EXPIRY_S    1

/* Of linux/netfilter/nf_conntrack_tcp.h, whose enum clashes with the library's. */
#define TCP_CLOSE_INIT 0x04 /* IP_CT_TCP_FLAG_CLOSE_INIT */

/* The timeouts of the kernel, s. */
struct expiry {
	uint32_t tcp[TCP_CONNTRACK_MAX];
	uint32_t tcp_retrans; /* so many retransmissions, or a closed window */
	uint32_t tcp_unacked; /* data without an answer */
	uint32_t udp, udp_stream;
};

struct conntrack {
	struct mnl_socket *nl;
	uint32_t sequence;
	struct expiry expiry, before; /* as it is; as it was until somebody changed it */
	time_t next_expiry;	      /* monotonic s: when it is read again */
	uint8_t buffer[BUFFER_SIZE] __attribute__((aligned(8)));
};

/* A kernel that tracks nothing yet has no such settings; it will begin with its defaults. */
static uint32_t timeout_read(const char *name, uint32_t otherwise)
{
	int value = sysctl_number(name);

	return value < 0 ? otherwise : (uint32_t)value;
}

static void expiry_read(struct expiry *expiry)
{
#define TIMEOUT(name, otherwise) timeout_read("net/netfilter/nf_conntrack_" name, otherwise)
	*expiry = (struct expiry){
		.tcp = {[TCP_CONNTRACK_SYN_SENT] = TIMEOUT("tcp_timeout_syn_sent", 120),
			[TCP_CONNTRACK_SYN_SENT2] = TIMEOUT("tcp_timeout_syn_sent", 120),
			[TCP_CONNTRACK_SYN_RECV] = TIMEOUT("tcp_timeout_syn_recv", 60),
			[TCP_CONNTRACK_ESTABLISHED] = TIMEOUT("tcp_timeout_established", 432000),
			[TCP_CONNTRACK_FIN_WAIT] = TIMEOUT("tcp_timeout_fin_wait", 120),
			[TCP_CONNTRACK_CLOSE_WAIT] = TIMEOUT("tcp_timeout_close_wait", 60),
			[TCP_CONNTRACK_LAST_ACK] = TIMEOUT("tcp_timeout_last_ack", 30),
			[TCP_CONNTRACK_TIME_WAIT] = TIMEOUT("tcp_timeout_time_wait", 120),
			[TCP_CONNTRACK_CLOSE] = TIMEOUT("tcp_timeout_close", 10)},
		.tcp_retrans = TIMEOUT("tcp_timeout_max_retrans", 300),
		.tcp_unacked = TIMEOUT("tcp_timeout_unacknowledged", 300),
		.udp = TIMEOUT("udp_timeout", 30),
		.udp_stream = TIMEOUT("udp_timeout_stream", 120),
	};
#undef TIMEOUT
}

/* Somebody may change the kernel's timeouts. An entry has the old one until its next packet. */
static void expiry_follow(struct conntrack *ct)
{
	struct expiry expiry;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < ct->next_expiry)
		return;
	ct->next_expiry = now.tv_sec + EXPIRY_S;
	expiry_read(&expiry);
	if (!memcmp(&expiry, &ct->expiry, sizeof(expiry)))
		return;
	ct->before = ct->expiry;
	ct->expiry = expiry;
}

int conntrack_open(struct conntrack **out, struct error *err)
{
	struct timeval wait = {.tv_sec = WAIT_S};
	struct conntrack *ct = calloc(1, sizeof(*ct));
	int ret;

	if (!ct)
		return error_set(err, -ENOMEM, "no memory");
	ct->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!ct->nl || mnl_socket_bind(ct->nl, 0, MNL_SOCKET_AUTOPID) ||
	    setsockopt(mnl_socket_get_fd(ct->nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait))) {
		ret = error_set(err, -errno, "cannot open a netfilter netlink socket: %s",
				strerror(errno));
		conntrack_close(ct);
		return ret;
	}
	expiry_read(&ct->expiry);
	ct->before = ct->expiry;
	*out = ct;
	return 0;
}

void conntrack_close(struct conntrack *ct)
{
	if (!ct)
		return;
	if (ct->nl)
		mnl_socket_close(ct->nl);
	free(ct);
}

static struct nlmsghdr *request_begin(struct conntrack *ct, uint8_t type, uint16_t flags,
				      uint8_t af)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(ct->buffer);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++ct->sequence;
	nfg->nfgen_family = af;
	nfg->version = NFNETLINK_V0;
	return nlh;
}

/* Sends @nlh and gives its answers to @fn, until there is none to come. */
static int request(struct conntrack *ct, const struct nlmsghdr *nlh, mnl_cb_t fn, void *data)
{
	const struct nlmsghdr *reply = (const void *)ct->buffer;
	ssize_t n;
	int ret = 1;

	if (mnl_socket_sendto(ct->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > 0) {
		n = mnl_socket_recvfrom(ct->nl, ct->buffer, sizeof(ct->buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if ((size_t)n < sizeof(*reply) || reply->nlmsg_seq != ct->sequence)
			continue;
		ret = mnl_cb_run(ct->buffer, (size_t)n, ct->sequence, mnl_socket_get_portid(ct->nl),
				 fn, data);
	}
	return ret < 0 ? -errno : 0;
}

/* Asks by the tuple of @flow. Without one the kernel would take a deletion to mean all entries. */
static int request_flow(struct conntrack *ct, uint8_t type, uint16_t flags, const struct flow *flow,
			mnl_cb_t fn, void *data)
{
	struct nlmsghdr *nlh = request_begin(ct, type, flags, flow->af);
	struct nf_conntrack *tuple;
	int ret;

	if (flow->af != AF_INET && flow->af != AF_INET6)
		return -EAFNOSUPPORT;
	tuple = nfct_new();
	if (!tuple)
		return -ENOMEM;
	nfct_set_attr_u8(tuple, ATTR_ORIG_L3PROTO, flow->af);
	nfct_set_attr_u8(tuple, ATTR_ORIG_L4PROTO, flow->protocol);
	if (flow->af == AF_INET) {
		nfct_set_attr_u32(tuple, ATTR_ORIG_IPV4_SRC, flow->saddr.ip);
		nfct_set_attr_u32(tuple, ATTR_ORIG_IPV4_DST, flow->daddr.ip);
	} else {
		nfct_set_attr(tuple, ATTR_ORIG_IPV6_SRC, flow->saddr.ip6);
		nfct_set_attr(tuple, ATTR_ORIG_IPV6_DST, flow->daddr.ip6);
	}
	nfct_set_attr_u16(tuple, ATTR_ORIG_PORT_SRC, flow->sport);
	nfct_set_attr_u16(tuple, ATTR_ORIG_PORT_DST, flow->dport);
	ret = nfct_nlmsg_build(nlh, tuple) ? -EINVAL : 0;
	nfct_destroy(tuple);
	return ret ? ret : request(ct, nlh, fn, data);
}

static union addr address(const struct nf_conntrack *entry, uint8_t af, enum nf_conntrack_attr v4,
			  enum nf_conntrack_attr v6)
{
	union addr addr = {.ip6 = {0}};
	const void *value = nfct_get_attr(entry, af == AF_INET ? v4 : v6);

	if (value)
		memcpy(&addr, value, addr_size(af));
	return addr;
}

/* What an entry does not have reads as 0. */
static struct tracked tracked_read(const struct nf_conntrack *entry)
{
	const uint8_t af = nfct_get_attr_u8(entry, ATTR_ORIG_L3PROTO);
	const uint32_t status = nfct_get_attr_u32(entry, ATTR_STATUS);

	return (struct tracked){
		.flow = {.af = af,
			 .protocol = nfct_get_attr_u8(entry, ATTR_ORIG_L4PROTO),
			 .saddr = address(entry, af, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC),
			 .daddr = address(entry, af, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST),
			 .sport = nfct_get_attr_u16(entry, ATTR_ORIG_PORT_SRC),
			 .dport = nfct_get_attr_u16(entry, ATTR_ORIG_PORT_DST)},
		.server = address(entry, af, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC),
		.server_port = nfct_get_attr_u16(entry, ATTR_REPL_PORT_SRC),
		.local = address(entry, af, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST),
		.local_port = nfct_get_attr_u16(entry, ATTR_REPL_PORT_DST),
		.tcp_state = nfct_get_attr_u8(entry, ATTR_TCP_STATE),
		.assured = status & IPS_ASSURED,
		.offloaded = status & (IPS_OFFLOAD | IPS_HW_OFFLOAD),
		.client_closed_first =
			nfct_get_attr_u8(entry, ATTR_TCP_FLAGS_ORIG) & TCP_CLOSE_INIT,
		.mark = nfct_get_attr_u32(entry, ATTR_MARK),
		.remaining = nfct_get_attr_u32(entry, ATTR_TIMEOUT),
		.volume = {.packets = {nfct_get_attr_u64(entry, ATTR_ORIG_COUNTER_PACKETS),
				       nfct_get_attr_u64(entry, ATTR_REPL_COUNTER_PACKETS)},
			   .bytes = {nfct_get_attr_u64(entry, ATTR_ORIG_COUNTER_BYTES),
				     nfct_get_attr_u64(entry, ATTR_REPL_COUNTER_BYTES)}},
	};
}

/* A message into @out; errno is set on failure. */
static int message_read(const struct nlmsghdr *nlh, struct tracked *out)
{
	struct nf_conntrack *entry = nfct_new();

	if (!entry) {
		errno = ENOMEM;
		return -1;
	}
	if (nfct_nlmsg_parse(nlh, entry)) {
		nfct_destroy(entry);
		errno = EBADMSG;
		return -1;
	}
	*out = tracked_read(entry);
	nfct_destroy(entry);
	return 0;
}

int conntrack_parse(const void *payload, size_t len, uint8_t af, struct tracked *out)
{
	struct nf_conntrack *entry = nfct_new();
	int ret = -EBADMSG;

	if (!entry)
		return -ENOMEM;
	if (!nfct_payload_parse(payload, len, af, entry)) {
		*out = tracked_read(entry);
		ret = 0;
	}
	nfct_destroy(entry);
	return ret;
}

static int got(const struct nlmsghdr *nlh, void *data)
{
	return message_read(nlh, data) ? MNL_CB_ERROR : MNL_CB_STOP;
}

static bool flow_equal(const struct flow *a, const struct flow *b)
{
	return a->af == b->af && a->protocol == b->protocol && a->sport == b->sport &&
	       a->dport == b->dport && addr_equal(&a->saddr, &b->saddr) &&
	       addr_equal(&a->daddr, &b->daddr);
}

int conntrack_get(struct conntrack *ct, const struct flow *flow, struct tracked *out)
{
	struct tracked tracked = {0};
	int ret;

	expiry_follow(ct);
	ret = request_flow(ct, IPCTNL_MSG_CT_GET, 0, flow, got, &tracked);
	if (ret)
		return ret;
	/* The kernel looks among the answers' tuples as well. */
	if (!flow_equal(&tracked.flow, flow))
		return -ENOENT;
	*out = tracked;
	return 0;
}

/* Asked as if it were a request: the kernel looks among both, and there is no telling it which. */
int conntrack_get_reply(struct conntrack *ct, const struct flow *reply, struct tracked *out)
{
	struct tracked tracked = {0};
	int ret = request_flow(ct, IPCTNL_MSG_CT_GET, 0, reply, got, &tracked);
	const struct flow answers = {.af = tracked.flow.af,
				     .protocol = tracked.flow.protocol,
				     .saddr = tracked.server,
				     .daddr = tracked.local,
				     .sport = tracked.server_port,
				     .dport = tracked.local_port};

	if (ret)
		return ret;
	if (!flow_equal(&answers, reply))
		return -ENOENT;
	*out = tracked;
	return 0;
}

int conntrack_delete(struct conntrack *ct, const struct flow *flow)
{
	return request_flow(ct, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, flow, NULL, NULL);
}

struct dump {
	uint32_t mark, mask;
	void (*fn)(const struct tracked *tracked, void *data);
	void *data;
};

static int dumped(const struct nlmsghdr *nlh, void *data)
{
	const struct dump *dump = data;
	struct tracked tracked;
	uint32_t bits;

	if (message_read(nlh, &tracked))
		return MNL_CB_ERROR;
	bits = tracked.mark & dump->mask;
	if (bits && (!dump->mark || bits == dump->mark))
		dump->fn(&tracked, dump->data);
	return MNL_CB_OK;
}

int conntrack_dump(struct conntrack *ct, uint32_t mark, uint32_t mask,
		   void (*fn)(const struct tracked *tracked, void *data), void *data)
{
	struct dump dump = {mark & mask, mask, fn, data};
	struct nlmsghdr *nlh = request_begin(ct, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);

	expiry_follow(ct);
	/* The kernel cannot look for "any bit". */
	if (dump.mark) {
		mnl_attr_put_u32(nlh, CTA_MARK, htonl(dump.mark));
		mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(mask));
	}
	return request(ct, nlh, dumped, &dump);
}

/* The shorter of two timeouts that an entry with so much left can have. */
static uint32_t shorter(uint32_t timeout, uint32_t other, uint32_t remaining)
{
	return other < timeout && other >= remaining ? other : timeout;
}

/*
 * An entry of TCP has the timeout of its state, or a shorter one while data is not acknowledged,
 * is sent again, or a window is closed, and does not tell which. Taking the shortest that it can be
 * errs towards an entry that is not idle: one near the end of five days, which few wait for.
 */
static uint32_t tcp_timeout(const struct expiry *expiry, const struct tracked *tracked)
{
	uint32_t timeout = 0;

	if (tracked->tcp_state < TCP_CONNTRACK_MAX)
		timeout = expiry->tcp[tracked->tcp_state];
	timeout = shorter(timeout, expiry->tcp_retrans, tracked->remaining);
	return shorter(timeout, expiry->tcp_unacked, tracked->remaining);
}

static uint32_t idle_by(const struct expiry *expiry, const struct tracked *tracked)
{
	uint32_t timeout = 0;

	if (tracked->flow.protocol == IPPROTO_TCP)
		timeout = tcp_timeout(expiry, tracked);
	else if (tracked->flow.protocol == IPPROTO_UDP)
		timeout = tracked->assured ? expiry->udp_stream : expiry->udp;
	/* What remains is rounded down, so this would be rounded up. */
	return timeout > tracked->remaining ? timeout - tracked->remaining - 1 : 0;
}

uint32_t conntrack_idle(const struct conntrack *ct, const struct tracked *tracked)
{
	const uint32_t now = idle_by(&ct->expiry, tracked);
	const uint32_t before = idle_by(&ct->before, tracked);

	if (tracked->offloaded)
		return 0;
	return now < before ? now : before;
}

int conntrack_usage(uint64_t *count, uint64_t *max)
{
	int now = sysctl_number("net/netfilter/nf_conntrack_count");
	int most = sysctl_number("net/netfilter/nf_conntrack_max");

	if (now < 0 || most < 0)
		return -ENOENT;
	*count = (uint64_t)now;
	*max = (uint64_t)most;
	return 0;
}
