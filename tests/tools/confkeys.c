// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The filter that makes nfvs.conf(5): copies a troff page from standard input to standard output
 * and puts the lists of keys in, which come from the parser's own table. Run by the Makefile.
 */
#include "conf/manual.h"

#include <errno.h>
#include <stdlib.h>

int main(void)
{
	int ret = manual_expand(stdin, stdout);

	if (!ret)
		return EXIT_SUCCESS;
	fprintf(stderr, "confkeys: %s\n",
		ret == -EINVAL ? "a @KEYS marker names no group" : "cannot read or write");
	return EXIT_FAILURE;
}
