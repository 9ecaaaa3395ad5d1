/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_PERSISTENCE_H
#define LVS_PERSISTENCE_H

#include "lvs/pkt.h"

struct service;

/* What a template is found by. */
struct template_key {
	struct flow flow; /* the client's network, port 0 -> virtual: what listings show */
	/* And this, if data_len is not 0: bytes that the engine found, for as long as the packet is
	 * there. The table keeps a keyed digest of them. */
	const void *data;
	size_t data_len;
};

/* A persistence engine: what makes two flows to a service those of one client, whom one server is
 * to have. One member a file, pe_*.c, and a line in persistence.c. */
struct persistence_engine {
	const char *name; /* as --pe has it */
	/*
	 * The key of the template that covers @flow to @svc. @pkt is the packet that would begin
	 * it, or NULL: its contents are not known ("nfvsadm explain"). False: there is nothing to
	 * go by; the packet is dropped, as in IPVS. Worker or control thread under RCU.
	 */
	bool (*fill)(const struct service *svc, const struct flow *flow, const struct pkt *pkt,
		     struct template_key *key);
};

/* The engine of services that name none. */
extern const struct persistence_engine pe_address;

/* The engine of this name, or NULL. "": the one of services that name none. */
const struct persistence_engine *persistence_find(const char *name);

#endif
