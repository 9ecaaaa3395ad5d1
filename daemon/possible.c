// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an administrator asks for and cannot have: refused with its reason, before anything changes.
 * The director asks for each service and server that is added or edited. Control thread.
 */
#include "daemon/possible.h"
#include "daemon/carrier.h"
#include "daemon/deciding.h"
#include "lvs/forward.h"

#include <errno.h>

/* A service that remembers no connection cannot have servers that need one. */
int service_possible(const struct director *director, const struct service *svc,
		     const struct service_spec *spec, struct error *err)
{
	const char *why = carrier_refusal(director_carrier(director), svc, spec, NULL);
	struct dest *dest;

	if (why)
		return error_set(err, -EOPNOTSUPP, "datapath flow is not possible: %s", why);
	cds_list_for_each_entry (dest, &svc->dests, list)
		if (spec->flags & SERVICE_ONEPACKET &&
		    atomic_load_explicit(&dest->forward, memory_order_relaxed)->method ==
			    FORWARD_FULLNAT)
			return error_set(err, -EOPNOTSUPP,
					 "the service has fullnat servers, for which a packet's "
					 "sender has to be remembered");
	return 0;
}

/* A file's services are judged when it is read, with all their servers. */
int edit_possible(const struct director *director, const struct service *svc,
		  const struct service_spec *spec, struct error *err)
{
	char buf[SCHEDULE_WHY_MAX];
	const char *why = carrier_unscheduled(director_carrier(director), svc, spec, NULL, buf);

	return why ? error_set(err, -EOPNOTSUPP, "schedule kernel is not possible: %s", why) : 0;
}

/* What cannot be forwarded is refused, never accepted and then not done. All with -EOPNOTSUPP, of
 * which nfvsadm shows the reason. */
int dest_possible(const struct director *director, const struct service *svc,
		  const struct dest_spec *spec, struct error *err)
{
	const char *name = forward_method_name(spec->method);
	const char *why = carrier_refusal(director_carrier(director), svc, NULL, spec);
	bool moves = spec->port && svc->key.port && spec->port != svc->key.port;
	char buf[SCHEDULE_WHY_MAX];

	if (why)
		return error_set(err, -EOPNOTSUPP, "datapath flow is not possible: %s", why);
	why = carrier_unscheduled(director_carrier(director), svc, NULL, spec, buf);
	if (why)
		return error_set(err, -EOPNOTSUPP, "schedule kernel is not possible: %s", why);
	switch (spec->method) {
	case FORWARD_NAT:
		break;
	case FORWARD_DR:
	case FORWARD_TUN:
		if (moves)
			return error_set(
				err, -EOPNOTSUPP,
				"method %s leaves the packet as it is, so the server's port "
				"must be the service's, %u",
				name, ntohs(svc->key.port));
		break;
	case FORWARD_FULLNAT:
		if (!locals_count(deciding_locals(director_deciding(director)), svc->key.af))
			return error_set(err, -EOPNOTSUPP,
					 "method fullnat needs director.local_addresses of the "
					 "service's address family");
		if (atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_ONEPACKET)
			return error_set(
				err, -EOPNOTSUPP,
				"method fullnat has to remember a packet's sender, which a "
				"one-packet service does not");
		if (!director_caps(director)->dup && director_conf(director)->rules_managed)
			return error_set(
				err, -EOPNOTSUPP,
				"method fullnat needs nft_dup_ipv4 and nft_dup_ipv6, which "
				"this kernel has not");
		break;
	case FORWARD_BYPASS:
	case FORWARD_MAX:
		return error_set(err, -EOPNOTSUPP, "no server can have the method %s", name);
	}
	if (spec->af != svc->key.af && spec->method != FORWARD_TUN)
		return error_set(err, -EOPNOTSUPP,
				 "a server of another address family than its service needs method "
				 "tun");
	return 0;
}
