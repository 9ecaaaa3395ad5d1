// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capabilities. The one idea: what running needs is kept, and passes to nobody, but for the moment
 * in which another nfvsd is executed. A user other than root would lose all by that, so they are
 * made ambient then; this works under NoNewPrivileges too, for nothing is gained. Main thread.
 */
#include "daemon/privilege.h"
#include "lib/log.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

/* CAP_NET_ADMIN, which the kernel checks on every message; to read the configuration again; to give
 * the socket to its group. And to open raw sockets, which is over once this runs: that is only for
 * the next one, and has no effect here. */
static const struct {
	unsigned int cap;
	capng_type_t effect;
} kept[] = {
	{CAP_NET_ADMIN, CAPNG_EFFECTIVE},
	{CAP_DAC_READ_SEARCH, CAPNG_EFFECTIVE},
	{CAP_CHOWN, CAPNG_EFFECTIVE},
	{CAP_NET_RAW, 0},
};

#define KEPT (sizeof(kept) / sizeof(kept[0]))

int privilege_check(struct error *err)
{
	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		return error_set(err, -EPERM,
				 "not enough privilege: nfvsd needs CAP_NET_ADMIN (run it as root, "
				 "or with AmbientCapabilities=CAP_NET_ADMIN)");
	return 0;
}

/* Those that are there, of @type too; no other has any. */
static int reduce(bool have[KEPT], capng_type_t type)
{
	for (size_t i = 0; i < KEPT; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, kept[i].cap);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < KEPT; i++)
		if (have[i])
			capng_update(CAPNG_ADD, CAPNG_PERMITTED | kept[i].effect | type,
				     kept[i].cap);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

void privilege_drop(void)
{
	bool have[KEPT];

	if (reduce(have, 0))
		log_warn("capabilities cannot be reduced");
}

int privilege_pass(bool pass)
{
	bool have[KEPT];
	int ret;

	capng_get_caps_process();
	/* What is not inheritable any more is not ambient either. */
	ret = reduce(have, pass ? CAPNG_INHERITABLE : 0);
	for (size_t i = 0; pass && !ret && i < KEPT; i++)
		if (have[i] && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i].cap, 0, 0))
			ret = -errno;
	return ret;
}
