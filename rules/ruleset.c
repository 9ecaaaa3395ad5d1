// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From services and servers to the elements of the sets. The one idea: the rules themselves never
 * change (layout.c), only what is in the sets does, so a ruleset is its parameters and sorted
 * arrays, and two rulesets can be compared by merging. Ranges that touch or overlap are joined,
 * because the kernel's interval sets refuse overlaps. Any thread.
 */
#include "rules/layout.h"
#include "rules/flows.h"
#include "lib/array.h"
#include "lvs/verdict.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#define FTP_PORT      21
#define FTP_DATA_PORT 20
#define UNPRIVILEGED  1024

static enum family family_of(uint8_t af)
{
	return af == AF_INET6 ? FAMILY_IP6 : FAMILY_IP;
}

uint16_t family_nfproto(enum family family)
{
	static const uint16_t nfproto[] = {[FAMILY_IP] = NFPROTO_IPV4,
					   [FAMILY_IP6] = NFPROTO_IPV6,
					   [FAMILY_DEVICES] = NFPROTO_NETDEV};

	return nfproto[family];
}

int element_compare(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	int order = addr_compare(&x->addr, &y->addr);

	if (order)
		return order;
	if (x->byte != y->byte)
		return (int)x->byte - (int)y->byte;
	if (x->first != y->first)
		return (int)x->first - (int)y->first;
	if (x->last != y->last)
		return (int)x->last - (int)y->last;
	if (x->mark != y->mark)
		return x->mark > y->mark ? 1 : -1;
	if (x->slot != y->slot)
		return (int)x->slot - (int)y->slot;
	return (x->number > y->number) - (x->number < y->number);
}

int elements_add(struct elements *elements, const struct element *element)
{
	if (!array_grow(&elements->items, elements->len, &elements->max, sizeof(*element)))
		return -ENOMEM;
	elements->items[elements->len++] = *element;
	return 0;
}

static int add_ports(struct ruleset *ruleset, uint8_t af, enum set_id set, const union addr *addr,
		     uint8_t protocol, uint16_t first, uint16_t last, uint32_t mark)
{
	const struct element element = {
		.addr = *addr, .mark = mark, .first = first, .last = last, .byte = protocol};

	return elements_add(&ruleset->sets[family_of(af)][set], &element);
}

/* The set of ranges for this protocol; @tcp is the one for TCP. */
static enum set_id ranges(enum set_id tcp, uint8_t protocol)
{
	return tcp + (protocol == IPPROTO_UDP) + 2 * (protocol == IPPROTO_SCTP);
}

/* What the kernel carries is TCP and UDP. */
static bool can_carry(const struct ruleset *ruleset, bool carried, uint8_t protocol)
{
	return ruleset->carries && carried && protocol != IPPROTO_SCTP;
}

/* Port 21 of TCP also claims FTP's data ports (lvs-semantics, section 1). @ports and @tcp: the sets
 * for one port, and for many of TCP. */
static int add_address(struct ruleset *ruleset, const struct service_key *key, enum set_id ports,
		       enum set_id tcp)
{
	const union addr *addr = &key->addr;
	uint16_t port = ntohs(key->port);
	int err;

	if (!port)
		return add_ports(ruleset, key->af, ranges(tcp, key->protocol), addr, key->protocol,
				 0, UINT16_MAX, 0);
	err = add_ports(ruleset, key->af, ports, addr, key->protocol, port, port, 0);
	if (err || port != FTP_PORT || key->protocol != IPPROTO_TCP)
		return err;
	err = add_ports(ruleset, key->af, tcp, addr, key->protocol, FTP_DATA_PORT, FTP_DATA_PORT,
			0);
	return err ? err
		   : add_ports(ruleset, key->af, tcp, addr, key->protocol, UNPRIVILEGED, UINT16_MAX,
			       0);
}

static int add_service(struct ruleset *ruleset, const struct rules_service *service)
{
	const struct service_key *key = &service->key;
	uint16_t port = ntohs(key->port);
	int err = add_address(ruleset, key, SET_SERVICES, SET_TCP_SERVICES);

	if (err || !can_carry(ruleset, service->carried, key->protocol))
		return err;
	err = add_address(ruleset, key, SET_CARRIED, SET_TCP_CARRIED);
	if (err || !service->sticky || !port)
		return err;
	return add_ports(ruleset, key->af, SET_STICKY, &key->addr, key->protocol, port, port, 0);
}

static int add_match(struct ruleset *ruleset, const struct match *match, enum set_id tcp,
		     uint32_t mark)
{
	return add_ports(ruleset, match->af, ranges(tcp, match->protocol), &match->addr,
			 match->protocol, match->first, match->last, mark);
}

static int add_group(struct ruleset *ruleset, const struct rules_service *service)
{
	const struct element mark = {.mark = service->key.fwmark};
	struct elements *sets = ruleset->sets[family_of(service->key.af)];
	int err = elements_add(&sets[SET_MARKS], &mark);

	if (!err && ruleset->carries && service->carried)
		err = elements_add(&sets[SET_CARRIED_MARKS], &mark);
	if (!err && ruleset->carries && service->carried && service->sticky)
		err = elements_add(&sets[SET_STICKY_MARKS], &mark);
	for (size_t i = 0; !err && i < service->matches_len; i++) {
		const struct match *match = &service->matches[i];

		err = add_match(ruleset, match, SET_TCP_GROUPS, mark.mark);
		if (!err)
			err = add_match(ruleset, match, SET_TCP_SERVICES, 0);
		if (!err && can_carry(ruleset, service->carried, match->protocol))
			err = add_match(ruleset, match, SET_TCP_CARRIED, 0);
	}
	return err;
}

/* @ports and @tcp as in add_address(). */
static int add_answers(struct ruleset *ruleset, const struct rules_server *server, uint8_t protocol,
		       enum set_id ports, enum set_id tcp)
{
	return add_ports(ruleset, server->af,
			 server->first == server->last ? ports : ranges(tcp, protocol),
			 &server->addr, protocol, server->first, server->last, 0);
}

static int add_server(struct ruleset *ruleset, const struct rules_server *server)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(protocols); i++) {
		if (server->protocol && server->protocol != protocols[i])
			continue;
		err = add_answers(ruleset, server, protocols[i], SET_SERVERS, SET_TCP_SERVERS);
		if (!err && can_carry(ruleset, server->carried, protocols[i]))
			err = add_answers(ruleset, server, protocols[i], SET_CARRIED_SERVERS,
					  SET_TCP_CARRIED_SERVERS);
	}
	return err;
}

/* What is in the sets without any service. */
static int add_constants(struct ruleset *ruleset)
{
	static const struct {
		enum family family;
		enum set_id set;
		uint8_t byte;
	} rows[] = {
		/* destination unreachable, source quench, time exceeded, parameter problem */
		{FAMILY_IP, SET_ERRORS, 3},
		{FAMILY_IP, SET_ERRORS, 4},
		{FAMILY_IP, SET_ERRORS, 11},
		{FAMILY_IP, SET_ERRORS, 12},
		/* unreachable, packet too big, time exceeded, parameter problem */
		{FAMILY_IP6, SET_ERRORS, 1},
		{FAMILY_IP6, SET_ERRORS, 2},
		{FAMILY_IP6, SET_ERRORS, 3},
		{FAMILY_IP6, SET_ERRORS, 4},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(rows) / sizeof(rows[0]); i++)
		err = elements_add(&ruleset->sets[rows[i].family][rows[i].set],
				   &(struct element){.byte = rows[i].byte});
	return err;
}

static bool same_owner(const struct element *a, const struct element *b)
{
	return a->byte == b->byte && addr_equal(&a->addr, &b->addr);
}

/* Two firewall-mark groups must not claim one packet. */
static int overlap_error(enum family family, const struct element *a, const struct element *b,
			 struct error *err)
{
	char addr[ADDR_STRLEN];

	addr_format_port(addr, family == FAMILY_IP6 ? AF_INET6 : AF_INET, &b->addr,
			 htons(b->first));
	return error_set(err, -EINVAL, "the services fwmark %u and fwmark %u both match %s %s",
			 a->mark, b->mark, protocol_name(b->byte), addr);
}

/* Sorts, drops duplicates, and joins the ranges of one address, protocol and mark. */
static int elements_settle(struct elements *elements, enum set_id set, enum family family,
			   struct error *err)
{
	bool interval = set_layouts[set].interval;
	struct element *items = elements->items;
	size_t kept = 0;

	if (!elements->len)
		return 0;
	qsort(items, elements->len, sizeof(*items), element_compare);
	for (size_t i = 1; i < elements->len; i++) {
		struct element *last = &items[kept];
		bool near = same_owner(last, &items[i]);

		if (!interval && !element_compare(last, &items[i]))
			continue;
		if (interval && near && items[i].first <= last->last && items[i].mark != last->mark)
			return overlap_error(family, last, &items[i], err);
		if (interval && near && items[i].first <= last->last + 1 &&
		    items[i].mark == last->mark) {
			if (items[i].last > last->last)
				last->last = items[i].last;
			continue;
		}
		items[++kept] = items[i];
	}
	elements->len = kept + 1;
	return 0;
}

/* Does a group's range, in a settled set, hold this service? */
static bool in_group(const struct elements *groups, const struct element *service)
{
	size_t low = 0, high = groups->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct element *range = &groups->items[middle];
		int order = addr_compare(&service->addr, &range->addr);

		if (!order && service->first >= range->first && service->first <= range->last)
			return true;
		if (order < 0 || (!order && service->first < range->first))
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* As in IPVS a firewall mark comes before an address: services that a group claims too are left to
 * the group's rules, so that the others can be looked up before any mark is. */
static void drop_claimed(struct ruleset *ruleset, enum family family, enum set_id set)
{
	struct elements *services = &ruleset->sets[family][set];
	size_t kept = 0;

	for (size_t i = 0; i < services->len; i++) {
		const struct element *service = &services->items[i];
		enum set_id groups = ranges(SET_TCP_GROUPS, service->byte);

		if (!in_group(&ruleset->sets[family][groups], service))
			services->items[kept++] = *service;
	}
	services->len = kept;
}

/* An address that FULLNAT sends from, which has its turn among those of its family. */
static int add_local(struct ruleset *ruleset, const struct locals_addr *local)
{
	struct elements *sets = ruleset->sets[family_of(local->af)];
	struct element element = {.addr = local->addr};
	int err = elements_add(&sets[SET_LOCALS], &element);

	if (err || !ruleset->carries)
		return err;
	element.slot = (uint16_t)sets[SET_SOURCES].len;
	return elements_add(&sets[SET_SOURCES], &element);
}

static int ruleset_fill(struct ruleset *ruleset, const struct rules_input *input)
{
	int err = add_constants(ruleset);

	for (size_t i = 0; !err && i < input->services_len; i++)
		err = input->services[i].key.fwmark ? add_group(ruleset, &input->services[i])
						    : add_service(ruleset, &input->services[i]);
	for (size_t i = 0; !err && i < input->servers_len; i++)
		err = add_server(ruleset, &input->servers[i]);
	for (size_t i = 0; !err && i < input->locals_len; i++)
		err = add_local(ruleset, &input->locals[i]);
	return err ? err : flows_fill(ruleset, input);
}

bool rule_carries(const struct rule_layout *rule)
{
	if (rule->chain >= CHAIN_CARRIED)
		return true;
	for (int i = 0; i < STMTS_MAX; i++)
		if (rule->stmts[i].kind == STMT_IF || rule->stmts[i].kind == STMT_TRACKED ||
		    rule->stmts[i].set >= SET_CARRIED)
			return true;
	return false;
}

static bool rule_offloads(const struct rule_layout *rule)
{
	if (rule->chain >= CHAIN_OFFLOADED)
		return true;
	for (int i = 0; i < STMTS_MAX; i++)
		if (rule->stmts[i].kind == STMT_IF ? rule->stmts[i].condition >= IF_OFFLOADED
						   : rule->stmts[i].tracked >= TRACKED_OFFLOAD)
			return true;
	return false;
}

uint16_t rules_entries(uint16_t copies)
{
	return (uint16_t)(copies + 1);
}

bool ruleset_has(const struct ruleset *ruleset, const struct rule_layout *rule)
{
	if (!ruleset->flowtable && rule_offloads(rule))
		return false;
	for (int i = 0; !ruleset->dup && i < STMTS_MAX; i++)
		if (rule->stmts[i].kind == STMT_SEND)
			return false;
	if (rule->stmts[0].kind == STMT_TRACKED && rule->stmts[0].tracked == TRACKED_BIT &&
	    !number_bit(ruleset->mark_mask, rule->stmts[0].bit))
		return false;
	return ruleset->carries || !rule_carries(rule);
}

bool ruleset_has_set(const struct ruleset *ruleset, enum set_id id)
{
	return ruleset->carries || id < SET_CARRIED;
}

bool ruleset_has_chain(const struct ruleset *ruleset, enum chain_id id)
{
	return (ruleset->carries || id < CHAIN_CARRIED) &&
	       (ruleset->flowtable || id < CHAIN_OFFLOADED);
}

uint32_t ruleset_sources(const struct ruleset *ruleset, enum family family)
{
	size_t len = ruleset->sets[family][SET_SOURCES].len;

	return len ? (uint32_t)len : 1;
}

uint32_t number_bit(uint32_t mask, uint8_t bit)
{
	uint32_t bits = mark_send(mask);

	while (bit-- && bits)
		bits &= bits - 1;
	return bits & -bits;
}

bool set_has_chains(enum set_id id)
{
	return set_layouts[id].value[0] == FIELD_CHAIN;
}

const char *turns_chain_name(char buf[TURNS_CHAIN_STRLEN], enum family family,
			     const struct element *element)
{
	char addr[ADDR_STRLEN];

	if (element->mark) {
		snprintf(buf, TURNS_CHAIN_STRLEN, TURNS_CHAIN_PREFIX "fwmark_%u", element->mark);
		return buf;
	}
	snprintf(buf, TURNS_CHAIN_STRLEN, TURNS_CHAIN_PREFIX "%s_%s_%u",
		 protocol_name(element->byte),
		 addr_format(addr, family == FAMILY_IP6 ? AF_INET6 : AF_INET, &element->addr),
		 element->first);
	/* A name has no colons. */
	for (char *c = buf; *c; c++)
		if (*c == ':')
			*c = '-';
	return buf;
}

enum chain_id turns_chain_next(enum set_id id)
{
	return id == SET_TURNS_MARKS ? CHAIN_CHOSEN_GROUP : CHAIN_CHOSEN;
}

uint32_t ruleset_queues(const struct ruleset *ruleset)
{
	return ruleset->queues * (ruleset->carries ? 2u : 1u);
}

/* Between them is the one for what is to be cut. */
uint16_t ruleset_queue(const struct ruleset *ruleset, uint32_t i)
{
	return (uint16_t)(ruleset->first_queue + i + (i >= ruleset->queues));
}

bool ruleset_by_chains(const struct ruleset *ruleset)
{
	return ruleset->method == QUEUE_COMPAT && ruleset->queues > 1;
}

struct ruleset *ruleset_build(const struct rules_input *input, struct error *err)
{
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));

	if (!ruleset)
		goto no_memory;
	strncpy(ruleset->table, input->table, sizeof(ruleset->table) - 1);
	ruleset->method = input->method;
	ruleset->first_queue = input->first_queue;
	ruleset->queues = input->queues;
	ruleset->mark_mask = input->mark_mask;
	ruleset->seed = input->seed;
	ruleset->tproxy = input->tproxy;
	ruleset->dup = input->dup;
	ruleset->carries = input->carries;
	ruleset->flowtable = input->carries && input->flowtable;
	ruleset->copies = input->copies;
	ruleset->first_port = input->first_port;
	ruleset->last_port = input->last_port;
	if (ruleset_fill(ruleset, input))
		goto no_memory;
	for (enum family f = 0; f < FAMILIES; f++) {
		for (enum set_id s = 0; s < SETS; s++)
			if (elements_settle(&ruleset->sets[f][s], s, f, err)) {
				ruleset_free(ruleset);
				return NULL;
			}
		drop_claimed(ruleset, f, SET_SERVICES);
		drop_claimed(ruleset, f, SET_CARRIED);
	}
	return ruleset;

no_memory:
	error_set(err, -ENOMEM, "no memory for the rules");
	ruleset_free(ruleset);
	return NULL;
}

void ruleset_free(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	for (enum family f = 0; f < FAMILIES; f++)
		for (enum set_id s = 0; s < SETS; s++)
			free(ruleset->sets[f][s].items);
	free(ruleset->labels);
	free(ruleset);
}
