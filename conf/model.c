// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the values of the file to the model: services, matches, servers. The one idea: group.c has
 * checked every value alone, here is what depends on several: which keys exclude or need each
 * other, address families, defaults that come from elsewhere. What would have no effect is an error
 * too. Called by conf.c; any thread.
 */
#include "conf/model.h"
#include "conf/carrying.h"
#include "conf/duplicate.h"
#include "conf/group.h"
#include "conf/scheduling.h"
#include "lvs/timeouts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A service while it is read. */
struct draft {
	const struct reader *reader;
	const struct director_conf *director;
	const config_setting_t *at;
	struct service_values values;
	struct service_conf *out;
};

static const char *family_name(uint8_t af)
{
	return af == AF_INET ? "IPv4" : "IPv6";
}

static int no_memory(const struct draft *draft)
{
	return error_set(draft->reader->err, -ENOMEM, "no memory");
}

/* The keys of the other kind of service. */
static int refuse_keys(const struct draft *draft, const char *const *names, const char *why)
{
	const config_setting_t *at;

	for (; *names; names++) {
		at = group_at(draft->at, *names);
		if (at)
			return reader_fault(draft->reader, at, "%s: %s", *names, why);
	}
	return 0;
}

/* The service is known by its mark; its family may still be open (0). */
static int key_by_mark(struct draft *draft)
{
	uint32_t mark_mask = draft->director->mark_mask;
	static const char *const others[] = {"address", "protocol", "port", NULL};
	const struct service_values *values = &draft->values;
	struct service_key *key = &draft->out->spec.key;
	int ret = refuse_keys(draft, others,
			      "a firewall-mark service has none; describe its packets by match");

	if (ret)
		return ret;
	if (values->fwmark & mark_mask)
		return reader_fault(draft->reader, group_at(draft->at, "fwmark"),
				    "fwmark: 0x%x has bits of director.mark_mask, 0x%x",
				    values->fwmark, mark_mask);
	key->fwmark = values->fwmark;
	key->af = values->family;
	return 0;
}

static int key_by_address(struct draft *draft)
{
	static const char *const others[] = {"match", "family", NULL};
	static const char *const needed[] = {"address", "protocol", "port"};
	const struct service_values *values = &draft->values;
	int ret = refuse_keys(draft, others, "needs fwmark");

	if (ret)
		return ret;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!group_at(draft->at, needed[i]))
			return reader_fault(draft->reader, draft->at, "missing key '%s'%s (in %s)",
					    needed[i], i ? "" : " or 'fwmark'",
					    key_group_name(GROUP_SERVICE));
	draft->out->spec.key = (struct service_key){
		.af = values->address.af,
		.protocol = values->protocol,
		.port = htons((uint16_t)values->port),
		.addr = values->address.addr,
	};
	if (!values->port && !values->persistent)
		return reader_fault(draft->reader, group_at(draft->at, "port"),
				    "port: zero port (all ports) needs persistent");
	return 0;
}

/* One entry of match: an item for each range of ports. */
static int match_read(struct draft *draft, const config_setting_t *at)
{
	struct service_spec *spec = &draft->out->spec;
	const config_setting_t *where;
	struct match_values values;
	struct match match, *more;
	const char *why;
	int ret = group_read(draft->reader, GROUP_MATCH, at, &values);

	if (ret)
		return ret;
	where = group_at(at, "address");
	if (spec->key.af && spec->key.af != values.address.af)
		return reader_fault(draft->reader, where, "address: %s, but the service is of %s",
				    family_name(values.address.af), family_name(spec->key.af));
	spec->key.af = values.address.af;
	match = (struct match){
		.af = values.address.af, .protocol = values.protocol, .addr = values.address.addr};
	while (ports_next(&values.ports, &match.first, &match.last, &why) > 0) {
		more = reallocarray(spec->matches, spec->matches_len + 1, sizeof(*more));
		if (!more)
			return no_memory(draft);
		spec->matches = more;
		spec->matches[spec->matches_len++] = match;
	}
	return 0;
}

static int matches_read(struct draft *draft)
{
	const config_setting_t *list = draft->values.match;
	int ret = 0;

	for (int i = 0; list && !ret && i < config_setting_length(list); i++)
		ret = match_read(draft, config_setting_get_elem(list, (unsigned int)i));
	if (!draft->out->spec.key.af)
		draft->out->spec.key.af = AF_INET;
	return ret;
}

static int persistence_read(struct draft *draft)
{
	const config_setting_t *at = group_at(draft->at, "persistent_mask");
	const struct service_values *values = &draft->values;
	struct service_spec *spec = &draft->out->spec;
	uint8_t af = spec->key.af;

	spec->timeout = values->persistent;
	spec->netmask = netmask_full(af);
	if (values->persistent)
		spec->flags |= SERVICE_PERSISTENT;
	if (!at)
		return 0;
	if (!values->persistent)
		return reader_fault(draft->reader, at, "persistent_mask: needs persistent");
	if (af == AF_INET6 && values->mask.dotted)
		return reader_fault(draft->reader, at,
				    "persistent_mask: IPv6 wants the length of a prefix");
	if (af == AF_INET && values->mask.prefix > 32)
		return reader_fault(draft->reader, at, "persistent_mask: %u is not in 1 .. 32",
				    values->mask.prefix);
	if (values->mask.dotted)
		spec->netmask = values->mask.dotted;
	else if (af == AF_INET)
		spec->netmask = htonl(UINT32_MAX << (32 - values->mask.prefix));
	else
		spec->netmask = values->mask.prefix;
	return 0;
}

/* A firewall-mark service without a group may have all. */
static bool may_have(const struct service_spec *spec, uint8_t protocol)
{
	bool may = spec->key.fwmark && !spec->matches_len;

	for (size_t i = 0; i < spec->matches_len; i++)
		may |= spec->matches[i].protocol == protocol;
	return may || spec->key.protocol == protocol;
}

/* What is not in the group stays 0: as all have it. */
static int timeouts_read(struct draft *draft)
{
	const config_setting_t *group = draft->values.timeouts, *at;
	struct service_spec *spec = &draft->out->spec;
	struct timeouts_spec values;
	int ret;

	spec->says |= SAYS_TIMEOUTS;
	if (!group)
		return 0;
	ret = group_read(draft->reader, GROUP_TIMEOUTS, group, &values);
	for (size_t i = 0; !ret && i < timeout_keys_len; i++) {
		const struct timeout_key *key = &timeout_keys[i];

		at = group_at(group, key->name);
		if (!at)
			continue;
		if (!may_have(spec, key->protocol))
			return reader_fault(draft->reader, at, "%s: the service has no %s",
					    key->name, protocol_name(key->protocol));
		*timeout_at(&spec->timeouts, key) = timeout_value(&values, key);
	}
	return ret;
}

static int one_packet_read(struct draft *draft)
{
	if (!draft->values.one_packet)
		return 0;
	if (!may_have(&draft->out->spec, IPPROTO_UDP))
		return reader_fault(draft->reader, group_at(draft->at, "one_packet"),
				    "one_packet: needs UDP, and this service has TCP only");
	draft->out->spec.flags |= SERVICE_ONEPACKET;
	return 0;
}

static const char *const tunnel_keys[] = {"tunnel", "tunnel_port", "tunnel_checksum"};

/* The first tunnel key of a group, or NULL. */
static const config_setting_t *tunnel_at(const config_setting_t *group)
{
	const config_setting_t *at = NULL;

	for (size_t i = 0; !at && i < sizeof(tunnel_keys) / sizeof(tunnel_keys[0]); i++)
		at = group_at(group, tunnel_keys[i]);
	return at;
}

/* Puts the keys of a group over @tunnel. A type of its own begins anew: the port of one kind of
 * tunnel means nothing to another. */
static void tunnel_take(const config_setting_t *group, const struct tunnel_values *values,
			struct tunnel *tunnel)
{
	if (group_at(group, "tunnel"))
		*tunnel = (struct tunnel){.type = (uint8_t)values->type};
	if (group_at(group, "tunnel_port"))
		tunnel->port = htons((uint16_t)values->port);
	if (group_at(group, "tunnel_checksum"))
		tunnel->flags = values->checksum;
}

static int tunnel_judge(const struct draft *draft, const config_setting_t *group,
			const struct tunnel *tunnel)
{
	const char *why, *fault = tunnel_fault(tunnel, &why);
	const config_setting_t *at;

	if (!fault)
		return 0;
	at = group_at(group, fault);
	return reader_fault(draft->reader, at ? at : group, "%s: %s", fault, why);
}

static bool has_method(const struct draft *draft, enum forward_method method)
{
	const struct service_conf *out = draft->out;
	bool has = draft->values.method == method;

	for (size_t i = 0; !has && i < out->servers_len; i++)
		has = out->servers[i].method == method;
	return has;
}

/* What the service says for its servers. The port of gue may be left to each of them. */
static int service_tunnel_judge(const struct draft *draft)
{
	struct tunnel tunnel = {0};

	tunnel_take(draft->at, &draft->values.tunnel, &tunnel);
	if (tunnel.type == TUNNEL_GUE && !tunnel.port)
		tunnel.port = htons(1);
	return tunnel_judge(draft, draft->at, &tunnel);
}

static int service_tunnel_unused(const struct draft *draft)
{
	const config_setting_t *at = tunnel_at(draft->at);

	if (!at || has_method(draft, FORWARD_TUN))
		return 0;
	return reader_fault(draft->reader, at, "%s: needs method tun", config_setting_name(at));
}

static int server_tunnel_read(const struct draft *draft, const config_setting_t *group,
			      const struct tunnel_values *values, struct dest_spec *out)
{
	const config_setting_t *at = tunnel_at(group);

	if (out->method != FORWARD_TUN)
		return at ? reader_fault(draft->reader, at, "%s: needs method tun",
					 config_setting_name(at))
			  : 0;
	tunnel_take(draft->at, &draft->values.tunnel, &out->tunnel);
	tunnel_take(group, values, &out->tunnel);
	return tunnel_judge(draft, group, &out->tunnel);
}

/* FULLNAT has to have something to send from, and to remember whom it sent for. */
static int fullnat_judge(const struct draft *draft, const config_setting_t *server)
{
	const struct local_addresses *locals = &draft->director->locals;
	const config_setting_t *at = group_at(server, "method");
	const struct service_spec *spec = &draft->out->spec;
	bool any = false;

	if (!at)
		at = group_at(draft->at, "method");
	for (uint32_t i = 0; i < locals->len; i++)
		any |= locals->items[i].af == spec->key.af;
	if (!any)
		return reader_fault(draft->reader, at,
				    "method: fullnat needs an %s address in "
				    "director.local_addresses",
				    family_name(spec->key.af));
	if (spec->flags & SERVICE_ONEPACKET)
		return reader_fault(draft->reader, at,
				    "method: fullnat has to remember a packet's sender, which a "
				    "one_packet service does not");
	return 0;
}

static int server_read(struct draft *draft, const config_setting_t *at, struct dest_spec *out)
{
	const struct service_spec *spec = &draft->out->spec;
	struct server_values values;
	enum forward_method method;
	int ret = group_read(draft->reader, GROUP_SERVER, at, &values);

	if (ret)
		return ret;
	method = group_at(at, "method") ? values.method : draft->values.method;
	if (values.address.af != spec->key.af && method != FORWARD_TUN)
		return reader_fault(draft->reader, group_at(at, "address"),
				    "address: %s, but the service is of %s",
				    family_name(values.address.af), family_name(spec->key.af));
	if (values.port && service_keeps_port(spec->flags, &spec->key))
		return reader_fault(draft->reader, group_at(at, "port"),
				    "port: has no effect in a persistent service of many ports: "
				    "each packet keeps its own");
	if ((method == FORWARD_DR || method == FORWARD_TUN) && values.port && spec->key.port &&
	    values.port != ntohs(spec->key.port))
		return reader_fault(draft->reader, group_at(at, "port"),
				    "port: method %s leaves the packet as it is, so it must be the "
				    "service's, %u",
				    forward_method_name(method), ntohs(spec->key.port));
	if (method == FORWARD_FULLNAT) {
		ret = fullnat_judge(draft, at);
		if (ret)
			return ret;
	}
	if (values.lower > values.upper)
		return reader_fault(draft->reader, group_at(at, "lower"),
				    "lower: %u is above upper, %u", values.lower, values.upper);
	if (values.limit && values.limit < values.upper)
		return reader_fault(draft->reader, group_at(at, "upper"),
				    "upper: %u is never reached, for the limit is %u", values.upper,
				    values.limit);
	*out = (struct dest_spec){
		.af = values.address.af,
		.method = method,
		.port = values.port ? htons((uint16_t)values.port) : spec->key.port,
		.weight = (int32_t)values.weight,
		.upper = values.upper,
		.lower = values.lower,
		.limit = values.limit,
		.slow_start = values.slow_start,
		.backup = values.backup,
		.says = SAYS_LIMIT | SAYS_BACKUP |
			(group_at(at, "slow_start") ? SAYS_SLOW_START : 0),
		.addr = values.address.addr,
	};
	return server_tunnel_read(draft, at, &values.tunnel, out);
}

static int compare_servers(const void *a, const void *b)
{
	const struct dest_spec *x = a, *y = b;

	if (x->af != y->af)
		return (int)x->af - (int)y->af;
	if (x->port != y->port)
		return (int)ntohs(x->port) - (int)ntohs(y->port);
	return addr_compare(&x->addr, &y->addr);
}

static int servers_duplicate(struct draft *draft)
{
	const config_setting_t *list = draft->values.servers, *at;
	const struct service_conf *out = draft->out;
	char text[ADDR_STRLEN];
	struct place place;
	size_t first, second;
	int ret = duplicate_find(out->servers, out->servers_len, sizeof(*out->servers),
				 compare_servers, &first, &second);

	if (ret < 0)
		return no_memory(draft);
	if (!ret)
		return 0;
	at = config_setting_get_elem(list, (unsigned int)first);
	place = source_place(draft->reader->source, config_setting_source_line(at));
	addr_format_port(text, out->servers[first].af, &out->servers[first].addr,
			 out->servers[first].port);
	at = config_setting_get_elem(list, (unsigned int)second);
	return reader_fault(draft->reader, at, "server %s is there already: %s:%u", text,
			    place.file, place.line);
}

static int servers_read(struct draft *draft)
{
	const config_setting_t *list = draft->values.servers;
	struct service_conf *out = draft->out;
	size_t len = list ? (size_t)config_setting_length(list) : 0;
	int ret = 0;

	if (!len)
		return 0;
	out->servers = calloc(len, sizeof(*out->servers));
	if (!out->servers)
		return no_memory(draft);
	out->servers_len = len;
	for (size_t i = 0; !ret && i < len; i++)
		ret = server_read(draft, config_setting_get_elem(list, (unsigned int)i),
				  &out->servers[i]);
	return ret ? ret : servers_duplicate(draft);
}

int model_read(const struct reader *reader, const struct director_conf *director,
	       const config_setting_t *at, struct service_conf *out)
{
	struct draft draft = {.reader = reader, .director = director, .at = at, .out = out};
	int ret = group_read(reader, GROUP_SERVICE, at, &draft.values);

	if (ret)
		return ret;
	out->line = source_place(reader->source, config_setting_source_line(at)).line;
	memcpy(out->spec.name, draft.values.name, sizeof(out->spec.name));
	out->spec.limit = draft.values.limit;
	out->spec.slow_start = draft.values.slow_start;
	out->spec.datapath = draft.values.datapath;
	out->spec.schedule = draft.values.schedule;
	out->spec.says = SAYS_LIMIT | SAYS_SLOW_START;
	ret = draft.values.fwmark ? key_by_mark(&draft) : key_by_address(&draft);
	if (!ret)
		ret = scheduling_read(reader, at, &draft.values, &out->spec);
	if (!ret)
		ret = matches_read(&draft);
	if (!ret)
		ret = persistence_read(&draft);
	if (!ret)
		ret = one_packet_read(&draft);
	if (!ret)
		ret = timeouts_read(&draft);
	/* Before the servers, lest the first of them be blamed for it. */
	if (!ret && draft.values.method == FORWARD_TUN)
		ret = service_tunnel_judge(&draft);
	if (!ret)
		ret = servers_read(&draft);
	if (!ret)
		ret = service_tunnel_unused(&draft);
	if (!ret)
		ret = carrying_judge(reader, director, at, out);
	return ret ? ret : service_tunnel_judge(&draft);
}

void model_free(struct service_conf *service)
{
	free(service->spec.matches);
	free(service->servers);
}

int model_compare(const void *service_a, const void *service_b)
{
	const struct service_key *a = &((const struct service_conf *)service_a)->spec.key;
	const struct service_key *b = &((const struct service_conf *)service_b)->spec.key;

	if (a->fwmark != b->fwmark)
		return a->fwmark < b->fwmark ? -1 : 1;
	if (a->af != b->af)
		return (int)a->af - (int)b->af;
	if (a->protocol != b->protocol)
		return (int)a->protocol - (int)b->protocol;
	if (a->port != b->port)
		return (int)ntohs(a->port) - (int)ntohs(b->port);
	return addr_compare(&a->addr, &b->addr);
}
