// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A ruleset with services that the kernel carries, for rules.bats: "print" writes the script,
 * "install" puts it into the kernel, "update" turns one with other servers into it there, as a
 * daemon would.
 */
#include "rules/ruleset.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static union addr addr(const char *text, uint8_t *af)
{
	union addr addr = {.ip6 = {0}};

	if (addr_parse(text, af, &addr))
		abort();
	return addr;
}

static struct rules_service service(uint8_t protocol, const char *text, uint16_t port)
{
	struct rules_service service = {.carried = true, .sticky = port == 53};

	service.key.addr = addr(text, &service.key.af);
	service.key.protocol = protocol;
	service.key.port = htons(port);
	return service;
}

static struct rules_server server(const char *text, uint16_t first, uint16_t last)
{
	struct rules_server server = {.carried = true, .first = first, .last = last};

	server.addr = addr(text, &server.af);
	return server;
}

static struct rules_carried carried(uint32_t mark, const struct rules_service *service,
				    const char *text, uint16_t port, uint32_t weight)
{
	struct rules_carried carried = {.mark = mark,
					.port = htons(port),
					.service = &service->key,
					.weight = weight,
					.label = "a service > a server"};

	carried.addr = addr(text, &carried.af);
	return carried;
}

/* @old: as it was before an update. */
static struct ruleset *build(enum queue_method method, bool old, struct error *err)
{
	struct match match = {.protocol = IPPROTO_TCP, .first = 8000, .last = 8100};
	const struct rules_service services[] = {
		service(IPPROTO_TCP, "10.1.0.100", 80),
		service(IPPROTO_UDP, "10.1.0.100", 53),
		service(IPPROTO_TCP, "fd00:1::100", 80),
		service(IPPROTO_TCP, "10.1.0.101", 0),
		{.key = {.af = AF_INET, .fwmark = 7},
		 .matches = &match,
		 .matches_len = 1,
		 .carried = true,
		 .sticky = true},
		service(IPPROTO_TCP, "10.1.0.100", 90),
		service(IPPROTO_TCP, "fd00:1::100", 90),
		{.key = {.af = AF_INET, .fwmark = 8}, .carried = true},
		service(IPPROTO_UDP, "10.1.0.100", 90),
	};
	const struct rules_server servers[] = {
		server("10.2.0.11", 8080, 8080), server("10.2.0.12", 53, 53),
		server("10.2.0.13", 0, 65535), server("fd00:2::11", 8080, 8080)};
	const struct rules_carried numbers[] = {
		carried(0x20000, &services[0], "10.2.0.11", 8080, 1),
		carried(0x40000, &services[0], "10.2.0.12", old ? 8081 : 8080, 3),
		carried(0x60000, &services[1], "10.2.0.12", 53, old ? 0 : 1),
		carried(0x80000, &services[2], "fd00:2::11", 8080, 1),
		carried(0xa0000, &services[3], old ? "10.2.0.14" : "10.2.0.13", 0, 1),
		carried(0xc0000, &services[4], "10.2.0.13", 0, 1),
		carried(0xe0000, &services[2], "fd00:2::12", 8080, 1)};
	/* One that changes, one that comes, and one that goes. */
	const struct rules_turn turns[] = {{&services[5].key, 0x20000},
					   {&services[5].key, 0x40000},
					   {&services[6].key, 0x80000},
					   {&services[7].key, 0xc0000}};
	const struct rules_turn old_turns[] = {{&services[5].key, 0x20000},
					       {&services[7].key, 0xc0000},
					       {&services[8].key, 0x20000}};
	const struct rules_input input = {.table = "nfvs",
					  .method = method,
					  .first_queue = 4,
					  .queues = 2,
					  .mark_mask = 0xffff0000,
					  .seed = 0x1234,
					  .dup = true,
					  .tproxy = true,
					  .carries = true,
					  .copies = 4,
					  .services = services,
					  .services_len = 9,
					  .servers = servers,
					  .servers_len = 4,
					  .carried = numbers,
					  .carried_len = old ? 7 : 6,
					  .turns = old ? old_turns : turns,
					  .turns_len = old ? 3 : 4};

	match.addr = addr("10.1.0.102", &match.af);
	return ruleset_build(&input, err);
}

static int install(bool update, struct error *err)
{
	struct rules_caps caps;
	enum queue_method method;
	struct ruleset *from, *to;
	int ret = rules_probe(&caps, err);

	if (ret)
		return ret;
	if (!caps.carries)
		return error_set(err, -1, "this kernel cannot carry connections");
	method = caps.queue_native ? QUEUE_NATIVE : QUEUE_COMPAT;
	from = build(method, update, err);
	to = build(method, false, err);
	ret = from && to ? ruleset_install(from, err) : -1;
	if (!ret)
		ret = ruleset_update(from, to, err);
	ruleset_free(from);
	ruleset_free(to);
	return ret;
}

int main(int argc, char **argv)
{
	struct error err = {""};
	int ret;

	if (argc > 1 && !strcmp(argv[1], "print")) {
		struct ruleset *ruleset = build(QUEUE_NATIVE, false, &err);

		ret = ruleset ? ruleset_print(ruleset, stdout) : -1;
		ruleset_free(ruleset);
	} else {
		ret = install(argc > 1 && !strcmp(argv[1], "update"), &err);
	}
	if (ret)
		fprintf(stderr, "carryrules: %s\n", err.text);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
