// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm: two grammars in one program. A command line that begins with a word is nfvs's own and
 * goes to the table of words; any other is ipvsadm's, and so is every one if the program is called
 * ipvsadm. One thread; everything else is in the daemon.
 */
#include "ctl/word.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct session session = {.program = argv[0]};
	const char *const *args = (const char *const *)argv;
	bool word = argc > 1 && argv[1][0] != '-' && argv[1][0] &&
		    strcmp(program_invocation_short_name, "ipvsadm");
	int ret = word ? word_run(&session, argc - 1, args + 1)
		       : run_line(&session, argc, args, false);

	client_close(session.client);
	if (fflush(stdout) || ferror(stdout)) {
		session_fail("cannot write the output: %s", strerror(errno));
		return ret ? ret : EXIT_FAILURE;
	}
	return ret;
}
