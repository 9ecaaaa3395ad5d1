// SPDX-License-Identifier: GPL-2.0-or-later
/* ctl/proto.c, row.c, result.c, reader.c: what one end writes the other reads, and nothing else. */
#include "ctl/row.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	cr_assert_not_null(json, "the test's JSON: %s", text);
	return json;
}

/* The text that @json (taken over) travels as. */
static void travels_as(json_t *json, const char *text)
{
	char *dumped = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	cr_assert_str_eq(dumped, text);
	free(dumped);
	json_decref(json);
}

static bool service_same(const struct service_spec *a, const struct service_spec *b)
{
	if (!service_key_equal(&a->key, &b->key) || strcmp(a->name, b->name) ||
	    strcmp(a->scheduler, b->scheduler) || a->flags != b->flags ||
	    a->timeout != b->timeout || a->netmask != b->netmask ||
	    a->matches_len != b->matches_len)
		return false;
	for (size_t i = 0; i < a->matches_len; i++)
		if (memcmp(&a->matches[i].addr, &b->matches[i].addr, sizeof(union addr)) ||
		    a->matches[i].af != b->matches[i].af ||
		    a->matches[i].protocol != b->matches[i].protocol ||
		    a->matches[i].first != b->matches[i].first ||
		    a->matches[i].last != b->matches[i].last)
			return false;
	return true;
}

Test(ctl_proto, services_go_round)
{
	struct match matches[] = {
		{.af = AF_INET,
		 .protocol = IPPROTO_TCP,
		 .first = 80,
		 .last = 80,
		 .addr = build_addr("10.0.0.1")},
		{.af = AF_INET,
		 .protocol = IPPROTO_UDP,
		 .first = 0,
		 .last = 65535,
		 .addr = build_addr("10.0.0.2")},
	};
	struct service_spec specs[] = {
		build_service(IPPROTO_TCP, "10.0.0.1", 80),
		build_service(IPPROTO_UDP, "2001:db8::1", 53),
		build_fwmark(7),
		build_fwmark(UINT32_MAX),
		build_service(IPPROTO_TCP, "255.255.255.255", 65535),
		build_service(IPPROTO_TCP, "10.0.0.3", 0),
	};

	specs[0].flags = SERVICE_PERSISTENT;
	specs[0].timeout = 360;
	specs[0].netmask = htonl(0xffffff00);
	specs[1].flags = SERVICE_PERSISTENT | SERVICE_ONEPACKET;
	specs[1].timeout = TIMEOUT_MAX;
	specs[1].netmask = 64;
	specs[2].matches = matches;
	specs[2].matches_len = 2;
	snprintf(specs[2].name, sizeof(specs[2].name), "%s", "shop \"\xc3\xa4\" \\");
	specs[3].flags = SERVICE_SCHED1 | SERVICE_SCHED2 | SERVICE_SCHED3;
	specs[3].key.af = AF_INET6;
	specs[3].netmask = 128;
	specs[4].netmask = 0;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct service_spec back;
		struct service_key key;
		struct error err = {""};
		json_t *json = service_to_json(&specs[i]);

		cr_assert_eq(service_from_json(json, &back, &err), 0, "%zu: %s", i, err.text);
		cr_assert(service_same(&specs[i], &back), "%zu", i);
		free(back.matches);
		json_decref(json);
		json = key_to_json(&specs[i].key);
		cr_assert_eq(key_from_json(json, &key, &err), 0, "%zu: %s", i, err.text);
		cr_assert(service_key_equal(&specs[i].key, &key), "%zu", i);
		json_decref(json);
	}
}

Test(ctl_proto, forms_that_other_programs_may_rely_on)
{
	struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 80);
	struct dest_spec dest = build_dest("2001:db8::2", 8080, 3);
	struct flow flow = build_flow(IPPROTO_UDP, "10.0.0.9", 4000, "10.0.0.1", 53);
	struct timeouts_spec timeouts = {.tcp = 900, .tcpfin = 120, .udp = 300};
	struct result ok = {0};
	struct result refused = {.code = -ESRCH, .err = {"no such service"}};
	struct result own = {.code = -EOPNOTSUPP, .own = true, .err = {"not here"}};

	spec.flags = SERVICE_PERSISTENT | SERVICE_SCHED2;
	spec.timeout = 30;
	spec.netmask = htonl(0xffff0000);
	travels_as(service_to_json(&spec),
		   "{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80,"
		   "\"scheduler\":\"rr\",\"persistent\":30,\"netmask\":\"255.255.0.0\","
		   "\"flags\":[\"flag-2\"]}");
	travels_as(dest_to_json(&dest),
		   "{\"address\":\"2001:db8::2\",\"port\":8080,\"method\":\"nat\",\"weight\":3,"
		   "\"upper\":0,\"lower\":0}");
	dest.method = FORWARD_TUN;
	dest.tunnel =
		(struct tunnel){.type = TUNNEL_GUE, .flags = TUNNEL_CSUM, .port = htons(6080)};
	travels_as(dest_to_json(&dest),
		   "{\"address\":\"2001:db8::2\",\"port\":8080,\"method\":\"tun\",\"weight\":3,"
		   "\"upper\":0,\"lower\":0,\"tunnel\":\"gue\",\"tunnel_port\":6080,"
		   "\"tunnel_checksum\":\"full\"}");
	travels_as(flow_to_json(&flow),
		   "{\"protocol\":\"udp\",\"source\":\"10.0.0.9\",\"sport\":4000,"
		   "\"destination\":\"10.0.0.1\",\"dport\":53}");
	travels_as(timeouts_to_json(&timeouts), "{\"tcp\":900,\"tcpfin\":120,\"udp\":300}");
	travels_as(result_to_json(&ok), "{\"ok\":true}");
	travels_as(result_to_json(&refused), "{\"error\":\"no such service\",\"errno\":\"ESRCH\"}");
	travels_as(result_to_json(&own),
		   "{\"error\":\"not here\",\"errno\":\"EOPNOTSUPP\",\"own\":true}");
}

Test(ctl_proto, what_is_not_utf8_still_travels)
{
	travels_as(text_to_json("caf\xe9"), "\"caf?\"");
	travels_as(text_to_json("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
}

Test(ctl_proto, servers_go_round)
{
	struct dest_spec specs[] = {
		build_dest("10.0.0.1", 80, 1),
		build_dest("2001:db8::1", 0, 0),
		build_dest("10.0.0.1", 65535, INT32_MAX),
		build_dest("10.0.0.1", 80, 1),
		build_dest("10.0.0.1", 80, 1),
		build_dest("10.0.0.1", 80, 1),
	};

	specs[1].method = FORWARD_DR;
	specs[2].method = FORWARD_TUN;
	specs[2].upper = UINT32_MAX;
	specs[2].lower = 7;
	specs[3].method = specs[4].method = specs[5].method = FORWARD_TUN;
	specs[3].tunnel = (struct tunnel){TUNNEL_GUE, 0, htons(65535)};
	specs[4].tunnel = (struct tunnel){TUNNEL_GUE, TUNNEL_REMCSUM, htons(1)};
	specs[5].tunnel = (struct tunnel){TUNNEL_GRE, TUNNEL_CSUM, 0};
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct dest_spec back;
		struct error err = {""};
		json_t *json = dest_to_json(&specs[i]);

		cr_assert_eq(dest_from_json(json, &back, &err), 0, "%zu: %s", i, err.text);
		cr_assert(back.af == specs[i].af && back.method == specs[i].method &&
				  back.port == specs[i].port && back.weight == specs[i].weight &&
				  back.upper == specs[i].upper && back.lower == specs[i].lower &&
				  back.tunnel.type == specs[i].tunnel.type &&
				  back.tunnel.flags == specs[i].tunnel.flags &&
				  back.tunnel.port == specs[i].tunnel.port &&
				  addr_equal(&back.addr, &specs[i].addr),
			  "%zu", i);
		json_decref(json);
	}
}

Test(ctl_proto, defaults_of_a_server)
{
	json_t *json = parse("{\"address\": \"10.0.0.1\"}");
	struct dest_spec spec;

	cr_assert_eq(dest_from_json(json, &spec, NULL), 0);
	cr_assert(spec.port == 0 && spec.weight == 1 && spec.method == FORWARD_NAT && !spec.upper &&
		  !spec.lower);
	json_decref(json);
}

Test(ctl_proto, rows_go_round)
{
	struct service_row service = {.spec = build_fwmark(7),
				      .from_file = true,
				      .counters = {1, 2, 3, 4, INT64_MAX}},
			   service_back;
	struct dest_row dest = {.spec = build_dest("10.0.0.1", 80, 1),
				.active = 1,
				.inactive = UINT32_MAX,
				.persistent = 3,
				.counters = {5, 6, 7, 8, 9}},
			dest_back;
	struct conn_row conn = {.source = build_addr("2001:db8::1"),
				.virtual = build_addr("2001:db8::2"),
				.server = build_addr("10.0.0.3"),
				.server_af = AF_INET, /* in a tunnel */
				.sport = htons(1),
				.vport = htons(2),
				.dport = htons(3),
				.af = AF_INET6,
				.protocol = IPPROTO_TCP,
				.state = "ESTABLISHED",
				.expires = 899,
				.fwmark = 9},
			conn_back;
	struct error err = {""};
	json_t *json;

	json = service_row_to_json(&service, true);
	cr_assert_eq(service_row_from_json(json, &service_back, &err), 0, "%s", err.text);
	cr_assert(service_same(&service.spec, &service_back.spec) && service_back.from_file &&
		  !memcmp(&service.counters, &service_back.counters, sizeof(service.counters)));
	json_decref(json);
	json = dest_row_to_json(&dest, true);
	cr_assert_eq(dest_row_from_json(json, &dest_back, &err), 0, "%s", err.text);
	cr_assert(dest_back.active == 1 && dest_back.inactive == UINT32_MAX &&
		  dest_back.persistent == 3 && !dest_back.from_file &&
		  !memcmp(&dest.counters, &dest_back.counters, sizeof(dest.counters)));
	json_decref(json);
	json = conn_row_to_json(&conn);
	cr_assert_eq(conn_row_from_json(json, &conn_back, &err), 0, "%s", err.text);
	cr_assert(!memcmp(&conn, &conn_back, sizeof(conn)));
	json_decref(json);
	conn.protocol = 0;
	conn.template = true;
	json = conn_row_to_json(&conn);
	cr_assert_eq(conn_row_from_json(json, &conn_back, &err), 0, "%s", err.text);
	cr_assert(!memcmp(&conn, &conn_back, sizeof(conn)));
	json_decref(json);
}

Test(ctl_proto, results_go_round)
{
	static const int codes[] = {0, -EEXIST, -ESRCH, -ENOENT, -ERANGE, -EOPNOTSUPP, -EPERM};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct result result = {
			.code = codes[i], .own = codes[i] == -EPERM, .err = {"a sentence"}};
		struct result back;
		json_t *json = result_to_json(&result);

		cr_assert(json_is_result(json));
		cr_assert_eq(result_from_json(json, &back, NULL), 0);
		cr_assert_eq(back.code, codes[i]);
		cr_assert_eq(back.own, result.own);
		cr_assert_str_eq(back.err.text, codes[i] ? "a sentence" : "");
		json_decref(json);
	}
}

enum kind {
	KEY,
	SERVICE,
	SERVER,
	FLOW,
	TIMEOUTS,
	RESULT,
	CONN
};

static int read_as(enum kind kind, const json_t *json, struct error *err)
{
	union {
		struct service_key key;
		struct service_spec service;
		struct dest_spec server;
		struct flow flow;
		struct timeouts_spec timeouts;
		struct result result;
		struct conn_row conn;
	} out;
	int ret;

	switch (kind) {
	case KEY:
		return key_from_json(json, &out.key, err);
	case SERVICE:
		ret = service_from_json(json, &out.service, err);
		if (!ret)
			free(out.service.matches);
		return ret;
	case SERVER:
		return dest_from_json(json, &out.server, err);
	case FLOW:
		return flow_from_json(json, &out.flow, err);
	case TIMEOUTS:
		return timeouts_from_json(json, &out.timeouts, err);
	case RESULT:
		return result_from_json(json, &out.result, err);
	case CONN:
		return conn_row_from_json(json, &out.conn, err);
	}
	return 0;
}

#define WEB    "\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80"
#define GROUP  "\"fwmark\":7,\"scheduler\":\"rr\""
#define TUN    "{\"address\":\"10.0.0.1\",\"method\":\"tun\","
#define CLIENT "\"protocol\":\"tcp\",\"source\":\"10.0.0.1\",\"sport\":1"

static const struct {
	enum kind kind;
	const char *text, *says;
} refusals[] = {
	{KEY, "[]", "service: not an object"},
	{KEY, "{}", "service: 'protocol' is missing"},
	{KEY, "{\"protocol\":\"tcp\"}", "service: 'address' is missing"},
	{KEY, "{" WEB ",\"weight\":1}", "service: unknown member 'weight'"},
	{KEY, "{\"protocol\":6,\"address\":\"10.0.0.1\"}",
	 "service: 'protocol' must be a text of at most 15 bytes"},
	{KEY, "{\"protocol\":\"icmp\",\"address\":\"10.0.0.1\"}",
	 "service: 'protocol' must be tcp, udp or sctp"},
	{KEY, "{\"protocol\":\"tcp\",\"address\":\"10.0.0.300\"}",
	 "service: 'address' is no IPv4 or IPv6 address: 10.0.0.300"},
	{KEY, "{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":65536}",
	 "service: 'port' must be a whole number 0..65535"},
	{KEY, "{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80.0}",
	 "service: 'port' must be a whole number 0..65535"},
	{KEY, "{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":\"80\"}",
	 "service: 'port' must be a whole number 0..65535"},
	{KEY, "{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":-1}",
	 "service: 'port' must be a whole number 0..65535"},
	{KEY, "{\"fwmark\":0}", "service: 'fwmark' must be a whole number 1..4294967295"},
	{KEY, "{\"fwmark\":4294967296}", "service: 'fwmark' must be a whole number 1..4294967295"},
	{KEY, "{\"fwmark\":7,\"family\":\"ipx\"}", "service: 'family' must be ipv4 or ipv6"},
	{KEY, "{\"fwmark\":7," WEB "}", "service: unknown member 'protocol'"},
	{SERVICE, "{" WEB "}", "service: 'scheduler' is missing"},
	{SERVICE, "{" WEB ",\"scheduler\":\"0123456789abcdef\"}",
	 "service: 'scheduler' must be a text of at most 15 bytes"},
	{SERVICE, "{" WEB ",\"scheduler\":\"rr\",\"persistent\":0}",
	 "service: 'persistent' must be a whole number 1..2678400"},
	{SERVICE, "{" WEB ",\"scheduler\":\"rr\",\"netmask\":24}",
	 "service: 'netmask' must be a text of at most 53 bytes"},
	{SERVICE, "{" WEB ",\"scheduler\":\"rr\",\"netmask\":\"ffff::\"}",
	 "service: 'netmask' of an IPv4 service must be like 255.255.0.0"},
	{SERVICE, "{\"fwmark\":7,\"family\":\"ipv6\",\"scheduler\":\"rr\",\"netmask\":129}",
	 "service: 'netmask' must be a whole number 1..128"},
	{SERVICE, "{" WEB ",\"scheduler\":\"rr\",\"onepacket\":1}",
	 "service: 'onepacket' must be true or false"},
	{SERVICE, "{" WEB ",\"scheduler\":\"rr\",\"flags\":\"flag-1\"}",
	 "service: 'flags' must be a list"},
	{SERVICE, "{" WEB ",\"scheduler\":\"rr\",\"flags\":[\"flag-4\"]}",
	 "service: 'flags' may hold flag-1, flag-2 and flag-3"},
	{SERVICE, "{" WEB ",\"scheduler\":\"rr\",\"match\":[{" WEB "}]}",
	 "service: 'match' must be a list, of a firewall-mark service"},
	{SERVICE, "{" GROUP ",\"match\":[]}",
	 "service: 'match' must be a list, of a firewall-mark service"},
	{SERVICE, "{" GROUP ",\"match\":[1]}", "match: not an object"},
	{SERVICE,
	 "{" GROUP ",\"match\":[{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\"},"
	 "{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"first\":9,\"last\":8}]}",
	 "match: 'last' must be a whole number 9..65535"},
	{SERVICE, "{" GROUP ",\"match\":[{\"protocol\":\"tcp\",\"address\":\"fd00::1\"}]}",
	 "match: the address is not of the service's family"},
	{SERVER, "{}", "server: 'address' is missing"},
	{SERVER, "{\"address\":\"10.0.0.1\",\"weight\":-1}",
	 "server: 'weight' must be a whole number 0..2147483647"},
	{SERVER, "{\"address\":\"10.0.0.1\",\"weight\":2147483648}",
	 "server: 'weight' must be a whole number 0..2147483647"},
	{SERVER, "{\"address\":\"10.0.0.1\",\"upper\":9223372036854775807}",
	 "server: 'upper' must be a whole number 0..4294967295"},
	{SERVER, "{\"address\":\"10.0.0.1\",\"method\":\"proxy\"}",
	 "server: 'method' must be nat, dr, tun or fullnat"},
	{SERVER, "{\"address\":\"10.0.0.1\",\"method\":\"dr\",\"tunnel\":\"ipip\"}",
	 "server: unknown member 'tunnel'"},
	{SERVER, TUN "\"tunnel\":\"vxlan\"}", "server: 'tunnel' must be ipip, gue or gre"},
	{SERVER, TUN "\"tunnel\":\"gue\"}", "server: 'tunnel': gue needs a tunnel_port"},
	{SERVER, TUN "\"tunnel\":\"gue\",\"tunnel_port\":0}",
	 "server: 'tunnel': gue needs a tunnel_port"},
	{SERVER, TUN "\"tunnel\":\"gue\",\"tunnel_port\":65536}",
	 "server: 'tunnel_port' must be a whole number 0..65535"},
	{SERVER, TUN "\"tunnel_port\":6080}", "server: 'tunnel_port': only gue has a port"},
	{SERVER, TUN "\"tunnel_checksum\":\"full\"}",
	 "server: 'tunnel_checksum': ipip has no checksum"},
	{SERVER, TUN "\"tunnel\":\"gre\",\"tunnel_checksum\":\"remote\"}",
	 "server: 'tunnel_checksum': only gue can leave it to the receiver"},
	{SERVER, TUN "\"tunnel\":\"gre\",\"tunnel_checksum\":\"half\"}",
	 "server: 'tunnel_checksum' must be none, full or remote"},
	{SERVER, "{\"address\":\"10.0.0.1\",\"wieght\":1}", "server: unknown member 'wieght'"},
	{FLOW, "{" CLIENT "}", "flow: 'destination' is missing"},
	{FLOW, "{" CLIENT ",\"destination\":\"fd00::1\"}",
	 "flow: source and destination are of different families"},
	{TIMEOUTS, "{\"tcp\":2678401}", "timeouts: 'tcp' must be a whole number 0..2678400"},
	{TIMEOUTS, "{\"sctp\":1}", "timeouts: unknown member 'sctp'"},
	{RESULT, "{\"ok\":false}", "result: 'ok' must be true"},
	{RESULT, "{\"error\":\"x\"}", "result: 'errno' is missing"},
	{CONN, "{\"connection\":{" CLIENT ",\"virtual\":\"fd00::1\"}}",
	 "connection: addresses of different families"},
	{CONN, "{\"connection\":{" CLIENT "},\"more\":1}", "connection row: unknown member 'more'"},
};

Test(ctl_proto, refusals_say_why)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		json_t *json = parse(refusals[i].text);
		struct error err = {""};

		cr_assert_eq(read_as(refusals[i].kind, json, &err), -EBADMSG, "%s",
			     refusals[i].text);
		cr_assert_str_eq(err.text, refusals[i].says, "%s: %s", refusals[i].text, err.text);
		json_decref(json);
	}
}
