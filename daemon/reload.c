// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From one configuration file to the next. The one idea: the difference is taken between the two
 * files, not between file and running state, so a reload undoes nothing that an administrator did
 * meanwhile; but what the file asks for and is missing is made, unless an upgrade is all that
 * happened. Services and servers are matched by their keys through sorted indexes, so the cost is
 * that of sorting. Control thread.
 */
#include "daemon/reload.h"
#include "lvs/timeouts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void name_key(char *list, size_t size, const char *key)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s", len ? ", " : "", key);
}

int reload_check(const struct director_conf *from, const struct director_conf *to,
		 struct error *err)
{
	char keys[256] = "";

	if (from->workers != to->workers)
		name_key(keys, sizeof(keys), "workers");
	if (from->first_queue != to->first_queue)
		name_key(keys, sizeof(keys), "first_queue");
	if (from->queue_length != to->queue_length)
		name_key(keys, sizeof(keys), "queue_length");
	if (from->conntrack_max != to->conntrack_max)
		name_key(keys, sizeof(keys), "conntrack_max");
	if (from->flowtable != to->flowtable)
		name_key(keys, sizeof(keys), "flowtable");
	if (from->flows_max != to->flows_max)
		name_key(keys, sizeof(keys), "flows_max");
	if (strcmp(from->table, to->table))
		name_key(keys, sizeof(keys), "table");
	if (from->rules_managed != to->rules_managed)
		name_key(keys, sizeof(keys), "rules");
	if (from->system_managed != to->system_managed)
		name_key(keys, sizeof(keys), "system");
	if (from->mark_mask != to->mark_mask)
		name_key(keys, sizeof(keys), "mark_mask");
	if (memcmp(&from->locals, &to->locals, sizeof(to->locals)))
		name_key(keys, sizeof(keys), "local_addresses");
	if (memcmp(&from->local_ports, &to->local_ports, sizeof(to->local_ports)))
		name_key(keys, sizeof(keys), "local_ports");
	if (memcmp(&from->flow_ports, &to->flow_ports, sizeof(to->flow_ports)))
		name_key(keys, sizeof(keys), "flow_ports");
	if (strcmp(from->group, to->group))
		name_key(keys, sizeof(keys), "group");
	if (!keys[0])
		return 0;
	return error_set(err, -EINVAL, "a change of director.{%s} needs a restart of nfvsd", keys);
}

static int compare_keys(const struct service_key *a, const struct service_key *b)
{
	if (a->fwmark || b->fwmark) {
		if (a->fwmark != b->fwmark)
			return a->fwmark < b->fwmark ? -1 : 1;
		return (int)a->af - (int)b->af;
	}
	if (a->af != b->af || a->protocol != b->protocol)
		return ((int)a->af - (int)b->af) * 256 + (int)a->protocol - (int)b->protocol;
	if (a->port != b->port)
		return (int)ntohs(a->port) - (int)ntohs(b->port);
	return addr_compare(&a->addr, &b->addr);
}

static int compare_services(const void *a, const void *b)
{
	const struct service_conf *const *x = a, *const *y = b;

	return compare_keys(&(*x)->spec.key, &(*y)->spec.key);
}

static int compare_dests(const void *a, const void *b)
{
	const struct dest_spec *const *x = a, *const *y = b;

	if ((*x)->port != (*y)->port)
		return (int)ntohs((*x)->port) - (int)ntohs((*y)->port);
	return addr_compare(&(*x)->addr, &(*y)->addr);
}

/* Pointers to the items of an array, sorted by @compare; NULL without memory. */
static void *index_new(const void *items, size_t len, size_t size,
		       int (*compare)(const void *, const void *))
{
	const void **index = calloc(len + 1, sizeof(*index));

	if (!index)
		return NULL;
	for (size_t i = 0; i < len; i++)
		index[i] = (const char *)items + i * size;
	qsort(index, len, sizeof(*index), compare);
	return index;
}

static const void *index_find(const void *index, size_t len, const void *item,
			      int (*compare)(const void *, const void *))
{
	const void *const *at = bsearch(&item, index, len, sizeof(void *), compare);

	return at ? *at : NULL;
}

static bool service_same(const struct service_spec *a, const struct service_spec *b)
{
	if (a->flags != b->flags || a->timeout != b->timeout || a->netmask != b->netmask ||
	    a->limit != b->limit || a->slow_start != b->slow_start || a->datapath != b->datapath ||
	    a->schedule != b->schedule || a->matches_len != b->matches_len ||
	    strcmp(a->name, b->name) || memcmp(&a->timeouts, &b->timeouts, sizeof(a->timeouts)) ||
	    strcmp(a->scheduler, b->scheduler))
		return false;
	for (size_t i = 0; i < a->matches_len; i++) {
		const struct match *x = &a->matches[i], *y = &b->matches[i];

		if (x->af != y->af || x->protocol != y->protocol || x->first != y->first ||
		    x->last != y->last || !addr_equal(&x->addr, &y->addr))
			return false;
	}
	return true;
}

static bool dest_same(const struct dest_spec *a, const struct dest_spec *b)
{
	return a->method == b->method && a->weight == b->weight && a->upper == b->upper &&
	       a->lower == b->lower && a->limit == b->limit && a->backup == b->backup &&
	       a->slow_start == b->slow_start && a->says == b->says &&
	       a->tunnel.type == b->tunnel.type && a->tunnel.flags == b->tunnel.flags &&
	       a->tunnel.port == b->tunnel.port;
}

static struct service *running(const struct director *director, const struct service_key *key)
{
	struct service *svc;

	rcu_read_lock();
	svc = services_get(director_services(director), key);
	rcu_read_unlock();
	return svc;
}

/* One server that the new file asks for; @old: as the old file had it, or NULL. */
static int dest_apply(struct director *director, struct service *svc, const struct dest_spec *old,
		      const struct dest_spec *new, struct error *err)
{
	struct dest *dest = service_dest(svc, new->af, &new->addr, new->port);
	int ret = 0;

	if (!dest && old && director_resumes(director))
		return 0;
	if (!dest)
		ret = director_dest_add(director, &svc->key, new, err);
	else if (!dest->from_file || !old || !dest_same(old, new))
		ret = director_dest_set(director, &svc->key, new, err);
	if (ret)
		return ret;
	service_dest(svc, new->af, &new->addr, new->port)->from_file = true;
	return 0;
}

/* The servers of one service; @from is NULL for a service that the old file had not. */
static int dests_apply(struct director *director, struct service *svc,
		       const struct service_conf *from, const struct service_conf *to,
		       struct error *err)
{
	size_t from_len = from ? from->servers_len : 0;
	const struct dest_spec *old;
	int ret = -ENOMEM, resumed;
	void *was, *is;

	was = index_new(from ? from->servers : NULL, from_len, sizeof(*old), compare_dests);
	is = index_new(to->servers, to->servers_len, sizeof(*old), compare_dests);
	if (!was || !is)
		goto out;
	service_suspend(svc);
	ret = 0;
	for (size_t i = 0; !ret && i < from_len; i++) {
		old = &from->servers[i];
		if (!index_find(is, to->servers_len, old, compare_dests) &&
		    service_dest(svc, old->af, &old->addr, old->port))
			ret = director_dest_del(director, &svc->key, old, err);
	}
	for (size_t i = 0; !ret && i < to->servers_len; i++) {
		old = index_find(was, from_len, &to->servers[i], compare_dests);
		ret = dest_apply(director, svc, old, &to->servers[i], err);
	}
	resumed = service_resume(svc);
	if (resumed && !ret)
		ret = error_set(err, resumed, "no memory");
out:
	free(was);
	free(is);
	return ret;
}

static int service_apply(struct director *director, const struct service_conf *from,
			 const struct service_conf *to, struct error *err)
{
	struct service *svc = running(director, &to->spec.key);
	bool made = !svc;
	int ret = 0;

	if (made && from && director_resumes(director))
		return 0;
	if (made) {
		ret = director_service_add(director, &to->spec, err);
		from = NULL; /* deleted meanwhile, or new: all its servers are made */
	} else if (!svc->from_file || !from || !service_same(&from->spec, &to->spec)) {
		ret = director_service_set(director, &to->spec, err);
	}
	if (ret)
		return ret;
	svc = running(director, &to->spec.key);
	svc->from_file = true;
	ret = dests_apply(director, svc, from, to, err);
	if (made)
		service_settle(svc);
	return ret;
}

/* Those that the files have different values for. */
static void timeouts_apply(struct director *director, const struct timeouts_spec *from,
			   const struct timeouts_spec *to)
{
	struct timeouts_spec changes = *to;

	for (size_t i = 0; from && i < timeout_keys_len; i++)
		if (timeout_value(from, &timeout_keys[i]) == timeout_value(to, &timeout_keys[i]))
			*timeout_at(&changes, &timeout_keys[i]) = 0;
	timeouts_change(director_timeouts(director), &changes);
}

int reload_apply(struct director *director, const struct conf *from, const struct conf *to,
		 struct error *err)
{
	size_t from_len = from ? from->services_len : 0;
	const struct service_conf *old;
	int ret = -ENOMEM;
	void *was, *is;

	was = index_new(from ? from->services : NULL, from_len, sizeof(*old), compare_services);
	is = index_new(to->services, to->services_len, sizeof(*old), compare_services);
	if (!was || !is) {
		error_set(err, ret, "no memory");
		goto out;
	}
	ret = 0;
	for (size_t i = 0; !ret && i < from_len; i++) {
		old = &from->services[i];
		if (!index_find(is, to->services_len, old, compare_services) &&
		    running(director, &old->spec.key))
			ret = director_service_del(director, &old->spec.key, err);
	}
	for (size_t i = 0; !ret && i < to->services_len; i++) {
		old = index_find(was, from_len, &to->services[i], compare_services);
		ret = service_apply(director, old, &to->services[i], err);
	}
	timeouts_apply(director, from ? &from->timeouts : NULL, &to->timeouts);
out:
	free(was);
	free(is);
	return ret;
}
