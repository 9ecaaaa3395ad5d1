// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * conf/: every way to get a key wrong is refused with its line; what is right arrives field by
 * field; included files; the example and the manual know every key. From the top folder, as "make
 * unit" runs it.
 */
#include "conf/conf.h"
#include "conf/keys.h"
#include "tests/unit/conf_texts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The error of a text, "" if it is accepted. */
static const char *error_of(const char *text)
{
	static struct error err;
	struct conf *conf = NULL;
	int ret;

	err.text[0] = '\0';
	ret = conf_parse(text, "t", &conf, &err);
	cr_assert_eq(!ret, !!conf, "%s", text);
	cr_assert_eq(!ret, !err.text[0], "%s: %s", text, err.text);
	conf_free(conf);
	return err.text;
}

/* What depends on the text, on other keys, or on what a string holds. */
#define TIMEOUTS                                                                                   \
	"tcp, tcpfin, udp, syn_sent, syn_recv, time_wait, close, close_wait, last_ack, listen, "   \
	"synack, sctp_init1, sctp_init, sctp_cookie_sent, sctp_cookie_replied, sctp_cookie_wait, " \
	"...)"

static const struct {
	const char *text, *error;
} wrong[] = {
	/* syntax */
	{"services = (", "t:1: syntax error"},
	{"a = 1\n}", "t:2: syntax error"},
	{"director = { workers = 1;\nworkers = 2; };", "t:2: duplicate setting name"},
	{"timeouts = { };\ntimeouts = { };", "t:2: duplicate setting name"},
	{"director = { };\n\nx = \"abc\n", "t:3: this string has no end"},
	{"director = {\n table = \"a\" \"b; };", "t:2: this string has no end"},
	{"x = \"abc\\\"", "t:1: this string has no end"},
	{"\n/* x *", "t:2: this comment has no end"},
	{"\n/*/", "t:2: this comment has no end"},
	{"director = { workers =\n99999999999999999999; };",
	 "t:2: 99999999999999999999 is too large"},
	{"\nx = 0x1ffffffffffffffff;", "t:2: 0x1ffffffffffffffff is too large"},
	{"\nx = -9223372036854775809L;", "t:2: -9223372036854775809L is too large"},
	{"\n@include \"x\"", "t:2: @include works in files only"},
	{"\n@include x", "t:2: @include wants the name of a file in quotes"},
	{"@include \"\"", "t:1: @include wants the name of a file in quotes"},
	{"@include \"x\n\"", "t:1: @include wants the name of a file in quotes"},

	/* unknown keys */
	{"\nservice = ();", "t:2: unknown key 'service' (in file); did you mean 'services'?"},
	{"director = {\n worker = 1; };",
	 "t:2: unknown key 'worker' (in director); did you mean 'workers'?"},
	{"director = {\n tcp = 1; };",
	 "t:2: unknown key 'tcp' (in director); it belongs to: timeouts"},
	{SERVICE("shceduler = \"rr\";"),
	 "t:2: unknown key 'shceduler' (in service); did you mean 'scheduler'?"},
	{SERVICE("persistant = 3;"),
	 "t:2: unknown key 'persistant' (in service); did you mean 'persistent'?"},
	{SERVICE("weight = 3;"), "t:2: unknown key 'weight' (in service); it belongs to: server"},
	{SERVER("wieght = 3;"), "t:2: unknown key 'wieght' (in server); did you mean 'weight'?"},
	{MATCH("port = 3;"), "t:2: unknown key 'port' (in match); did you mean 'ports'?"},
	{"timeouts = {\n check = 3; };",
	 "t:2: unknown key 'check' (in timeouts, which has: " TIMEOUTS},
	{"timeouts = {\n a-key-that-is-longer-than-any-that-there-is = 3; };",
	 "t:2: unknown key 'a-key-that-is-longer-than-any-that-there' (in timeouts, which "
	 "has: " TIMEOUTS},
	{"director = {\n conntrack = 1; };",
	 "t:2: unknown key 'conntrack' (in director): Packets of services bypass conntrack; "
	 "nothing in nfvs needs its entries."},
	{"director = {\n sloppy_udp = true; };",
	 "t:2: unknown key 'sloppy_udp' (in director); did you mean 'sloppy_tcp'?"},
	{"services = ( {\n conntrack = 1; } );",
	 "t:2: unknown key 'conntrack' (in service, which has: name, protocol, address, port, "
	 "fwmark, family, match, scheduler, scheduler_flags, method, tunnel, tunnel_port, "
	 "tunnel_checksum, "
	 "persistent, persistent_mask, one_packet, datapath, ...)"},

	/* timeouts of a service */
	{SERVICE("port = 80; timeouts = {\n udp = 9; };"), "t:3: udp: the service has no udp"},
	{SERVICE("port = 80; timeouts = {\n sctp_closed = 9; };"),
	 "t:3: sctp_closed: the service has no sctp"},
	{SERVICE("port = 80; timeouts = {\n tcp = 0; };"), "t:3: tcp: 0 is not in 1 .. 2678400"},
	{SERVICE("port = 80; timeouts = {\n time_wait = 3; };"), ""},
	{"services = ( { fwmark = 1; timeouts = { udp = 3; sctp_init = 4; tcp = 5; }; } );", ""},

	/* director */
	{"director = { workers = 36;\nfirst_queue = 65500; };",
	 "t:2: first_queue: the queues up to first_queue + 2 * workers, 65572, do not exist: the "
	 "last "
	 "is 65535"},
	{"director = { mark_mask =\n0x7fff0000; };",
	 "t:1: mark_mask: 0x7fff0000 is not the highest bits without a gap"},
	{"director = {\nmark_mask = 0xff00ff00; };",
	 "t:2: mark_mask: 0xff00ff00 is not the highest bits without a gap"},
	{"director = {\nmark_mask = 0x0000ffff; };",
	 "t:2: mark_mask: 0xffff is not the highest bits without a gap"},
	{"director = { mark_mask = 0x80000000L; };",
	 "t:1: mark_mask: 0x80000000 is a single bit: two are needed"},
	{"director = {\ntable = \"\"; };", "t:2: table: is empty"},
	{"director = {\ntable = \"a b\"; };",
	 "t:2: table: 'a b' must be a letter or '_', then letters, digits, '_', '-' or '.'"},
	{"director = {\ntable = \"1a\"; };",
	 "t:2: table: '1a' must be a letter or '_', then letters, digits, '_', '-' or '.'"},
	{"director = {\ntable = \"a\n{}\"; };",
	 "t:2: table: 'a?{}' must be a letter or '_', then letters, digits, '_', '-' or '.'"},
	{"director = {\ngroup = \"-x\"; };",
	 "t:2: group: '-x' must be a letter or '_', then letters, digits, '_', '-' or '.'"},
	{"director = {\ndatapath = \"kernel\"; };",
	 "t:2: datapath: 'kernel' is unknown (known: auto, packet, flow)"},

	/* services */
	{SERVICE("name = \"\";"), "t:2: name: is empty"},
	{SERVICE("name = \"a\tb\";"), "t:2: name: only printable ASCII characters"},
	{SERVICE("name = \"\xc3\xa4\";"), "t:2: name: only printable ASCII characters"},
	{"services = (\n{ } );", "t:2: missing key 'address' or 'fwmark' (in service)"},
	{"services = (\n{ address = \"10.0.0.1\"; port = 1; } );",
	 "t:2: missing key 'protocol' (in service)"},
	{"services = (\n{ address = \"10.0.0.1\"; protocol = \"tcp\"; } );",
	 "t:2: missing key 'port' (in service)"},
	{"services = ( {\naddress = \"10.1.0.300\"; } );",
	 "t:2: address: '10.1.0.300' is not an IPv4 or IPv6 address"},
	{"services = ( {\naddress = \"10.1.0.1:80\"; } );",
	 "t:2: address: '10.1.0.1:80' is not an IPv4 or IPv6 address"},
	{"services = ( {\naddress = \"fd00::1::2\"; } );",
	 "t:2: address: 'fd00::1::2' is not an IPv4 or IPv6 address"},
	{"services = ( {\naddress = \"www\"; } );",
	 "t:2: address: 'www' is not an IPv4 or IPv6 address"},
	{"services = ( {\naddress = \"0.0.0.0\"; } );",
	 "t:2: address: 0.0.0.0 is not a unicast address"},
	{"services = ( {\naddress = \"224.0.0.1\"; } );",
	 "t:2: address: 224.0.0.1 is not a unicast address"},
	{"services = ( {\naddress = \"255.255.255.255\"; } );",
	 "t:2: address: 255.255.255.255 is not a unicast address"},
	{"services = ( {\naddress = \"::\"; } );", "t:2: address: :: is not a unicast address"},
	{"services = ( {\naddress = \"ff02::1\"; } );",
	 "t:2: address: ff02::1 is not a unicast address"},
	{SERVICE("port = 0;"), "t:2: port: zero port (all ports) needs persistent"},
	{SERVICE("port = 80; family = \"ipv4\";"), "t:2: family: needs fwmark"},
	{SERVICE("port = 80; match = ();"), "t:2: match: needs fwmark"},
	{SERVICE("port = 80; scheduler = \"nonsense\";"),
	 "t:2: scheduler: 'nonsense' is unknown (known: rr wrr lc wlc lblc lblcr dh sh "
	 "sed nq fo ovf mh twos p2c maglev wrr-smooth)"},
	{SERVICE("port = 80;\nscheduler_flags = \"flag-1\";"),
	 "t:3: scheduler_flags: 'flag-1' is no flag of wlc (known: none)"},
	{SERVICE("port = 80; scheduler = \"sh\";\nscheduler_flags = \"sh-port, mh-port\";"),
	 "t:3: scheduler_flags: 'mh-port' is no flag of sh (known: sh-fallback, sh-port)"},
	{SERVICE("port = 80; scheduler = \"mh\"; scheduler_flags = \"mh-port,\";"),
	 "t:2: scheduler_flags: '' is no flag of mh (known: mh-fallback, mh-port)"},
	{SERVICE("port = 80; scheduler = \"sh\"; scheduler_flags = \"sh-port sh-fallback\";"),
	 "t:2: scheduler_flags: 'sh-port sh-fallback' is no flag of sh (known: sh-fallback, "
	 "sh-port)"},
	{SERVICE("port = 80; scheduler = \"maglev\"; scheduler_flags = \"flag-1\";"),
	 "t:2: scheduler_flags: 'flag-1' is no flag of maglev (known: maglev-port)"},
	{SERVICE("port = 80; scheduler = \"sh\"; scheduler_flags = \"\";"),
	 "t:2: scheduler_flags: is empty"},
	{SERVICE("port = 80; tunnel = \"ipip\";"), "t:2: tunnel: needs method tun"},
	{SERVICE("port = 80; tunnel_port = 9;"), "t:2: tunnel_port: needs method tun"},
	{TUNNELS("tunnel = \"gre\";\ntunnel_port = 9;", ""),
	 "t:3: tunnel_port: only gue has a port"},
	{SERVICE("port = 80; tunnel_port = 9; servers = ( { address = \"10.2.0.1\"; method = "
		 "\"tun\"; tunnel = \"ipip\"; } );"),
	 "t:2: tunnel_port: only gue has a port"},
	{TUNNELS("tunnel_checksum = \"full\";", ""), "t:2: tunnel_checksum: ipip has no checksum"},
	{TUNNELS("tunnel = \"gre\";\ntunnel_checksum = \"remote\";", ""),
	 "t:3: tunnel_checksum: only gue can leave it to the receiver"},
	{SERVICE("port = 80; one_packet = true;"),
	 "t:2: one_packet: needs UDP, and this service has TCP only"},
	{SERVICE("port = 80; persistent_mask = 24;"), "t:2: persistent_mask: needs persistent"},
	{SERVICE("port = 80; persistent = 9; persistent_mask = 0;"),
	 "t:2: persistent_mask: 0 is not in 1 .. 128"},
	{SERVICE("port = 80; persistent = 9; persistent_mask = 129;"),
	 "t:2: persistent_mask: 129 is not in 1 .. 128"},
	{SERVICE("port = 80; persistent = 9; persistent_mask = 33;"),
	 "t:2: persistent_mask: 33 is not in 1 .. 32"},
	{SERVICE("port = 80; persistent = 9; persistent_mask = \"24\";"),
	 "t:2: persistent_mask: '24' is not a mask such as 255.255.255.0"},
	{SERVICE("port = 80; persistent = 9; persistent_mask = \"255.0.255.0\";"),
	 "t:2: persistent_mask: 255.0.255.0 is not a mask: ones, then zeros"},
	{SERVICE("port = 80; persistent = 9; persistent_mask = \"0.0.0.0\";"),
	 "t:2: persistent_mask: 0.0.0.0 is not a mask: ones, then zeros"},
	{"services = ( { fwmark = 1; family = \"ipv6\"; persistent = 9;\npersistent_mask = "
	 "\"255.0.0.0\"; } );",
	 "t:2: persistent_mask: IPv6 wants the length of a prefix"},

	/* firewall marks */
	{MARKED("address = \"10.0.0.1\";"),
	 "t:2: address: a firewall-mark service has none; describe its packets by match"},
	{MARKED("protocol = \"tcp\";"),
	 "t:2: protocol: a firewall-mark service has none; describe its packets by match"},
	{MARKED("port = 80;"),
	 "t:2: port: a firewall-mark service has none; describe its packets by match"},
	{"services = ( {\nfwmark = 0x10007; } );",
	 "t:2: fwmark: 0x10007 has bits of director.mark_mask, 0xffff0000"},
	{"services = ( {\nfwmark = 0xfff; } ); director = { mark_mask = 0xffffff00; };",
	 "t:2: fwmark: 0xfff has bits of director.mark_mask, 0xffffff00"},
	{TWO_GROUPS("8000-8100", "80,8100-8200"),
	 "t:2: match: tcp 10.0.0.1:8100 belongs to another fwmark already: t:1"},
	{TWO_GROUPS("80,443", "1-65535"),
	 "t:2: match: tcp 10.0.0.1:80 belongs to another fwmark already: t:1"},
	{TWO_GROUPS("1-100,5-6", "50"),
	 "t:2: match: tcp 10.0.0.1:50 belongs to another fwmark already: t:1"},
	{TWO_GROUPS("80,80-90,443", "79,91-442"), ""},
	{"services = ( { fwmark = 1;\nmatch = ( { } ); } );",
	 "t:2: missing key 'address' (in match)"},
	{MATCH("address = \"10.0.0.1\"; ports = \"1\";"), "t:2: missing key 'protocol' (in match)"},
	{MATCH("address = \"10.0.0.1\"; protocol = \"tcp\";"),
	 "t:2: missing key 'ports' (in match)"},
	{MATCH("address = \"10.0.0.1/24\";"),
	 "t:2: address: '10.0.0.1/24' is not an IPv4 or IPv6 address"},
	{MATCH("protocol = \"icmp\";"), "t:2: protocol: 'icmp' is unknown (known: tcp, udp, sctp)"},
	{MATCH("ports = \"\";"), "t:2: ports: is empty"},
	{MATCH("ports = \"  \";"), "t:2: ports: is empty"},
	{MATCH("ports = \"80,\";"), "t:2: ports: '80,' ends with a comma"},
	{MATCH("ports = \",80\";"),
	 "t:2: ports: ',80' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"0\";"),
	 "t:2: ports: '0' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"65536\";"),
	 "t:2: ports: '65536' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"80 443\";"),
	 "t:2: ports: '80 443' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"80-\";"),
	 "t:2: ports: '80-' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"-80\";"),
	 "t:2: ports: '-80' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"1-2-3\";"),
	 "t:2: ports: '1-2-3' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"80,http\";"),
	 "t:2: ports: '80,http' has something else than ports 1 .. 65535 and ranges"},
	{MATCH("ports = \"443-80\";"),
	 "t:2: ports: '443-80' has a range whose end is before its begin"},
	{"services = ( { fwmark = 1; match = ( { address = \"10.0.0.1\"; protocol = \"tcp\"; ports "
	 "= \"1\"; },\n"
	 "{ address = \"fd00::1\"; protocol = \"tcp\"; ports = \"1\"; } ); } );",
	 "t:2: address: IPv6, but the service is of IPv4"},
	{MARKED("family = \"ipv6\"; match = ( { address = \"10.0.0.1\"; protocol = \"tcp\"; ports "
		"= \"1\"; } );"),
	 "t:2: address: IPv4, but the service is of IPv6"},
	{"services = ( { fwmark = 1; match = ( { address = \"10.0.0.1\"; protocol = \"tcp\"; ports "
	 "= \"1\"; } );\n"
	 "one_packet = true; } );",
	 "t:2: one_packet: needs UDP, and this service has TCP only"},

	/* servers */
	{SERVICE("port = 80; servers = (\n{ } );"), "t:3: missing key 'address' (in server)"},
	{SERVICE("port = 80; servers = ( { address = \"fd00::1\"; } );"),
	 "t:2: address: IPv6, but the service is of IPv4"},
	{MARKED("family = \"ipv6\"; servers = ( { address = \"10.2.0.1\"; } );"),
	 "t:2: address: IPv4, but the service is of IPv6"},
	{SERVICE("port = 80; servers = ( { address = \"10.2.0.256\"; } );"),
	 "t:2: address: '10.2.0.256' is not an IPv4 or IPv6 address"},
	{SERVICE("port = 80; method = \"dr\"; servers = ( { address = \"10.2.0.1\"; port = 81; } "
		 ");"),
	 "t:2: port: method dr leaves the packet as it is, so it must be the service's, 80"},
	{SERVICE("port = 80; servers = ( { address = \"224.0.0.1\"; } );"),
	 "t:2: address: 224.0.0.1 is not a unicast address"},
	{"director = {\nlocal_addresses = [ \"10.2.0.1\", \"224.0.0.1\" ]; };",
	 "t:2: local_addresses: 224.0.0.1 is not a unicast address"},
	{"director = {\nlocal_addresses = [ \"10.2.0.1\", \"10.2.0.1\" ]; };",
	 "t:2: local_addresses: 10.2.0.1 is there twice"},
	{"director = {\nlocal_addresses = \"127.0.0.2\"; };",
	 "t:2: local_addresses: 127.0.0.2 is a loopback address, which no server can answer"},
	{"director = {\nlocal_addresses = [ \"fd00::1\", \"::1\" ]; };",
	 "t:2: local_addresses: ::1 is a loopback address, which no server can answer"},
	{"director = {\nlocal_ports = \"2000-1000\"; };",
	 "t:2: local_ports: '2000-1000' is not a range of ports such as \"1024-32767\""},
	{SERVER("tunnel = \"ipip\";"), "t:2: tunnel: needs method tun"},
	{SERVER("method = \"dr\"; tunnel_checksum = \"none\";"),
	 "t:2: tunnel_checksum: needs method tun"},
	{TUNNELS("", "method = \"nat\"; tunnel = \"gue\";"), "t:3: tunnel: needs method tun"},
	{TUNNELS("", "tunnel = \"gue\";"), "t:3: tunnel: gue needs a tunnel_port"},
	{TUNNELS("tunnel = \"gue\"; tunnel_port = 9;", "tunnel = \"gue\";"),
	 "t:3: tunnel: gue needs a tunnel_port"},
	{TUNNELS("tunnel = \"gue\";", "weight = 2;"), "t:3: tunnel: gue needs a tunnel_port"},
	{TUNNELS("", "tunnel_port = 9;"), "t:3: tunnel_port: only gue has a port"},
	{TUNNELS("", "tunnel = \"ipip\"; tunnel_checksum = \"full\";"),
	 "t:3: tunnel_checksum: ipip has no checksum"},
	{TUNNELS("", "tunnel = \"gre\"; tunnel_checksum = \"remote\";"),
	 "t:3: tunnel_checksum: only gue can leave it to the receiver"},
	{SERVER("method = \"fullnat\";"),
	 "t:2: method: fullnat needs an IPv4 address in director.local_addresses"},
	{SERVER("upper = 5; lower = 6;"), "t:2: lower: 6 is above upper, 5"},
	{SERVER("lower = 1;"), "t:2: lower: 1 is above upper, 0"},
	{MARKED("persistent = 9; servers = ( { address = \"10.2.0.1\"; port = 80; } );"),
	 "t:2: port: has no effect in a persistent service of many ports: each packet keeps its "
	 "own"},
	{SERVICE("port = 0; persistent = 9; servers = ( { address = \"10.2.0.1\"; port = 80; } );"),
	 "t:2: port: has no effect in a persistent service of many ports: each packet keeps its "
	 "own"},
	{SERVICE("port = 80; servers = ( { address = \"10.2.0.1\"; port = 80; },\n{ address = "
		 "\"10.2.0.2\"; },\n"
		 "{ address = \"10.2.0.1\"; } );"),
	 "t:4: server 10.2.0.1:80 is there already: t:2"},

	/* services twice: the second is to blame, the first is named */
	{"services = (\n" WEB("10.0.0.1") ",\n" WEB("10.0.0.2") ",\n" WEB("10.0.0.1") ",\n" WEB(
		 "10.0.0.2") ");",
	 "t:4: service tcp 10.0.0.1:80 is there already: t:2"},
	{"services = ( { fwmark = 7; }, { fwmark = 7; family = \"ipv6\"; },\n{ fwmark = 7; family "
	 "= \"ipv6\"; } );",
	 "t:2: service fwmark 7 IPv6 is there already: t:1"},
	{"services = ( { fwmark = 7; },\n{ fwmark = 7; family = \"ipv4\"; } );",
	 "t:2: service fwmark 7 is there already: t:1"},
};

Test(conf, what_is_wrong_is_refused_with_its_line)
{
	for (size_t i = 0; i < LEN(wrong); i++)
		cr_expect_str_eq(error_of(wrong[i].text), wrong[i].error,
				 "\n%s\ngot:      %s\nexpected: %s", wrong[i].text,
				 error_of(wrong[i].text), wrong[i].error);
}

/* The group of @key with only this setting in it, on line 2. */
static const char *with(const struct key *key, const char *value)
{
	static const char *const around[GROUP_MAX][2] = {
		[GROUP_FILE] = {"", ""},
		[GROUP_DIRECTOR] = {"director = {", "};"},
		[GROUP_TIMEOUTS] = {"timeouts = {", "};"},
		[GROUP_SERVICE] = {"services = ( {", "} );"},
		[GROUP_MATCH] = {"services = ( { fwmark = 1; match = ( {", "} ); } );"},
		[GROUP_SERVER] = {"services = ( { fwmark = 1; servers = ( {", "} ); } );"},
	};
	static char text[512];

	snprintf(text, sizeof(text), "%s\n%s = %s; %s", around[key->group][0], key->name, value,
		 around[key->group][1]);
	return text;
}

static bool takes_integers(enum key_type type)
{
	return type == KEY_NUMBER || type == KEY_MASK;
}

static bool takes_strings(enum key_type type)
{
	return type != KEY_BOOL && type != KEY_NUMBER && type != KEY_GROUP && type != KEY_LIST;
}

static const char *wanted(enum key_type type)
{
	static const char *const words[] = {
		[KEY_BOOL] = "true or false",
		[KEY_NUMBER] = "an integer",
		[KEY_ADDRESS] = "an address as a string",
		[KEY_ADDRESSES] = "an array of addresses as strings",
		[KEY_MASK] = "a prefix length or a mask as a string",
		[KEY_GROUP] = "a group { ... }",
		[KEY_LIST] = "a list of groups ( { ... }, ... )",
	};

	return type < LEN(words) && words[type] ? words[type] : "a string";
}

Test(conf, every_key_refuses_every_other_type)
{
	static const struct {
		const char *value, *got;
	} rows[] = {
		{"1", "an integer"},
		{"0x100000000", "an integer"},
		{"1.5", "a floating-point number"},
		{"\"x\"", "a string"},
		{"true", "a boolean"},
		{"{ }", "a group"},
		{"( )", "a list"},
		{"[ ]", "an array"},
		{"( 1 )", "an integer"},
		{"( \"x\" )", "a string"},
		{"( ( ) )", "a list"},
	};
	char expected[128];

	for (size_t k = 0; k < keys_len; k++) {
		const struct key *key = &keys[k];

		for (size_t i = 0; i < LEN(rows); i++) {
			const char *got = rows[i].got;

			if ((takes_integers(key->type) && i < 2) ||
			    (takes_strings(key->type) && i == 3) ||
			    (key->type == KEY_BOOL && i == 4) ||
			    (key->type == KEY_ADDRESSES && i == 7) ||
			    (key->type == KEY_GROUP && i == 5) || (key->type == KEY_LIST && i == 6))
				continue;
			if (key->type != KEY_LIST && i >= 8)
				got = "a list";
			snprintf(expected, sizeof(expected), "t:2: %s: wanted %s, got %s",
				 key->name, wanted(key->type), got);
			cr_expect_str_eq(error_of(with(key, rows[i].value)), expected);
		}
	}
}

Test(conf, every_number_has_its_bounds)
{
	char value[32], expected[128];

	for (size_t k = 0; k < keys_len; k++) {
		const struct key *key = &keys[k];
		const long long outside[] = {(long long)key->min - 1, (long long)key->max + 1,
					     (long long)key->min - (1LL << 32),
					     (long long)key->max + (1LL << 32)};

		for (size_t i = 0; key->type == KEY_NUMBER && i < LEN(outside); i++) {
			snprintf(value, sizeof(value), "%lld", outside[i]);
			snprintf(expected, sizeof(expected), "t:2: %s: %s is not in %u .. %u",
				 key->name, value, key->min, key->max);
			cr_expect_str_eq(error_of(with(key, value)), expected);
		}
	}
}

Test(conf, every_word_and_string_has_its_bounds)
{
	char longest[128], expected[160];

	for (size_t k = 0; k < keys_len; k++) {
		const struct key *key = &keys[k];

		snprintf(expected, sizeof(expected),
			 "t:2: %s: 'nonsense' is unknown (known: ", key->name);
		if (key->type == KEY_WORD || key->type == KEY_SCHEDULER)
			cr_expect(!strncmp(error_of(with(key, "\"nonsense\"")), expected,
					   strlen(expected)),
				  "%s", key->name);
		if (key->type != KEY_NAME && key->type != KEY_TEXT)
			continue;
		snprintf(longest, sizeof(longest), "\"%0*d\"", (int)key->size, 0);
		memset(longest + 1, 'x', key->size);
		snprintf(expected, sizeof(expected), "t:2: %s: longer than %zu characters",
			 key->name, key->size - 1);
		cr_expect_str_eq(error_of(with(key, longest)), expected);
	}
}

/* What is accepted, beside the files that are looked at field by field. */
Test(conf, what_is_right_is_accepted)
{
	static const char *const rows[] = {
		"",
		"  \n\n",
		"# nothing\n// at \"all\n/* here \" */",
		"director = { };\nservices = ( );",
		"director : { workers : 1, first_queue = 65533 }",
		"director = { workers = 17; first_queue = 65500; table = \"_a-b.C9\"; };",
		"director = { workers = 256; queue_length = 64; datapath = \"flow\"; };",
		"director = { mark_mask = 0xc0000000; }; services = ( { fwmark = 0x3fffffff; } );",
		"director = { mark_mask = 4294967295; };",
		"director = { mark_mask = 4294967295L; };",
		"director = { mark_mask = 0xfffffff0L; };",
		"timeouts = { tcp = 1; tcpfin = 2678400; udp = 1; };",
		SERVICE("port = 80; servers = ( );"),
		SERVICE("port = 0; persistent = 1; servers = ( { address = \"10.2.0.1\"; port = 0; "
			"} );"),
		SERVICE("port = 80; name = \"My shop (new)\"; method = \"NAT\";"),
		SERVICE("port = 80; method = \"tun\"; tunnel = \"gue\";"),
		SERVICE("port = 80; tunnel = \"gue\"; servers = ( { address = \"fd00::1\"; "
			"method = \"tun\"; tunnel_port = 9; }, { address = \"10.2.0.1\"; } );"),
		TUNNELS("tunnel = \"gue\"; tunnel_port = 9;", "tunnel = \"ipip\";"),
		MARKED("one_packet = true;"),
		MARKED("servers = ( { address = \"10.2.0.1\"; port = 80; } );"),
		MATCH("address = \"10.0.0.1\"; protocol = \"TCP\"; ports = \"1-65535\";"),
		"services = ( " WEB("10.0.0.1") ", " WEB("10.0.0.2") " );",
		"services = ( { fwmark = 7; }, { fwmark = 7; family = \"ipv6\"; }, { fwmark = 8; } "
		");",
		SERVICE("port = 80; servers = ( { address = \"10.2.0.1\"; },"
			"{ address = \"10.2.0.1\"; port = 81; }, { address = \"10.2.0.2\"; } );"),
	};

	for (size_t i = 0; i < LEN(rows); i++)
		cr_expect_str_eq(error_of(rows[i]), "", "%s: %s", rows[i], error_of(rows[i]));
}

Test(conf, lines_of_a_long_file)
{
	size_t len = 70000;
	char *text = malloc(len + 32);

	memset(text, '\n', len);
	strcpy(text + len, "director = { x = 1; };");
	cr_assert(strstr(error_of(text), "t:70001: unknown key 'x'"), "%s", error_of(text));
	free(text);
}
