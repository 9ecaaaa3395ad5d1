/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_OWNER_H
#define DAEMON_OWNER_H

#include "lib/err.h"

#include <stdint.h>

#define OWNER_STRLEN 64

/* The process that holds the netfilter netlink socket of this port id: "nfvsd (pid 123)", or "port
 * id 123" if it cannot be found out. Returns @buf. Control thread. */
const char *owner_of_portid(char buf[OWNER_STRLEN], uint32_t portid);

/*
 * Claims the nftables table name for this process within its network namespace, by an abstract unix
 * socket that the kernel releases when the process ends, however it ends. Returns the descriptor to
 * keep, or -EEXIST with the pid of the holder in @err. Control thread.
 */
int owner_claim_table(const char *table, struct error *err);

/* Likewise for the marks by which the kernel carries connections. */
int owner_claim_marks(uint32_t mask, struct error *err);

#endif
