/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_SCHED_BUILD_H
#define TESTS_SCHED_BUILD_H

/*
 * What the tests of schedulers share: a service with servers A .. H, and scripts. A script is
 * words:
 * "+A1" adds server A with weight 1 ("+A1x4": and an upper threshold of 4), "-A" deletes it, "=A5"
 * edits it, "!A" makes it overloaded or no longer so, "#A9" says that 9 slots of the table are its
 * own; a lone letter is the server that must be chosen now, a lone "-" nobody. The nth choice of a
 * script is for the nth flow.
 */

#include "lvs/settings.h"
#include "sched/schedulers.h"
#include "sched/slots.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SERVERS 8 /* A .. H */
#define LEN(x)	(sizeof(x) / sizeof((x)[0]))

struct sched_lab {
	struct services *services;
	struct service *svc;
	struct dest *servers[SERVERS];
	struct settings settings;
	struct sched_time time;
	/* Choices whose connections stay, for teardown. */
	struct dest *bound[4096];
	size_t bound_len;
};

static struct sched_lab lab;

static inline void lab_open(void)
{
	rcu_register_thread();
	lab = (struct sched_lab){.services = services_new(42), .settings = SETTINGS_INIT};
	lab.time.settings = &lab.settings;
}

static inline void lab_close(void)
{
	services_free(lab.services);
	rcu_barrier();
	rcu_unregister_thread();
}

/* A service by mark, so that flows to any address are its own. */
static inline void service_make(const char *sched, uint32_t flags)
{
	struct service_spec spec = build_fwmark(1);

	spec.flags = flags;
	cr_assert_not_null(scheduler_find(sched), "no scheduler %s", sched);
	cr_assert_eq(service_add(lab.services, &spec, scheduler_find(sched), &lab.svc), 0);
	memset(lab.servers, 0, sizeof(lab.servers));
}

static inline void service_drop(void)
{
	while (lab.bound_len)
		dest_unbind(lab.bound[--lab.bound_len], false, true);
	service_del(lab.services, lab.svc);
}

static inline struct dest_spec server_spec(int index, int32_t weight)
{
	struct dest_spec spec = build_dest("192.168.1.1", 80, weight);

	spec.addr.ip = htonl(ntohl(spec.addr.ip) + (uint32_t)index);
	return spec;
}

static inline void server_add_upper(int index, int32_t weight, uint32_t upper)
{
	struct dest_spec spec = server_spec(index, weight);

	spec.upper = upper;
	cr_assert_eq(service_dest_add(lab.services, lab.svc, &spec, &lab.servers[index]), 0);
}

static inline void server_add(int index, int32_t weight)
{
	server_add_upper(index, weight, 0);
}

static inline void server_edit_upper(int index, int32_t weight, uint32_t upper)
{
	struct dest_spec spec = server_spec(index, weight);

	spec.upper = upper;
	cr_assert_eq(service_dest_edit(lab.svc, &spec, &lab.servers[index]), 0);
}

static inline void server_edit(int index, int32_t weight)
{
	server_edit_upper(index, weight, 0);
}

static inline void server_del(int index)
{
	cr_assert_eq(service_dest_del(lab.services, lab.svc, lab.servers[index]), 0);
	lab.servers[index] = NULL;
}

static inline void server_toggle_overload(int index)
{
	atomic_fetch_xor(&lab.servers[index]->flags, DEST_OVERLOAD);
}

static inline void server_load(int index, uint32_t active, uint32_t inactive)
{
	atomic_store(&lab.servers[index]->active, active);
	atomic_store(&lab.servers[index]->total, active + inactive);
}

/* How many slots of its table are this server's; NULL: nobody's. */
static inline uint32_t slots_owned(const struct dest *dest)
{
	const struct slots *slots = ((struct slots_state *)lab.svc->sched_state)->slots;
	uint32_t count = 0;

	for (uint32_t i = 0; i < slots->len; i++)
		count += slots->at[i] == dest;
	return count;
}

static inline char letter(const struct dest *dest)
{
	return dest ? (char)('A' + ntohl(dest->addr.ip) - ntohl(server_spec(0, 0).addr.ip)) : '-';
}

/* One choice, whose connection stays active if @stays. */
static inline char choose(const struct flow *flow, bool stays)
{
	struct dest *dest = service_schedule(lab.svc, flow, &lab.time);

	if (dest && stays) {
		cr_assert_lt(lab.bound_len, LEN(lab.bound));
		cr_assert(dest_bind(dest, false));
		dest_activate(dest, true);
		lab.bound[lab.bound_len++] = dest;
	}
	return letter(dest);
}

/* The nth flows of the vectors: of one client, of ever other clients, to ever other sites. */
static inline struct flow flow_one(unsigned int n)
{
	return build_flow(IPPROTO_TCP, "10.0.0.2", (uint16_t)(1000 + n), "10.1.1.1", 80);
}

static inline struct flow flow_client(unsigned int n)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.0.0.1", 1234, "10.1.1.1", 80);

	flow.saddr.ip = htonl(ntohl(flow.saddr.ip) + n);
	return flow;
}

static inline struct flow flow_site(unsigned int n)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.0.0.2", 1, "10.1.1.1", 80);

	flow.daddr.ip = htonl(ntohl(flow.daddr.ip) + n);
	return flow;
}

struct script {
	const char *name, *sched;
	bool stays; /* "every pick stays active" */
	const char *words;
};

/* One word of a script that is no choice. */
static inline void script_change(const char *word)
{
	uint32_t upper = 0;
	int32_t weight = 0;
	char server;

	cr_assert_geq(sscanf(word + 1, "%c%dx%u", &server, &weight, &upper), 1, "bad word %s",
		      word);
	if (word[0] == '+')
		server_add_upper(server - 'A', weight, upper);
	else if (word[0] == '=')
		server_edit_upper(server - 'A', weight, upper);
	else if (word[0] == '#')
		cr_assert_eq(slots_owned(lab.servers[server - 'A']), (uint32_t)weight, "%s: %u",
			     word, slots_owned(lab.servers[server - 'A']));
	else if (word[0] == '-')
		server_del(server - 'A');
	else if (word[0] == '!')
		server_toggle_overload(server - 'A');
	else
		cr_assert_fail("bad word %s", word);
}

static inline void script_run(const struct script *script, struct flow (*flow_of)(unsigned int n),
			      uint32_t flags)
{
	char words[512], *word, *rest = words, got;
	unsigned int n = 0, choices = 0;
	struct flow flow;

	snprintf(words, sizeof(words), "%s", script->words);
	cr_assert_str_eq(words, script->words, "script too long");
	service_make(script->sched, flags);
	while ((word = strsep(&rest, " "))) {
		n++;
		if (word[1]) {
			script_change(word);
			continue;
		}
		flow = flow_of(choices++);
		got = choose(&flow, script->stays);
		cr_assert_eq(got, word[0], "%s: word %u of \"%s\": %c chosen", script->name, n,
			     script->words, got);
	}
	service_drop();
}

static inline void scripts_run(const struct script *scripts, size_t len)
{
	for (size_t i = 0; i < len; i++)
		script_run(&scripts[i], flow_one, 0);
}

/* Servers with given weights and counts of connections, and the one that must be chosen. */
struct loads {
	const char *name, *sched;
	struct {
		int32_t weight;
		uint32_t active, inactive;
		bool overloaded;
	} servers[3]; /* A, B, C: the list is C, B, A */
	char want;
};

static inline void loads_run(const struct loads *rows, size_t len)
{
	struct flow flow = flow_one(0);

	for (size_t i = 0; i < len; i++) {
		service_make(rows[i].sched, 0);
		for (int s = 0; s < 3; s++) {
			server_add(s, rows[i].servers[s].weight);
			server_load(s, rows[i].servers[s].active, rows[i].servers[s].inactive);
			if (rows[i].servers[s].overloaded)
				server_toggle_overload(s);
		}
		cr_assert_eq(choose(&flow, false), rows[i].want, "%s", rows[i].name);
		for (int s = 0; s < 3; s++)
			server_load(s, 0, 0);
		service_drop();
	}
}

#endif
