// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of each transaction: sent, or given up for want of memory, and what its failure means.
 * Used by all that put tables into the kernel; control thread.
 */
#include "rules/transaction.h"
#include "rules/batch.h"

#include <errno.h>

int transaction_send(struct transaction *t, struct error *err)
{
	int ret = t->no_memory ? error_set(err, -ENOMEM, "no memory for the rules")
			       : batch_send(t->batch, err);

	batch_free(t->batch);
	return ret;
}

bool transaction_clashed(int ret)
{
	return ret && ret != -EPERM && ret != -ENOMEM;
}
