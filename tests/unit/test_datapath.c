// SPDX-License-Identifier: GPL-2.0-or-later
/* conf/datapath.c: what the kernel cannot carry, asked for a service and said by a file that wants
 * it all the same. */
#include "conf/datapath.h"
#include "tests/unit/conf_texts.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define NAT (1u << FORWARD_NAT)

static const struct match sctp_match = {.protocol = IPPROTO_SCTP, .last = 80},
			  tcp_match = {.protocol = IPPROTO_TCP, .last = 80};

/* A service of which everything speaks against it; each row mends one thing more, so that the next
 * one is said: together they are the whole list, in order. */
Test(datapath, obstacles_in_their_order)
{
	struct service_spec spec = build_service(IPPROTO_SCTP, "10.0.0.1", 21);
	struct datapath_case which = {.spec = &spec, .wanted = DATAPATH_PACKET};

	spec.flags = SERVICE_ONEPACKET;
	which.methods = NAT | 1u << FORWARD_DR;
	cr_assert_str_eq(datapath_obstacle(&which), "the configuration says so");
	which.wanted = DATAPATH_UNSET;
	cr_assert_str_eq(datapath_obstacle(&which), "the configuration says so");
	which.wanted = DATAPATH_AUTO;
	cr_assert_str_eq(datapath_obstacle(&which),
			 "not all servers have the methods nat and fullnat, or all dr");
	which.methods = NAT;
	cr_assert_str_eq(datapath_obstacle(&which), "it is a one-packet service");
	spec.flags = SERVICE_PERSISTENT;
	cr_assert_str_eq(datapath_obstacle(&which), "SCTP");
	spec.key.protocol = IPPROTO_TCP;
	cr_assert_str_eq(datapath_obstacle(&which), "FTP");
	spec = build_fwmark(7);
	cr_assert_str_eq(datapath_obstacle(&which),
			 "its mark is set by rules that are not of nfvs");
	spec.matches = (struct match *)&tcp_match;
	spec.matches_len = 1;
	cr_assert_str_eq(datapath_obstacle(&which), "the rules are external");
	which.managed = true;
	cr_assert_str_eq(datapath_obstacle(&which),
			 "this kernel lacks something for it: nft_ct, nft_nat, nft_log, "
			 "nft_numgen or nfnetlink_log");
	which.carries = true;
	cr_assert_null(datapath_obstacle(&which));
	which.methods = 1u << FORWARD_DR;
	cr_assert_str_eq(datapath_obstacle(&which),
			 "this kernel lacks something for it: nft_fwd_netdev, hooks for what "
			 "leaves a device, nft_log or nfnetlink_log");
	which.learns = true;
	which.carries = false;
	cr_assert_null(datapath_obstacle(&which));
}

/* They are the servers' own business. */
Test(datapath, dr_has_fewer_obstacles)
{
	struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 21);
	struct datapath_case which = datapath_case(&spec, DATAPATH_AUTO);

	which.methods = 1u << FORWARD_DR;
	cr_assert_null(datapath_obstacle(&which), "FTP");
	spec = build_fwmark(7);
	cr_assert_null(datapath_obstacle(&which), "a mark of others");
	spec.flags = SERVICE_ONEPACKET;
	cr_assert_str_eq(datapath_obstacle(&which), "it is a one-packet service");
}

Test(datapath, one_server_of_another_method_is_enough)
{
	const struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 80);
	struct datapath_case which = datapath_case(&spec, DATAPATH_AUTO);

	cr_assert_null(datapath_obstacle(&which), "no servers yet");
	for (uint32_t method = 0; method < FORWARD_MAX; method++) {
		bool tracked = method == FORWARD_NAT || method == FORWARD_FULLNAT;

		which.methods = NAT | 1u << method;
		cr_assert_eq(!datapath_obstacle(&which), tracked, "%s",
			     forward_method_name(method));
		which.methods = 1u << method;
		cr_assert_eq(!datapath_obstacle(&which), tracked || method == FORWARD_DR,
			     "%s alone", forward_method_name(method));
	}
}

/* What conntrack gives to its servers, and that they are forwarded to. */
Test(datapath, fullnat_has_more_obstacles)
{
	const struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 80);
	struct datapath_case which = datapath_case(&spec, DATAPATH_AUTO);

	which.methods = NAT | 1u << FORWARD_FULLNAT;
	which.forwards = which.apart = false;
	cr_assert_str_eq(datapath_obstacle(&which), "director.flow_ports and local_ports overlap");
	which.apart = true;
	cr_assert_str_eq(datapath_obstacle(&which),
			 "it has fullnat servers and this machine does not forward "
			 "(director.system is check)");
	which.methods = NAT;
	which.apart = false;
	cr_assert_null(datapath_obstacle(&which), "not for nat");
}

/* FTP is TCP's port 21 alone, and SCTP may be one line of a group. */
Test(datapath, protocols_and_ports)
{
	static const struct match group[] = {{.protocol = IPPROTO_TCP, .last = 80},
					     {.protocol = IPPROTO_SCTP, .last = 80},
					     {.protocol = IPPROTO_UDP, .last = 80}};
	static const struct {
		const char *name;
		uint8_t protocol;
		uint16_t port;
		const char *why; /* NULL: none */
	} rows[] = {
		{"tcp", IPPROTO_TCP, 80, NULL},	     {"udp", IPPROTO_UDP, 53, NULL},
		{"sctp", IPPROTO_SCTP, 80, "SCTP"},  {"ftp", IPPROTO_TCP, 21, "FTP"},
		{"udp 21", IPPROTO_UDP, 21, NULL},   {"its data", IPPROTO_TCP, 20, NULL},
		{"all ports", IPPROTO_TCP, 0, NULL},
	};
	struct service_spec spec = build_fwmark(7);
	struct datapath_case which = datapath_case(&spec, DATAPATH_FLOW);

	for (size_t i = 0; i < LEN(rows); i++) {
		const struct service_spec own =
			build_service(rows[i].protocol, "fd00::1", rows[i].port);
		const struct datapath_case own_case = datapath_case(&own, DATAPATH_FLOW);
		const char *why = datapath_obstacle(&own_case);

		cr_assert_eq(!why, !rows[i].why, "%s: %s", rows[i].name, why ? why : "carried");
		if (why)
			cr_assert_str_eq(why, rows[i].why, "%s", rows[i].name);
	}
	spec.matches = (struct match *)group;
	spec.matches_len = 1;
	cr_assert_null(datapath_obstacle(&which));
	spec.matches_len = LEN(group);
	cr_assert_str_eq(datapath_obstacle(&which), "SCTP");
	spec.matches = (struct match *)&sctp_match;
	spec.matches_len = 1;
	cr_assert_str_eq(datapath_obstacle(&which), "SCTP");
}

Test(datapath, a_services_own_wish_comes_first)
{
	static const struct {
		enum datapath own, director, wanted;
	} rows[] = {
		{DATAPATH_UNSET, DATAPATH_AUTO, DATAPATH_AUTO},
		{DATAPATH_UNSET, DATAPATH_PACKET, DATAPATH_PACKET},
		{DATAPATH_UNSET, DATAPATH_FLOW, DATAPATH_FLOW},
		{DATAPATH_AUTO, DATAPATH_PACKET, DATAPATH_AUTO},
		{DATAPATH_AUTO, DATAPATH_FLOW, DATAPATH_AUTO},
		{DATAPATH_PACKET, DATAPATH_FLOW, DATAPATH_PACKET},
		{DATAPATH_FLOW, DATAPATH_PACKET, DATAPATH_FLOW},
	};
	struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 80);

	for (size_t i = 0; i < LEN(rows); i++) {
		struct datapath_case which;

		spec.datapath = rows[i].own;
		which = datapath_case(&spec, rows[i].director);
		cr_assert_eq(which.wanted, rows[i].wanted, "row %zu", i);
		cr_assert_eq(!datapath_obstacle(&which), rows[i].wanted != DATAPATH_PACKET,
			     "row %zu", i);
	}
}

#define FLOW	     "director = { datapath = \"flow\"; }; "
#define PACKET	     "director = { datapath = \"packet\"; }; "
#define OWN(word)    "datapath = \"" word "\"; "
#define IS_NOT(text) "t:1: datapath: not flow, because " text
/* On one line each, as the error names that of the service. */
#define WITH(protocol, port, keys)                                                         \
	"services = ( { protocol = \"" protocol "\"; address = \"10.0.0.1\"; port = " port \
	"; " keys "} );"
#define GROUP(protocol, keys)                                           \
	"services = ( { fwmark = 7; match = ( { protocol = \"" protocol \
	"\"; address = \"10.0.0.1\";"                                   \
	" ports = \"80\"; } ); " keys "} );"
#define NAT_ONE	      "{ address = \"10.2.0.1\"; }"
#define DR_ONE	      "{ address = \"10.2.0.2\"; method = \"dr\"; }"
#define FULLNAT_ONE   "{ address = \"10.2.0.3\"; method = \"fullnat\"; }"
#define LOCALS(keys)  "director = { local_addresses = [ \"10.2.0.9\" ]; " keys "}; "
#define SERVERS(list) "servers = ( " list " ); "

/* A wish for flow is an error where there is an obstacle; one for auto never is. */
Test(datapath, of_files)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{FLOW WITH("tcp", "80", SERVERS(NAT_ONE)), ""},
		{FLOW WITH("tcp", "80", SERVERS(NAT_ONE ", " DR_ONE)),
		 "t:1: datapath of the director: not flow, because not all servers have the "
		 "methods nat and fullnat, or all dr"},
		{WITH("tcp", "80", OWN("flow") SERVERS(NAT_ONE ", " DR_ONE)),
		 IS_NOT("not all servers have the methods nat and fullnat, or all dr")},
		{WITH("tcp", "80",
		      OWN("flow") SERVERS("{ address = \"10.2.0.1\"; method = "
					  "\"tun\"; }")),
		 IS_NOT("not all servers have the methods nat and fullnat, or all dr")},
		{WITH("tcp", "80", OWN("flow") "method = \"dr\"; " SERVERS(NAT_ONE)), ""},
		{WITH("udp", "53", OWN("flow") "one_packet = true; "),
		 IS_NOT("it is a one-packet service")},
		{WITH("udp", "53", OWN("flow")), ""},
		{WITH("sctp", "80", OWN("flow")), IS_NOT("SCTP")},
		{GROUP("sctp", OWN("flow")), IS_NOT("SCTP")},
		{GROUP("tcp", OWN("flow")), ""},
		{WITH("tcp", "21", OWN("flow") "persistent = 9; "), IS_NOT("FTP")},
		{"services = ( { fwmark = 7; " OWN("flow") "} );",
		 IS_NOT("its mark is set by rules that are not of nfvs")},
		{"director = { rules = \"external\"; }; " WITH("tcp", "80", OWN("flow")),
		 IS_NOT("the rules are external")},
		{FLOW WITH("tcp", "80", OWN("auto") SERVERS(DR_ONE)), ""},
		{FLOW WITH("tcp", "80", OWN("packet") SERVERS(DR_ONE)), ""},
		{PACKET WITH("tcp", "80", OWN("flow") SERVERS(DR_ONE)), ""},
		{PACKET WITH("tcp", "80", OWN("flow") SERVERS(NAT_ONE)), ""},
		{PACKET WITH("tcp", "80", SERVERS(DR_ONE)), ""},
		{WITH("sctp", "80", ""), ""},
		{LOCALS("") WITH("tcp", "80", OWN("flow") SERVERS(NAT_ONE ", " FULLNAT_ONE)), ""},
		{LOCALS("local_ports = \"1024-40000\"; ")
			 WITH("tcp", "80", OWN("flow") SERVERS(FULLNAT_ONE)),
		 IS_NOT("director.flow_ports and local_ports overlap")},
		{LOCALS("local_ports = \"1024-40000\"; ") WITH("tcp", "80", SERVERS(FULLNAT_ONE)),
		 ""},
		{LOCALS("flow_ports = \"900-1023\"; ")
			 WITH("tcp", "80", OWN("flow") SERVERS(FULLNAT_ONE)),
		 ""},
	};

	for (size_t i = 0; i < LEN(rows); i++)
		expect_parsed(rows[i].text, rows[i].error);
}

/* What the file says reaches the model as it is said. */
Test(datapath, is_kept_as_it_is_said)
{
	struct conf *conf = parse(WITH("tcp", "80", OWN("flow")));

	cr_assert_eq(conf->director.datapath, DATAPATH_PACKET, "the default");
	cr_assert_eq(conf->services[0].spec.datapath, DATAPATH_FLOW);
	conf_free(conf);
	conf = parse("director = { datapath = \"auto\"; }; " WITH("tcp", "80", ""));
	cr_assert_eq(conf->director.datapath, DATAPATH_AUTO);
	cr_assert_eq(conf->services[0].spec.datapath, DATAPATH_UNSET);
	conf_free(conf);
}
