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

bool template_valid(const struct settings *settings, const struct conn *template)
{
	const struct dest *dest = template->dest;

	if (!(atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_AVAILABLE) ||
	    dest_stands_back(dest) || dest_draining(dest))
		return false;
	return dest_weight(dest) || !setting(settings, SETTING_EXPIRE_QUIESCENT_TEMPLATE);
}

bool template_key(const struct service *svc, const struct flow *flow, const struct pkt *pkt,
		  struct template_key *key)
{
	return atomic_load_explicit(&svc->engine, memory_order_relaxed)->fill(svc, flow, pkt, key);
}

bool flow_from_ftp(const struct flow *flow)
{
	return flow->sport == htons(FTP_DATA_PORT);
}

bool refusal_passes(const struct service *svc, const struct flow *flow)
{
	return svc->key.port == htons(FTP_PORT) && flow->dport != svc->key.port;
}

/* Nobody can take the flow. */
static enum scheduled refuse(const struct service *svc, const struct flow *flow)
{
	return refusal_passes(svc, flow) ? SCHEDULED_IGNORED : SCHEDULED_REFUSED;
}

bool bypass_allowed(const struct direct *d, const struct service *svc, const struct flow *flow)
{
	return svc->key.fwmark && d->bypass && setting(d->settings, SETTING_CACHE_BYPASS) &&
	       addr_is_unicast(flow->af, &flow->daddr);
}

/* The stand-in for a server that a fwmark service without one has if cache_bypass says so, or NULL.
 * Not for what is sent to this machine itself. */
static struct dest *bypass(struct direct *d, const struct service *svc, const struct flow *flow)
{
	struct route route;

	if (!bypass_allowed(d, svc, flow))
		return NULL;
	d->router->find(d->router, flow->af, &flow->daddr, &route);
	if (route.local)
		return NULL;
	return flow->af == AF_INET6 ? d->bypass->v6 : d->bypass->v4;
}

struct conn *template_make(struct direct *d, const struct service *svc,
			   const struct template_key *key, struct dest *dest)
{
	struct conn *template;

	if (conn_add_template(d->conns, key, dest, key->flow.dport ? dest->port : 0, d->now,
			      &template))
		return NULL;
	conn_lock(template);
	conn_set_timeout(d->conns, template,
			 atomic_load_explicit(&svc->timeout, memory_order_relaxed) * 1000, d->now);
	conn_unlock(template);
	return template;
}

/* A new template for the scheduler's choice; NULL: refused or no memory, as *@result says. */
static struct conn *template_add(struct direct *d, struct service *svc,
				 const struct template_key *key, const struct flow *flow,
				 enum scheduled *result)
{
	const struct sched_time time = {d->now, d->settings};
	struct dest *dest = service_schedule(svc, flow, &time);

	*result = refuse(svc, flow);
	if (!dest)
		return NULL;
	*result = SCHEDULED_NO_MEMORY;
	return template_make(d, svc, key, dest);
}

/* The template for @flow, which @pkt begins, found or @made. */
static struct conn *template_get(struct direct *d, struct service *svc, const struct flow *flow,
				 const struct pkt *pkt, bool *made, enum scheduled *result)
{
	struct template_key key;
	struct conn *template;

	if (!template_key(svc, flow, pkt, &key)) {
		*result = SCHEDULED_NO_KEY;
		return NULL;
	}
	template = conn_find_template(d->conns, &key);
	if (template && !template_valid(d->settings, template)) {
		conn_invalidate(d->conns, template);
		template = NULL;
	}
	*made = !template;
	return template ? template : template_add(d, svc, &key, flow, result);
}

void account_conn(struct service *svc, struct dest *dest)
{
	atomic_fetch_add_explicit(&dest->traffic.conns, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&svc->traffic.conns, 1, memory_order_relaxed);
}

/* Does the client live in the NAT server's own network? Its server may then answer it directly,
 * past the director, and the client would not know the answer: noted for the control thread to
 * warn. */
static void note_near(struct direct *d, const struct flow *flow, struct dest *dest)
{
	uint8_t prefix = atomic_load_explicit(&dest->near_prefix, memory_order_relaxed);
	union addr client, server;
	uint32_t mask = prefix;

	if (!prefix || atomic_load_explicit(&dest->near, memory_order_relaxed))
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
	bool made; /* the template, for this flow */
	__be16 dport;
};

static enum scheduled choose(struct direct *d, struct service *svc, const struct flow *flow,
			     const struct pkt *pkt, struct choice *choice)
{
	const struct sched_time time = {d->now, d->settings};
	enum scheduled result = SCHEDULED_REFUSED;

	choice->dport = flow->dport;
	if (atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_PERSISTENT) {
		choice->template = template_get(d, svc, flow, pkt, &choice->made, &result);
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

/* By the error of conn_add(). */
static enum scheduled unscheduled(int err)
{
	switch (err) {
	case -ENFILE:
		return SCHEDULED_NO_ROOM;
	case -EADDRNOTAVAIL:
		return SCHEDULED_NO_LOCAL;
	case -EUSERS:
		return SCHEDULED_SERVICE_FULL;
	case -ENOSPC:
		return SCHEDULED_SERVER_FULL;
	}
	return SCHEDULED_NO_MEMORY;
}

/* Would the kernel drop the packet for want of room, without a word to its sender? */
static bool no_room(const struct direct *d, const struct dest *dest)
{
	return atomic_load_explicit(&d->settings->conntrack_full, memory_order_relaxed) &&
	       dest_carried(dest) &&
	       atomic_load_explicit(&dest->forward, memory_order_relaxed)->tracked;
}

/* *@again: another worker took the server's last place meanwhile; somebody else may have one. */
static enum scheduled schedule_once(struct direct *d, struct service *svc, const struct flow *flow,
				    const struct pkt *pkt, struct conn **out, bool *again)
{
	uint32_t svc_flags = atomic_load_explicit(&svc->flags, memory_order_relaxed);
	struct choice choice = {0};
	enum scheduled result;
	uint32_t flags = 0;
	int err;

	if ((svc_flags & SERVICE_ONEPACKET) && flow->protocol == IPPROTO_UDP)
		flags = CONN_ONEPACKET;
	result = choose(d, svc, flow, pkt, &choice);
	if (result == SCHEDULED_REFUSED && !pkt->icmp_error) {
		choice.dest = bypass(d, svc, flow);
		if (choice.dest)
			result = SCHEDULED;
	}
	if (result != SCHEDULED)
		return result;
	err = no_room(d, choice.dest)
		      ? -ENFILE
		      : conn_add(d->conns, flow, choice.dest, choice.dport, svc->key.fwmark, flags,
				 choice.template, d->now, out);
	if (err) {
		*again = err == -ENOSPC && (choice.made || !choice.template);
		if (choice.made)
			conn_expire(d->conns, choice.template);
		return unscheduled(err);
	}
	if (choice.template)
		conn_touch(choice.template, d->now);
	if (conn_method(*out)->method != FORWARD_BYPASS)
		account_conn(svc, choice.dest);
	if (conn_method(*out)->method == FORWARD_NAT && pkt->hook == HOOK_PREROUTING)
		note_near(d, flow, choice.dest);
	return SCHEDULED;
}

enum scheduled conn_schedule(struct direct *d, struct service *svc, const struct flow *flow,
			     const struct pkt *pkt, struct conn **out)
{
	enum scheduled result;
	bool again;
	int tries = 8;

	if (flow_from_ftp(flow))
		return SCHEDULED_IGNORED;
	if (service_full(svc))
		return refuse(svc, flow) == SCHEDULED_REFUSED ? SCHEDULED_SERVICE_FULL
							      : SCHEDULED_IGNORED;
	do {
		again = false;
		result = schedule_once(d, svc, flow, pkt, out, &again);
	} while (again && --tries);
	return result;
}
