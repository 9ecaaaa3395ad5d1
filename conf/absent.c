// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What IPVS lets an administrator set, and nfvs does not. The one idea: somebody who brings a list
 * of sysctls along is told why one of them is not needed, in the same words by nfvsd -t, by nfvsadm
 * set and by nfvs.conf(5). Constant data; any thread.
 */
#include "conf/absent.h"

#include <string.h>

const struct absent absents[] = {
	{"backup_only", "nfvs has no synchronisation of connections yet, and so no backup."},
	{"conntrack", "Packets of services bypass conntrack; nothing in nfvs needs its entries."},
	{"debug_level", "Every drop is counted with its reason: nfvsadm status. nfvsadm explain "
			"tells why a packet goes where it goes."},
	{"est_cpulist", "Rates are estimated by the thread that does all but packets."},
	{"est_nice", "Rates are estimated by the thread that does all but packets."},
	{"ignore_tunneled", "nfvs sees only packets of services, never what carries them: what the "
			    "end of a tunnel on this machine unpacks is a packet like any other."},
	{"snat_reroute", "Answers of nat servers are rewritten on their way through the forward "
			 "hook, and the kernel has routed them by then."},
	{"sync_persist_mode", "nfvs has no synchronisation of connections yet."},
	{"sync_ports", "nfvs has no synchronisation of connections yet."},
	{"sync_qlen_max", "nfvs has no synchronisation of connections yet."},
	{"sync_refresh_period", "nfvs has no synchronisation of connections yet."},
	{"sync_retries", "nfvs has no synchronisation of connections yet."},
	{"sync_sock_size", "nfvs has no synchronisation of connections yet."},
	{"sync_threshold", "nfvs has no synchronisation of connections yet."},
	{"sync_version", "nfvs has no synchronisation of connections yet."},
};

const size_t absents_len = sizeof(absents) / sizeof(absents[0]);

const char *absent_why(const char *name)
{
	for (size_t i = 0; i < absents_len; i++)
		if (!strcmp(absents[i].name, name))
			return absents[i].why;
	return NULL;
}
