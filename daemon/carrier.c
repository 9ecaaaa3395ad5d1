// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the director has the kernel carry. The one idea: a server's number is all that the kernel
 * needs to know of a decision, so everything here is about numbers: who has one (numbers.c), what
 * the kernel counted for it, and which connections there have it (tracking.c, ingress.c). Control
 * thread.
 */
#include "daemon/carrier.h"
#include "conf/carrying.h"
#include "daemon/director.h"
#include "daemon/flowtable.h"
#include "daemon/ingress.h"
#include "daemon/numbers.h"
#include "daemon/room.h"
#include "daemon/tracking.h"
#include "daemon/turns.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/sysctl.h"
#include "lvs/forward.h"

#include <errno.h>
#include <stdlib.h>

#define COUNT_MS 1000u

struct carrier {
	const struct director_conf *conf;
	struct direct direct;
	enum datapath wanted;
	bool carries, settled, used;
	bool paused;		  /* as the rules in the kernel have it */
	bool strict, strict_next; /* likewise, and as those that are being made */
	struct room room;
	struct tracking *tracking;
	struct ingress *ingress;
	struct flowtable *flowtable;
	struct numbers *numbers;
	struct service **services; /* of a plan, the oldest first, as a file has them */
	size_t services_len, services_max;
	struct rules_carried *carried;
	size_t carried_len, carried_max;
	uint64_t next_count, restored;
	struct turns *turns;
};

void carrier_drop(struct carrier *carrier, struct conn *conn)
{
	if (!conn->carried)
		return;
	if (conn_method(conn)->learned)
		ingress_drop(carrier->ingress, conn);
	else
		tracking_drop(carrier->tracking, conn);
}

static uint32_t keep(struct conn *conn, void *data)
{
	struct carrier *carrier = data;

	return conn_method(conn)->learned ? ingress_keep(carrier->ingress, conn)
					  : tracking_keep(carrier->tracking, conn);
}

static void forget(const struct conn *conn, void *data)
{
	struct carrier *carrier = data;

	if (conn_method(conn)->learned)
		ingress_forget(carrier->ingress, conn);
	else
		tracking_forget(carrier->tracking, conn);
}

struct carrier *carrier_new(const struct director_conf *conf, const struct rules_caps *caps,
			    const struct direct *d)
{
	struct carrier *carrier = calloc(1, sizeof(*carrier));
	struct error err = {""};

	if (!carrier)
		return NULL;
	carrier->conf = conf;
	carrier->direct = *d;
	carrier->wanted = conf->datapath;
	carrier->carries = caps->carries && conf->rules_managed;
	carrier->numbers = numbers_new(conf->mark_mask);
	carrier->ingress = ingress_new(conf, caps->learns && conf->rules_managed, caps->stands_in);
	carrier->flowtable = flowtable_new(conf, caps);
	if (carrier->flowtable)
		carrier->tracking = tracking_new(d, carrier->numbers, carrier->flowtable);
	carrier->turns = turns_new(conf->schedule);
	if (!carrier->numbers || !carrier->ingress || !carrier->flowtable || !carrier->tracking ||
	    !carrier->turns) {
		carrier_free(carrier);
		return NULL;
	}
	if (carrier->carries && tracking_open(carrier->tracking, &err)) {
		log_warn("%s: nfvsd carries all packets itself", err.text);
		carrier->carries = false;
	}
	if (carrier->carries || ingress_possible(carrier->ingress))
		conns_set_keeper(d->conns, keep, carrier);
	return carrier;
}

void carrier_free(struct carrier *carrier)
{
	if (!carrier)
		return;
	tracking_free(carrier->tracking);
	ingress_free(carrier->ingress);
	flowtable_free(carrier->flowtable);
	numbers_free(carrier->numbers);
	turns_free(carrier->turns);
	free(carrier->services);
	free(carrier->carried);
	free(carrier);
}

void carrier_want(struct carrier *carrier, enum datapath wanted, enum schedule schedule)
{
	carrier->wanted = wanted;
	turns_want(carrier->turns, schedule);
}

void carrier_forgo(struct carrier *carrier)
{
	carrier->carries = false;
	ingress_forgo(carrier->ingress);
}

bool carrier_paused(const struct carrier *carrier)
{
	return carrier->paused;
}

uint64_t carrier_restored(const struct carrier *carrier)
{
	return carrier->restored;
}

struct newcomers *carrier_newcomers(struct carrier *carrier)
{
	return tracking_newcomers(carrier->tracking);
}

static struct datapath_case case_of(const struct carrier *carrier, const struct service *svc,
				    const struct service_spec *spec)
{
	struct datapath_case which = datapath_case(spec, carrier->wanted);
	struct dest *dest;

	which.managed = carrier->conf->rules_managed;
	which.carries = carrier->carries;
	which.learns = ingress_possible(carrier->ingress);
	which.apart = ports_apart(carrier->conf);
	which.forwards = carrier->conf->system_managed ||
			 sysctl_number(svc->key.af == AF_INET6 ? "net/ipv6/conf/all/forwarding"
							       : "net/ipv4/ip_forward") > 0;
	cds_list_for_each_entry (dest, &svc->dests, list)
		which.methods |=
			1u << atomic_load_explicit(&dest->forward, memory_order_relaxed)->method;
	return which;
}

const char *carrier_refusal(const struct carrier *carrier, const struct service *svc,
			    const struct service_spec *spec, const struct dest_spec *server)
{
	struct service_spec now;
	struct datapath_case which;

	service_get(svc, &now);
	which = case_of(carrier, svc, spec ? spec : &now);
	if (server)
		which.methods |= 1u << server->method;
	return which.wanted == DATAPATH_FLOW ? datapath_obstacle(&which) : NULL;
}

const char *carrier_unscheduled(const struct carrier *carrier, const struct service *svc,
				const struct service_spec *spec, const struct dest_spec *server,
				char buf[SCHEDULE_WHY_MAX])
{
	struct service_spec now;
	struct datapath_case which;

	service_get(svc, &now);
	if (!spec)
		spec = &now;
	which = case_of(carrier, svc, spec);
	if (server)
		which.methods |= 1u << server->method;
	return turns_refusal(carrier->turns, svc, spec, server, &which, buf);
}

static void carry(struct dest *dest, uint32_t mark)
{
	atomic_store_explicit(&dest->carried, mark, memory_order_relaxed);
}

static int collect_service(struct service *svc, void *data)
{
	struct carrier *carrier = data;

	if (!array_grow(&carrier->services, carrier->services_len, &carrier->services_max,
			sizeof(struct service *)))
		return -ENOMEM;
	carrier->services[carrier->services_len++] = svc;
	return 0;
}

static int by_age(const void *a, const void *b)
{
	const struct service *x = *(struct service *const *)a, *y = *(struct service *const *)b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Numbers for all its servers, the first first; false: there are not as many left. */
static bool number_all(struct carrier *carrier, struct service *svc)
{
	struct dest *dest;

	cds_list_for_each_entry_reverse(
		dest, &svc->dests, list) if (!numbers_give(carrier->numbers, dest)) return false;
	return true;
}

static void plan_service(struct carrier *carrier, struct service *svc)
{
	struct service_spec spec;
	struct datapath_case which;
	bool before = svc->carried;
	struct dest *dest;

	service_get(svc, &spec);
	which = case_of(carrier, svc, &spec);
	svc->packet_reason = datapath_obstacle(&which);
	if (!svc->packet_reason && !number_all(carrier, svc))
		svc->packet_reason = "director.mark_mask has no number left for its servers";
	svc->learned = !svc->packet_reason && datapath_learned(&which);
	svc->carried = !svc->packet_reason && !svc->learned;
	carrier->used |= svc->carried && which.methods;
	turns_judge(carrier->turns, svc);
	if (svc->carried)
		return;
	if (before)
		tracking_miss(carrier->tracking);
	/* Their numbers they keep: the kernel has connections with them, and they may be back. */
	cds_list_for_each_entry (dest, &svc->dests, list)
		carry(dest, 0);
}

static int list_learned(struct carrier *carrier, const struct service *svc)
{
	struct dest *dest;
	int ret = 0;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		numbers_list(carrier->numbers, dest->number);
		ret = ret ? ret
			  : ingress_add(carrier->ingress, svc, dest,
					numbers_mark(carrier->numbers, dest->number),
					numbers_label(carrier->numbers, dest->number));
	}
	return ret;
}

static int list_service(struct carrier *carrier, const struct service *svc)
{
	const uint32_t flags = atomic_load_explicit(&svc->flags, memory_order_relaxed);
	struct dest *dest;

	if (svc->learned)
		return list_learned(carrier, svc);
	if (!svc->carried)
		return 0;
	cds_list_for_each_entry (dest, &svc->dests, list) {
		numbers_list(carrier->numbers, dest->number);
		if (!array_grow(&carrier->carried, carrier->carried_len, &carrier->carried_max,
				sizeof(*carrier->carried)))
			return -ENOMEM;
		carrier->carried[carrier->carried_len++] = (struct rules_carried){
			.mark = numbers_mark(carrier->numbers, dest->number),
			.af = dest->af,
			.addr = dest->addr,
			.port = service_keeps_port(flags, &svc->key) ? 0 : dest->port,
			.sourced = atomic_load_explicit(&dest->forward, memory_order_relaxed)
					   ->method == FORWARD_FULLNAT,
			.service = &svc->key,
			.weight =
				(uint32_t)atomic_load_explicit(&dest->weight, memory_order_relaxed),
			.in_turns = svc->in_turns && !turns_paused(carrier->turns),
			.label = numbers_label(carrier->numbers, dest->number),
		};
	}
	return turns_list(carrier->turns, svc, carrier->numbers);
}

/* A removed server keeps its number, which the kernel's connections have, but gets none while the
 * kernel does not know it: its packets come here, also if it is back, until carrier_settle(). */
static void note(struct dest *dest, void *data)
{
	numbers_keep(data, dest);
	if (!(atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_AVAILABLE))
		carry(dest, 0);
}

static bool strict(const struct carrier *carrier)
{
	return atomic_load_explicit(&carrier->direct.settings->defence.secure_tcp,
				    memory_order_relaxed);
}

int carrier_plan(struct carrier *carrier, struct rules_input *input)
{
	const struct services *services = carrier->direct.services;
	int ret;

	numbers_begin(carrier->numbers, carrier->settled ? NULL : carrier->conf->table);
	services_each_dest(services, note, carrier->numbers);
	if (ingress_possible(carrier->ingress))
		ingress_begin(carrier->ingress);
	carrier->carried_len = 0;
	turns_begin(carrier->turns, carrier->room.full);
	rcu_read_lock();
	carrier->services_len = 0;
	ret = services_each(services, collect_service, carrier);
	if (carrier->services_len)
		qsort(carrier->services, carrier->services_len, sizeof(struct service *), by_age);
	for (size_t i = 0; i < carrier->services_len; i++)
		plan_service(carrier, carrier->services[i]);
	for (size_t i = 0; !ret && i < carrier->services_len; i++)
		ret = list_service(carrier, carrier->services[i]);
	rcu_read_unlock();
	input->strict = carrier->strict_next = strict(carrier);
	input->carried = carrier->carried;
	input->carried_len = carrier->carried_len;
	input->turns = turns_listed(carrier->turns, &input->turns_len);
	return ret;
}

bool carrier_used(const struct carrier *carrier)
{
	return carrier->used;
}

static int settle_service(struct service *svc, void *data)
{
	const struct carrier *carrier = data;
	struct dest *dest;

	if (svc->carried)
		cds_list_for_each_entry (dest, &svc->dests, list)
			carry(dest, numbers_mark(carrier->numbers, dest->number));
	return 0;
}

/* Connections that an earlier daemon left in the kernel, once. */
static void take_over(struct carrier *carrier)
{
	carrier->direct.now = director_now();
	if (carrier->used)
		carrier->restored = tracking_take_over(carrier->tracking);
	if (ingress_servers(carrier->ingress))
		carrier->restored +=
			ingress_restore(carrier->ingress, &carrier->direct, carrier->numbers);
	if (carrier->restored)
		log_info("%llu connections taken over from the kernel",
			 (unsigned long long)carrier->restored);
}

void carrier_settle(struct carrier *carrier)
{
	struct error err = {""};

	numbers_settle(carrier->numbers);
	carrier->paused = turns_paused(carrier->turns);
	carrier->strict = carrier->strict_next;
	rcu_read_lock();
	services_each(carrier->direct.services, settle_service, carrier);
	rcu_read_unlock();
	if (!ingress_possible(carrier->ingress))
		ingress_withdraw(carrier->ingress); /* an earlier daemon's, to whom it was */
	else if (ingress_settle(carrier->ingress, &err))
		log_warn("%s: nfvsd carries the connections to dr servers itself", err.text);
	atomic_store_explicit(&carrier->direct.settings->carries,
			      carrier->used || ingress_stands_in(carrier->ingress),
			      memory_order_relaxed);
	if (!carrier->settled)
		take_over(carrier);
	if (carrier->used)
		tracking_settle(carrier->tracking);
	carrier->settled = true;
}

void carrier_withdraw(struct carrier *carrier)
{
	if (carrier->settled && carrier->used)
		tracking_withdraw(carrier->tracking);
	ingress_withdraw(carrier->ingress);
}

static void count(struct carrier *carrier)
{
	if (carrier->settled && (carrier->carried_len || ingress_servers(carrier->ingress)))
		numbers_count(carrier->numbers, carrier->conf->table);
	flowtable_count(carrier->flowtable, carrier->numbers);
}

void carrier_count(struct carrier *carrier)
{
	if (carrier->settled && carrier->used)
		tracking_ask(carrier->tracking);
	count(carrier);
}

struct flowtable *carrier_flowtable(const struct carrier *carrier)
{
	return carrier->flowtable;
}

bool carrier_usage(const struct carrier *carrier, uint64_t *count, uint64_t *max)
{
	return carrier->used && !conntrack_usage(count, max) && *max;
}

bool carrier_stale(struct carrier *carrier)
{
	/* What the rules schedule they cannot refuse; and what a state needs to be told they copy.
	 */
	return ingress_stale(carrier->ingress) || carrier->paused != carrier->room.full ||
	       (carrier->used && carrier->strict != strict(carrier));
}

void carrier_tick(struct carrier *carrier, uint64_t now)
{
	uint64_t begin, end;

	conns_forget(carrier->direct.conns, forget, carrier);
	ingress_flush(carrier->ingress);
	atomic_store_explicit(&carrier->direct.settings->conntrack_full,
			      room_conntrack_full(&carrier->room, carrier->used, now),
			      memory_order_relaxed);
	if (carrier->settled)
		tracking_take_missed(carrier->tracking, now);
	tracking_answer(carrier->tracking, now);
	if (carrier->settled && carrier->used)
		tracking_tick(carrier->tracking, now);
	if (now < carrier->next_count)
		return;
	begin = director_now();
	count(carrier);
	end = director_now();
	carrier->next_count = end + pause_after(end - begin, COUNT_MS);
	if (ingress_servers(carrier->ingress))
		room_watch_flows(&carrier->room, carrier->direct.services,
				 carrier->conf->flows_max);
}
