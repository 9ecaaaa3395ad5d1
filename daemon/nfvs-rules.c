// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvs-rules: the nft script of a configuration file, for review or for loading it by hand. It
 * makes the same ruleset as the daemon and prints it; it asks the kernel nothing and needs no
 * privilege. One thread.
 */
#include "conf/conf.h"
#include "conf/carrying.h"
#include "daemon/numbers.h"
#include "daemon/wanted.h"
#include "lvs/forward.h"
#include "lvs/verdict.h"
#include "daemon/worker.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Of the fan-out hash. Fixed, so that the same file prints the same script. */
#define SEED 0x6e667673u

static const char usage[] =
	"Usage: nfvs-rules [-c FILE] [-v] [-h]\n"
	"Prints the nft script that classifies the traffic of nfvs's services.\n"
	"  -c FILE    configuration (default /etc/nfvs/nfvs.conf)\n"
	"  -v         print the version\n"
	"  -h         print this text\n";

/* The configuration's path; exits for -h, -v and mistakes. */
static const char *options_parse(int argc, char **argv)
{
	const char *conf = "/etc/nfvs/nfvs.conf";
	int opt;

	while ((opt = getopt(argc, argv, "c:vh")) != -1) {
		switch (opt) {
		case 'c':
			conf = optarg;
			break;
		case 'v':
			puts("nfvs-rules " NFVS_VERSION);
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
		fprintf(stderr, "nfvs-rules: unexpected argument %s\n%s", argv[optind], usage);
		exit(2);
	}
	return conf;
}

/* What is told the rules of a file's services. */
struct listed {
	const struct director_conf *director;
	struct wanted wanted;
	struct rules_carried *carried;
	char (*labels)[NUMBER_LABEL_MAX];
	size_t carried_len;
	struct rules_turn *turns;
	size_t turns_len;
};

/* Whom the rules choose, where they schedule. @first: the place of its servers' numbers. */
static bool list_turns(struct listed *listed, const struct rules_service *service,
		       const struct service_conf *conf, size_t first)
{
	char why[SCHEDULE_WHY_MAX];
	size_t own[TURNS_MAX + 1];
	uint16_t round[TURNS_MAX];
	struct turns_case which;
	size_t len;

	turns_of_conf(&which, conf, listed->director, own);
	if (turns_obstacle(&which, why))
		return false;
	len = turns_fill(&which, round);
	for (size_t i = 0; i < len; i++)
		listed->turns[listed->turns_len++] = (struct rules_turn){
			.service = &service->key,
			.mark = listed->carried[first + own[round[i]]].mark,
		};
	return true;
}

/* Numbers in the order of the file: nfvsd gives the same to a configuration that it starts with. */
static void list_carried(struct listed *listed, const struct rules_service *service,
			 const struct service_conf *conf)
{
	const size_t first = listed->carried_len;
	bool in_turns;

	for (size_t i = 0; i < conf->servers_len; i++) {
		const struct dest_spec *server = &conf->servers[i];
		char *label = listed->labels[listed->carried_len];
		struct rules_carried *carried = &listed->carried[listed->carried_len++];

		number_label(label, &conf->spec.key, server->af, &server->addr, server->port);
		*carried = (struct rules_carried){
			.mark = mark_carried(listed->director->mark_mask,
					     (uint32_t)listed->carried_len),
			.af = server->af,
			.addr = server->addr,
			.port = service_keeps_port(conf->spec.flags, &conf->spec.key)
					? 0
					: server->port,
			.sourced = server->method == FORWARD_FULLNAT,
			.service = &service->key,
			.weight = (uint32_t)server->weight,
			.label = label,
		};
	}
	in_turns = list_turns(listed, service, conf, first);
	for (size_t i = first; i < listed->carried_len; i++)
		listed->carried[i].in_turns = in_turns;
}

static void list_service(struct listed *listed, struct rules_service *service,
			 const struct service_conf *conf)
{
	const struct service_spec *spec = &conf->spec;
	const struct datapath_case which = datapath_of_conf(conf, listed->director);

	*service = (struct rules_service){.key = spec->key,
					  .matches = spec->matches,
					  .matches_len = spec->matches_len,
					  .carried = !datapath_obstacle(&which) &&
						     !datapath_learned(&which),
					  .sticky = spec->flags & SERVICE_PERSISTENT};
	wanted_service(&listed->wanted, service);
	for (size_t i = 0; i < conf->servers_len; i++)
		if (forward_find(conf->servers[i].method)->answers)
			wanted_server(&listed->wanted, service, conf->servers[i].af,
				      &conf->servers[i].addr, conf->servers[i].port);
	if (service->carried)
		list_carried(listed, service, conf);
}

static struct ruleset *conf_ruleset(const struct conf *conf, struct error *err)
{
	const struct director_conf *director = &conf->director;
	unsigned int workers = director->workers ? director->workers : workers_default();
	struct rules_input params = {
		.table = director->table,
		.method = QUEUE_NATIVE,
		.first_queue = director->first_queue,
		.queues = (uint16_t)workers,
		.mark_mask = director->mark_mask,
		.seed = SEED,
		.tproxy = true,
		.dup = true,
		.copies = director->first_queue,
		.locals = director->locals.items,
		.locals_len = director->locals.len,
		.first_port = director->flow_ports.first,
		.last_port = director->flow_ports.last,
	};
	struct listed listed = {.director = director};
	struct rules_service *services = calloc(conf->services_len + 1, sizeof(*services));
	struct ruleset *ruleset;
	size_t servers = 1;

	for (size_t i = 0; i < conf->services_len; i++)
		servers += conf->services[i].servers_len;
	listed.carried = calloc(servers, sizeof(*listed.carried));
	listed.labels = calloc(servers, sizeof(*listed.labels));
	listed.turns = calloc(conf->services_len * TURNS_MAX + 1, sizeof(*listed.turns));
	if (!services || !listed.carried || !listed.labels || !listed.turns)
		listed.wanted.no_memory = true;
	for (size_t i = 0; !listed.wanted.no_memory && i < conf->services_len; i++)
		list_service(&listed, &services[i], &conf->services[i]);
	for (size_t i = 0; i < conf->services_len; i++)
		params.carries |= services && services[i].carried;
	params.carried = listed.carried;
	params.carried_len = listed.carried_len;
	params.turns = listed.turns;
	params.turns_len = listed.turns_len;
	ruleset = wanted_ruleset(&listed.wanted, &params, err);
	free(listed.turns);
	free(listed.labels);
	free(listed.carried);
	free(services);
	return ruleset;
}

int main(int argc, char **argv)
{
	const char *path = options_parse(argc, argv);
	struct ruleset *ruleset = NULL;
	struct error err = {""};
	struct conf *conf = NULL;
	int ret;

	ret = conf_load(path, &conf, &err);
	if (!ret) {
		ruleset = conf_ruleset(conf, &err);
		ret = ruleset ? ruleset_print(ruleset, stdout) : -1;
		if (ruleset && ret)
			error_set(&err, ret, "cannot write: %s", strerror(-ret));
	}
	if (ret)
		fprintf(stderr, "%s\n", err.text);
	ruleset_free(ruleset);
	conf_free(conf);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
