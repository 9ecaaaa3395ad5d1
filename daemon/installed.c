// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is in the kernel, kept in step with what services and servers want. The one idea: the whole
 * wanted ruleset is made anew and compared with the last one, so no change can be forgotten.
 * Control thread.
 */
#include "daemon/installed.h"
#include "daemon/carrier.h"
#include "daemon/flowtable.h"
#include "daemon/wanted.h"
#include "lvs/forward.h"

#include <errno.h>
#include <stdlib.h>

struct installed {
	struct rules_input params; /* all but services and servers */
	struct ruleset *ruleset;   /* NULL: nothing is installed */
	bool carries;		   /* what is has what carrying takes */
};

struct installed *installed_new(const struct director_conf *conf, const struct rules_caps *caps,
				unsigned int queues, uint32_t seed)
{
	struct installed *installed = calloc(1, sizeof(*installed));

	if (!installed)
		return NULL;
	installed->params = (struct rules_input){
		.table = conf->table,
		.method = caps->queue_native ? QUEUE_NATIVE : QUEUE_COMPAT,
		.first_queue = conf->first_queue,
		.queues = (uint16_t)queues,
		.mark_mask = conf->mark_mask,
		.seed = seed,
		.tproxy = caps->tproxy,
		.dup = caps->dup,
		.copies = conf->first_queue,
		.locals = conf->locals.items,
		.locals_len = conf->locals.len,
		.first_port = conf->flow_ports.first,
		.last_port = conf->flow_ports.last,
	};
	return installed;
}

void installed_free(struct installed *installed)
{
	if (!installed)
		return;
	ruleset_free(installed->ruleset);
	free(installed);
}

static struct rules_service service_of(const struct service *svc)
{
	const uint32_t flags = atomic_load_explicit(&svc->flags, memory_order_relaxed);

	return (struct rules_service){.key = svc->key,
				      .matches = svc->matches,
				      .matches_len = svc->matches_len,
				      .carried = svc->carried,
				      .sticky = flags & SERVICE_PERSISTENT};
}

static int want_service(struct service *svc, void *data)
{
	const struct rules_service service = service_of(svc);

	wanted_service(data, &service);
	return 0;
}

/*
 * The matches of a server in the trash are those that its service has now, if it is there. If the
 * service is gone, its packets come to the queue as long as it has connections: as in IPVS these
 * meet silence until it is back, not an answer of the director's own stack.
 */
static void want_server(struct dest *dest, void *data)
{
	const struct service *svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);
	struct rules_service service = {
		.key = dest->vs,
		.carried = dest->number &&
			   atomic_load_explicit(&dest->forward, memory_order_relaxed)->tracked};

	if (svc)
		service = service_of(svc);
	else if (atomic_load_explicit(&dest->refs, memory_order_relaxed) > 1)
		wanted_service(data, &service);
	if (dest->answers)
		wanted_server(data, &service, dest->af, &dest->addr, dest->port);
}

static struct ruleset *ruleset_wanted(const struct installed *installed,
				      const struct services *services, struct carrier *carrier,
				      struct error *err)
{
	struct rules_input params = installed->params;
	struct wanted wanted = {0};

	if (carrier_plan(carrier, &params))
		wanted.no_memory = true;
	params.carries = carrier_used(carrier);
	params.flowtable = !flowtable_why(carrier_flowtable(carrier));

	rcu_read_lock();
	services_each(services, want_service, &wanted);
	rcu_read_unlock();
	services_each_dest(services, want_server, &wanted);
	return wanted_ruleset(&wanted, &params, err);
}

int installed_update(struct installed *installed, const struct services *services,
		     struct carrier *carrier, struct error *err)
{
	struct ruleset *ruleset = ruleset_wanted(installed, services, carrier, err);
	int ret = -ENOENT;

	if (!ruleset)
		return -EINVAL;
	carrier_count(carrier); /* what leaves the rules takes its counters along */
	if (installed->ruleset && carrier_used(carrier) == installed->carries)
		ret = ruleset_update(installed->ruleset, ruleset, err);
	if (ret == -ENOENT)
		ret = ruleset_install(ruleset, err);
	if (ret) {
		ruleset_free(ruleset);
		return ret;
	}
	ruleset_free(installed->ruleset);
	installed->ruleset = ruleset;
	installed->carries = carrier_used(carrier);
	carrier_settle(carrier);
	return 0;
}

void installed_withdraw(struct installed *installed)
{
	if (installed->ruleset)
		(void)ruleset_remove(installed->params.table, NULL);
}
