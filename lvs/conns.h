/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_CONNS_H
#define LVS_CONNS_H

#include "lvs/conn.h"

/* What conn.c, the life of one connection, and walk.c need of the table in conns.c, beside the
 * public functions in conn.h. */

/* Memory for a connection of @af, with room for a @local endpoint or not, all zero; NULL without
 * memory. To be freed with slab_release(), after a grace period unless nobody ever found it. Any
 * thread. */
struct conn *conn_alloc(struct conns *conns, uint8_t af, bool local);

/* What is kept of the data in a template's key. */
struct digest conns_digest(const struct conns *conns, const struct template_key *key);

/* Sets one of conn_addr()'s. Only before anybody finds the connection. */
void conn_set_addr(struct conn *conn, unsigned int i, const union addr *addr);

/* Puts @conn among the replies. Of connections with the same replies the newest gets them. Worker,
 * RCU. */
void conns_enter_out(struct conns *conns, struct conn *conn);

/* Likewise, of FULLNAT, with this local endpoint; false, and without it, if another connection to
 * the server has that. @addr is one of conns_locals(), or locals_keep()'s. Caller holds
 * conn_lock(), RCU. */
bool conns_enter_local(struct conns *conns, struct conn *conn, const union addr *addr, __be16 port);

/* Where the endpoints are from; and a running number, each once. */
struct locals *conns_locals(const struct conns *conns);
uint64_t conns_local_next(struct conns *conns);

/* Puts @conn among the requests, counts and shows it. If there is the same one already, returns
 * that and changes nothing. Worker, RCU. */
struct conn *conns_enter_in(struct conns *conns, struct conn *conn);

/* Their reverse: no longer among the replies, if it was, no longer found by requests, neither
 * counted nor shown. Each only once. Any thread, RCU. */
void conns_leave_out(struct conns *conns, struct conn *conn);
void conns_leave_in(struct conns *conns, struct conn *conn);
void conns_leave(struct conns *conns, struct conn *conn);

/* What carried.c keeps for the connections that the kernel carries. */
struct carried {
	struct cds_lfs_stack left;			 /* ended here, perhaps not there */
	uint32_t (*keep)(struct conn *conn, void *data); /* or NULL: nobody knows */
	void *data;
};

struct carried *conns_carried(struct conns *conns);

/* Of a carried connection that is due: ms that it has left, or 0. Control thread, RCU. */
uint32_t carried_left(struct conns *conns, struct conn *conn);

/* Its memory may go, after a grace period. Any thread. */
void conn_reclaim(struct conn *conn);

/* Likewise, but first the kernel has to forget it: conns_forget(). True if that is so. */
bool carried_leave(struct conns *conns, struct conn *conn);

struct wheel *conns_wheel(const struct conns *conns);

/* Begins to make the hashes as large as their contents want, if they are not; a thread of its own
 * does it, which nobody waits for. Control thread. */
void conns_fit(struct conns *conns);

/* Bytes of address space: what the connections lie in, the buckets of both hashes (as they are to
 * be, if they are being resized), and the rest, timers above all, which does not grow. Control
 * thread. */
struct conns_memory {
	size_t connections, hashes, fixed;
};

struct conns_memory conns_memory(const struct conns *conns);

/* The next of all connections and templates in memory that are or were in the table; NULL after the
 * last. To begin, *@walk is all zero. Any thread under RCU. */
struct conn *conns_next(const struct conns *conns, struct conns_walk *walk);

#endif
