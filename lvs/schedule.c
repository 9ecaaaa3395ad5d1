// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the first packet of a flow to a connection: the service's scheduler chooses, or, where the
 * service is persistent, the template that an earlier choice left behind. The template is itself a
 * connection, from the client's network to the service, and controls those that follow it. Workers
 * call this for every new flow; "explain" shares the rules about templates.
 */
#include "lvs/schedule.h"
#include "lvs/forward.h"
#include "lvs/route.h"

#include <errno.h>

#define FTP_PORT      21
#define FTP_DATA_PORT 20

bool template_valid(const struct conn *template)
{
	return atomic_load_explicit(&template->dest->flags, memory_order_relaxed) & DEST_AVAILABLE;
}

/* The firewall mark written as an address, in the first word of either family, as IPVS lists it:
 * 0.0.0.N, or [N::]. */
static union addr mark_addr(uint32_t mark)
{
	return (union addr){.ip6 = {htonl(mark)}};
}

struct flow template_key(const struct service *svc, const struct flow *flow)
{
	uint32_t netmask = atomic_load_explicit(&svc->netmask, memory_order_relaxed);
	struct flow key = {.af = flow->af, .protocol = flow->protocol, .daddr = flow->daddr};

	key.saddr = addr_network(flow->af, &flow->saddr, netmask);
	if (svc->key.fwmark) {
		key.protocol = IPPROTO_IP;
		key.daddr = mark_addr(svc->key.fwmark);
	} else if (flow->dport == svc->key.port && svc->key.port != htons(FTP_PORT)) {
		key.dport = flow->dport;
	}
	return key;
}

/* Nobody can take the flow. To the :21 service also come flows to ports that may be another's, and
 * those are not ours to refuse (ip_vs_leave). */
static enum scheduled refuse(const struct service *svc, const struct flow *flow)
{
	bool data = svc->key.port == htons(FTP_PORT) && flow->dport != svc->key.port;

	return data ? SCHEDULED_IGNORED : SCHEDULED_REFUSED;
}

/* The stand-in for a server that a fwmark service without one has if cache_bypass says so, or NULL.
 * Not for what is sent to this machine itself. */
static struct dest *bypass(struct direct *d, const struct service *svc, const struct flow *flow)
{
	struct route route;

	if (!svc->key.fwmark || !d->bypass || !setting(d->settings, SETTING_CACHE_BYPASS) ||
	    !addr_is_unicast(flow->af, &flow->daddr))
		return NULL;
	d->router->find(d->router, flow->af, &flow->daddr, &route);
	if (route.local)
		return NULL;
	return flow->af == AF_INET6 ? d->bypass->v6 : d->bypass->v4;
}

/* A new template for the scheduler's choice; NULL: refused or no memory, as *@result says. */
static struct conn *template_add(struct direct *d, struct service *svc, const struct flow *key,
				 const struct flow *flow, enum scheduled *result)
{
	const struct sched_time time = {d->now, d->settings};
	struct dest *dest = service_schedule(svc, flow, &time);
	struct conn *template;

	*result = refuse(svc, flow);
	if (!dest)
		return NULL;
	*result = SCHEDULED_NO_MEMORY;
	if (conn_add(d->conns, key, dest, key->dport ? dest->port : 0, svc->key.fwmark,
		     CONN_TEMPLATE, NULL, d->now, &template))
		return NULL;
	conn_lock(template);
	conn_set_timeout(d->conns, template,
			 atomic_load_explicit(&svc->timeout, memory_order_relaxed) * 1000, d->now);
	conn_unlock(template);
	return template;
}

/* The template for @flow, found or made. */
static struct conn *template_get(struct direct *d, struct service *svc, const struct flow *flow,
				 enum scheduled *result)
{
	struct flow key = template_key(svc, flow);
	struct conn *template = conn_find_template(d->conns, &key);

	if (template && !template_valid(template)) {
		conn_invalidate(d->conns, template);
		template = NULL;
	}
	return template ? template : template_add(d, svc, &key, flow, result);
}

/* A scheduled connection counts at the service and at the server. */
static void account_conn(struct service *svc, struct dest *dest)
{
	atomic_fetch_add_explicit(&dest->traffic.conns, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&svc->traffic.conns, 1, memory_order_relaxed);
}

/* Does the client live in the NAT server's own network? Its server may then answer it directly,
 * past the director, and the client would not know the answer: noted for the control thread to
 * warn. */
static void note_near(struct direct *d, const struct pkt *pkt, struct dest *dest)
{
	uint8_t prefix = atomic_load_explicit(&dest->near_prefix, memory_order_relaxed);
	const struct flow *flow = &pkt->flow;
	union addr client, server;
	uint32_t mask = prefix;

	if (!prefix || pkt->hook != HOOK_PREROUTING ||
	    atomic_load_explicit(&dest->near, memory_order_relaxed))
		return;
	if (flow->af == AF_INET)
		mask = htonl(UINT32_MAX << (32 - prefix));
	client = addr_network(flow->af, &flow->saddr, mask);
	server = addr_network(flow->af, &dest->addr, mask);
	if (!addr_equal(&client, &server))
		return;
	atomic_store_explicit(&dest->near, NEAR_SEEN, memory_order_relaxed);
	atomic_store_explicit(&d->settings->near, 1, memory_order_relaxed);
}

/* Who gets the flow, at which port, and because of which template; SCHEDULED, or why nobody does.
 */
struct choice {
	struct dest *dest;
	struct conn *template;
	__be16 dport;
};

static enum scheduled choose(struct direct *d, struct service *svc, const struct flow *flow,
			     struct choice *choice)
{
	const struct sched_time time = {d->now, d->settings};
	enum scheduled result = SCHEDULED_REFUSED;

	choice->dport = flow->dport;
	if (atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_PERSISTENT) {
		choice->template = template_get(d, svc, flow, &result);
		if (!choice->template)
			return result;
		choice->dest = choice->template->dest;
		if (flow->dport == svc->key.port && choice->dest->port)
			choice->dport = choice->dest->port;
		return SCHEDULED;
	}
	/* Only a persistent service takes other ports than its own. */
	if (!svc->key.fwmark && flow->dport != svc->key.port)
		return refuse(svc, flow);
	choice->dest = service_schedule(svc, flow, &time);
	if (!choice->dest)
		return refuse(svc, flow);
	if (choice->dest->port)
		choice->dport = choice->dest->port;
	return SCHEDULED;
}

enum scheduled conn_schedule(struct direct *d, struct service *svc, const struct pkt *pkt,
			     struct conn **out)
{
	uint32_t svc_flags = atomic_load_explicit(&svc->flags, memory_order_relaxed);
	const struct flow *flow = &pkt->flow;
	struct choice choice = {0};
	enum scheduled result;
	uint32_t flags = 0;
	int err;

	/* An active FTP data connection that a real server opened is no client's. */
	if (flow->protocol == IPPROTO_TCP && flow->sport == htons(FTP_DATA_PORT))
		return SCHEDULED_IGNORED;
	if ((svc_flags & SERVICE_ONEPACKET) && flow->protocol == IPPROTO_UDP)
		flags = CONN_ONEPACKET;
	result = choose(d, svc, flow, &choice);
	if (result == SCHEDULED_REFUSED) {
		choice.dest = bypass(d, svc, flow);
		if (choice.dest)
			result = SCHEDULED;
	}
	if (result != SCHEDULED)
		return result;
	err = conn_add(d->conns, flow, choice.dest, choice.dport, svc->key.fwmark, flags,
		       choice.template, d->now, out);
	if (err)
		return err == -EADDRNOTAVAIL ? SCHEDULED_NO_LOCAL : SCHEDULED_NO_MEMORY;
	if (choice.template)
		conn_touch(choice.template, d->now);
	if ((*out)->forward->method != FORWARD_BYPASS)
		account_conn(svc, choice.dest);
	if ((*out)->forward->method == FORWARD_NAT)
		note_near(d, pkt, choice.dest);
	return SCHEDULED;
}
