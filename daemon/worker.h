/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include "daemon/director.h"

/* The threads that decide packets, one for each queue. All functions: control thread. */
struct workers;

/*
 * Opens and binds all queues: first_queue .. first_queue + workers - 1, one more that cuts
 * super-packets where they cannot be changed in one piece (UDP), and again as many as workers,
 * which let pass what finds no room. No thread yet, so that privileges can be dropped in between.
 * -errno with @err.
 */
int workers_open(struct workers **out, const struct director_conf *conf, struct error *err);

/* Starts the threads on @director's tables. */
int workers_start(struct workers *workers, struct director *director, struct error *err);

/* Gives up all queues while the workers go on, so that packets pass them by, or takes them again.
 */
void workers_aside(struct workers *workers, bool aside);

/* Ends the threads, closes the queues and frees. NULL is fine. */
void workers_close(struct workers *workers);

/* Queues that rules fan out to; worker @i has number workers_queue(i). */
unsigned int workers_count(const struct workers *workers);
uint16_t workers_queue(const struct workers *workers, unsigned int i);
uint16_t workers_segment_queue(const struct workers *workers);
/* Likewise for packets that begin connections and need not be decided here: when it is full, they
 * go on to the schedule that is compiled into the rules. */
uint16_t workers_first_queue(const struct workers *workers, unsigned int i);
const struct stats *workers_stats(const struct workers *workers, unsigned int i);

/* How many threads are to run for workers = 0: the CPUs that this process may use. */
unsigned int workers_default(void);

#endif
