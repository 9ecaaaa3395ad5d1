/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_NUMBERS_H
#define DAEMON_NUMBERS_H

#include "lvs/dest.h"

#define NUMBER_LABEL_MAX 128

/* What is written beside a number: "tcp 10.1.0.100:80 > 10.2.0.11:8080". Any thread. */
void number_label(char buf[NUMBER_LABEL_MAX], const struct service_key *key, uint8_t af,
		  const union addr *addr, __be16 port);

/* The numbers that stand for servers in packet marks, and what the kernel counts for each. Control
 * thread. */
struct numbers;

/* None given yet. @mask: director.mark_mask. NULL without memory. */
struct numbers *numbers_new(uint32_t mask);
void numbers_free(struct numbers *numbers);

/*
 * A new round: all numbers are free, until numbers_keep() or numbers_give() says whose they are.
 * @table: what an earlier daemon left in this table of the kernel is read first, so that a server
 * gets the number that it had, and its counters; NULL: there was none.
 */
void numbers_begin(struct numbers *numbers, const char *table);

/* @dest keeps its number, if it has one. */
void numbers_keep(struct numbers *numbers, struct dest *dest);

/* @dest gets a number if it has none; false: all are taken, or no memory. */
bool numbers_give(struct numbers *numbers, struct dest *dest);

/* The rules have, or are about to have, this number. */
void numbers_list(struct numbers *numbers, uint32_t number);

/* The rules follow: those that numbers_list() did not name in this round the kernel counts from
 * nothing, if they come again. */
void numbers_settle(struct numbers *numbers);

/* The mark with this number; its label, until the next round; whose it is, or NULL. */
uint32_t numbers_mark(const struct numbers *numbers, uint32_t number);
const char *numbers_label(const struct numbers *numbers, uint32_t number);
struct dest *numbers_dest(const struct numbers *numbers, uint32_t mark);

/* Adds this to the counters of the server with this mark, if there is one. */
void numbers_add(struct numbers *numbers, uint32_t mark, bool in, uint64_t packets, uint64_t bytes);

/* Adds what the kernel counted since the last time to the servers' counters. */
void numbers_count(struct numbers *numbers, const char *table);

#endif
