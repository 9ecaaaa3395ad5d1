// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections that the kernel went on carrying without a daemon come back into the table. The one
 * idea: what the kernel knows of one, its addresses, says which service and which server it has, so
 * nothing has to be kept on disk. Control thread, after a start; and when a queue was full.
 */
#include "lvs/restore.h"
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

/* The service that claims it now. The rules' own schedule keeps no packet mark, so a firewall-mark
 * service is known by the server's number then. */
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
	if (conn)
		return RESTORED_KNOWN;
	if (conn_add(d->conns, &remnant->flow, dest, remnant->server_port, svc->key.fwmark,
		     CONN_RESTORED, template_of(d, svc, dest, &remnant->flow), d->now, &conn))
		return RESTORED_NOT;
	conn_resume(d, conn, remnant->state, remnant->idle);
	if (remnant->began)
		account_conn(svc, dest);
	return RESTORED_NEW;
}
