// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rates, as IPVS estimates them (ip_vs_est.c): every 2 s the average moves a quarter of the way to
 * what the last 2 s had. The one idea: 64-bit integers in IPVS's fixed-point units and with its
 * rounding, so the numbers are the same to the last digit; and a twentieth of all members every
 * 100 ms, so the control thread never stays away for long. Called by daemon/upkeep.c.
 */
#include "lvs/estimator.h"

#include <stddef.h>

/* Connections and packets a second are kept times 2^10, bytes times 2^5; what is counted is for
 * two seconds, hence one bit less. */
#define SCALE_BITS	 10
#define SCALE_BITS_BYTES 5

static void zero(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, 0, memory_order_relaxed);
}

static uint64_t value(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void traffic_init(struct traffic *traffic)
{
	traffic_zero(traffic);
	CDS_INIT_LIST_HEAD(&traffic->turn);
}

void traffic_zero(struct traffic *traffic)
{
	zero(&traffic->conns);
	zero(&traffic->in_pkts);
	zero(&traffic->out_pkts);
	zero(&traffic->in_bytes);
	zero(&traffic->out_bytes);
	traffic->last = traffic->average = (struct counters){0};
}

struct counters traffic_counters(const struct traffic *traffic)
{
	return (struct counters){
		.conns = value(&traffic->conns),
		.in_pkts = value(&traffic->in_pkts),
		.out_pkts = value(&traffic->out_pkts),
		.in_bytes = value(&traffic->in_bytes),
		.out_bytes = value(&traffic->out_bytes),
	};
}

/* IPVS adds a little less than a half: just a half is rounded down. */
static uint64_t rounded(uint64_t scaled, unsigned int bits)
{
	return (scaled + (1u << (bits - 1)) - 1) >> bits;
}

struct counters traffic_rates(const struct traffic *traffic)
{
	const struct counters *average = &traffic->average;

	return (struct counters){
		.conns = rounded(average->conns, SCALE_BITS),
		.in_pkts = rounded(average->in_pkts, SCALE_BITS),
		.out_pkts = rounded(average->out_pkts, SCALE_BITS),
		.in_bytes = rounded(average->in_bytes, SCALE_BITS_BYTES),
		.out_bytes = rounded(average->out_bytes, SCALE_BITS_BYTES),
	};
}

/* The shift of a negative difference rounds down, as the kernel's does. */
static uint64_t moved(uint64_t average, uint64_t passed, unsigned int bits)
{
	uint64_t rate = passed << (bits - 1);

	return average + (uint64_t)(((int64_t)rate - (int64_t)average) >> 2);
}

static void traffic_estimate(struct traffic *traffic)
{
	struct counters now = traffic_counters(traffic);
	struct counters *average = &traffic->average, *last = &traffic->last;

	average->conns = moved(average->conns, now.conns - last->conns, SCALE_BITS);
	average->in_pkts = moved(average->in_pkts, now.in_pkts - last->in_pkts, SCALE_BITS);
	average->out_pkts = moved(average->out_pkts, now.out_pkts - last->out_pkts, SCALE_BITS);
	average->in_bytes =
		moved(average->in_bytes, now.in_bytes - last->in_bytes, SCALE_BITS_BYTES);
	average->out_bytes =
		moved(average->out_bytes, now.out_bytes - last->out_bytes, SCALE_BITS_BYTES);
	*last = now;
}

void estimator_init(struct estimator *estimator)
{
	for (unsigned int i = 0; i < ESTIMATOR_TURNS; i++)
		CDS_INIT_LIST_HEAD(&estimator->turns[i]);
	estimator->next = 0;
}

void estimator_add(struct estimator *estimator, struct traffic *traffic, uint64_t turn)
{
	cds_list_add(&traffic->turn, &estimator->turns[turn % ESTIMATOR_TURNS]);
}

void estimator_del(struct traffic *traffic)
{
	cds_list_del_init(&traffic->turn);
}

void estimator_run(struct estimator *estimator)
{
	struct traffic *traffic;

	cds_list_for_each_entry (traffic, &estimator->turns[estimator->next], turn)
		traffic_estimate(traffic);
	estimator->next = (estimator->next + 1) % ESTIMATOR_TURNS;
}
