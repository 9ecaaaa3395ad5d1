// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvs-rules: the nft script of a configuration file, for review or for loading it by hand. It
 * makes the same ruleset as the daemon and prints it; it asks the kernel nothing and needs no
 * privilege. One thread.
 */
#include "conf/conf.h"
#include "daemon/wanted.h"
#include "lvs/forward.h"
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

static struct ruleset *conf_ruleset(const struct conf *conf, struct error *err)
{
	const struct director_conf *director = &conf->director;
	unsigned int workers = director->workers ? director->workers : workers_default();
	const struct rules_input params = {
		.table = director->table,
		.method = QUEUE_NATIVE,
		.first_queue = director->first_queue,
		.queues = (uint16_t)workers,
		.mark_mask = director->mark_mask,
		.seed = SEED,
		.tproxy = true,
		.dup = true,
		.locals = director->locals.items,
		.locals_len = director->locals.len,
	};
	struct wanted wanted = {0};

	for (size_t i = 0; i < conf->services_len; i++) {
		const struct service_conf *service = &conf->services[i];
		const struct service_spec *spec = &service->spec;

		wanted_service(&wanted, &spec->key, spec->matches, spec->matches_len);
		for (size_t k = 0; k < service->servers_len; k++)
			if (forward_find(service->servers[k].method)->answers)
				wanted_server(&wanted, &spec->key, spec->matches, spec->matches_len,
					      service->servers[k].af, &service->servers[k].addr,
					      service->servers[k].port);
	}
	return wanted_ruleset(&wanted, &params, err);
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
