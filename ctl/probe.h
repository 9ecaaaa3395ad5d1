/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_PROBE_H
#define CTL_PROBE_H

#include "ctl/networks.h"

/* Who on the wire of an interface says that an address is his? */

#define PROBES_MAX    512 /* more would be a burst that others notice */
#define ANSWERS_MAX   4
#define PROBE_WAIT_MS 800

struct probe {
	uint8_t af;
	union addr addr;
	char name[IF_NAMESIZE];	 /* of the interface, an Ethernet */
	unsigned int interface;	 /* its index */
	uint8_t source[MAC_LEN]; /* its address there */
	int err;		 /* out: 0, or -errno: it could not be asked */
	uint8_t answers[ANSWERS_MAX][MAC_LEN];
	size_t answers_len;
};

struct probes {
	struct probe *items; /* PROBES_MAX, once there is one */
	size_t len;
	size_t left_out; /* for there were too many */
};

/* Once for each address and interface; nothing if neighbours cannot be asked there. */
void probes_add(struct probes *probes, const struct networks *networks, uint8_t af,
		const union addr *addr, const char *name);

/* The one that was added, or NULL. */
const struct probe *probes_find(const struct probes *probes, uint8_t af, const union addr *addr,
				const char *name);

/* Did the machine with this address answer? */
bool probe_answered_by(const struct probe *probe, const uint8_t mac[MAC_LEN]);

/* Asks all at once, and again those that nobody answered; takes PROBE_WAIT_MS. */
void probes_run(struct probes *probes);

void probes_free(struct probes *probes);

#endif
