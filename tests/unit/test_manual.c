// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * conf/keys.c and conf/manual.c: the table is sound, and manual and example know every key of it.
 * From the top folder, as "make unit" runs it.
 */
#include "conf/keys.h"
#include "conf/manual.h"
#include "sched/schedulers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The table itself. */
Test(keys, are_sound)
{
	for (size_t i = 0; i < keys_len; i++) {
		const struct key *key = &keys[i];

		cr_expect_eq(key_find(key->group, key->name), key, "%s is there twice", key->name);
		cr_expect_eq(key_nearest(key->group, key->name), key, "%s", key->name);
		cr_expect(key->about[0] && key->about[strlen(key->about) - 1] == '.', "%s",
			  key->name);
		cr_expect_eq(key->type == KEY_NUMBER, key->max > 0, "%s", key->name);
		cr_expect_eq(key->type == KEY_WORD, key->words != NULL, "%s", key->name);
		if (key->initial && key->type == KEY_NUMBER)
			cr_expect(strtoul(key->initial, NULL, 0) >= key->min &&
					  strtoul(key->initial, NULL, 0) <= key->max,
				  "%s", key->name);
		cr_expect(!key->required || !key->initial, "%s: a default that is never used",
			  key->name);
	}
}

/* The whole of a file, or what manual_expand() makes of it. */
static char *expanded(FILE *in)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert(in, "run this from the top folder");
	cr_assert_eq(manual_expand(in, out), 0);
	fclose(in);
	fclose(out);
	return text;
}

Test(manual, names_every_key_in_its_group)
{
	char *manual = expanded(fopen("docs/nfvs.conf.5.in", "r"));
	char *example = expanded(fopen("conf/nfvs.conf.example", "r"));
	char marker[64], entry[64];

	cr_assert_not(strstr(manual, "@KEYS"));
	for (enum key_group group = 0; group < GROUP_MAX; group++) {
		char *list;

		snprintf(marker, sizeof(marker), "@KEYS %s@\n", key_group_name(group));
		list = expanded(fmemopen(marker, strlen(marker), "r"));
		cr_expect(strstr(manual, list), "no list of %s", key_group_name(group));
		for (size_t i = 0; i < keys_len; i++) {
			snprintf(entry, sizeof(entry), ".B %s\n", keys[i].name);
			cr_expect_eq(keys[i].group == group || key_find(group, keys[i].name),
				     !!strstr(list, entry), "%s in %s", keys[i].name, marker);
			snprintf(entry, sizeof(entry), "%s = ", keys[i].name);
			cr_expect(strstr(example, entry), "%s is not in the example", keys[i].name);
		}
		free(list);
	}
	free(manual);
	free(example);
}

/* A macro of two fonts sets its words without blanks between them: a sentence must not begin there.
 */
Test(manual, no_sentence_begins_in_a_macro_of_two_fonts)
{
	static const char *const manuals[] = {"docs/nfvs.conf.5.in", "docs/nfvsadm.8",
					      "docs/nfvsd.8", "docs/nfvs-rules.8",
					      "docs/nfvs-realserver.8"};

	for (size_t i = 0; i < sizeof(manuals) / sizeof(manuals[0]); i++) {
		char *text = expanded(fopen(manuals[i], "r")), *rest = text, *line;

		while ((line = strsep(&rest, "\n")))
			if (line[0] == '.' && line[1] && strchr("BIR", line[1]) && line[2] &&
			    strchr("BIR", line[2]) && line[3] == ' ')
				cr_expect_not(strstr(line, " . "), "%s: %s", manuals[i], line);
		free(text);
	}
}

/* In both manuals every scheduler has its line, and every flag its name. */
Test(manual, names_every_scheduler)
{
	char *conf = expanded(fopen("docs/nfvs.conf.5.in", "r"));
	char *adm = expanded(fopen("docs/nfvsadm.8", "r"));
	char *list = expanded(fmemopen((char[]){"@SCHEDULERS@\n"}, 13, "r"));
	const struct scheduler *sched;
	char text[64];

	cr_assert(strstr(conf, list));
	cr_assert(strstr(adm, list), "docs/nfvsadm.8 has another list than:\n%s", list);
	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		snprintf(text, sizeof(text), n ? "\n.TP\n.B %.*s" : ".TP\n.B %.*s",
			 (int)strcspn(sched->name, "-"), sched->name);
		cr_expect(strstr(list, text), "%s", sched->name);
		for (int i = 0; i < SCHEDULER_FLAGS; i++)
			cr_expect(!sched->flags[i] ||
					  strstr(key_find(GROUP_SERVICE, "scheduler_flags")->about,
						 sched->flags[i]),
				  "%s", sched->flags[i]);
	}
	free(conf);
	free(adm);
	free(list);
}

Test(manual, a_marker_of_no_group_is_refused)
{
	char text[] = "a\n@KEYS nonsense@\nb\n";
	FILE *in = fmemopen(text, strlen(text), "r"), *out = fopen("/dev/null", "w");

	cr_assert_eq(manual_expand(in, out), -EINVAL);
	fclose(in);
	fclose(out);
}
