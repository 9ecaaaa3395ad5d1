// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections that the kernel carries, seen from the connection table. The one idea: the daemon
 * sees few of their packets, so before one ends for its silence somebody asks the kernel; and if
 * one ends for another reason, the kernel has to forget it too, or it would go on carrying. Those
 * wait in a stack for the control thread, which alone speaks with the kernel: a worker never does.
 */
#include "lvs/conns.h"
#include "lvs/forward.h"
#include "lvs/proto.h"

void conns_set_keeper(struct conns *conns, uint32_t (*keep)(struct conn *conn, void *data),
		      void *data)
{
	struct carried *carried = conns_carried(conns);

	carried->keep = keep;
	carried->data = data;
}

/* Did both ends end it? Then nothing comes any more, and conntrack forgets it by itself; the
 * devices do not. */
static bool over(const struct conn *conn)
{
	const struct proto *proto = proto_find(conn->protocol);

	return conn_method(conn)->tracked && proto->over &&
	       proto->over(atomic_load_explicit(&conn->state, memory_order_relaxed));
}

uint32_t carried_left(struct conns *conns, struct conn *conn)
{
	const struct carried *carried = conns_carried(conns);

	if (!conn->carried || !carried->keep || over(conn))
		return 0;
	return carried->keep(conn, carried->data);
}

bool carried_leave(struct conns *conns, struct conn *conn)
{
	struct carried *carried = conns_carried(conns);

	if (!conn->carried || over(conn))
		return false;
	RCU_LEFT(conn);
	cds_lfs_node_init(&conn->left);
	cds_lfs_push(&carried->left, &conn->left);
	return true;
}

void conns_forget(struct conns *conns, void (*forget)(const struct conn *conn, void *data),
		  void *data)
{
	struct cds_lfs_head *head = __cds_lfs_pop_all(&conns_carried(conns)->left);
	struct cds_lfs_node *node, *next;

	for (node = head ? &head->node : NULL; node; node = next) {
		struct conn *conn = caa_container_of(node, struct conn, left);

		next = node->next;
		RCU_FOUND(conn);
		if (forget)
			forget(conn, data);
		conn_reclaim(conn);
	}
}
