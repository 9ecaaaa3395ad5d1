// SPDX-License-Identifier: GPL-2.0-or-later
/* sched/hash.c, slots.c, dh.c, sh.c, mh.c, maglev.c: those that look at addresses. */
#include "sched/hash.h"
#include "tests/unit/sched_build.h"

#define MH     4093u
#define MAGLEV 65537u

TestSuite(sched_hash, .init = lab_open, .fini = lab_close, .timeout = 60);

/* How many slots of its table each server has. */
static void slots_count(uint32_t counts[SERVERS])
{
	for (int i = 0; i < SERVERS; i++)
		counts[i] = lab.servers[i] ? slots_owned(lab.servers[i]) : 0;
}

static void slots_owners(char *owners)
{
	const struct slots *slots = ((struct slots_state *)lab.svc->sched_state)->slots;

	for (uint32_t i = 0; i < slots->len; i++)
		owners[i] = letter(slots->at[i]);
}

/* The counts of A, B, C. */
#define SHARE(a, b, c)                                          \
	do {                                                    \
		uint32_t counts[SERVERS];                       \
                                                                \
		slots_count(counts);                            \
		cr_assert_eq(counts[0], a, "A: %u", counts[0]); \
		cr_assert_eq(counts[1], b, "B: %u", counts[1]); \
		cr_assert_eq(counts[2], c, "C: %u", counts[2]); \
	} while (0)

static void servers_make(const char *sched, int32_t a, int32_t b, int32_t c)
{
	service_make(sched, 0);
	server_add(0, a);
	server_add(1, b);
	server_add(2, c);
}

/* The first row is IPVS's; the others are by another implementation of its rules, in which the
 * first one comes out, too. */
Test(sched_hash, mh_shares)
{
	servers_make("mh", 1, 2, 3);
	SHARE(682, 1364, 2047);
	server_edit(2, 0); /* the last weight counts */
	SHARE(682, 1364, 2047);
	server_edit(0, 100); /* 100, 2, 3: all shifted by 1, and none below 1 */
	SHARE(3935, 79, 79);
	service_drop();
	servers_make("mh", 0, 0, 0);
	SHARE(0, 0, 0);
	server_edit(1, 7);
	SHARE(0, MH, 0);
	server_edit(1, 0);
	SHARE(0, MH, 0);
	server_del(1);
	SHARE(0, 0, 0);
	server_add(1, 0); /* back from the trash, but with no last weight */
	SHARE(0, 0, 0);
	service_drop();
	servers_make("mh", 20, 40, 60); /* as 1, 2, 3 */
	SHARE(682, 1364, 2047);
	service_drop();
	servers_make("mh", 63, 1, 1); /* 6 bits: not shifted */
	SHARE(3967, 63, 63);
	service_drop();
	servers_make("mh", 64, 2, 5); /* 7 bits: 32, 1, 2 */
	SHARE(3742, 117, 234);
	service_drop();
	servers_make("mh", 2147483647, 1, 1073741824); /* 63, 1, 32 */
	SHARE(2674, 43, 1376);
	service_drop();
}

Test(sched_hash, sh_and_dh_shares)
{
	servers_make("sh", 1, 2, 3); /* C C C B B A, 42 times, and C C C B */
	SHARE(42, 85, 129);
	server_edit(2, 0); /* C B B A, 64 times */
	SHARE(64, 128, 64);
	server_edit(2, 250); /* and C of a second round never */
	SHARE(1, 2, 253);
	server_edit(2, 1000);
	SHARE(0, 0, 256);
	service_drop();
	servers_make("dh", 1, 0, 3); /* C B A, 85 times, and C */
	SHARE(85, 85, 86);
	service_drop();
}

/* SipHash-1-3 of the first so many of the bytes 0, 1, 2 ..., with the key 00 01 02 .. 0f, the low
 * half, by another implementation that meets the published vectors of SipHash-2-4. */
Test(sched_hash, siphash)
{
	static const struct {
		size_t len;
		uint32_t want;
	} rows[] = {
		{0, 0x050fc4dc}, {1, 0x7d57ca93},  {4, 0x88d38328},  {7, 0x9bb11140},
		{8, 0x8d299a8e}, {15, 0x2a519956}, {16, 0x7d908b66},
	};
	const struct hash_key key = {{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};
	uint8_t bytes[16];

	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	for (size_t i = 0; i < LEN(rows); i++)
		cr_assert_eq(hash_sip(bytes, rows[i].len, &key), rows[i].want, "%zu bytes: %08x",
			     rows[i].len, hash_sip(bytes, rows[i].len, &key));
}

/* Nobody else, without fallback; with it, whom the rule says; and back when it can be chosen again.
 * Over all clients no other server's client is moved. */
static void fall_back(const char *sched, uint32_t flags, struct flow (*flow_of)(unsigned int n),
		      bool falls)
{
	char before[200], now;
	struct flow flow;

	service_make(sched, flags);
	for (int i = 0; i < 5; i++)
		server_add(i, i + 1);
	for (unsigned int n = 0; n < LEN(before); n++) {
		flow = flow_of(n);
		before[n] = choose(&flow, false);
	}
	for (int how = 0; how < 2; how++) {
		bool others[SERVERS] = {false};

		how ? server_toggle_overload(4) : atomic_store(&lab.servers[4]->weight, 0);
		for (unsigned int n = 0; n < LEN(before); n++) {
			flow = flow_of(n);
			now = choose(&flow, false);
			if (before[n] != 'E')
				cr_assert_eq(now, before[n], "%s moved %u", sched, n);
			else if (!falls)
				cr_assert_eq(now, '-', "%s: %c for %u", sched, now, n);
			else
				others[now - 'A'] = true;
		}
		/* Those of sh need not be spread over all others. */
		for (int i = 0; falls && sched[0] != 's' && i < 4; i++)
			cr_assert(others[i], "%s: none falls back on %c", sched, 'A' + i);
		cr_assert_not(others[4]);
		how ? server_toggle_overload(4) : atomic_store(&lab.servers[4]->weight, 5);
	}
	for (int i = 0; i < 5; i++)
		server_toggle_overload(i);
	cr_assert_eq(choose(&flow, false), '-', "%s: nobody is usable", sched);
	service_drop();
}

Test(sched_hash, fallback)
{
	fall_back("dh", 0, flow_site, false);
	fall_back("sh", 0, flow_client, false);
	fall_back("mh", 0, flow_client, false);
	fall_back("sh", SERVICE_SCHED1, flow_client, true);
	fall_back("mh", SERVICE_SCHED1, flow_client, true);
	fall_back("maglev", 0, flow_client, true);
}

/* By the words of the reference, for every state of five servers and many clients. */
static struct dest *sh_oracle(const struct flow *flow, uint32_t flags, struct dest *const *table)
{
	uint32_t key = ntohl(flow->saddr.ip) + (flags & SERVICE_SCHED2 ? ntohs(flow->sport) : 0);
	uint32_t hash = (uint32_t)((uint64_t)key * 0x61c88647 & 0xffffffff) >> 24;

	if (!table[hash] || dest_usable(table[hash]))
		return table[hash];
	for (uint32_t off = 0; flags & SERVICE_SCHED1 && off < 256; off++) {
		uint32_t bucket = ((off + hash) % 256 + hash) & 255;

		if (dest_usable(table[bucket]))
			return table[bucket];
	}
	return NULL;
}

static struct dest *mh_oracle(const struct flow *flow, uint32_t flags, struct dest *const *table)
{
	const struct hash_key key = {{2654435761u, 2654435761u}};
	uint32_t value = ntohl(flow->saddr.ip) + (flags & SERVICE_SCHED2 ? ntohs(flow->sport) : 0);
	uint32_t hash = hash_sip(&value, 4, &key) % MH, again;

	if (!table[hash] || dest_usable(table[hash]))
		return table[hash];
	for (uint32_t off = 0; flags & SERVICE_SCHED1 && off < MH; off++) {
		again = value + (off + hash) % MH;
		again = hash_sip(&again, 4, &key) % MH;
		if (dest_usable(table[again]))
			return table[again];
	}
	return NULL;
}

Test(sched_hash, look_up_is_ipvs)
{
	for (uint32_t run = 0; run < 8; run++) {
		uint32_t flags = (run & 1 ? SERVICE_SCHED1 : 0) | (run & 2 ? SERVICE_SCHED2 : 0);
		const char *sched = run & 4 ? "mh" : "sh";

		service_make(sched, flags);
		for (int i = 0; i < 5; i++)
			server_add(i, i + 1);
		for (unsigned int state = 0; state < 32; state++) {
			struct dest *const *table =
				((struct slots_state *)lab.svc->sched_state)->slots->at;

			for (int i = 0; i < 5; i++)
				if ((bool)(state & 1u << i) != dest_overloaded(lab.servers[i]))
					server_toggle_overload(i);
			for (unsigned int n = 0; n < 300; n++) {
				struct flow flow = flow_client(n * 77);
				struct dest *want;

				flow.sport = htons((uint16_t)(n * 13));
				want = (run & 4 ? mh_oracle : sh_oracle)(&flow, flags, table);
				cr_assert_eq(choose(&flow, false),
					     letter(want && dest_usable(want) ? want : NULL),
					     "%s, flags %u, state %u, client %u", sched, flags,
					     state, n);
			}
		}
		service_drop();
	}
}

/* A change of the flags alone holds from the next flow on. */
Test(sched_hash, flags_can_be_changed)
{
	static const char *const scheds[] = {"sh", "mh"};

	for (size_t i = 0; i < LEN(scheds); i++) {
		struct service_spec spec;
		unsigned int differ = 0;

		service_make(scheds[i], 0);
		for (int s = 0; s < 3; s++)
			server_add(s, s + 1);
		service_get(lab.svc, &spec);
		for (unsigned int n = 0; n < 24; n++) {
			struct flow flow = flow_client(n);
			char plain = choose(&flow, false);

			spec.flags = SERVICE_SCHED2;
			cr_assert_eq(service_edit(lab.svc, &spec, lab.svc->sched), 0);
			differ += plain != choose(&flow, false);
			spec.flags = 0;
			cr_assert_eq(service_edit(lab.svc, &spec, lab.svc->sched), 0);
			cr_assert_eq(plain, choose(&flow, false));
		}
		cr_assert_gt(differ, 5, "%s heeds no flag", scheds[i]);
		service_drop();
	}
}

/* IPv6: as an IPv4 address that is the four words XORed. */
Test(sched_hash, ipv6_is_folded)
{
	static const char *const scheds[] = {"dh", "sh", "mh"};

	for (size_t i = 0; i < LEN(scheds); i++) {
		service_make(scheds[i], 0);
		for (int s = 0; s < 5; s++)
			server_add(s, s + 1);
		for (unsigned int n = 0; n < 100; n++) {
			struct flow v4 = flow_client(n), v6;

			v4.daddr.ip = htonl(0x0a020000 + n);
			v6 = v4;
			v6.af = AF_INET6;
			v6.saddr = (union addr){.ip6 = {v4.saddr.ip ^ 7, 1, 2, 4}};
			v6.daddr = (union addr){.ip6 = {1, 2, v4.daddr.ip ^ 7, 4}};
			cr_assert_eq(choose(&v6, false), choose(&v4, false), "%s", scheds[i]);
		}
		service_drop();
	}
}

/* A server too many is refused, and the others go on as before. */
Test(sched_hash, a_table_can_be_full)
{
	static const struct {
		const char *sched;
		uint32_t len;
	} rows[] = {{"mh", MH}};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct dest_spec spec = server_spec(0, 1);
		struct flow flow = flow_client(1);
		struct dest *dest, *before;

		service_make(rows[i].sched, 0);
		/* Weight 0 all: what is filled in is nothing, which is fast. */
		for (uint32_t n = 0; n < rows[i].len; n++) {
			spec.addr.ip = htonl(0xac100001 + n);
			spec.weight = n == 0;
			cr_assert_eq(service_dest_add(lab.services, lab.svc, &spec, &dest), 0);
		}
		before = service_peek(lab.svc, &flow);
		cr_assert_not_null(before);
		spec.addr.ip = htonl(0xac100001 + rows[i].len);
		cr_assert_eq(service_dest_add(lab.services, lab.svc, &spec, &dest), -EINVAL);
		cr_assert_eq(lab.svc->dests_len, rows[i].len);
		cr_assert_eq(lab.svc->pool_len, rows[i].len);
		cr_assert_eq(service_peek(lab.svc, &flow), before);
		service_drop();
	}
}

/* The same bound, where as many servers take too long: the count is made up. */
Test(sched_hash, maglev_can_be_full)
{
	service_make("maglev", 0);
	server_add(0, 1);
	lab.svc->pool_len = MAGLEV + 1;
	cr_assert_eq(lab.svc->sched->update(lab.svc), -EINVAL);
	lab.svc->pool_len = MAGLEV;
	cr_assert_eq(lab.svc->sched->update(lab.svc), 0);
	lab.svc->pool_len = 1;
	service_drop();
}

/* A server that leaves has no slot from that moment on, whether or not there is memory for another
 * table; the others keep theirs. */
Test(sched_hash, forgets_at_once)
{
	static const char *const scheds[] = {"dh", "sh", "mh", "maglev"};

	for (size_t i = 0; i < LEN(scheds); i++) {
		uint32_t before[SERVERS], counts[SERVERS];

		service_make(scheds[i], 0);
		for (int s = 0; s < 4; s++)
			server_add(s, s + 1);
		slots_count(before);
		lab.svc->sched->forget(lab.svc, lab.servers[2]);
		slots_count(counts);
		for (int s = 0; s < 4; s++)
			cr_assert_eq(counts[s], s == 2 ? 0 : before[s], "%s: %u", scheds[i],
				     counts[s]);
		cr_assert_eq(slots_owned(NULL), before[2]);
		service_drop();
	}
}

static char owners[2][MAGLEV];

/* Slots that have another owner in the second table. */
static uint32_t moved(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MAGLEV; i++)
		count += owners[0][i] != owners[1][i];
	return count;
}

/* Shares to within one slot for each server, whatever the weights. */
Test(sched_hash, maglev_shares)
{
	static const int32_t rows[][3] = {{1, 1, 1},   {1, 2, 3},	{1, 1, 1000},
					  {7, 11, 13}, {100, 200, 300}, {2147483647, 1, 1}};

	for (size_t i = 0; i < LEN(rows); i++) {
		double total = (double)rows[i][0] + rows[i][1] + rows[i][2];
		uint32_t counts[SERVERS];

		servers_make("maglev", rows[i][0], rows[i][1], rows[i][2]);
		slots_count(counts);
		for (int s = 0; s < 3; s++) {
			double off = counts[s] - (double)MAGLEV * rows[i][s] / total;

			cr_assert(off > -2.5 && off < 2.5, "row %zu: %c has %u", i, 'A' + s,
				  counts[s]);
			cr_assert_gt(counts[s], 0);
		}
		service_drop();
	}
}

/* The servers alone count, not how they came; and quiescing moves nobody. */
Test(sched_hash, maglev_is_the_same_everywhere)
{
	static const int orders[][5] = {{0, 1, 2, 3, 4}, {4, 2, 0, 3, 1}};

	for (int i = 0; i < 2; i++) {
		service_make("maglev", 0);
		for (int s = 0; s < 5; s++)
			server_add(orders[i][s], 1 + orders[i][s] % 3);
		slots_owners(owners[i]);
		if (!i)
			service_drop();
	}
	cr_assert_eq(moved(), 0);
	server_edit(2, 0);
	slots_owners(owners[1]);
	cr_assert_eq(moved(), 0);
	server_edit(2, 3);
	slots_owners(owners[1]);
	cr_assert_eq(moved(), 0);
	service_drop();
}

/* Of eight servers one is changed: how many slots move beside those that have to. */
Test(sched_hash, maglev_moves_little)
{
	static const struct {
		const char *name;
		int32_t from, to; /* 0: it is not there */
		double spare;	  /* what may move beside, in parts of the table */
	} rows[] = {
		{"one more", 0, 10, 0.004},  {"one less", 10, 0, 0.004},
		{"10 to 11", 10, 11, 0.004}, {"10 to 20", 10, 20, 0.004},
		{"20 to 10", 20, 10, 0.004}, {"10 to 100", 10, 100, 0.004},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		uint32_t counts[2][SERVERS], least = 0, count;
		double spare;

		service_make("maglev", 0);
		for (int s = 0; s < SERVERS; s++)
			if (s != 3 || rows[i].from)
				server_add(s, s == 3 ? rows[i].from : 10);
		slots_owners(owners[0]);
		slots_count(counts[0]);
		if (!rows[i].from)
			server_add(3, rows[i].to);
		else if (!rows[i].to)
			server_del(3);
		else
			server_edit(3, rows[i].to);
		slots_owners(owners[1]);
		slots_count(counts[1]);
		for (int s = 0; s < SERVERS; s++)
			if (counts[1][s] > counts[0][s])
				least += counts[1][s] - counts[0][s];
		count = moved();
		spare = (double)(count - least) / MAGLEV;
		cr_log_info("maglev, %s: %.2f%% move, %.2f%% have to", rows[i].name,
			    100.0 * count / MAGLEV, 100.0 * least / MAGLEV);
		cr_assert(spare >= 0 && spare < rows[i].spare, "%s: %.2f%% too many", rows[i].name,
			  100 * spare);
		service_drop();
	}
}

/* Another port is another flow if asked for, and the ports of a client are spread. */
Test(sched_hash, maglev_port)
{
	for (uint32_t flags = 0; flags <= SERVICE_SCHED2; flags += SERVICE_SCHED2) {
		bool seen[SERVERS] = {false};
		int others = 0;

		service_make("maglev", flags);
		for (int s = 0; s < 5; s++)
			server_add(s, 1);
		for (unsigned int n = 0; n < 60; n++) {
			struct flow flow = flow_one(n);

			seen[choose(&flow, false) - 'A'] = true;
		}
		for (int s = 0; s < 5; s++)
			others += seen[s];
		cr_assert_eq(others, flags ? 5 : 1);
		service_drop();
	}
}
