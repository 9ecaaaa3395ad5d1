// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is carried at the devices, and for how long. The one idea: a connection stays in the kernel's
 * map until the daemon takes it out, so the daemon may die meanwhile; and whether it still lives is
 * seen by its element's counter, which is read when the daemon has seen no packet for the time that
 * the connection's state lasts. New ones that come meanwhile are dealt out by tables of their own
 * (rules/stand_in.h), which are made from the same plan. Control thread.
 */
#include "daemon/ingress.h"
#include "daemon/links.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lvs/restore.h"
#include "rules/stand_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LATER_MS 10000u /* when the kernel does not answer */

struct plan {
	struct ingress_hop *hops;
	struct dest **dests;		 /* of the hops; for ingress_settle() alone */
	struct stand_in_server *servers; /* likewise */
	size_t len, max, dests_max, servers_max;
	struct ingress_device *devices;
	size_t devices_len;
};

struct ingress {
	const struct director_conf *conf;
	struct links *links;
	struct plan next, now; /* being made; in the kernel */
	struct link *devices;
	size_t devices_len;
	uint32_t mtu; /* the largest of them */
	bool possible, stands_in;
	uint32_t seed;
	struct stand_in *stand_in; /* in the kernel, or NULL */
	bool wanted;		   /* there are such servers */
	bool installed;		   /* the kernel may have the table */
	struct flow *forgotten;
	size_t forgotten_len, forgotten_max;
};

struct ingress *ingress_new(const struct director_conf *conf, bool possible, bool stands_in)
{
	struct ingress *ingress = calloc(1, sizeof(*ingress));

	if (!ingress)
		return NULL;
	ingress->conf = conf;
	ingress->links = links_open();
	ingress->possible = ingress->links && possible;
	ingress->stands_in =
		ingress->possible && stands_in &&
		getrandom(&ingress->seed, sizeof(ingress->seed), 0) == sizeof(ingress->seed);
	ingress->seed |= 1;
	ingress->installed = true; /* a daemon may have been killed */
	return ingress;
}

static void plan_clear(struct plan *plan)
{
	free(plan->hops);
	free(plan->dests);
	free(plan->servers);
	free(plan->devices);
	*plan = (struct plan){0};
}

void ingress_free(struct ingress *ingress)
{
	if (!ingress)
		return;
	plan_clear(&ingress->next);
	plan_clear(&ingress->now);
	stand_in_free(ingress->stand_in);
	links_close(ingress->links);
	free(ingress->devices);
	free(ingress->forgotten);
	free(ingress);
}

bool ingress_possible(const struct ingress *ingress)
{
	return ingress->possible;
}

void ingress_forgo(struct ingress *ingress)
{
	ingress->possible = false;
}

bool ingress_stale(struct ingress *ingress)
{
	return ingress->wanted && links_changed(ingress->links);
}

bool ingress_stands_in(const struct ingress *ingress)
{
	return ingress->stand_in;
}

size_t ingress_servers(const struct ingress *ingress)
{
	return ingress->now.len;
}

/* Without memory, or if the kernel does not say: no device, and nothing is carried. */
static void devices_read(struct ingress *ingress)
{
	(void)links_changed(ingress->links);
	free(ingress->devices);
	if (links_read(ingress->links, &ingress->devices, &ingress->devices_len))
		ingress->devices_len = 0;
	ingress->mtu = 0;
	for (size_t i = 0; i < ingress->devices_len; i++)
		if (ingress->devices[i].mtu > ingress->mtu)
			ingress->mtu = ingress->devices[i].mtu;
}

void ingress_begin(struct ingress *ingress)
{
	plan_clear(&ingress->next);
	ingress->wanted = false;
	devices_read(ingress);
}

static const struct link *device_of(const struct ingress *ingress, uint32_t index)
{
	for (size_t i = 0; i < ingress->devices_len; i++)
		if (ingress->devices[i].device.index == index)
			return &ingress->devices[i];
	return NULL;
}

/* What comes in by any device has to fit through the server's: nobody would tell the sender. */
static bool find_way(struct ingress *ingress, const struct dest *dest, struct hop *hop)
{
	const struct link *link;
	uint32_t learned = atomic_load_explicit(&dest->pmtu, memory_order_relaxed);
	uint32_t mtu;

	if (!links_hop(ingress->links, dest->af, &dest->addr, hop))
		return false;
	link = device_of(ingress, hop->device);
	mtu = link ? link->mtu : 0;
	if (hop->mtu && hop->mtu < mtu)
		mtu = hop->mtu;
	if (learned && learned < mtu)
		mtu = learned;
	return mtu && mtu >= ingress->mtu;
}

/* By a mark that others set we know no connection that has only begun. */
static struct stand_in_server server_of(const struct service *svc, const struct dest *dest,
					uint32_t mark)
{
	const bool marked = svc->key.fwmark && !svc->matches_len;

	return (struct stand_in_server){
		.service = &svc->key,
		.sticky = atomic_load_explicit(&svc->flags, memory_order_relaxed) &
			  SERVICE_PERSISTENT,
		.weight = marked ? 0
				 : (uint32_t)atomic_load_explicit(&dest->weight,
								  memory_order_relaxed),
		.mark = mark,
		.af = dest->af,
		.addr = dest->addr,
	};
}

int ingress_add(struct ingress *ingress, const struct service *svc, struct dest *dest,
		uint32_t mark, const char *label)
{
	struct plan *plan = &ingress->next;
	struct hop hop;

	ingress->wanted = true;
	if (!find_way(ingress, dest, &hop))
		return 0;
	if (!array_grow(&plan->hops, plan->len, &plan->max, sizeof(*plan->hops)) ||
	    !array_grow(&plan->dests, plan->len, &plan->dests_max, sizeof(struct dest *)) ||
	    !array_grow(&plan->servers, plan->len, &plan->servers_max, sizeof(*plan->servers)))
		return -ENOMEM;
	plan->dests[plan->len] = dest;
	plan->servers[plan->len] = server_of(svc, dest, mark);
	plan->hops[plan->len++] = (struct ingress_hop){.mark = mark,
						       .af = dest->af,
						       .addr = hop.addr,
						       .device = hop.device,
						       .label = label};
	return 0;
}

static struct ingress_rules rules_of(const struct ingress *ingress, const struct plan *plan)
{
	return (struct ingress_rules){.table = ingress->conf->table,
				      .mark_mask = ingress->conf->mark_mask,
				      .copies = ingress->conf->first_queue,
				      .flows = ingress->conf->flows_max,
				      .devices = plan->devices,
				      .devices_len = plan->devices_len,
				      .hops = plan->hops,
				      .hops_len = plan->len};
}

static int plan_devices(struct ingress *ingress)
{
	struct plan *plan = &ingress->next;

	plan->devices = calloc(ingress->devices_len + 1, sizeof(*plan->devices));
	if (!plan->devices)
		return -ENOMEM;
	plan->devices_len = ingress->devices_len;
	for (size_t i = 0; i < ingress->devices_len; i++)
		plan->devices[i] = ingress->devices[i].device;
	return 0;
}

static bool same_devices(const struct plan *a, const struct plan *b)
{
	return a->devices_len == b->devices_len &&
	       !memcmp(a->devices, b->devices, a->devices_len * sizeof(*a->devices));
}

static int put(struct ingress *ingress, struct error *err)
{
	struct ingress_rules from = rules_of(ingress, &ingress->now);
	struct ingress_rules to = rules_of(ingress, &ingress->next);
	int ret = -ENOENT;

	if (ingress->now.len && same_devices(&ingress->now, &ingress->next))
		ret = ingress_update(&from, &to, err);
	return ret ? ingress_install(&to, err) : 0;
}

/* Without it nothing new reaches these servers while there is no daemon, and that is all. */
static void settle_stand_in(struct ingress *ingress, const struct plan *plan)
{
	const struct director_conf *conf = ingress->conf;
	struct error err = {""};
	struct stand_in *next;
	int ret = -ENOENT;

	if (!ingress->stands_in)
		return;
	next = stand_in_build(conf->table, conf->mark_mask, ingress->seed, plan->servers,
			      plan->len);
	if (next && ingress->stand_in)
		ret = stand_in_update(ingress->stand_in, next, &err);
	if (next && ret)
		ret = stand_in_install(next, &err);
	stand_in_free(ingress->stand_in);
	ingress->stand_in = ret ? NULL : next;
	if (!ret)
		return;
	stand_in_free(next);
	log_warn("%s: without nfvsd there are no new connections to dr servers",
		 next ? err.text : "no memory for the rules");
}

int ingress_settle(struct ingress *ingress, struct error *err)
{
	struct plan *plan = &ingress->next;
	int ret;

	if (!plan->len) {
		ingress_withdraw(ingress);
		return 0;
	}
	ingress->installed = true; /* or a part of it, or an earlier daemon's */
	ret = plan_devices(ingress);
	ret = ret ? error_set(err, ret, "no memory for the rules") : put(ingress, err);
	for (size_t i = 0; i < plan->len; i++) {
		atomic_store_explicit(&plan->dests[i]->carried, ret ? 0 : plan->hops[i].mark,
				      memory_order_relaxed);
		plan->hops[i].label = NULL; /* not ours for longer */
	}
	plan_clear(&ingress->now);
	if (ret)
		return ret;
	settle_stand_in(ingress, plan);
	ingress->now = *plan;
	*plan = (struct plan){0};
	return 0;
}

void ingress_withdraw(struct ingress *ingress)
{
	if (ingress->installed) {
		(void)stand_in_remove(ingress->conf->table, NULL);
		(void)ingress_remove(ingress->conf->table, NULL);
	}
	ingress->installed = false;
	stand_in_free(ingress->stand_in);
	ingress->stand_in = NULL;
	plan_clear(&ingress->now);
}

/* Of a connection that is due. Its element counts the packet by which it was learned, too. When the
 * last of the others came is not known: within the last timeout if there are more than at its
 * beginning. */
uint32_t ingress_keep(struct ingress *ingress, struct conn *conn)
{
	const struct flow flow = conn_request(conn);
	struct ingress_flow known;
	uint16_t carried;
	int ret = ingress_flow_get(ingress->conf->table, &flow, &known);

	if (ret == -ENOENT)
		return 0;
	if (ret)
		return LATER_MS;
	carried = (uint16_t)(known.packets - 1);
	if (carried != conn->carried_packets) {
		conn->carried_packets = carried;
		return atomic_load_explicit(&conn->timeout, memory_order_relaxed);
	}
	(void)ingress_flows_delete(ingress->conf->table, &flow, 1);
	return 0;
}

void ingress_drop(const struct ingress *ingress, const struct conn *conn)
{
	const struct flow flow = conn_request(conn);

	if (ingress->possible)
		(void)ingress_flows_delete(ingress->conf->table, &flow, 1);
}

void ingress_forget(struct ingress *ingress, const struct conn *conn)
{
	if (array_grow(&ingress->forgotten, ingress->forgotten_len, &ingress->forgotten_max,
		       sizeof(*ingress->forgotten)))
		ingress->forgotten[ingress->forgotten_len++] = conn_request(conn);
	else
		ingress_drop(ingress, conn);
}

void ingress_flush(struct ingress *ingress)
{
	if (ingress->forgotten_len)
		(void)ingress_flows_delete(ingress->conf->table, ingress->forgotten,
					   ingress->forgotten_len);
	ingress->forgotten_len = 0;
}

struct found {
	struct remnant *items;
	size_t len, max;
	const struct numbers *numbers;
};

static uint8_t state_of(const struct ingress_flow *flow)
{
	const struct proto *proto = proto_find(flow->flow.protocol);

	switch (flow->phase) {
	case INGRESS_CLOSING:
		return TCP_FINWAIT;
	case INGRESS_OPEN:
		break;
	case INGRESS_BEGUN:
		return TCP_SRECV;
	}
	return proto && proto->established != PROTO_STATELESS ? proto->established : 0;
}

static void collect(const struct ingress_flow *flow, void *data)
{
	struct found *found = data;
	struct dest *dest = numbers_dest(found->numbers, flow->mark);

	if (!array_grow(&found->items, found->len, &found->max, sizeof(*found->items)))
		return;
	found->items[found->len++] = (struct remnant){
		.flow = flow->flow,
		.mark = dest ? dest->vs.fwmark : 0,
		.dest = dest,
		.server = dest ? dest->addr : (union addr){.ip = 0},
		.server_port = flow->flow.dport,
		.state = state_of(flow),
	};
}

uint64_t ingress_restore(struct ingress *ingress, struct direct *d, const struct numbers *numbers)
{
	struct found found = {.numbers = numbers};
	uint64_t taken = 0;

	(void)ingress_flows_read(ingress->conf->table, collect, &found);
	for (size_t i = 0; i < found.len; i++) {
		enum restored restored = RESTORED_NOT;

		rcu_read_lock();
		if (found.items[i].dest)
			restored = conn_restore(d, &found.items[i]);
		rcu_read_unlock();
		taken += restored == RESTORED_NEW;
		if (restored == RESTORED_NOT)
			(void)ingress_flows_delete(ingress->conf->table, &found.items[i].flow, 1);
	}
	free(found.items);
	return taken;
}
