// SPDX-License-Identifier: GPL-2.0-or-later
/* rules/stand_in.c: which elements servers and services have. The tables themselves are tested in
 * tests/netns/ingress_alone.bats. */
#include "tests/unit/lvs_build.h"

#include "rules/fallback.h"
#include "rules/stand_in.h"

#include <criterion/criterion.h>

#define MASK	  0xffff0000u
#define LEARN(n)  (0x00010000u | (uint32_t)(n) << 17)
#define NUMBER(n) ((uint32_t)(n) << 17)

static struct stand_in *stand_in;

static void teardown(void)
{
	stand_in_free(stand_in);
}

TestSuite(stand_in, .fini = teardown);

static struct stand_in_server server(const struct service_key *key, const char *addr,
				     uint32_t number, uint32_t weight)
{
	return (struct stand_in_server){.service = key,
					.weight = weight,
					.mark = NUMBER(number),
					.af = build_af(addr),
					.addr = build_addr(addr)};
}

static const struct elements *set(enum family family, enum stand_in_set id)
{
	return &stand_in->sets[family][id];
}

static void make(const struct stand_in_server *servers, size_t len)
{
	stand_in = stand_in_build("nfvs", MASK, 1, servers, len);
	cr_assert_not_null(stand_in);
}

/* How many of the slots have the server of this number. */
static unsigned int slots(enum family family, enum stand_in_set id, uint32_t number)
{
	unsigned int count = 0;

	for (size_t i = 0; i < set(family, id)->len; i++)
		count += set(family, id)->items[i].number == LEARN(number);
	return count;
}

Test(stand_in, slots_by_weight_and_none_for_0)
{
	const struct service_key web = build_service(IPPROTO_TCP, "10.1.0.100", 80).key;
	const struct stand_in_server servers[] = {server(&web, "10.1.0.11", 1, 3),
						  server(&web, "10.1.0.12", 2, 1),
						  server(&web, "10.1.0.13", 3, 0)};
	const struct element *slot;

	make(servers, 3);
	cr_assert_str_eq(stand_in->table, "nfvs_dr");
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SLOTS)->len, FALLBACK_SLOTS);
	cr_assert_eq(slots(FAMILY_IP, STAND_IN_SLOTS, 1), 12);
	cr_assert_eq(slots(FAMILY_IP, STAND_IN_SLOTS, 2), 4);
	for (uint8_t i = 0; i < FALLBACK_SLOTS; i++) {
		slot = &set(FAMILY_IP, STAND_IN_SLOTS)->items[i];
		cr_assert_eq(slot->slot, i);
		cr_assert_eq(slot->byte, IPPROTO_TCP);
		cr_assert_eq(slot->first, 80);
	}
	cr_assert_eq(set(FAMILY_IP, STAND_IN_BEGUN)->len, 3, "a handshake may be under way");
	cr_assert_eq(set(FAMILY_IP, STAND_IN_BEGUN)->items[2].mark, NUMBER(3));
	cr_assert_eq(set(FAMILY_IP, STAND_IN_BEGUN)->items[2].number, LEARN(3));
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SERVERS)->len, 3);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SERVERS)->items[0].mark, LEARN(1));
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SERVICES)->len, 1);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SERVICES)->items[0].slot, 0);
	cr_assert_eq(set(FAMILY_IP6, STAND_IN_SLOTS)->len, 0);
}

Test(stand_in, services_apart_sticky_ones_and_families)
{
	const struct service_key web = build_service(IPPROTO_TCP, "10.1.0.100", 80).key;
	const struct service_key dns = build_service(IPPROTO_UDP, "fd00:1::100", 53).key;
	struct stand_in_server servers[] = {server(&web, "10.1.0.11", 1, 1),
					    server(&web, "10.1.0.12", 2, 1),
					    server(&dns, "fd00:1::11", 3, 1)};

	servers[2].sticky = true;
	make(servers, 3);
	cr_assert_eq(slots(FAMILY_IP, STAND_IN_SLOTS, 1), 8);
	cr_assert_eq(slots(FAMILY_IP, STAND_IN_SLOTS, 2), 8);
	cr_assert_eq(slots(FAMILY_IP, STAND_IN_SLOTS, 3), 0);
	cr_assert_eq(slots(FAMILY_IP6, STAND_IN_SLOTS, 3), FALLBACK_SLOTS);
	cr_assert_eq(set(FAMILY_IP6, STAND_IN_SERVICES)->items[0].slot, 1);
	cr_assert_eq(set(FAMILY_IP6, STAND_IN_SERVERS)->len, 1);
}

Test(stand_in, groups_by_mark)
{
	const struct service_key group = build_fwmark(7).key;
	const struct stand_in_server servers[] = {server(&group, "10.1.0.11", 1, 1)};

	make(servers, 1);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SLOTS)->len, 0);
	cr_assert_eq(slots(FAMILY_IP, STAND_IN_GROUP_SLOTS, 1), FALLBACK_SLOTS);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_GROUP_SLOTS)->items[3].mark, 7);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_GROUPS)->items[0].mark, 7);
}

Test(stand_in, nothing_for_all_ports_and_for_services_without_a_weight)
{
	const struct service_key all = build_service(IPPROTO_TCP, "10.1.0.100", 0).key;
	const struct service_key idle = build_service(IPPROTO_TCP, "10.1.0.100", 80).key;
	const struct stand_in_server servers[] = {server(&all, "10.1.0.11", 1, 1),
						  server(&idle, "10.1.0.11", 2, 0)};

	make(servers, 2);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SERVICES)->len, 0);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SLOTS)->len, 0);
	cr_assert_eq(set(FAMILY_IP, STAND_IN_SERVERS)->len, 2);
}
