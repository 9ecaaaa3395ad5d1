// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connections that the table at the devices has learned, element by element: asked about when
 * their time is up in the daemon, forgotten when they end there, and all read after a start.
 * Control thread.
 */
#include "rules/batch.h"
#include "rules/dump.h"
#include "rules/ingress_rules.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <string.h>

/* An element's key: each field begins at a word. */
#define KEY_MAX 44

static enum ingress_set set_of(const struct flow *flow)
{
	return flow->af == AF_INET6 ? INGRESS_FLOWS6 : INGRESS_FLOWS4;
}

static uint32_t key_write(uint8_t key[KEY_MAX], const struct flow *flow)
{
	const uint32_t len = flow->af == AF_INET6 ? 16 : 4;
	uint8_t *rest = key + 2 * len;

	memset(key, 0, KEY_MAX);
	memcpy(key, flow->saddr.bytes, len);
	memcpy(key + len, flow->daddr.bytes, len);
	rest[0] = flow->protocol;
	memcpy(rest + 4, &flow->sport, sizeof(flow->sport));
	memcpy(rest + 8, &flow->dport, sizeof(flow->dport));
	return 2 * len + 12;
}

static bool key_read(const uint8_t *key, uint32_t key_len, struct flow *flow)
{
	const uint32_t len = key_len == KEY_MAX ? 16 : 4;
	const uint8_t *rest = key + 2 * len;

	if (key_len != 2 * len + 12)
		return false;
	*flow = (struct flow){.af = len == 16 ? AF_INET6 : AF_INET, .protocol = rest[0]};
	memcpy(flow->saddr.bytes, key, len);
	memcpy(flow->daddr.bytes, key + len, len);
	memcpy(&flow->sport, rest + 4, sizeof(flow->sport));
	memcpy(&flow->dport, rest + 8, sizeof(flow->dport));
	return true;
}

struct reading {
	void (*fn)(const struct ingress_flow *flow, void *data);
	void *data;
	enum ingress_phase phase;
};

static int on_element(struct nftnl_set_elem *elem, void *data)
{
	const struct reading *reading = data;
	struct ingress_flow flow = {0};
	uint32_t key_len = 0, len = 0;
	uint64_t bytes;
	const uint8_t *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &key_len);
	const void *value = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &len);

	if (!key || !value || len != sizeof(flow.mark) || !key_read(key, key_len, &flow.flow))
		return 0;
	memcpy(&flow.mark, value, sizeof(flow.mark));
	(void)dump_counter(elem, &flow.packets, &bytes);
	flow.phase = reading->phase;
	reading->fn(&flow, reading->data);
	return 0;
}

/* A set of the table for a message about elements; NULL without memory. */
static struct nftnl_set *set_new(const char *table, enum ingress_set id)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		return NULL;
	nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, ingress_set_names[id]);
	return set;
}

static int add_flow(struct nftnl_set *set, const struct flow *flow)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
	uint8_t key[KEY_MAX];

	if (!elem)
		return -ENOMEM;
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, key_write(key, flow));
	nftnl_set_elem_add(set, elem);
	return 0;
}

static void take_one(const struct ingress_flow *flow, void *data)
{
	*(struct ingress_flow *)data = *flow;
}

int ingress_flow_get(const char *table, const struct flow *flow, struct ingress_flow *out)
{
	struct reading reading = {.fn = take_one, .data = out};
	struct nftnl_set *set = set_new(table, set_of(flow));
	struct mnl_socket *nl = NULL;
	int ret = set ? add_flow(set, flow) : -ENOMEM;

	if (!ret)
		nl = dump_open();
	if (!ret && !nl)
		ret = -errno;
	out->mark = 0;
	if (!ret)
		ret = dump_elements(nl, FAMILY_DEVICES, set, false, on_element, &reading);
	if (nl)
		mnl_socket_close(nl);
	if (set)
		nftnl_set_free(set);
	return ret ? ret : out->mark ? 0 : -ENOENT;
}

int ingress_flows_read(const char *table, void (*fn)(const struct ingress_flow *flow, void *data),
		       void *data)
{
	struct reading reading = {.fn = fn, .data = data};
	struct mnl_socket *nl = dump_open();
	int ret = nl ? 0 : -errno;

	for (enum ingress_set id = INGRESS_CLOSING4; !ret && id <= INGRESS_BEGUN6; id++) {
		struct nftnl_set *set = set_new(table, id);

		reading.phase = id >= INGRESS_BEGUN4   ? INGRESS_BEGUN
				: id >= INGRESS_FLOWS4 ? INGRESS_OPEN
						       : INGRESS_CLOSING;
		ret = set ? dump_elements(nl, FAMILY_DEVICES, set, true, on_element, &reading)
			  : -ENOMEM;
		if (set)
			nftnl_set_free(set);
	}
	if (nl)
		mnl_socket_close(nl);
	return ret;
}

/* All in one transaction, which fails as a whole if one of them is not there. */
static int delete_all(const char *table, const struct flow *flows, size_t len)
{
	struct batch *batch = batch_new();
	int ret = batch ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < len; i++) {
		struct nftnl_set *set = set_new(table, set_of(&flows[i]));
		struct nlmsghdr *nlh = batch_put(batch, NFT_MSG_DELSETELEM, NFPROTO_NETDEV, 0,
						 ingress_set_names[set_of(&flows[i])]);

		ret = set && nlh ? add_flow(set, &flows[i]) : -ENOMEM;
		if (!ret)
			nftnl_set_elems_nlmsg_build_payload(nlh, set);
		if (set)
			nftnl_set_free(set);
	}
	if (!ret)
		ret = batch_send(batch, NULL);
	batch_free(batch);
	return ret;
}

/* A SYN may have made the kernel forget one of them meanwhile: then by halves. */
int ingress_flows_delete(const char *table, const struct flow *flows, size_t len)
{
	int ret = len ? delete_all(table, flows, len) : 0;

	if (ret != -ENOENT)
		return ret;
	if (len == 1)
		return 0;
	ret = ingress_flows_delete(table, flows, len / 2);
	return ret ? ret : ingress_flows_delete(table, flows + len / 2, len - len / 2);
}
