// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which datapath a service has: one list of what the kernel cannot do for us, asked for a running
 * service, for one in a file, and for what an administrator is about to add. Any thread.
 */
#include "conf/datapath.h"

#include <netinet/in.h>

#define FTP_PORT	21
#define TRACKED_METHODS (1u << FORWARD_NAT | 1u << FORWARD_FULLNAT)

static bool has_sctp(const struct service_spec *spec)
{
	for (size_t i = 0; i < spec->matches_len; i++)
		if (spec->matches[i].protocol == IPPROTO_SCTP)
			return true;
	return spec->key.protocol == IPPROTO_SCTP;
}

struct datapath_case datapath_case(const struct service_spec *spec, enum datapath director)
{
	return (struct datapath_case){.spec = spec,
				      .wanted = spec->datapath ? spec->datapath : director,
				      .managed = true,
				      .carries = true,
				      .learns = true,
				      .apart = true,
				      .forwards = true};
}

bool datapath_learned(const struct datapath_case *which)
{
	return which->methods == 1u << FORWARD_DR;
}

static const char external[] = "the rules are external";

/* By the daemon such servers' packets are sent, not forwarded. */
static const char *source_obstacle(const struct datapath_case *which)
{
	if (!which->apart)
		return "director.flow_ports and local_ports overlap";
	if (!which->forwards)
		return "it has fullnat servers and this machine does not forward "
		       "(director.system is check)";
	return NULL;
}

static const char *tracked_obstacle(const struct datapath_case *which)
{
	const struct service_spec *spec = which->spec;

	if (spec->key.protocol == IPPROTO_TCP && spec->key.port == htons(FTP_PORT))
		return "FTP";
	if (spec->key.fwmark && !spec->matches_len)
		return "its mark is set by rules that are not of nfvs";
	if (!which->managed)
		return external;
	if (!which->carries)
		return "this kernel lacks something for it: nft_ct, nft_nat, nft_log, nft_numgen "
		       "or "
		       "nfnetlink_log";
	return which->methods & 1u << FORWARD_FULLNAT ? source_obstacle(which) : NULL;
}

static const char *learned_obstacle(const struct datapath_case *which)
{
	if (!which->managed)
		return external;
	return which->learns ? NULL
			     : "this kernel lacks something for it: nft_fwd_netdev, hooks for "
			       "what leaves a device, nft_log or nfnetlink_log";
}

const char *datapath_obstacle(const struct datapath_case *which)
{
	const struct service_spec *spec = which->spec;

	if (which->wanted == DATAPATH_PACKET || which->wanted == DATAPATH_UNSET)
		return "the configuration says so";
	if (!datapath_learned(which) && which->methods & ~TRACKED_METHODS)
		return "not all servers have the methods nat and fullnat, or all dr";
	if (spec->flags & SERVICE_ONEPACKET)
		return "it is a one-packet service";
	if (has_sctp(spec))
		return "SCTP";
	return datapath_learned(which) ? learned_obstacle(which) : tracked_obstacle(which);
}
