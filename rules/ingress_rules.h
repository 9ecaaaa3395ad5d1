/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_INGRESS_RULES_H
#define RULES_INGRESS_RULES_H

#include "rules/ingress.h"
#include "rules/messages.h"

/* The sets of the table, in both families of addresses; what ingress.c and its neighbours share. */
enum ingress_set {
	INGRESS_LEARN,	 /* marks by which the daemon tells what is to be learned */
	INGRESS_LIVING,	 /* numbers of living servers, with a counter each */
	INGRESS_DEVICES, /* by which device a server is reached */
	INGRESS_HOPS4,	 /* and at which neighbour */
	INGRESS_HOPS6,
	INGRESS_CLOSING4, /* of what was learned, what ended by a FIN or RST: for as long as that */
	INGRESS_CLOSING6, /* may be news to a daemon */
	INGRESS_FLOWS4,	  /* what was learned */
	INGRESS_FLOWS6,
	INGRESS_BEGUN4, /* likewise, by a SYN: for as long as a handshake may take */
	INGRESS_BEGUN6,
	INGRESS_SETS
};

/* As long as IPVS's states SYN_RECV and FIN_WAIT. */
#define INGRESS_BEGUN_MS   60000u
#define INGRESS_CLOSING_MS 120000u

extern const char *const ingress_set_names[INGRESS_SETS];

/* Names of the base chains of a device: in_N, out_N. */
#define INGRESS_CHAIN_STRLEN 16
void ingress_chain_name(char name[INGRESS_CHAIN_STRLEN], const struct ingress_device *device,
			bool in);

/* The chains that are not at a device; NULL after the last. */
extern const char *const ingress_chains[];

/* Appends all rules but those of the devices; then those of one device. */
void ingress_rules_put(struct transaction *t);
void ingress_device_rules_put(struct transaction *t, const struct ingress_device *device);

#endif
