// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsd: options, privileges, and the order of start and stop, nothing else. The order is the
 * point: the queues are bound before a rule sends anything to them, privileges go before threads
 * exist, the rules leave before the workers do. The main thread then is the control thread and runs
 * the event loop.
 */
#include "daemon/carrier.h"
#include "daemon/flowtable.h"
#include "daemon/observer.h"
#include "daemon/handover.h"
#include "daemon/owner.h"
#include "daemon/privilege.h"
#include "daemon/routes.h"
#include "daemon/server.h"
#include "daemon/status.h"
#include "daemon/upgrade.h"
#include "daemon/upkeep.h"
#include "lib/log.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

#define DEFAULT_CONF   "/etc/nfvs/nfvs.conf"
#define DEFAULT_SOCKET "/run/nfvs/nfvsd.sock"
#define TICK_MS	       100

struct options {
	char *const *argv;
	const char *conf, *socket;
	bool test;
};

struct nfvsd {
	struct options options;
	struct conf *conf; /* until the director owns it */
	struct workers *workers;
	struct director *director;
	struct sender *sender; /* these two until the killer owns them */
	struct router *router;
	struct observer *observer; /* NULL: there are no copies to be had */
	struct killer *killer;
	struct drains *drains;
	struct upkeep upkeep;
	struct server *server;
	struct upgrade *upgrade;
	json_t *handover; /* from the daemon before, until it is in force; or NULL */
	uint64_t upgrades;
	uint64_t started;
	uv_loop_t loop;
	uv_timer_t tick;
	bool leaving; /* a restart: what is in the kernel stays */
	uv_signal_t sighup, sigterm, sigint, sigusr1;
};

static const char usage[] =
	"Usage: nfvsd [-c FILE] [-s SOCKET] [-t] [-v] [-h]\n"
	"The nfvs director: a Linux Virtual Server in userspace.\n"
	"  -c FILE    configuration (default " DEFAULT_CONF ")\n"
	"  -s SOCKET  control socket (default $NFVS_SOCKET, else " DEFAULT_SOCKET ")\n"
	"  -t         test the configuration and exit: 0, or 1 with FILE:LINE: message\n"
	"  -v         print the version\n"
	"  -h         print this text\n"
	"Signals: SIGHUP reloads the configuration; SIGTERM and SIGINT stop and remove all that\n"
	"was put into the kernel; SIGUSR1 ends and leaves it there, for a restart.\n";

/* Fills @options; exits for -h, -v and mistakes. */
static void options_parse(struct options *options, int argc, char **argv)
{
	int opt;

	*options = (struct options){
		.argv = argv, .conf = DEFAULT_CONF, .socket = getenv("NFVS_SOCKET")};
	if (!options->socket)
		options->socket = DEFAULT_SOCKET;
	while ((opt = getopt(argc, argv, "c:s:tvh")) != -1) {
		switch (opt) {
		case 'c':
			options->conf = optarg;
			break;
		case 's':
			options->socket = optarg;
			break;
		case 't':
			options->test = true;
			break;
		case 'v':
			puts("nfvsd " NFVS_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nfvsd: unexpected argument %s\n%s", argv[optind], usage);
		exit(2);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct nfvsd *nfvsd = timer->data;

	upkeep_tick(&nfvsd->upkeep);
	drains_tick(nfvsd->drains, director_now());
}

static void on_stop(uv_signal_t *handle, int signal)
{
	log_info("%s: stopping", strsignal(signal));
	uv_stop(handle->loop);
}

static void on_leave(uv_signal_t *handle, int signal)
{
	struct nfvsd *nfvsd = handle->data;

	nfvsd->leaving = true;
	log_info("%s: leaving, what is in the kernel stays", strsignal(signal));
	uv_stop(handle->loop);
}

static void nfvsd_reload(struct nfvsd *nfvsd)
{
	struct conf *conf = NULL;
	struct error err = {""};

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)director_now() * 1000);
	if (conf_load(nfvsd->options.conf, &conf, &err) ||
	    director_load(nfvsd->director, conf, &err)) {
		conf_free(conf);
		log_err("%s", err.text);
		log_err("reload failed, nothing changed");
	} else if (director_commit(nfvsd->director, &err)) {
		log_err("reload: the rules cannot follow: %s", err.text);
	} else {
		log_info("%s: reloaded", nfvsd->options.conf);
	}
	sd_notify(0, "READY=1");
}

static void on_reload(uv_signal_t *handle, int signal)
{
	(void)signal;
	nfvsd_reload(handle->data);
}

static json_t *on_status(void *data)
{
	struct nfvsd *nfvsd = data;

	return status_json(nfvsd->director, nfvsd->workers, nfvsd->observer, nfvsd->drains,
			   nfvsd->killer, nfvsd->started);
}

static void signal_watch(struct nfvsd *nfvsd, uv_signal_t *handle, uv_signal_cb callback,
			 int signal)
{
	uv_signal_init(&nfvsd->loop, handle);
	handle->data = nfvsd;
	uv_signal_start(handle, callback, signal);
}

static void loop_open(struct nfvsd *nfvsd)
{
	uv_loop_init(&nfvsd->loop);
	uv_timer_init(&nfvsd->loop, &nfvsd->tick);
	nfvsd->tick.data = nfvsd;
	uv_timer_start(&nfvsd->tick, on_tick, TICK_MS, TICK_MS);
	signal_watch(nfvsd, &nfvsd->sighup, on_reload, SIGHUP);
	signal_watch(nfvsd, &nfvsd->sigterm, on_stop, SIGTERM);
	signal_watch(nfvsd, &nfvsd->sigint, on_stop, SIGINT);
	signal_watch(nfvsd, &nfvsd->sigusr1, on_leave, SIGUSR1);
	if (nfvsd->handover)
		upgrade_arrive();
}

static void loop_close(struct nfvsd *nfvsd)
{
	uv_close((uv_handle_t *)&nfvsd->tick, NULL);
	uv_close((uv_handle_t *)&nfvsd->sighup, NULL);
	uv_close((uv_handle_t *)&nfvsd->sigterm, NULL);
	uv_close((uv_handle_t *)&nfvsd->sigint, NULL);
	uv_close((uv_handle_t *)&nfvsd->sigusr1, NULL);
	uv_run(&nfvsd->loop, UV_RUN_DEFAULT);
	uv_loop_close(&nfvsd->loop);
}

/* The way out of what is sent on no packet's account, opened before privileges go. */
static int sender_start(struct nfvsd *nfvsd, const struct director_conf *conf, struct error *err)
{
	nfvsd->sender = sender_open(mark_send(conf->mark_mask), err);
	if (!nfvsd->sender)
		return -EPERM;
	nfvsd->router = routes_open(err);
	return nfvsd->router ? 0 : -ENOMEM;
}

/* Who ends connections when an administrator wants it. */
static int killer_start(struct nfvsd *nfvsd, struct error *err)
{
	nfvsd->killer = killer_new(nfvsd->director, nfvsd->sender, nfvsd->router);
	if (!nfvsd->killer)
		return error_set(err, -ENOMEM, "no memory");
	nfvsd->sender = NULL;
	nfvsd->router = NULL;
	nfvsd->drains = drains_new(nfvsd->director, nfvsd->killer);
	return nfvsd->drains ? 0 : error_set(err, -ENOMEM, "no memory");
}

static json_t *on_handover(void *data, uint64_t number)
{
	const struct nfvsd *nfvsd = data;

	return handover_to_json(nfvsd->director, nfvsd->drains, number);
}

static void on_aside(void *data, bool aside)
{
	struct nfvsd *nfvsd = data;

	workers_aside(nfvsd->workers, aside);
}

static int upgrade_prepare(struct nfvsd *nfvsd, struct error *err)
{
	const struct upgrade_conf conf = {.loop = &nfvsd->loop,
					  .argv = nfvsd->options.argv,
					  .conf = nfvsd->options.conf,
					  .upgrades = nfvsd->upgrades,
					  .state = on_handover,
					  .aside = on_aside,
					  .data = nfvsd};

	nfvsd->upgrade = upgrade_new(&conf);
	return nfvsd->upgrade ? 0 : error_set(err, -ENOMEM, "no memory");
}

static int server_start(struct nfvsd *nfvsd, struct error *err)
{
	const struct handling handling = {.director = nfvsd->director,
					  .killer = nfvsd->killer,
					  .drains = nfvsd->drains,
					  .upgrade = nfvsd->upgrade,
					  .status = on_status,
					  .data = nfvsd};

	return server_open(&nfvsd->server, &nfvsd->loop, nfvsd->options.socket,
			   director_conf(nfvsd->director)->group, &handling, err);
}

/* What the daemon before had, if there was one, and the configuration file. */
static int services_load(struct nfvsd *nfvsd, struct error *err)
{
	int ret;

	if (nfvsd->handover)
		handover_apply(nfvsd->handover, nfvsd->director);
	ret = director_load(nfvsd->director, nfvsd->conf, err);
	if (ret)
		return ret;
	nfvsd->conf = NULL;
	if (nfvsd->handover)
		handover_drains(nfvsd->handover, nfvsd->drains);
	json_decref(nfvsd->handover);
	nfvsd->handover = NULL;
	return 0;
}

/* Up to the point where packets flow. What was opened is closed by nfvsd_stop(). */
static int nfvsd_start(struct nfvsd *nfvsd, struct error *err)
{
	struct director_conf *conf = &nfvsd->conf->director;
	struct error missing = {""};
	int ret = privilege_check(err);

	if (ret)
		return ret;
	ret = owner_claim_table(conf->table, err);
	if (ret < 0)
		return ret;
	ret = workers_open(&nfvsd->workers, conf, err);
	if (ret)
		return ret;
	ret = sender_start(nfvsd, conf, err);
	if (ret)
		return ret;
	/* Without it the daemon carries everything itself. */
	if (conf->rules_managed && (owner_claim_marks(conf->mark_mask, &missing) < 0 ||
				    observer_open(&nfvsd->observer, conf->first_queue, &missing)))
		log_warn("%s: nfvsd carries all packets itself", missing.text);
	if (nfvsd->observer && conf->flowtable)
		observer_open_entries(nfvsd->observer);
	privilege_drop();
	nfvsd->director = director_new(conf, workers_count(nfvsd->workers), err);
	if (!nfvsd->director)
		return -ENOMEM;
	if (!nfvsd->observer)
		carrier_forgo(director_carrier(nfvsd->director));
	else if (observer_no_entries(nfvsd->observer))
		flowtable_forgo(carrier_flowtable(director_carrier(nfvsd->director)),
				observer_no_entries(nfvsd->observer));
	nfvsd->upkeep = (struct upkeep){.director = nfvsd->director};
	ret = killer_start(nfvsd, err);
	if (ret)
		return ret;
	ret = services_load(nfvsd, err);
	if (ret)
		return ret;
	ret = workers_start(nfvsd->workers, nfvsd->director, err);
	if (!ret && nfvsd->observer)
		ret = observer_start(nfvsd->observer, nfvsd->director, err);
	if (ret)
		return ret;
	ret = director_commit(nfvsd->director, err);
	if (ret)
		return ret;
	ret = upgrade_prepare(nfvsd, err);
	return ret ? ret : server_start(nfvsd, err);
}

static void queues_name(char name[32], uint16_t first, unsigned int n)
{
	if (n == 1)
		snprintf(name, 32, "queue %u", first);
	else
		snprintf(name, 32, "queues %u-%u", first, first + n - 1);
}

static void nfvsd_announce(const struct nfvsd *nfvsd)
{
	const struct director_conf *conf = director_conf(nfvsd->director);
	const struct workers *workers = nfvsd->workers;
	unsigned int n = workers_count(workers);
	char all[32], first[32];

	queues_name(all, workers_queue(workers, 0), n);
	queues_name(first, workers_first_queue(workers, 0), n);
	log_info("version %s, %u worker%s on %s, first packets of carried connections on %s, "
		 "packets segmented on queue %u",
		 NFVS_VERSION, n, n == 1 ? "" : "s", all, first, workers_segment_queue(workers));
	if (conf->rules_managed)
		log_info("rules in table %s (ip, ip6), packets to the queues by %s", conf->table,
			 director_queue_method(nfvsd->director) == QUEUE_NATIVE
				 ? "the queue expression"
				 : "the NFQUEUE target (this kernel has no nft_queue)");
	else
		log_info("rules are external: load what nfvs-rules prints%s",
			 director_caps(nfvsd->director)->queue_native
				 ? ""
				 : " (but this kernel has no nft_queue, which that needs)");
	log_info("ready");
	handover_forget();
	sd_notify(0, "READY=1");
}

/* Like a crash, but that what nfvsadm made is kept for the next one, if there is systemd to do so.
 */
static void nfvsd_leave(struct nfvsd *nfvsd)
{
	json_t *json = on_handover(nfvsd, nfvsd->upgrades + 1);
	int ret = json ? handover_store(json) : -ENOMEM;

	workers_aside(nfvsd->workers, true);
	if (ret < 0)
		log_warn("what was set at run time is not kept: %s", strerror(-ret));
	_exit(EXIT_SUCCESS);
}

static void nfvsd_stop(struct nfvsd *nfvsd)
{
	sd_notify(0, "STOPPING=1");
	if (nfvsd->server)
		server_close(nfvsd->server);
	upgrade_close(nfvsd->upgrade);
	if (nfvsd->director)
		director_withdraw(nfvsd->director);
	workers_close(nfvsd->workers);
	observer_close(nfvsd->observer);
	loop_close(nfvsd);
	drains_free(nfvsd->drains);
	killer_free(nfvsd->killer);
	sender_close(nfvsd->sender);
	routes_close(nfvsd->router);
	director_free(nfvsd->director);
	conf_free(nfvsd->conf);
	json_decref(nfvsd->handover);
}

/* Reads what there is to read: the configuration file, and what an earlier daemon hands over. */
static int nfvsd_read(struct nfvsd *nfvsd)
{
	struct error err = {""};
	int ret = conf_load(nfvsd->options.conf, &nfvsd->conf, &err);

	if (!ret) {
		ret = handover_take(&nfvsd->handover, &err);
		nfvsd->upgrades = handover_upgrades(nfvsd->handover);
	}
	if (ret)
		fprintf(stderr, "%s\n", err.text);
	return ret;
}

int main(int argc, char **argv)
{
	struct nfvsd nfvsd = {.started = director_now()};
	struct error err = {""};
	int ret;

	options_parse(&nfvsd.options, argc, argv);
	log_init(LOG_INFO);
	ret = nfvsd_read(&nfvsd);
	if (ret || nfvsd.options.test) {
		conf_free(nfvsd.conf);
		json_decref(nfvsd.handover);
		return ret ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	signal(SIGPIPE, SIG_IGN);
	rcu_register_thread();
	loop_open(&nfvsd);
	ret = nfvsd_start(&nfvsd, &err);
	if (ret) {
		log_err("%s", err.text);
	} else {
		nfvsd_announce(&nfvsd);
		uv_run(&nfvsd.loop, UV_RUN_DEFAULT);
		if (nfvsd.leaving)
			nfvsd_leave(&nfvsd);
	}
	nfvsd_stop(&nfvsd);
	rcu_unregister_thread();
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
