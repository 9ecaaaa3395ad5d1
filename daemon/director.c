// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The running director: it owns the tables that the workers read, and keeps the kernel's rules in
 * step with them. The one idea: changes go to the tables first and mark the rules stale;
 * director_commit() then makes the whole wanted ruleset anew and sends the kernel the difference,
 * once for any number of changes. The kernel settings that the services need follow there too.
 * Control thread.
 */
#include "daemon/director.h"
#include "daemon/reload.h"
#include "daemon/system.h"
#include "daemon/wanted.h"
#include "lvs/forward.h"
#include "sched/schedulers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define EXPIRE_BATCH 2048u /* connections ended before the event loop has its turn again */
#define SWEEP_MS     60000u

struct director {
	struct director_conf conf;
	unsigned int queues;
	struct rules_caps caps;
	uint32_t fanout_seed;
	struct services *services;
	struct conns *conns;
	struct proto_timeouts timeouts;
	struct conf *file; /* the configuration file as last loaded, or NULL */
	struct ruleset *installed;
	struct system *system;
	bool stale; /* the services changed since the last commit */
	uint64_t next_sweep;
};

uint64_t director_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What the rules cannot do without, and what it is good for. */
static int caps_check(const struct rules_caps *caps, unsigned int queues, struct error *err)
{
	if (!caps->queue_native && !caps->queue_compat)
		return error_set(err, -EOPNOTSUPP,
				 "this kernel cannot send packets from nftables to a queue: it has "
				 "neither nft_queue nor nft_compat with xt_NFQUEUE");
	if (!caps->hash && queues > 1)
		return error_set(err, -EOPNOTSUPP,
				 "this kernel has no nft_hash, which spreads connections over %u "
				 "queues; set director.workers = 1",
				 queues);
	if (!caps->reject)
		return error_set(err, -EOPNOTSUPP,
				 "this kernel has no nft_reject, which answers where there is no "
				 "server");
	if (!caps->notrack)
		return error_set(err, -EOPNOTSUPP,
				 "this kernel has no nft_ct, whose notrack keeps packets of "
				 "services from conntrack");
	return 0;
}

/* Finds out what the kernel can do. With external rules nothing is sent to nf_tables, so a kernel
 * without it is no error. */
static int director_probe(struct director *director, struct error *err)
{
	int ret = rules_probe(&director->caps, err);

	if (!director->conf.rules_managed)
		return 0;
	return ret ? ret : caps_check(&director->caps, director->queues, err);
}

struct director *director_new(const struct director_conf *conf, unsigned int queues,
			      struct error *err)
{
	struct director *director = calloc(1, sizeof(*director));
	uint64_t seeds[3] = {0};

	if (!director) {
		error_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	director->conf = *conf;
	director->queues = queues;
	if (director_probe(director, err))
		goto fail;
	if (getrandom(seeds, sizeof(seeds), 0) != sizeof(seeds)) {
		error_set(err, -EIO, "no random numbers: %s", strerror(errno));
		goto fail;
	}
	director->fanout_seed = (uint32_t)seeds[2] | 1;
	director->services = services_new(seeds[0]);
	director->conns = conns_new(seeds[1], director_now());
	director->system = system_new(conf->system_managed);
	if (!director->services || !director->conns || !director->system) {
		error_set(err, -ENOMEM, "no memory");
		goto fail;
	}
	proto_timeouts_init(&director->timeouts);
	director->stale = true;
	return director;

fail:
	director_free(director);
	return NULL;
}

void director_free(struct director *director)
{
	if (!director)
		return;
	conns_free(director->conns);
	services_free(director->services);
	rcu_barrier();
	conf_free(director->file);
	ruleset_free(director->installed);
	system_free(director->system);
	free(director);
}

int director_load(struct director *director, struct conf *conf, struct error *err)
{
	int ret;

	if (director->file) {
		ret = reload_check(&director->file->director, &conf->director, err);
		if (ret)
			return ret;
	}
	ret = reload_apply(director, director->file, conf, err);
	if (ret)
		return ret;
	conf_free(director->file);
	director->file = conf;
	return 0;
}

/* The service, or -ESRCH. */
static int find(const struct director *director, const struct service_key *key,
		struct service **svc, struct error *err)
{
	char text[SERVICE_KEY_STRLEN];

	rcu_read_lock();
	*svc = services_get(director->services, key);
	rcu_read_unlock();
	if (!*svc)
		return error_set(err, -ESRCH, "no service %s", service_key_format(text, key));
	return 0;
}

static int find_scheduler(const char *name, const struct scheduler **sched, struct error *err)
{
	*sched = scheduler_find(name);
	if (!*sched)
		return error_set(err, -ENOENT, "unknown scheduler '%s' (known: %s)", name,
				 scheduler_names());
	return 0;
}

static int service_error(int code, const struct service_key *key, struct error *err)
{
	char text[SERVICE_KEY_STRLEN];

	return error_set(err, code, "service %s: %s", service_key_format(text, key),
			 code == -EEXIST ? "exists already" : strerror(-code));
}

int director_service_add(struct director *director, const struct service_spec *spec,
			 struct error *err)
{
	const struct scheduler *sched;
	struct service *svc;
	int ret = find_scheduler(spec->scheduler, &sched, err);

	if (ret)
		return ret;
	if (spec->key.fwmark & director->conf.mark_mask)
		return error_set(err, -EOPNOTSUPP,
				 "firewall mark 0x%x has bits of director.mark_mask (0x%x), which "
				 "belong to nfvs",
				 spec->key.fwmark, director->conf.mark_mask);
	rcu_read_lock();
	ret = service_add(director->services, spec, sched, &svc);
	rcu_read_unlock();
	if (ret)
		return service_error(ret, &spec->key, err);
	director->stale = true;
	return 0;
}

int director_service_set(struct director *director, const struct service_spec *spec,
			 struct error *err)
{
	const struct scheduler *sched;
	struct service *svc;
	int ret = find(director, &spec->key, &svc, err);

	if (ret)
		return ret;
	ret = find_scheduler(spec->scheduler, &sched, err);
	if (ret)
		return ret;
	ret = service_edit(svc, spec, sched);
	if (ret)
		return service_error(ret, &spec->key, err);
	director->stale = true;
	return 0;
}

int director_service_edit(struct director *director, const struct service_spec *spec,
			  struct error *err)
{
	struct service_spec merged = *spec;
	struct service *svc;
	int ret = find(director, &spec->key, &svc, err);

	if (ret)
		return ret;
	memcpy(merged.name, svc->name, sizeof(merged.name));
	merged.matches = svc->matches;
	merged.matches_len = svc->matches_len;
	return director_service_set(director, &merged, err);
}

int director_service_del(struct director *director, const struct service_key *key,
			 struct error *err)
{
	struct service *svc;
	int ret = find(director, key, &svc, err);

	if (ret)
		return ret;
	rcu_read_lock();
	ret = service_del(director->services, svc);
	rcu_read_unlock();
	director->stale = true;
	return ret;
}

static int dest_error(int code, const struct service_key *key, const struct dest_spec *spec,
		      struct error *err)
{
	char service[SERVICE_KEY_STRLEN], server[ADDR_STRLEN];

	return error_set(err, code, "server %s of service %s: %s",
			 addr_format_port(server, spec->af, &spec->addr, spec->port),
			 service_key_format(service, key),
			 code == -EEXIST   ? "exists already"
			 : code == -ENOENT ? "does not exist"
			 : code == -ERANGE ? "weight or thresholds out of range"
			 : code == -EINVAL ? "not an address that a server can have"
					   : strerror(-code));
}

/* What this version cannot forward is refused, never accepted and then not done. */
static int dest_supported(const struct service *svc, const struct dest_spec *spec,
			  struct error *err)
{
	if (!forward_find(spec->method))
		return error_set(err, -EOPNOTSUPP,
				 "forwarding method '%s' is not in this version, which has: nat "
				 "(ipvsadm option -m)",
				 forward_method_name(spec->method));
	if (spec->af != svc->key.af)
		return error_set(err, -EINVAL,
				 "a NAT server must be of its service's address family");
	return 0;
}

int director_dest_add(struct director *director, const struct service_key *key,
		      const struct dest_spec *spec, struct error *err)
{
	struct service *svc;
	struct dest *dest;
	int ret = find(director, key, &svc, err);

	if (!ret)
		ret = dest_supported(svc, spec, err);
	if (ret)
		return ret;
	ret = service_dest_add(director->services, svc, spec, &dest);
	if (ret)
		return dest_error(ret, key, spec, err);
	director->stale = true;
	return 0;
}

int director_dest_edit(struct director *director, const struct service_key *key,
		       const struct dest_spec *spec, struct error *err)
{
	struct service *svc;
	struct dest *dest;
	int ret = find(director, key, &svc, err);

	if (!ret)
		ret = dest_supported(svc, spec, err);
	if (ret)
		return ret;
	ret = service_dest_edit(svc, spec, &dest);
	return ret ? dest_error(ret, key, spec, err) : 0;
}

int director_dest_del(struct director *director, const struct service_key *key,
		      const struct dest_spec *spec, struct error *err)
{
	struct service *svc;
	struct dest *dest;
	int ret = find(director, key, &svc, err);

	if (ret)
		return ret;
	dest = service_dest(svc, spec->af, &spec->addr, spec->port);
	if (!dest)
		return dest_error(-ENOENT, key, spec, err);
	director->stale = true;
	return service_dest_del(director->services, svc, dest);
}

static int flush_one(struct service *svc, void *data)
{
	return service_del(data, svc);
}

int director_flush(struct director *director, struct error *err)
{
	int ret;

	rcu_read_lock();
	ret = services_each(director->services, flush_one, director->services);
	rcu_read_unlock();
	director->stale = true;
	return ret ? error_set(err, ret, "cannot delete all services: %s", strerror(-ret)) : 0;
}

enum queue_method director_queue_method(const struct director *director)
{
	return director->caps.queue_native ? QUEUE_NATIVE : QUEUE_COMPAT;
}

static int want_service(struct service *svc, void *data)
{
	wanted_service(data, &svc->key, svc->matches, svc->matches_len);
	return 0;
}

/* The matches of a server in the trash are those that its service has now, if it is there. */
static void want_server(const struct dest *dest, void *data)
{
	const struct service *svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);

	wanted_server(data, &dest->vs, svc ? svc->matches : NULL, svc ? svc->matches_len : 0,
		      dest->af, &dest->addr, dest->port);
}

static struct ruleset *director_ruleset(struct director *director, struct error *err)
{
	const struct rules_input params = {
		.table = director->conf.table,
		.method = director_queue_method(director),
		.first_queue = director->conf.first_queue,
		.queues = (uint16_t)director->queues,
		.mark_mask = director->conf.mark_mask,
		.seed = director->fanout_seed,
		.tproxy = director->caps.tproxy,
	};
	struct wanted wanted = {0};

	rcu_read_lock();
	services_each(director->services, want_service, &wanted);
	rcu_read_unlock();
	services_each_dest(director->services, want_server, &wanted);
	return wanted_ruleset(&wanted, &params, err);
}

/* If somebody flushed our tables (nft flush ruleset), they are made again. */
static int director_push(struct director *director, const struct ruleset *ruleset,
			 struct error *err)
{
	int ret = -ENOENT;

	if (director->installed)
		ret = ruleset_update(director->installed, ruleset, err);
	return ret == -ENOENT ? ruleset_install(ruleset, err) : ret;
}

int director_commit(struct director *director, struct error *err)
{
	struct ruleset *ruleset;
	int ret;

	if (!director->stale)
		return 0;
	system_require(director->system, director->services);
	if (!director->conf.rules_managed) {
		director->stale = false;
		return 0;
	}
	ruleset = director_ruleset(director, err);
	if (!ruleset)
		return -EINVAL;
	ret = director_push(director, ruleset, err);
	if (ret) {
		ruleset_free(ruleset);
		return ret;
	}
	ruleset_free(director->installed);
	director->installed = ruleset;
	director->stale = false;
	return 0;
}

struct services *director_services(const struct director *director)
{
	return director->services;
}

struct conns *director_conns(const struct director *director)
{
	return director->conns;
}

struct proto_timeouts *director_timeouts(struct director *director)
{
	return &director->timeouts;
}

const struct rules_caps *director_caps(const struct director *director)
{
	return &director->caps;
}

const struct director_conf *director_conf(const struct director *director)
{
	return &director->conf;
}

void director_tick(struct director *director)
{
	uint64_t now = director_now();

	for (int round = 0; round < 16; round++)
		if (!conns_expire(director->conns, now, EXPIRE_BATCH))
			break;
	if (now < director->next_sweep)
		return;
	director->next_sweep = now + SWEEP_MS;
	if (services_sweep(director->services, now)) {
		director->stale = true; /* their replies need no rule any more */
		(void)director_commit(director, NULL);
	}
}

void director_withdraw(struct director *director)
{
	if (director->installed)
		(void)ruleset_remove(director->conf.table, NULL);
}
