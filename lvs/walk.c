// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All connections, one after the other. The one idea: not through the hashes but through the memory
 * where the connections lie side by side, so a place in it is two numbers, which stay good while
 * others come and go, and a million are read in order rather than at random. Any thread.
 */
#include "lvs/conns.h"

/* Nothing that begins to end, and no template that was replaced, is shown to anybody. */
static bool visible(const struct conn *conn)
{
	return !(atomic_load_explicit(&conn->flags, memory_order_relaxed) &
		 (CONN_DEAD | CONN_UNHASHED));
}

bool conns_walk(struct conns *conns, struct conns_walk *walk, unsigned int n,
		void (*fn)(struct conn *conn, void *data), void *data)
{
	struct conn *conn = NULL;

	rcu_read_lock();
	while (n-- && (conn = conns_next(conns, walk)))
		if (visible(conn))
			fn(conn, data);
	rcu_read_unlock();
	return conn;
}
