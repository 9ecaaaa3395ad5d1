// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From words to a filter: a table of options, each with what reads its value. Mistakes are answered
 * with what would be right. nfvsadm.
 */
#include "ctl/condition.h"
#include "ctl/run.h"
#include "ctl/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool seconds_parse(const char *text, uint32_t *out)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || (*end && end[1]))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end != units[i].unit)
			continue;
		if (number > UINT32_MAX / 2 / units[i].seconds)
			return false;
		*out = (uint32_t)number * units[i].seconds;
		return true;
	}
	return false;
}

/* ADDRESS/BITS */
static int read_network(const char *text, const char *slash, struct filter *filter)
{
	char copy[ADDR_STRLEN];
	int64_t bits;

	if ((size_t)(slash - text) >= sizeof(copy))
		return session_fail("'%s' is no network (ADDRESS/BITS)", text);
	memcpy(copy, text, (size_t)(slash - text));
	copy[slash - text] = '\0';
	if (addr_parse(copy, &filter->af, &filter->client) ||
	    text_number(slash + 1, filter->af == AF_INET6, filter->af == AF_INET6 ? 128 : 32,
			&bits))
		return session_fail("'%s' is no network (ADDRESS/BITS)", text);
	filter->netmask = (uint32_t)bits;
	if (filter->af == AF_INET)
		filter->netmask = bits ? htonl(UINT32_MAX << (32 - bits)) : 0;
	filter->client = addr_network(filter->af, &filter->client, filter->netmask);
	filter->set |= FILTER_CLIENT;
	return 0;
}

static int read_client(const char *text, struct filter *filter)
{
	const char *slash = strchr(text, '/');
	struct endpoint end;

	if (slash)
		return read_network(text, slash, filter);
	if (text_endpoint(text, 0, &end))
		return session_fail("'%s' is no client (ADDRESS, ADDRESS/BITS or ADDRESS:PORT)",
				    text);
	filter->set |= FILTER_CLIENT | (end.has_port ? FILTER_PORT : 0);
	filter->af = end.af;
	filter->client = end.addr;
	filter->netmask = netmask_full(end.af);
	filter->client_port = end.port;
	return 0;
}

static int read_server(const char *text, struct filter *filter)
{
	struct endpoint end;

	if (text_endpoint(text, 0, &end))
		return session_fail("'%s' is no server (ADDRESS or ADDRESS:PORT)", text);
	filter->set |= FILTER_SERVER | (end.has_port ? FILTER_DPORT : 0);
	filter->server_af = end.af;
	filter->server = end.addr;
	filter->server_port = end.port;
	return 0;
}

static int read_state(const char *text, struct filter *filter)
{
	const char *state = filter_state(text);

	if (!state)
		return session_fail("'%s' is no state that a connection can have (ESTABLISHED ... "
				    "as listings show it, or TEMPLATE)",
				    text);
	filter->set |= FILTER_STATE;
	strncpy(filter->state, state, sizeof(filter->state) - 1);
	return 0;
}

/* >TIME or <TIME */
static int read_bound(const char *text, uint32_t min_bit, uint32_t *min, uint32_t max_bit,
		      uint32_t *max, struct filter *filter)
{
	bool more = *text == '>';

	if (filter->set & (more ? min_bit : max_bit) && (more || *text == '<'))
		return session_fail("'%s': there is a bound with %c already", text, *text);
	if ((!more && *text != '<') || !seconds_parse(text + 1, more ? min : max))
		return session_fail("'%s' is neither '>TIME' nor '<TIME' (TIME: 90, 90s, 5m, 2h or "
				    "1d)",
				    text);
	filter->set |= more ? min_bit : max_bit;
	return 0;
}

static int read_age(const char *text, struct filter *filter)
{
	return read_bound(text, FILTER_AGE_MIN, &filter->age_min, FILTER_AGE_MAX, &filter->age_max,
			  filter);
}

static int read_idle(const char *text, struct filter *filter)
{
	return read_bound(text, FILTER_IDLE_MIN, &filter->idle_min, FILTER_IDLE_MAX,
			  &filter->idle_max, filter);
}

static int read_name(const char *text, struct filter *filter)
{
	if (!*text || strlen(text) >= sizeof(filter->name))
		return session_fail("'%s' is no name of a service", text);
	filter->set |= FILTER_NAME;
	strcpy(filter->name, text);
	return 0;
}

static int read_fwmark(const char *text, struct filter *filter)
{
	int64_t mark;

	if (text_number(text, 1, UINT32_MAX, &mark))
		return session_fail("'%s' is no firewall mark (1 .. 4294967295)", text);
	filter->service = (struct service_key){.af = AF_INET, .fwmark = (uint32_t)mark};
	return 0;
}

static int read_address(const char *word, const char *text, struct filter *filter)
{
	int protocol = strcmp(word, "sctp") ? protocol_parse(word) : IPPROTO_SCTP;
	struct endpoint end;

	if (protocol < 0)
		return session_fail("'%s' is no service (tcp, udp or sctp ADDRESS:PORT, fwmark N, "
				    "or --name NAME)",
				    word);
	if (text_endpoint(text, (uint8_t)protocol, &end) || !end.has_port)
		return session_fail("'%s' is not ADDRESS:PORT (IPv6: [ADDRESS]:PORT)", text);
	filter->service = (struct service_key){
		.af = end.af, .protocol = (uint8_t)protocol, .port = end.port, .addr = end.addr};
	return 0;
}

int condition_read_service(int argc, const char *const *argv, int *at, struct filter *filter)
{
	const char *word = *at < argc ? argv[*at] : NULL;
	const char *text = *at + 1 < argc ? argv[*at + 1] : NULL;
	int ret;

	if (!word || !text)
		return session_fail("a service is missing (tcp, udp or sctp ADDRESS:PORT, fwmark "
				    "N, or --name NAME)");
	*at += 2;
	if (!strcmp(word, "--name"))
		return read_name(text, filter);
	ret = strcmp(word, "fwmark") ? read_address(word, text, filter) : read_fwmark(text, filter);
	if (ret)
		return ret;
	if (filter->service.fwmark && *at < argc && !strcmp(argv[*at], "ipv6")) {
		filter->service.af = AF_INET6;
		++*at;
	}
	filter->set |= FILTER_SERVICE;
	return 0;
}

int condition_read_server(int argc, const char *const *argv, int *at, struct filter *filter)
{
	if (*at >= argc)
		return session_fail("a server is missing (ADDRESS or ADDRESS:PORT)");
	return read_server(argv[(*at)++], filter);
}

int condition_read(int argc, const char *const *argv, int *at, struct filter *filter)
{
	static const struct {
		const char *name;
		int (*read)(const char *text, struct filter *filter);
		uint32_t once; /* in filter->set */
	} options[] = {
		{"--client", read_client, FILTER_CLIENT},
		{"--server", read_server, FILTER_SERVER},
		{"--state", read_state, FILTER_STATE},
		{"--name", read_name, FILTER_NAME},
		{"--age", read_age, 0},
		{"--idle", read_idle, 0},
	};

	if (!strcmp(argv[*at], "--service")) {
		if (filter->set & FILTER_SERVICE)
			return session_fail("--service is there twice");
		++*at;
		return condition_read_service(argc, argv, at, filter);
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(argv[*at], options[i].name))
			continue;
		if (*at + 1 >= argc)
			return session_fail("%s needs a value", argv[*at]);
		if (filter->set & options[i].once)
			return session_fail("%s is there twice", argv[*at]);
		*at += 2;
		return options[i].read(argv[*at - 1], filter);
	}
	return CONDITION_NONE;
}
