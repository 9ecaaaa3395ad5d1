// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The names of the reasons: keys of "nfvsadm status --json", so they stay. Pure; control thread.
 */
#include "lvs/stats.h"

const char *reason_name(enum reason reason)
{
	static const char *const names[REASON_MAX] = {
		[REASON_NONE] = "none",
		[REASON_TRUNCATED] = "truncated",
		[REASON_VERSION] = "version",
		[REASON_HEADER] = "header",
		[REASON_FRAGMENT] = "fragment",
		[REASON_PROTOCOL] = "protocol",
		[REASON_NO_SERVER] = "no_server",
		[REASON_SERVICE_FULL] = "service_full",
		[REASON_SERVER_FULL] = "server_full",
		[REASON_SERVER_GONE] = "server_gone",
		[REASON_NO_MEMORY] = "no_memory",
		[REASON_NO_KEY] = "no_key",
		[REASON_NO_SERVICE] = "no_service",
		[REASON_NO_CONN] = "no_conn",
		[REASON_NO_LOCAL] = "no_local_port",
		[REASON_LOCAL_UNKNOWN] = "local_port_unknown",
		[REASON_CONNTRACK_FULL] = "conntrack_full",
		[REASON_NO_ROUTE] = "no_route",
		[REASON_TTL] = "ttl",
		[REASON_TOO_BIG] = "too_big",
		[REASON_OUTBOX] = "outbox_full",
		[REASON_KILLED] = "killed",
		[REASON_TUNNEL_ERROR] = "tunnel_error",
		[REASON_DROP_PACKET] = "drop_packet",
		[REASON_NO_CLIENT] = "no_client",
	};

	return names[reason];
}
