// SPDX-License-Identifier: GPL-2.0-or-later
/* rules/: which elements a set of services and servers comes to, as data, as text, as messages. */
#include "rules/batch.h"
#include "rules/exprs.h"
#include "rules/messages.h"
#include "tests/unit/rules_build.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

static struct ruleset *build(const struct rules_service *services, size_t services_len,
			     const struct rules_server *servers, size_t servers_len,
			     struct error *err)
{
	struct rules_input input = params;

	input.services = services;
	input.services_len = services_len;
	input.servers = servers;
	input.servers_len = servers_len;
	return ruleset_build(&input, err);
}

Test(ruleset, services_by_address_and_by_mark)
{
	const struct match matches[] = {match(IPPROTO_TCP, "10.1.0.101", 443, 443),
					match(IPPROTO_TCP, "10.1.0.101", 80, 80),
					match(IPPROTO_TCP, "10.1.0.101", 8000, 8100),
					match(IPPROTO_UDP, "10.1.0.101", 443, 443)};
	const struct rules_service services[] = {
		service(IPPROTO_UDP, "10.1.0.100", 53),	 service(IPPROTO_TCP, "10.1.0.100", 80),
		service(IPPROTO_TCP, "fd00:1::100", 80), group(7, matches, 4),
		service(IPPROTO_TCP, "10.1.0.102", 0),	 group(9, NULL, 0)};
	struct ruleset *ruleset = build(services, 6, NULL, 0, NULL);

	expect(ruleset, "ip", "errors", "3|4|11|12");
	expect(ruleset, "ip6", "errors", "1|2|3|4");
	expect(ruleset, "ip", "services", "10.1.0.100 . tcp . 80|10.1.0.100 . udp . 53");
	expect(ruleset, "ip6", "services", "fd00:1::100 . tcp . 80");
	expect(ruleset, "ip", "marks", "0x7|0x9");
	expect(ruleset, "ip6", "marks", "");
	expect(ruleset, "ip", "tcp_groups",
	       "10.1.0.101 . 80 : 0x7|10.1.0.101 . 443 : 0x7|10.1.0.101 . 8000-8100 : 0x7");
	expect(ruleset, "ip", "udp_groups", "10.1.0.101 . 443 : 0x7");
	expect(ruleset, "ip", "tcp_services",
	       "10.1.0.101 . 80|10.1.0.101 . 443|10.1.0.101 . 8000-8100|10.1.0.102 . 0-65535");
	expect(ruleset, "ip", "udp_services", "10.1.0.101 . 443");
	ruleset_free(ruleset);
}

Test(ruleset, sctp_is_apart)
{
	const struct match matches[] = {match(IPPROTO_SCTP, "10.1.0.101", 5000, 5010),
					match(IPPROTO_TCP, "10.1.0.101", 5000, 5000)};
	const struct rules_service services[] = {
		service(IPPROTO_SCTP, "10.1.0.100", 36412), service(IPPROTO_SCTP, "10.1.0.101", 0),
		service(IPPROTO_SCTP, "10.1.0.101", 5005), service(IPPROTO_UDP, "10.1.0.101", 5005),
		group(7, matches, 2)};
	const struct rules_server servers[] = {server(IPPROTO_SCTP, "10.2.0.1", 36412, 36412),
					       server(IPPROTO_SCTP, "10.2.0.1", 0, 65535)};
	struct ruleset *ruleset = build(services, 5, servers, 2, NULL);

	expect(ruleset, "ip", "services", "10.1.0.100 . sctp . 36412|10.1.0.101 . udp . 5005");
	expect(ruleset, "ip", "sctp_groups", "10.1.0.101 . 5000-5010 : 0x7");
	expect(ruleset, "ip", "tcp_groups", "10.1.0.101 . 5000 : 0x7");
	expect(ruleset, "ip", "sctp_services", "10.1.0.101 . 0-65535");
	expect(ruleset, "ip", "udp_services", "");
	expect(ruleset, "ip", "servers", "10.2.0.1 . sctp . 36412");
	expect(ruleset, "ip", "sctp_servers", "10.2.0.1 . 0-65535");
	expect(ruleset, "ip", "tcp_servers", "");
	ruleset_free(ruleset);
}

Test(ruleset, ftp_claims_its_data_ports)
{
	const struct rules_service services[] = {service(IPPROTO_TCP, "10.1.0.100", 21),
						 service(IPPROTO_UDP, "10.1.0.101", 21)};
	struct ruleset *ruleset = build(services, 2, NULL, 0, NULL);

	expect(ruleset, "ip", "services", "10.1.0.100 . tcp . 21|10.1.0.101 . udp . 21");
	expect(ruleset, "ip", "tcp_services", "10.1.0.100 . 20|10.1.0.100 . 1024-65535");
	expect(ruleset, "ip", "udp_services", "");
	ruleset_free(ruleset);
}

Test(ruleset, servers_once_each)
{
	const struct rules_server servers[] = {
		server(IPPROTO_TCP, "10.2.0.2", 80, 80), server(IPPROTO_TCP, "10.2.0.1", 80, 80),
		server(IPPROTO_TCP, "10.2.0.2", 80, 80), server(0, "10.2.0.3", 0, 65535),
		server(0, "fd00:2::1", 53, 53)};
	struct ruleset *ruleset = build(NULL, 0, servers, 5, NULL);

	expect(ruleset, "ip", "servers", "10.2.0.1 . tcp . 80|10.2.0.2 . tcp . 80");
	expect(ruleset, "ip", "tcp_servers", "10.2.0.3 . 0-65535");
	expect(ruleset, "ip", "udp_servers", "10.2.0.3 . 0-65535");
	expect(ruleset, "ip", "sctp_servers", "10.2.0.3 . 0-65535");
	expect(ruleset, "ip6", "servers",
	       "fd00:2::1 . tcp . 53|fd00:2::1 . udp . 53|fd00:2::1 . sctp . 53");
	ruleset_free(ruleset);
}

/* The kernel's interval sets refuse overlaps: ours have none. */
Test(ruleset, ranges_are_joined)
{
	static const struct {
		const char *name;
		uint16_t ranges[4][2];
		size_t len;
		const char *want;
	} rows[] = {
		{"one", {{5, 9}}, 1, "5-9"},
		{"twice", {{5, 9}, {5, 9}}, 2, "5-9"},
		{"overlap", {{5, 9}, {7, 12}}, 2, "5-12"},
		{"inside", {{5, 100}, {7, 12}, {8, 8}}, 3, "5-100"},
		{"neighbours", {{10, 12}, {5, 9}}, 2, "5-12"},
		{"a gap of one", {{11, 12}, {5, 9}}, 2, "5-9|11-12"},
		{"to the end", {{0, 0}, {65535, 65535}, {1, 65534}}, 3, "0-65535"},
		{"beyond the end", {{65535, 65535}, {65535, 65535}, {3, 3}}, 3, "3|65535"},
		{"chain", {{1, 4}, {9, 12}, {4, 9}, {20, 21}}, 4, "1-12|20-21"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct match matches[4];
		struct rules_service services[2];
		struct ruleset *ruleset;
		char have[256], want[256] = "", copy[64], *save;

		for (size_t k = 0; k < rows[i].len; k++)
			matches[k] = match(IPPROTO_TCP, "10.0.0.1", rows[i].ranges[k][0],
					   rows[i].ranges[k][1]);
		services[0] = group(3, matches, rows[i].len);
		ruleset = build(services, 1, NULL, 0, NULL);
		snprintf(copy, sizeof(copy), "%s", rows[i].want);
		for (char *one = strtok_r(copy, "|", &save); one; one = strtok_r(NULL, "|", &save))
			snprintf(want + strlen(want), sizeof(want) - strlen(want),
				 "%s10.0.0.1 . %s", want[0] ? "|" : "", one);
		elements_of(have, sizeof(have), ruleset, "ip", "tcp_services");
		cr_assert_str_eq(have, want, "%s: %s", rows[i].name, have);
		ruleset_free(ruleset);
	}
}

/* As in IPVS a firewall mark comes before an address. */
Test(ruleset, a_group_claims_a_service_within_it)
{
	const struct match matches[] = {match(IPPROTO_TCP, "10.0.0.1", 80, 90),
					match(IPPROTO_TCP, "10.0.0.3", 1, 1)};
	const struct rules_service services[] = {
		group(7, matches, 2),
		service(IPPROTO_TCP, "10.0.0.1", 79),
		service(IPPROTO_TCP, "10.0.0.1", 80),
		service(IPPROTO_TCP, "10.0.0.1", 90),
		service(IPPROTO_TCP, "10.0.0.1", 91),
		service(IPPROTO_UDP, "10.0.0.1", 80),
		service(IPPROTO_TCP, "10.0.0.2", 80),
	};
	struct ruleset *ruleset = build(services, 7, NULL, 0, NULL);

	expect(ruleset, "ip", "services",
	       "10.0.0.1 . tcp . 79|10.0.0.1 . tcp . 91|10.0.0.1 . udp . 80|10.0.0.2 . tcp . 80");
	expect(ruleset, "ip", "tcp_services", "10.0.0.1 . 80-90|10.0.0.3 . 1");
	ruleset_free(ruleset);
}

Test(ruleset, two_groups_must_not_claim_one_packet)
{
	const struct match one[] = {match(IPPROTO_TCP, "10.0.0.1", 1, 100)};
	const struct match two[] = {match(IPPROTO_TCP, "10.0.0.1", 100, 200)};
	const struct match other[] = {match(IPPROTO_UDP, "10.0.0.1", 1, 100),
				      match(IPPROTO_TCP, "10.0.0.2", 1, 100),
				      match(IPPROTO_TCP, "10.0.0.1", 101, 101)};
	const struct rules_service clash[] = {group(7, one, 1), group(8, two, 1)};
	const struct rules_service fine[] = {group(7, one, 1), group(8, other, 3)};
	struct error err = {""};
	struct ruleset *ruleset = build(clash, 2, NULL, 0, &err);

	cr_assert_null(ruleset);
	cr_assert_str_eq(err.text,
			 "the services fwmark 7 and fwmark 8 both match tcp 10.0.0.1:100");
	ruleset = build(fine, 2, NULL, 0, &err);
	cr_assert_not_null(ruleset, "%s", err.text);
	expect(ruleset, "ip", "tcp_services", "10.0.0.1 . 1-101|10.0.0.2 . 1-100");
	expect(ruleset, "ip", "udp_services", "10.0.0.1 . 1-100");
	ruleset_free(ruleset);
}

/* 10,000 services cost a packet what one costs: the rules are the same. */
Test(ruleset, the_number_of_rules_does_not_depend_on_services)
{
	enum {
		N = 10000
	};
	struct rules_service *services = calloc(N, sizeof(*services));
	struct ruleset *few, *many;
	char *a, *b, *rule;

	for (unsigned int i = 0; i < N; i++) {
		services[i] = service(IPPROTO_TCP, "10.1.0.100", 80);
		services[i].key.addr.ip = htonl(0x0a010000 + i);
	}
	few = build(services, 1, NULL, 0, NULL);
	many = build(services, N, NULL, 0, NULL);
	a = print(few);
	b = print(many);
	rule = strstr(strstr(a, "# What counts."), "chain reassemble");
	*strstr(rule, "\ntable ip6") = '\0';
	cr_assert_not_null(strstr(b, rule));
	free(a);
	free(b);
	free(services);
	ruleset_free(few);
	ruleset_free(many);
}

Test(ruleset, the_way_to_the_queues)
{
	struct rules_input input = params;
	struct ruleset *ruleset = ruleset_build(&input, NULL);
	char *text = print(ruleset);

	cr_assert_not_null(strstr(text, "queue flags bypass to jhash ip saddr . th sport mod 2 "
					"seed 0x1234 offset 4\n"));
	cr_assert_not_null(strstr(text, "queue flags bypass to jhash ip6 daddr . th dport mod 2 "
					"seed 0x1234 offset 4\n"));
	cr_assert_not_null(strstr(text, "meta mark & 0xffff0000 == 0xffff0000 reject with icmp "
					"port-unreachable\n"));
	free(text);
	ruleset_free(ruleset);
	input.queues = 1;
	input.first_queue = 0;
	ruleset = ruleset_build(&input, NULL);
	text = print(ruleset);
	cr_assert_null(strstr(text, "jhash"));
	free(text);
	ruleset_free(ruleset);
}

/* A nested attribute's first child of this type. */
static const struct nlattr *child(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) if (mnl_attr_get_type(attr) == type) return attr;
	cr_assert_fail("no attribute %u", type);
	return NULL;
}

static const uint8_t *data_of(const struct nlattr *elem, uint16_t type, size_t size)
{
	const struct nlattr *value = child(child(elem, type), NFTA_DATA_VALUE);

	cr_assert_eq(mnl_attr_get_payload_len(value), size);
	return mnl_attr_get_payload(value);
}

/* Element @i of the test below: 10.0.x.y . 80-90 : i + 1 */
static void expect_element(const struct nlattr *elem, unsigned int i)
{
	const uint8_t key[8] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i, 0, 80};
	uint32_t mark;

	cr_assert_eq(memcmp(data_of(elem, NFTA_SET_ELEM_KEY, 8), key, 8), 0, "element %u", i);
	cr_assert_eq(data_of(elem, NFTA_SET_ELEM_KEY_END, 8)[5], 90);
	memcpy(&mark, data_of(elem, NFTA_SET_ELEM_DATA, 4), 4);
	cr_assert_eq(mark, i + 1);
}

/* Elements come back from the messages as they went in, however many messages they need. */
Test(ruleset, elements_as_messages)
{
	enum {
		N = 1000
	};
	struct element items[N] = {0};
	const struct element *pointers[N];
	struct ruleset ruleset = {.table = "nfvs"};
	struct transaction t = {.batch = batch_new(), .ruleset = &ruleset, .family = FAMILY_IP};
	const struct nlattr *attr, *elem;
	const struct nlmsghdr *nlh;
	unsigned int seen = 0, messages = 0;
	size_t len;
	int left;

	for (unsigned int i = 0; i < N; i++) {
		items[i] = (struct element){.mark = i + 1, .first = 80, .last = 90, .byte = 6};
		items[i].addr.ip = htonl(0x0a000000 + i);
		pointers[i] = &items[i];
	}
	message_elements(&t, NFT_MSG_NEWSETELEM, SET_TCP_GROUPS, pointers, N);
	cr_assert_not(t.no_memory);
	nlh = batch_bytes(t.batch, &len);
	left = (int)len;
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
			continue;
		messages++;
		mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
		{
			if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_LIST_SET)
				cr_assert_str_eq(mnl_attr_get_str(attr), "tcp_groups");
			if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
				continue;
			mnl_attr_for_each_nested(elem, attr) expect_element(elem, seen++);
		}
	}
	cr_assert_eq(seen, N);
	cr_assert_gt(messages, 1);
	batch_free(t.batch);
}
