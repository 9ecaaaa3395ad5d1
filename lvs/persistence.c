// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The persistence engines, in one explicit array. Looked up when a service is made or changed,
 * never for a packet: a service points to its own. Any thread.
 */
#include "lvs/persistence.h"

#include <string.h>

static const struct persistence_engine *const engines[] = {&pe_address};

const struct persistence_engine *persistence_find(const char *name)
{
	if (!*name)
		return &pe_address;
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (!strcmp(engines[i]->name, name))
			return engines[i];
	return NULL;
}
