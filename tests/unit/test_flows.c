// SPDX-License-Identifier: GPL-2.0-or-later
/* rules/flows.c and ruleset.c: which elements make the kernel carry connections. */
#include "rules/fallback.h"
#include "tests/unit/rules_build.h"

static struct ruleset *build_carried(const struct rules_service *services, size_t services_len,
				     const struct rules_server *servers, size_t servers_len,
				     const struct rules_carried *carried, size_t carried_len)
{
	struct rules_input input = params;

	input.carries = true;
	input.copies = 4;
	input.services = services;
	input.services_len = services_len;
	input.servers = servers;
	input.servers_len = servers_len;
	input.carried = carried;
	input.carried_len = carried_len;
	return ruleset_build(&input, NULL);
}

static struct rules_carried number(uint32_t mark, const struct rules_service *service,
				   const char *addr, uint16_t port, uint32_t weight,
				   const char *label)
{
	return (struct rules_carried){.mark = mark,
				      .af = build_af(addr),
				      .addr = build_addr(addr),
				      .port = htons(port),
				      .service = &service->key,
				      .weight = weight,
				      .label = label};
}

static struct rules_service carried(struct rules_service service, bool sticky)
{
	service.carried = true;
	service.sticky = sticky;
	return service;
}

Test(flows, carried_services_are_where_the_others_are_and_apart)
{
	const struct match matches[] = {match(IPPROTO_TCP, "10.1.0.101", 443, 443),
					match(IPPROTO_UDP, "10.1.0.101", 443, 445),
					match(IPPROTO_SCTP, "10.1.0.101", 9, 9)};
	const struct match others[] = {match(IPPROTO_TCP, "10.1.0.103", 80, 80)};
	const struct rules_service services[] = {
		carried(service(IPPROTO_TCP, "10.1.0.100", 80), false),
		carried(service(IPPROTO_UDP, "10.1.0.100", 53), true),
		carried(service(IPPROTO_TCP, "10.1.0.102", 0), true),
		carried(service(IPPROTO_TCP, "10.1.0.103", 80), true),
		service(IPPROTO_TCP, "10.1.0.104", 80),
		carried(service(IPPROTO_SCTP, "10.1.0.104", 80), false),
		carried(group(7, matches, 3), true),
		group(9, others, 1)};
	struct rules_server servers[] = {server(IPPROTO_TCP, "10.2.0.1", 80, 80),
					 server(0, "10.2.0.2", 0, 65535),
					 server(IPPROTO_TCP, "10.2.0.3", 80, 80)};
	struct ruleset *ruleset;

	servers[0].carried = servers[1].carried = true;
	ruleset = build_carried(services, 8, servers, 3, NULL, 0);
	/* what a group claims is not in either */
	expect(ruleset, "ip", "services",
	       "10.1.0.100 . tcp . 80|10.1.0.100 . udp . 53|10.1.0.104 . tcp . 80|"
	       "10.1.0.104 . sctp . 80");
	expect(ruleset, "ip", "carried", "10.1.0.100 . tcp . 80|10.1.0.100 . udp . 53");
	expect(ruleset, "ip", "tcp_carried", "10.1.0.101 . 443|10.1.0.102 . 0-65535");
	expect(ruleset, "ip", "udp_carried", "10.1.0.101 . 443-445");
	expect(ruleset, "ip", "marks", "0x7|0x9");
	expect(ruleset, "ip", "carried_marks", "0x7");
	expect(ruleset, "ip", "sticky", "10.1.0.100 . udp . 53|10.1.0.103 . tcp . 80");
	expect(ruleset, "ip", "sticky_marks", "0x7");
	expect(ruleset, "ip", "servers", "10.2.0.1 . tcp . 80|10.2.0.3 . tcp . 80");
	expect(ruleset, "ip", "carried_servers", "10.2.0.1 . tcp . 80");
	expect(ruleset, "ip", "tcp_carried_servers", "10.2.0.2 . 0-65535");
	expect(ruleset, "ip", "udp_carried_servers", "10.2.0.2 . 0-65535");
	ruleset_free(ruleset);
}

Test(flows, a_number_leads_to_its_server)
{
	const struct rules_service four = carried(service(IPPROTO_TCP, "10.1.0.100", 80), false);
	const struct rules_service six = carried(service(IPPROTO_TCP, "fd00:1::100", 80), false);
	struct rules_carried rows[] = {number(0x60000, &four, "10.2.0.9", 0, 1, NULL),
				       number(0x20000, &four, "10.2.0.11", 8080, 1, "first"),
				       number(0x40000, &six, "fd00:2::11", 81, 1, NULL),
				       number(0x20000, &four, "10.2.0.11", 8080, 1, "first")};
	struct ruleset *ruleset = build_carried(NULL, 0, NULL, 0, rows, 4);
	const struct elements *flows = &ruleset->sets[FAMILY_IP][SET_FLOWS_IN];

	cr_assert_eq(flows->len, 2);
	cr_assert_str_eq(flows->items[0].label, "first");
	cr_assert_neq(flows->items[0].label, rows[1].label, "a copy");
	expect(ruleset, "ip", "flows_out", "0x20000 comment \"first\"|0x60000");
	expect(ruleset, "ip", "to_port", "0x20000 : 10.2.0.11 . 8080");
	expect(ruleset, "ip", "to_addr", "0x60000 : 10.2.0.9");
	expect(ruleset, "ip6", "flows_in", "0x40000");
	expect(ruleset, "ip6", "to_port", "0x40000 : fd00:2::11 . 81");
	ruleset_free(ruleset);
}

/* The slots in a map, as a letter for each number: 0x20000 is a. */
static const char *slots_in(char buf[FALLBACK_SLOTS + 1], const struct elements *map,
			    uint32_t fwmark, const char *addr)
{
	memset(buf, '.', FALLBACK_SLOTS);
	buf[FALLBACK_SLOTS] = '\0';
	for (size_t i = 0; i < map->len; i++) {
		const struct element *item = &map->items[i];
		const union addr want = addr ? build_addr(addr) : (union addr){0};

		if (item->mark == fwmark && addr_equal(&item->addr, &want))
			buf[item->slot] = (char)('a' + (item->number >> 17) - 1);
	}
	return buf;
}

Test(flows, the_fallback_has_slots_for_each_service)
{
	const struct rules_service one = carried(service(IPPROTO_TCP, "10.1.0.100", 80), false);
	const struct rules_service two = carried(service(IPPROTO_TCP, "10.1.0.101", 80), false);
	const struct rules_service all = carried(service(IPPROTO_TCP, "10.1.0.102", 0), false);
	const struct rules_service marked = carried(group(7, NULL, 0), false);
	const struct rules_service idle = carried(service(IPPROTO_TCP, "10.1.0.103", 80), false);
	const struct rules_carried rows[] = {number(0x40000, &one, "10.2.0.12", 8080, 3, NULL),
					     number(0x60000, &two, "10.2.0.11", 80, 1, NULL),
					     number(0x20000, &one, "10.2.0.11", 8080, 1, NULL),
					     number(0x80000, &all, "10.2.0.11", 0, 1, NULL),
					     number(0xa0000, &marked, "10.2.0.11", 0, 1, NULL),
					     number(0xc0000, &marked, "10.2.0.12", 0, 0, NULL),
					     number(0xe0000, &idle, "10.2.0.11", 80, 0, NULL)};
	struct ruleset *ruleset = build_carried(NULL, 0, NULL, 0, rows, 7);
	const struct elements *sets = ruleset->sets[FAMILY_IP];
	char buf[FALLBACK_SLOTS + 1];

	cr_assert_eq(sets[SET_FALLBACK].len, 32);
	cr_assert_str_eq(slots_in(buf, &sets[SET_FALLBACK], 0, "10.1.0.100"), "babbbabbbabbbabb");
	cr_assert_str_eq(slots_in(buf, &sets[SET_FALLBACK], 0, "10.1.0.101"), "cccccccccccccccc");
	cr_assert_eq(sets[SET_FALLBACK_GROUPS].len, 16);
	cr_assert_str_eq(slots_in(buf, &sets[SET_FALLBACK_GROUPS], 7, NULL), "eeeeeeeeeeeeeeee");
	ruleset_free(ruleset);
}

/* A service that the rules schedule has its turns for slots, and a chain that counts them. */
Test(flows, turns_are_slots_and_a_chain)
{
	const struct rules_service one = carried(service(IPPROTO_TCP, "10.1.0.100", 80), false);
	const struct rules_service six = carried(service(IPPROTO_UDP, "fd00:1::100", 53), false);
	const struct rules_service marked = carried(group(7, NULL, 0), false);
	struct rules_carried rows[] = {number(0x20000, &one, "10.2.0.11", 8080, 1, NULL),
				       number(0x40000, &one, "10.2.0.12", 8080, 9, NULL),
				       number(0x60000, &six, "fd00:2::11", 53, 1, NULL),
				       number(0x80000, &marked, "10.2.0.11", 0, 1, NULL)};
	const struct rules_turn turns[] = {{&one.key, 0x40000},
					   {&one.key, 0x20000},
					   {&one.key, 0x40000},
					   {&six.key, 0x60000},
					   {&marked.key, 0x80000}};
	struct rules_input input = params;
	struct ruleset *ruleset;
	char *text;

	for (int i = 0; i < 4; i++)
		rows[i].in_turns = true;
	input.carries = true;
	input.carried = rows;
	input.carried_len = 4;
	input.turns = turns;
	input.turns_len = 5;
	ruleset = ruleset_build(&input, NULL);
	expect(ruleset, "ip", "turns", "10.1.0.100 . tcp . 80 : goto turns_tcp_10.1.0.100_80");
	expect(ruleset, "ip", "turns_marks", "0x7 : goto turns_fwmark_7");
	expect(ruleset, "ip6", "turns", "fd00:1::100 . udp . 53 : goto turns_udp_fd00-1--100_53");
	expect(ruleset, "ip", "fallback",
	       "10.1.0.100 . tcp . 80 . 0x0 : 0x40000|10.1.0.100 . tcp . 80 . 0x1 : 0x20000|"
	       "10.1.0.100 . tcp . 80 . 0x2 : 0x40000");
	expect(ruleset, "ip", "fallback_groups", "0x7 . 0x0 : 0x80000");
	text = print(ruleset);
	cr_assert(strstr(text, "chain turns_tcp_10.1.0.100_80 {\n"
			       "\t\tct mark set numgen inc mod 3 goto chosen\n\t}"));
	cr_assert(strstr(text, "chain turns_fwmark_7 {\n"
			       "\t\tct mark set numgen inc mod 1 goto chosen_group\n\t}"));
	cr_assert(strstr(text, "ip daddr . meta l4proto . th dport vmap @turns\n"));
	free(text);
	ruleset_free(ruleset);
}

/* As many as numbers have, above the lowest of the mask. */
Test(flows, bits_of_a_number)
{
	cr_assert_eq(number_bit(0xffff0000, 0), 0x20000);
	cr_assert_eq(number_bit(0xffff0000, 14), 0x80000000);
	cr_assert_eq(number_bit(0xffff0000, 15), 0);
	cr_assert_eq(number_bit(0xffff0000, 30), 0);
	cr_assert_eq(number_bit(0xffffffff, 30), 0x80000000);
}

/* With secure_tcp a client's word alone counts for nothing, of TCP. */
Test(flows, strict)
{
	const struct rules_service one = carried(service(IPPROTO_TCP, "10.1.0.100", 80), false);
	const struct rules_carried row = number(0x20000, &one, "10.2.0.11", 8080, 3, NULL);
	struct rules_input input = params;

	input.carries = true;
	input.services = &one;
	input.services_len = 1;
	input.carried = &row;
	input.carried_len = 1;
	for (size_t strict = 0; strict < 2; strict++) {
		struct ruleset *ruleset;

		input.strict = strict;
		ruleset = ruleset_build(&input, NULL);
		for (enum family f = 0; f < FAMILIES; f++) {
			const struct elements *set = &ruleset->sets[f][SET_STRICT];

			cr_assert_eq(set->len, strict);
			cr_assert(!strict || set->items[0].byte == IPPROTO_TCP);
		}
		ruleset_free(ruleset);
	}
}

/* What the kernel cannot do is not asked of it. */
Test(flows, a_kernel_that_cannot_carry)
{
	struct rules_input input = params;
	const struct rules_service one = carried(service(IPPROTO_TCP, "10.1.0.100", 80), true);
	const struct rules_carried row = number(0x20000, &one, "10.2.0.11", 8080, 3, NULL);
	struct ruleset *with, *without;
	char *text, *plain;

	input.services = &one;
	input.services_len = 1;
	without = ruleset_build(&input, NULL);
	input.carried = &row;
	input.carried_len = 1;
	with = ruleset_build(&input, NULL);
	text = print(with);
	plain = print(without);
	cr_assert_str_eq(text, plain);
	cr_assert_null(strstr(text, "ct mark"));
	cr_assert_null(strstr(text, "flows"));
	cr_assert_null(strstr(text, "type nat"));
	free(text);
	free(plain);
	ruleset_free(with);
	ruleset_free(without);
}

/* Do the rules, as text, have this in them, in both families? */
static bool has(bool flowtable, const char *text)
{
	struct rules_input input = params;
	struct ruleset *ruleset;
	char *script = NULL, *found;
	size_t len;
	FILE *out = open_memstream(&script, &len);

	input.carries = true;
	input.flowtable = flowtable;
	ruleset = ruleset_build(&input, NULL);
	cr_assert(ruleset && out);
	cr_assert_eq(ruleset_print(ruleset, out), 0);
	fclose(out);
	ruleset_free(ruleset);
	found = strstr(script, text);
	found = found ? strstr(found + 1, text) : NULL;
	free(script);
	return found;
}

Test(flows, what_the_flowtable_takes)
{
	static const char *const texts[] = {
		"flowtable offloaded {",
		"ct mark & 0x10000 != 0x0 ct packets >= 16 flow add @offloaded "
		"ct mark set ct mark & 0xfffeffff log group 1\n",
		"ct status & 0x4000 != 0x0 goto offloaded\n",
		"meta l4proto tcp ct status assured ct packets >= 16 goto returned\n",
		"return\n\t\tct packets >= 16 goto returned\n\t\tlog group 0\n",
		"chain returned {\n\t\tct mark & 0x10000 != 0x0 log group 0 return\n"
		"\t\tct mark set ct mark | 0x10000 log group 1\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert(has(true, texts[i]), "%s", texts[i]);
		cr_assert_not(has(false, texts[i]), "%s", texts[i]);
	}
}

/* Of FULLNAT the number is in one set more, and the local addresses have their turns. */
Test(flows, fullnat_servers_are_asked_from_local_addresses)
{
	const struct locals_addr addrs[] = {{AF_INET, build_addr("10.2.0.9")},
					    {AF_INET, build_addr("10.2.0.8")},
					    {AF_INET6, build_addr("fd00::9")}};
	const struct rules_service web = carried(service(IPPROTO_TCP, "10.1.0.100", 80), false);
	struct rules_carried servers[] = {number(0x20000, &web, "10.2.0.1", 80, 1, NULL),
					  number(0x40000, &web, "10.2.0.2", 80, 1, NULL)};
	struct rules_input input = params;
	struct ruleset *ruleset;
	char *text;

	servers[1].sourced = true;
	input.carries = true;
	input.services = &web;
	input.services_len = 1;
	input.carried = servers;
	input.carried_len = 2;
	input.locals = addrs;
	input.locals_len = sizeof(addrs) / sizeof(addrs[0]);
	input.first_port = 40000;
	input.last_port = 49999;
	ruleset = ruleset_build(&input, NULL);
	expect(ruleset, "ip", "sourced", "0x40000");
	expect(ruleset, "ip6", "sourced", "");
	text = print(ruleset);
	cr_assert(strstr(text, "0 : 10.2.0.9") && strstr(text, "1 : 10.2.0.8"));
	cr_assert(strstr(text, "0 : fd00::9"));
	cr_assert(strstr(text, "\t\ttype nat hook postrouting priority 90;"));
	cr_assert(strstr(text, "\t\ttype nat hook input priority 90;"));
	cr_assert(strstr(text, "meta l4proto udp ct mark & 0xfffe0000 @sourced snat to numgen inc "
			       "mod 2 map @sources : 40000-49999\n"));
	cr_assert(strstr(text, "snat to numgen inc mod 1 map @sources : 40000-49999\n"));
	free(text);
	ruleset_free(ruleset);
}
