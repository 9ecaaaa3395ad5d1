// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer on conf_parse(): any text is a configuration or an error that names a line; what is
 * accepted keeps the promises that the daemon relies on.
 */
#include "conf/conf.h"
#include "sched/schedulers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets a string that a syntax error follows. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static void must(bool fact)
{
	if (!fact)
		abort();
}

static void check_server(const struct dest_spec *server, const struct service_spec *spec)
{
	must(server->method < FORWARD_BYPASS && server->weight >= 0);
	must(server->af == spec->key.af || server->method == FORWARD_TUN);
	must(server->lower <= server->upper);
	must(!server->limit || server->limit >= server->upper);
	must(server->slow_start <= SLOW_START_MAX);
}

static void check_service(const struct service_conf *service, const struct director_conf *director)
{
	const struct service_spec *spec = &service->spec;

	must(scheduler_find(spec->scheduler));
	must(spec->key.af == AF_INET || spec->key.af == AF_INET6);
	must(!(spec->key.fwmark & director->mark_mask));
	must(spec->key.fwmark || !addr_equal(&spec->key.addr, &(union addr){0}));
	must(spec->key.fwmark || !spec->matches_len);
	must(spec->key.fwmark || spec->key.port || (spec->flags & SERVICE_PERSISTENT));
	must(!(spec->flags & SERVICE_PERSISTENT) == !spec->timeout);
	must(spec->netmask);
	for (size_t i = 0; i < spec->matches_len; i++)
		must(spec->matches[i].af == spec->key.af && spec->matches[i].first &&
		     spec->matches[i].first <= spec->matches[i].last);
	must(spec->slow_start <= SLOW_START_MAX && (spec->says & SAYS_LIMIT));
	for (size_t i = 0; i < service->servers_len; i++)
		check_server(&service->servers[i], spec);
}

static void check_conf(const struct conf *conf)
{
	const struct director_conf *director = &conf->director;

	must(director->workers <= 256 && director->table[0] && director->mark_mask >> 31);
	must(director->first_queue + director->workers <= UINT16_MAX);
	must(director->queue_length >= 64 && director->queue_length <= 32768);
	must(conf->timeouts.tcp && conf->timeouts.tcpfin && conf->timeouts.udp);
	for (size_t i = 0; i < conf->services_len; i++)
		check_service(&conf->services[i], director);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {""};
	struct conf *conf = NULL;
	char *text = malloc(size + 1);

	must(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (conf_parse(text, "fuzz.conf", &conf, &err)) {
		must(!conf);
		must(!strncmp(err.text, "fuzz.conf:", 10) && !strchr(err.text, '\n'));
	} else {
		check_conf(conf);
	}
	conf_free(conf);
	free(text);
	return 0;
}
