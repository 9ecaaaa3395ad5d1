/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_REALSERVERS_H
#define LVS_REALSERVERS_H

#include "lvs/dest.h"
#include "lvs/pkt.h"

/* The servers of all services by their address and port, for packets that belong to no connection:
 * are they from one? */
struct realservers;

/* An empty table; NULL without memory. @seed: of the hash, random in production. */
struct realservers *realservers_new(uint64_t seed);
void realservers_free(struct realservers *realservers);

/* @dest came into a service, or left it (harmless if it is not there). Control thread. */
int realservers_add(struct realservers *realservers, struct dest *dest);
void realservers_del(struct realservers *realservers, struct dest *dest);

/* Is the source of @flow a server that is reached by NAT, for the flow's protocol? As
 * ip_vs_has_real_service(). Any thread under RCU. */
bool realservers_have(const struct realservers *realservers, const struct flow *flow);

#endif
