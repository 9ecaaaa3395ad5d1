// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The schedulers of IPVS make the choices that the kernel's make, as tests/unit/vectors/schedulers
 * has them, which tests/vm/vectors.py compares with the kernel's. From the top folder, as "make
 * unit" runs it.
 */
#include "tests/unit/sched_build.h"

#include <stdlib.h>

TestSuite(sched_vectors, .init = lab_open, .fini = lab_close, .timeout = 60);

/* The first five sites in turn. */
static struct flow flow_few_sites(unsigned int n)
{
	struct flow flow = flow_one(n);

	flow.daddr = flow_site(n % 5).daddr;
	return flow;
}

/* "NAME: SCHEDULER [FLAG...] [stays] [clients|sites|few-sites]: WORDS" */
static const struct scheduler *vector_run(char *line)
{
	struct flow (*flow_of)(unsigned int n) = flow_one;
	struct script script = {.name = strsep(&line, ":")};
	char *about = strsep(&line, ":"), *word;
	uint32_t flags = 0;

	cr_assert(line && about[0] == ' ' && line[0] == ' ', "bad line of %s", script.name);
	about++;
	script.words = line + 1;
	script.sched = strsep(&about, " ");
	while ((word = strsep(&about, " "))) {
		const struct scheduler *sched = scheduler_find(script.sched);
		unsigned int number;

		if (!strcmp(word, "stays"))
			script.stays = true;
		else if (!strcmp(word, "clients"))
			flow_of = flow_client;
		else if (!strcmp(word, "sites"))
			flow_of = flow_site;
		else if (!strcmp(word, "few-sites"))
			flow_of = flow_few_sites;
		else if (sscanf(word, "flag-%u", &number) == 1)
			flags |= SERVICE_SCHED1 << (number - 1);
		else if (scheduler_flag(sched, word))
			flags |= scheduler_flag(sched, word);
		else
			cr_assert_fail("%s: bad word %s", script.name, word);
	}
	script_run(&script, flow_of, flags);
	return scheduler_find(script.sched);
}

Test(sched_vectors, are_met)
{
	FILE *file = fopen("tests/unit/vectors/schedulers", "r");
	const struct scheduler *sched, *seen[32] = {NULL};
	size_t size = 0, lines = 0;
	char *line = NULL;

	cr_assert_not_null(file, "run this from the top folder");
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		sched = vector_run(line);
		for (size_t n = 0; scheduler_at(n); n++)
			if (scheduler_at(n) == sched)
				seen[n] = sched;
		lines++;
	}
	free(line);
	fclose(file);
	/* twos leaves it to chance. */
	for (size_t n = 0; (sched = scheduler_at(n)); n++)
		cr_assert(seen[n] == sched || !sched->ipvs || !strcmp(sched->name, "twos"),
			  "no vector of %s", sched->name);
}
