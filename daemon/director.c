// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The running director: it owns the tables that the workers read, and keeps the kernel's rules in
 * step with them. The one idea: changes go to the tables first and mark the rules stale;
 * director_commit() then makes the whole wanted ruleset anew and sends the kernel the difference,
 * once for any number of changes. The kernel settings that the services need follow there too.
 * Control thread.
 */
#include "daemon/director.h"
#include "daemon/carrier.h"
#include "daemon/flowtable.h"
#include "daemon/deciding.h"
#include "daemon/installed.h"
#include "daemon/possible.h"
#include "daemon/reload.h"
#include "daemon/system.h"
#include "lvs/forward.h"
#include "sched/schedulers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct director {
	struct director_conf conf;
	unsigned int queues;
	struct rules_caps caps;
	struct services *services;
	struct conns *conns;
	struct proto_timeouts timeouts;
	struct deciding *deciding;
	struct conf *file; /* the configuration file as last loaded, or NULL */
	struct installed *installed;
	struct carrier *carrier;
	struct system *system;
	bool stale;   /* the services changed since the last commit */
	bool resumes; /* file, and what was made, are an earlier daemon's */
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
	uint64_t seeds[4] = {0};
	struct direct direct;

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
	director->services = services_new(seeds[0]);
	director->conns = conns_new(seeds[1], director_now());
	director->system = system_new(conf->system_managed);
	director->deciding = deciding_new(conf);
	director->installed =
		installed_new(&director->conf, &director->caps, queues, (uint32_t)seeds[2] | 1);
	if (!director->services || !director->conns || !director->system || !director->deciding ||
	    !director->installed) {
		error_set(err, -ENOMEM, "no memory");
		goto fail;
	}
	/* Servers may still remember what the endpoints of an earlier start were used for. */
	conns_set_locals(director->conns, deciding_locals(director->deciding), (uint32_t)seeds[3]);
	proto_timeouts_init(&director->timeouts);
	director_decide(director, &direct);
	director->carrier = carrier_new(&director->conf, &director->caps, &direct);
	if (!director->carrier) {
		error_set(err, -ENOMEM, "no memory");
		goto fail;
	}
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
	deciding_free(director->deciding);
	rcu_barrier();
	conf_free(director->file);
	installed_free(director->installed);
	carrier_free(director->carrier);
	system_free(director->system);
	free(director);
}

int director_load(struct director *director, struct conf *conf, struct error *err)
{
	int ret;

	if (director->file && !director->resumes) {
		ret = reload_check(&director->file->director, &conf->director, err);
		if (ret)
			return ret;
	}
	ret = reload_apply(director, director->file, conf, err);
	if (ret)
		return ret;
	deciding_load(director->deciding, director->file ? &director->file->director : NULL,
		      &conf->director);
	carrier_want(director->carrier, conf->director.datapath, conf->director.schedule);
	director->stale = true; /* cache_bypass needs forwarding */
	conf_free(director->file);
	director->file = conf;
	director->resumes = false;
	return 0;
}

const struct conf *director_file(const struct director *director)
{
	return director->file;
}

void director_resume(struct director *director, struct conf *file)
{
	uint32_t settings[SETTING_MAX];

	memcpy(settings, file->director.settings, sizeof(settings));
	file->director = director->conf;
	memcpy(file->director.settings, settings, sizeof(settings));
	conf_free(director->file);
	director->file = file;
	director->resumes = true;
}

bool director_resumes(const struct director *director)
{
	return director->resumes;
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
			 code == -EEXIST   ? "exists already"
			 : code == -ENOENT ? "no such persistence engine"
					   : strerror(-code));
}

int director_service_add(struct director *director, const struct service_spec *spec,
			 struct error *err)
{
	const struct scheduler *sched;
	struct service *svc;
	int ret;

	if (!find(director, &spec->key, &svc, NULL))
		return service_error(-EEXIST, &spec->key, err);
	ret = find_scheduler(spec->scheduler, &sched, err);
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
	if (!ret)
		ret = service_possible(director, svc, spec, err);
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
	merged.datapath = svc->datapath;
	merged.schedule = svc->schedule;
	service_complete(svc, &merged);
	ret = edit_possible(director, svc, &merged, err);
	return ret ? ret : director_service_set(director, &merged, err);
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

int director_dest_add(struct director *director, const struct service_key *key,
		      const struct dest_spec *spec, struct error *err)
{
	struct service *svc;
	struct dest *dest;
	int ret = find(director, key, &svc, err);

	if (!ret)
		ret = dest_possible(director, svc, spec, err);
	if (ret)
		return ret;
	ret = service_dest_add(director->services, svc, spec, &dest);
	if (ret)
		return dest_error(ret, key, spec, err);
	director->stale = true;
	return 0;
}

int director_dest_set(struct director *director, const struct service_key *key,
		      const struct dest_spec *spec, struct error *err)
{
	struct service *svc;
	struct dest *dest;
	int ret = find(director, key, &svc, err);

	if (!ret)
		ret = dest_possible(director, svc, spec, err);
	if (ret)
		return ret;
	dest = service_dest(svc, spec->af, &spec->addr, spec->port);
	/* The rules have a carried service's weights for when no daemon is there. */
	if (dest &&
	    (svc->carried || svc->learned ||
	     atomic_load_explicit(&dest->forward, memory_order_relaxed)->method != spec->method))
		director->stale = true;
	ret = service_dest_edit(svc, spec, &dest);
	return ret ? dest_error(ret, key, spec, err) : 0;
}

int director_dest_edit(struct director *director, const struct service_key *key,
		       const struct dest_spec *spec, struct error *err)
{
	struct dest_spec merged = *spec;
	struct service *svc;
	struct dest *dest;
	int ret = find(director, key, &svc, err);

	if (ret)
		return ret;
	dest = service_dest(svc, spec->af, &spec->addr, spec->port);
	if (dest)
		dest_complete(dest, &merged);
	return director_dest_set(director, key, &merged, err);
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
	/* While the service still has it, for whom it counts too. */
	if (svc->carried || svc->learned)
		carrier_count(director->carrier);
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

int director_commit(struct director *director, struct error *err)
{
	struct carrier *carrier = director->carrier;
	int ret = 0, counting;

	if (!director->stale)
		return 0;
	counting = system_counters();
	/* What the kernel carries to FULLNAT servers it forwards, which the plan decides. */
	if (director->conf.rules_managed)
		ret = installed_update(director->installed, director->services, carrier, err);
	if (ret)
		return ret;
	system_require(director->system, director->services, deciding_bypass(director->deciding));
	director->stale = false;
	if (!director->conf.rules_managed || !carrier_used(carrier))
		return 0;
	if (!flowtable_why(carrier_flowtable(carrier)))
		system_note_counters(director->system, counting);
	system_need_conntrack(director->system, director->conf.conntrack_max);
	return 0;
}

void director_decide(struct director *director, struct direct *direct)
{
	*direct = (struct direct){
		.services = director->services,
		.conns = director->conns,
		.timeouts = &director->timeouts,
		.mark_mask = director->conf.mark_mask,
	};
	deciding_fill(director->deciding, direct);
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

struct carrier *director_carrier(const struct director *director)
{
	return director->carrier;
}

struct deciding *director_deciding(const struct director *director)
{
	return director->deciding;
}

struct system *director_system(const struct director *director)
{
	return director->system;
}

void director_outdated(struct director *director)
{
	director->stale = true;
}

void director_withdraw(struct director *director)
{
	if (!director->installed)
		return;
	installed_withdraw(director->installed);
	if (director->carrier)
		carrier_withdraw(director->carrier);
}
