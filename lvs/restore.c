// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections that the kernel went on carrying without a daemon come back into the table. The one
 * idea: what the kernel knows of one, its addresses, says which service and which server it has, so
 * nothing has to be kept on disk. Control thread, after a start, and when copies were lost. Beside
 * it those for which the rules chose a server a moment ago, by the number that a copy has as its
 * mark.
 */
#include "lvs/restore.h"
#include "lvs/endpoint.h"
#include "lvs/reset.h"
#include "lvs/reuse.h"
#include "lvs/schedule.h"
#include "lvs/track.h"

static bool in_group(const struct service *svc, const struct flow *flow)
{
	for (size_t i = 0; i < svc->matches_len; i++)
		if (match_contains(&svc->matches[i], flow->af, flow->protocol, &flow->daddr,
				   flow->dport))
			return true;
	return false;
}

/* The service that claims it now. Where rules of an earlier version chose, there is no packet mark,
 * and a firewall-mark service is known by the server's number. */
static struct service *service_of(const struct direct *d, const struct remnant *remnant)
{
	struct service *svc = NULL;

	if (!remnant->mark && remnant->dest)
		svc = atomic_load_explicit(&remnant->dest->svc, memory_order_relaxed);
	if (svc && svc->key.fwmark && svc->key.af == remnant->flow.af &&
	    in_group(svc, &remnant->flow))
		return svc;
	return services_find(d->services, &remnant->flow, remnant->mark);
}

/* The server that the service has at the port that it answers from, or for all ports. */
static struct dest *dest_of(const struct service *svc, const struct remnant *remnant)
{
	const uint8_t af = remnant->flow.af;
	struct dest *dest = service_dest(svc, af, &remnant->server, remnant->server_port);

	return dest ? dest : service_dest(svc, af, &remnant->server, 0);
}

/* The template by which the client came to its server, or comes the next time; NULL: none. */
static struct conn *template_of(struct direct *d, struct service *svc, struct dest *dest,
				const struct flow *flow)
{
	struct template_key key;
	struct conn *template;

	if (!(atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_PERSISTENT) ||
	    !template_key(svc, flow, NULL, &key))
		return NULL;
	template = conn_find_template(d->conns, &key);
	if (template)
		return template->dest == dest ? template : NULL;
	return template_make(d, svc, &key, dest);
}

static void account_chosen(struct direct *d, struct service *svc, struct dest *dest)
{
	bool turns = atomic_load_explicit(&svc->in_turns, memory_order_relaxed);

	account_conn(svc, dest);
	if (d->newcomers)
		atomic_fetch_add_explicit(turns ? &d->newcomers->turns : &d->newcomers->fallback, 1,
					  memory_order_relaxed);
}

/* FULLNAT's endpoint. One that began when the server had another method has the client's own. */
static void learn(struct direct *d, struct conn *conn, const struct remnant *remnant)
{
	if (conn->dport == remnant->server_port &&
	    addr_equal(&conn->dest->addr, &remnant->server) &&
	    !addr_equal(&remnant->local, &remnant->flow.saddr))
		(void)endpoint_learn(d->conns, conn, &remnant->local, remnant->local_port);
}

enum restored conn_restore(struct direct *d, const struct remnant *remnant)
{
	struct service *svc = service_of(d, remnant);
	struct dest *dest = svc ? dest_of(svc, remnant) : NULL;
	struct conn *conn;

	if (!dest)
		return RESTORED_NOT;
	conn = conn_find(d->conns, &remnant->flow, PKT_IN);
	/* One that never came to be: its first packet waited here until the kernel had sent the
	 * next to another server. */
	if (conn && remnant->began && conn->carried && conn->dest != dest) {
		conn_supersede(d->conns, conn);
		conn = NULL;
	}
	if (conn) {
		learn(d, conn, remnant);
		return RESTORED_KNOWN;
	}
	if (conn_add(d->conns, &remnant->flow, dest, remnant->server_port, svc->key.fwmark,
		     CONN_RESTORED, template_of(d, svc, dest, &remnant->flow), d->now, &conn))
		return RESTORED_NOT;
	learn(d, conn, remnant);
	conn_resume(d, conn, remnant->state, remnant->idle);
	if (remnant->began)
		account_chosen(d, svc, dest);
	return RESTORED_NEW;
}

/* The server of @svc with this number, or NULL. */
static struct dest *numbered(struct service *svc, uint32_t number)
{
	struct dest *dest, *found = NULL;

	pthread_spin_lock(&svc->lock);
	cds_list_for_each_entry (dest, &svc->dests, list) {
		if (atomic_load_explicit(&dest->number, memory_order_relaxed) != number)
			continue;
		found = dest;
		break;
	}
	pthread_spin_unlock(&svc->lock);
	return found;
}

/* Does @conn already stand for what @pkt begins at @dest? If its packet was sent again, it does;
 * not if both ends had ended it, or the packet had waited here until the kernel sent the next, or a
 * local endpoint is known, for the kernel gives another. */
static bool stands(const struct direct *d, const struct conn *conn, const struct dest *dest,
		   const struct pkt *pkt)
{
	return conn->dest == dest && conn->carried && !conn_has_local(conn) && !conn_killed(conn) &&
	       !conn_outdated(d, conn, pkt);
}

void conn_chosen(struct direct *d, const struct pkt *pkt)
{
	const uint32_t number = mark_number(d->mark_mask, pkt->mark);
	struct service *svc = services_find(d->services, &pkt->flow, pkt->mark & ~d->mark_mask);
	struct dest *dest = svc && number ? numbered(svc, number) : NULL;
	struct conn *conn = dest ? conn_find(d->conns, &pkt->flow, PKT_IN) : NULL;

	if (conn && stands(d, conn, dest, pkt))
		return;
	if (conn)
		conn_supersede(d->conns, conn);
	/* Of two datagrams at once the kernel lets one choose, and of which this is a copy nobody
	 * says: it is asked. */
	if (conn && conn->protocol == IPPROTO_UDP && conn->dest != dest)
		atomic_store_explicit(&d->newcomers->missed, true, memory_order_relaxed);
	/* Perhaps the kernel does not know yet that the server is gone: it is asked. */
	if (!dest ||
	    conn_add(d->conns, &pkt->flow, dest, dest->port ? dest->port : pkt->flow.dport,
		     svc->key.fwmark, CONN_CHOSEN, template_of(d, svc, dest, &pkt->flow), d->now,
		     &conn) ||
	    conn->dest != dest) {
		atomic_store_explicit(&d->newcomers->missed, true, memory_order_relaxed);
		return;
	}
	account_chosen(d, svc, dest);
}
