/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_STAND_IN_H
#define RULES_STAND_IN_H

#include "lib/err.h"
#include "rules/layout.h"

/*
 * Who deals out new connections to DR servers while there is no daemon: tables of their own, "_dr"
 * behind the name of the others, which see what the queues let pass. A connection's slot is a hash
 * of the client's address and port, so that a packet that is sent again goes to the same server;
 * the devices then learn it as they do from the daemon (rules/ingress.h). All functions but
 * stand_in_build() and stand_in_free() belong to the control thread.
 */

/* The name of the tables, from that of the others. */
#define STAND_IN_TABLE "%s_dr"

/* A server whose connections the devices carry. */
struct stand_in_server {
	const struct service_key *service; /* borrowed */
	bool sticky;			   /* its clients are told apart by address alone */
	uint32_t weight;		   /* 0: it gets nothing new */
	uint32_t mark;			   /* its number: mark_carried() */
	uint8_t af;
	union addr addr;
};

enum stand_in_set {
	STAND_IN_BEGUN,	      /* a server's number: the mark by which the devices learn it */
	STAND_IN_SERVERS,     /* that mark: the server's address */
	STAND_IN_SLOTS,	      /* service, slot: that mark */
	STAND_IN_GROUP_SLOTS, /* likewise, by firewall mark */
	STAND_IN_SERVICES,    /* service: how its clients are told apart */
	STAND_IN_GROUPS,      /* likewise, by firewall mark */
	STAND_IN_SETS
};

/* The wanted elements, each set sorted. Those of SERVICES and GROUPS have 1 as slot if the service
 * is sticky, else 0. */
struct stand_in {
	char table[72];
	uint32_t mark_mask, seed;
	struct elements sets[FAMILIES][STAND_IN_SETS];
};

/* The servers of a service are side by side. Services of all ports get no slots. NULL without
 * memory. Pure; any thread. */
struct stand_in *stand_in_build(const char *table, uint32_t mark_mask, uint32_t seed,
				const struct stand_in_server *servers, size_t len);
void stand_in_free(struct stand_in *stand_in);

/* Can this kernel do it: nft_dup for both families, nft_hash? */
bool stand_in_probe(void);

/* Puts the tables into the kernel in one transaction, over what a killed daemon left; base chains
 * stay. */
int stand_in_install(const struct stand_in *stand_in, struct error *err);

/* Turns the installed @from into @to: only elements change, in one transaction. */
int stand_in_update(const struct stand_in *from, const struct stand_in *to, struct error *err);

/* @table: that of the others. An absent one is no error. */
int stand_in_remove(const char *table, struct error *err);

#endif
