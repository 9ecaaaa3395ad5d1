// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What "nfvsadm status" shows: facts of the running daemon, gathered when asked. Counters are read
 * while the workers go on writing them, so sums may be a few packets apart. Control thread.
 */
#include "daemon/status.h"
#include "daemon/carrier.h"
#include "daemon/flowtable.h"
#include "daemon/room.h"
#include "daemon/queue.h"
#include "sched/schedulers.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

struct tally {
	json_int_t file, runtime, servers;
};

static int tally_service(struct service *svc, void *data)
{
	struct tally *tally = data;

	if (svc->from_file)
		tally->file++;
	else
		tally->runtime++;
	tally->servers += svc->dests_len;
	return 0;
}

static json_int_t value(const _Atomic uint64_t *counter)
{
	return (json_int_t)atomic_load_explicit(counter, memory_order_relaxed);
}

/* What the kernel knows of a queue; nothing if it is gone. */
static void queue_kernel(json_t *row, uint16_t number)
{
	struct queue_counters counters;

	if (queue_read_counters(number, &counters))
		return;
	json_object_set_new(row, "waiting", json_integer(counters.waiting));
	json_object_set_new(row, "kernel_dropped", json_integer(counters.dropped));
	json_object_set_new(row, "user_dropped", json_integer(counters.user_dropped));
}

static json_t *queue_row(const struct workers *workers, unsigned int i)
{
	const struct stats *stats = workers_stats(workers, i);
	json_t *row = json_pack("{s:i}", "number", workers_queue(workers, i));

	json_object_set_new(row, "role", json_sprintf("worker %u", i));
	queue_kernel(row, workers_queue(workers, i));
	json_object_set_new(row, "packets", json_integer(value(&stats->packets)));
	json_object_set_new(row, "bytes", json_integer(value(&stats->bytes)));
	json_object_set_new(row, "accepted", json_integer(value(&stats->accepted)));
	json_object_set_new(row, "dropped", json_integer(value(&stats->dropped)));
	json_object_set_new(row, "mangled", json_integer(value(&stats->mangled)));
	json_object_set_new(row, "requeued", json_integer(value(&stats->requeued)));
	json_object_set_new(row, "batches", json_integer(value(&stats->batches)));
	json_object_set_new(row, "syscalls", json_integer(value(&stats->syscalls)));
	json_object_set_new(row, "sent", json_integer(value(&stats->sent)));
	json_object_set_new(row, "send_errors", json_integer(value(&stats->send_errors)));
	json_object_set_new(row, "verdict_errors", json_integer(value(&stats->verdict_errors)));
	json_object_set_new(row, "overruns", json_integer(value(&stats->overruns)));
	return row;
}

/* Its packets count with the worker's others. */
static json_t *first_queue_row(const struct workers *workers, unsigned int i)
{
	const uint16_t number = workers_first_queue(workers, i);
	json_t *row = json_pack("{s:i, s:o}", "number", number, "role",
				json_sprintf("first, worker %u", i));

	queue_kernel(row, number);
	return row;
}

static json_t *queue_rows(const struct workers *workers)
{
	json_t *rows = json_array();
	json_t *segments = json_pack("{s:i, s:s}", "number", workers_segment_queue(workers), "role",
				     "segments");

	for (unsigned int i = 0; i < workers_count(workers); i++)
		json_array_append_new(rows, queue_row(workers, i));
	queue_kernel(segments, workers_segment_queue(workers));
	json_array_append_new(rows, segments);
	for (unsigned int i = 0; i < workers_count(workers); i++)
		json_array_append_new(rows, first_queue_row(workers, i));
	return rows;
}

/* Packets by reason, of all workers and the killer, for the reasons @first .. @last. */
static json_t *reasons(const struct workers *workers, const struct killer *killer,
		       enum reason first, enum reason last)
{
	json_t *object = json_object();

	for (unsigned int r = first; r <= last; r++) {
		json_int_t sum = value(&killer_stats(killer)->reasons[r]);

		for (unsigned int i = 0; i < workers_count(workers); i++)
			sum += value(&workers_stats(workers, i)->reasons[r]);
		json_object_set_new(object, reason_name(r), json_integer(sum));
	}
	return object;
}

/* Packets that told both ends of a connection that an administrator ended it. */
static json_t *ending_row(const struct killer *killer)
{
	const struct stats *stats = killer_stats(killer);

	return json_pack("{s:I, s:I}", "sent", value(&stats->sent), "send_errors",
			 value(&stats->send_errors));
}

/* What was found of the kernel, in the names of its modules. */
static json_t *kernel(const struct director *director)
{
	const struct rules_caps *caps = director_caps(director);
	struct utsname name = {0};

	uname(&name);
	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "release",
			 name.release, "queue",
			 director_queue_method(director) == QUEUE_NATIVE ? "native" : "compat",
			 "nft_queue", caps->queue_native, "xt_NFQUEUE", caps->queue_compat,
			 "nft_hash", caps->hash, "nft_reject", caps->reject, "nft_ct",
			 caps->notrack, "nft_tproxy", caps->tproxy, "nft_dup", caps->dup,
			 "nft_fwd_netdev", caps->learns, "nft_flow_offload", caps->flowtable);
}

/* Which network namespace this is, as a number that another process can compare; 0: not known. */
static json_int_t namespace_number(void)
{
	struct stat stats;

	return stat("/proc/self/ns/net", &stats) ? 0 : (json_int_t)stats.st_ino;
}

static json_t *local_addresses(const struct local_addresses *locals)
{
	json_t *rows = json_array();
	char text[ADDR_STRLEN];

	for (uint32_t i = 0; i < locals->len; i++)
		json_array_append_new(rows, json_string(addr_format(text, locals->items[i].af,
								    &locals->items[i].addr)));
	return rows;
}

/* One service that the kernel does not carry, and why. */
static int datapath_service(struct service *svc, void *data)
{
	char key[SERVICE_KEY_STRLEN];

	if (!svc->carried && !svc->learned)
		json_array_append_new(
			data, json_pack("{s:s, s:s}", "service", service_key_format(key, &svc->key),
					"because", svc->packet_reason ? svc->packet_reason : ""));
	return 0;
}

/* One service that the daemon schedules although the kernel was asked to, and why. */
static int daemon_service(struct service *svc, void *data)
{
	char key[SERVICE_KEY_STRLEN];

	if (svc->daemon_reason[0])
		json_array_append_new(data, json_pack("{s:s, s:s}", "service",
						      service_key_format(key, &svc->key), "because",
						      svc->daemon_reason));
	return 0;
}

static int count_turns(struct service *svc, void *data)
{
	*(json_int_t *)data += svc->in_turns;
	return 0;
}

/* How many services the kernel schedules, and how many connections it did; why not others. */
static json_t *schedules(const struct director *director)
{
	json_t *daemon = json_array();
	json_int_t kernel = 0;

	rcu_read_lock();
	services_each(director_services(director), count_turns, &kernel);
	services_each(director_services(director), daemon_service, daemon);
	rcu_read_unlock();
	return json_pack("{s:I, s:b, s:o, s:I}", "kernel", kernel, "paused",
			 carrier_paused(director_carrier(director)), "daemon", daemon,
			 "connections",
			 value(&carrier_newcomers(director_carrier(director))->turns));
}

static int count_carried(struct service *svc, void *data)
{
	*(json_int_t *)data += svc->carried || svc->learned;
	return 0;
}

/* How many services the kernel carries, and why not the others; what was seen by copies. */
static json_t *datapaths(const struct director *director, const struct observer *observer)
{
	const struct observer_stats *stats = observer ? observer_stats(observer) : NULL;
	struct carrier *carrier = director_carrier(director);
	const struct flowtable *flowtable = carrier_flowtable(carrier);
	json_t *packet = json_array();
	uint64_t entries = 0, most = 0;
	json_int_t flow = 0;

	rcu_read_lock();
	services_each(director_services(director), count_carried, &flow);
	services_each(director_services(director), datapath_service, packet);
	rcu_read_unlock();
	(void)carrier_usage(carrier, &entries, &most);
	return json_pack("{s:s?, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "no_flowtable", flowtable_why(flowtable), "offloaded",
			 (json_int_t)offloads_inside(flowtable_offloads(flowtable)),
			 "conntrack_entries", (json_int_t)entries, "conntrack_max",
			 (json_int_t)most, "flow", flow, "packet", packet, "copies",
			 stats ? value(&stats->copies) : 0, "copies_lost",
			 stats ? value(&stats->lost) : 0, "taken_over",
			 (json_int_t)carrier_restored(carrier), "fallback",
			 value(&carrier_newcomers(carrier)->fallback), "flows4",
			 (json_int_t)room_flows(director_services(director), AF_INET), "flows6",
			 (json_int_t)room_flows(director_services(director), AF_INET6), "flows_max",
			 (json_int_t)director_conf(director)->flows_max);
}

json_t *status_json(const struct director *director, const struct workers *workers,
		    const struct observer *observer, const struct drains *drains,
		    const struct killer *killer, uint64_t started)
{
	const struct director_conf *conf = director_conf(director);
	struct tally tally = {0};

	rcu_read_lock();
	services_each(director_services(director), tally_service, &tally);
	rcu_read_unlock();
	return json_pack(
		"{s:s, s:i, s:I, s:o, s:o, s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
		"version", NFVS_VERSION, "pid", (int)getpid(), "uptime",
		(json_int_t)((director_now() - started) / 1000), "datapath",
		datapaths(director, observer), "schedule", schedules(director), "schedulers",
		scheduler_names(), "kernel", kernel(director), "table", conf->table, "rules",
		conf->rules_managed ? "managed" : "external", "system",
		conf->system_managed ? "manage" : "check", "services", tally.file + tally.runtime,
		"services_file", tally.file, "services_runtime", tally.runtime, "servers",
		tally.servers, "connections", (json_int_t)conns_count(director_conns(director)),
		"namespace", namespace_number(), "local_addresses", local_addresses(&conf->locals),
		"drains", drains_json(drains, director_now()), "queues", queue_rows(workers),
		"ending", ending_row(killer), "drops",
		reasons(workers, killer, REASON_TRUNCATED, REASON_NO_SERVICE - 1), "passed",
		reasons(workers, killer, REASON_NO_SERVICE, REASON_MAX - 1));
}
