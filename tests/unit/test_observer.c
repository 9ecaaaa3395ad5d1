// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon/observer.c: copies that a kernel makes of packets on a namespace's own loopback. */
#include "daemon/observer.h"
#include "daemon/carrier.h"
#include "lib/log.h"
#include "tests/unit/netns_build.h"

#include <errno.h>

#define GROUP 77

static const char rules[] = "table inet test {\n"
			    "	chain copy {\n"
			    "		type filter hook output priority -150\n"
			    "		tcp dport 80 tcp flags fin,syn,rst log group 77\n"
			    "		udp dport 53 log group 77\n"
			    "		udp dport 55 log prefix \"nfvt\" group 77\n"
			    "		udp dport 54 log prefix \"nfvs\" group 77\n"
			    "	}\n"
			    "}\n";

static struct director *director;

static void setup(void)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 1024, .table = "test", .mark_mask = 0xffff0000};
	struct error err = {""};

	log_init(LOG_ERR);
	rcu_register_thread();
	director = director_new(&conf, 1, &err);
	cr_assert_not_null(director, "%s", err.text);
}

static void teardown(void)
{
	director_free(director);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(observer, .init = setup, .fini = teardown);

/* Waits up to @ms for @copies. */
static uint64_t copies(const struct observer *observer, uint64_t copies, unsigned int ms)
{
	const struct observer_stats *stats = observer_stats(observer);

	while (atomic_load(&stats->copies) < copies && ms--)
		usleep(1000);
	return atomic_load(&stats->copies);
}

/* NULL: skipped. */
static struct observer *opened(void)
{
	struct observer *observer = NULL;
	struct error err = {""};
	int ret;

	if (!netns_enter())
		return NULL;
	ret = observer_open(&observer, GROUP, &err);
	if (ret == -EINVAL || ret == -EOPNOTSUPP || ret == -EPROTONOSUPPORT) {
		cr_skip_test("this kernel has no nfnetlink_log");
		return NULL;
	}
	cr_assert_eq(ret, 0, "%s", err.text);
	netns_rules(rules);
	return observer;
}

Test(observer, copies_come_in_batches)
{
	struct observer *observer;
	struct error err = {""};
	static char large[60000];
	struct flow flow;
	int client;

	observer = opened();
	if (!observer)
		return;
	cr_assert_eq(observer_start(observer, director, &err), 0, "%s", err.text);
	client = netns_connect(AF_INET, SOCK_DGRAM, 53, &flow);
	send(client, "x", 1, 0);
	cr_assert_eq(copies(observer, 1, 2000), 1);
	client = netns_connect(AF_INET, SOCK_DGRAM, 53, &flow);
	for (int i = 0; i < 200; i++) /* some are lost to ECONNREFUSED */
		while (send(client, large, i % 2 ? 1 : sizeof(large), 0) < 0)
			;
	cr_assert_eq(copies(observer, 201, 5000), 201);
	cr_assert_lt(atomic_load(&observer_stats(observer)->batches), 100);
	cr_assert_eq(atomic_load(&observer_stats(observer)->lost), 0);
	cr_assert_eq(atomic_load(&observer_stats(observer)->overruns), 0);
	observer_close(observer);
}

Test(observer, tcp_both_families)
{
	struct observer *observer;
	struct error err = {""};

	observer = opened();
	if (!observer)
		return;
	cr_assert_eq(observer_start(observer, director, &err), 0, "%s", err.text);
	for (int i = 0; i < 2; i++) {
		struct sockaddr_storage at;
		struct flow flow;

		netns_socket(i ? AF_INET6 : AF_INET, SOCK_STREAM, 80, &at);
		close(netns_connect(i ? AF_INET6 : AF_INET, SOCK_STREAM, 80, &flow));
	}
	cr_assert_eq(copies(observer, 4, 2000), 4, "SYN and FIN of each");
	observer_close(observer);
}

/* Every copy says what its rule's prefix is, also that it is none: not each connection that begins
 * or ends is one that the rules gave a server, of which this one is not known. */
Test(observer, only_copies_with_a_prefix_are_newcomers)
{
	struct newcomers *newcomers = carrier_newcomers(director_carrier(director));
	struct observer *observer;
	struct error err = {""};
	struct flow flow;

	observer = opened();
	if (!observer)
		return;
	cr_assert_eq(observer_start(observer, director, &err), 0, "%s", err.text);
	send(netns_connect(AF_INET, SOCK_DGRAM, 53, &flow), "x", 1, 0);
	send(netns_connect(AF_INET, SOCK_DGRAM, 55, &flow), "x", 1, 0);
	cr_assert_eq(copies(observer, 2, 2000), 2);
	usleep(20000); /* a copy counts before it is looked at */
	cr_assert_not(atomic_load(&newcomers->missed));
	send(netns_connect(AF_INET, SOCK_DGRAM, 54, &flow), "x", 1, 0);
	cr_assert_eq(copies(observer, 3, 2000), 3);
	for (unsigned int ms = 0; ms < 2000 && !atomic_load(&newcomers->missed); ms++)
		usleep(1000);
	cr_assert(atomic_load(&newcomers->missed));
	observer_close(observer);
}

/* What does not fit into the socket before somebody reads is told by the numbers of the rest. */
Test(observer, what_is_lost_is_counted)
{
	struct observer *observer;
	struct error err = {""};
	struct flow flow;
	uint64_t seen;
	int client;

	observer = opened();
	if (!observer)
		return;
	client = netns_connect(AF_INET, SOCK_DGRAM, 53, &flow);
	for (int i = 0; i < 100000; i++)
		while (send(client, "a packet that is as long as its copy", 36, 0) < 0)
			;
	usleep(50000);
	cr_assert_eq(observer_start(observer, director, &err), 0, "%s", err.text);
	seen = copies(observer, 100000, 500);
	cr_assert(seen > 0 && seen < 100000);
	send(client, "x", 1, 0);
	send(client, "x", 1, 0);
	for (int ms = 2000; ms-- && !atomic_load(&observer_stats(observer)->lost);)
		usleep(1000);
	cr_assert_geq(atomic_load(&observer_stats(observer)->overruns), 1);
	seen = copies(observer, seen + 1, 100);
	cr_assert_leq(seen + atomic_load(&observer_stats(observer)->lost), 100002);
	cr_assert_geq(seen + atomic_load(&observer_stats(observer)->lost), 100001);
	observer_close(observer);
}

Test(observer, a_group_in_use_is_named_so)
{
	struct observer *observer, *second = NULL;
	struct error err = {""};

	observer = opened();
	if (!observer)
		return;
	cr_assert_eq(observer_open(&second, GROUP, &err), -EBUSY);
	cr_assert_null(second);
	cr_assert(strstr(err.text, "log group 77 is in use by"), "%s", err.text);
	cr_assert(strstr(err.text, "(pid "), "%s", err.text);
	observer_close(observer);
	cr_assert_eq(observer_open(&second, GROUP, &err), 0, "%s", err.text);
	observer_close(second);
}
