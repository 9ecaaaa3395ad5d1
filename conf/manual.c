// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lists of keys in nfvs.conf(5), in troff, from the table that the parser uses: so the manual
 * cannot be out of date. Called by tests/tools/confkeys.c when the manual is built, and by its
 * test; any thread.
 */
#include "conf/manual.h"
#include "conf/absent.h"
#include "conf/keys.h"
#include "sched/schedulers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Text that troff takes as it is. */
static void print_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '"')
			fputs("\\(dq", out);
		else
			putc(*text, out);
	}
}

static void print_words(FILE *out, const struct key_word *words)
{
	const char *separator = "";

	for (; words->name; words++) {
		fprintf(out, "%s\\(dq%s\\(dq", separator, words->name);
		separator = " or ";
	}
}

static void print_type(FILE *out, const struct key *key)
{
	switch (key->type) {
	case KEY_BOOL:
		fputs("true or false", out);
		break;
	case KEY_NUMBER:
		if (key->max == UINT32_MAX)
			fprintf(out, "integer, %u to 0x%x", key->min, key->max);
		else
			fprintf(out, "integer, %u to %u", key->min, key->max);
		break;
	case KEY_WORD:
		print_words(out, key->words);
		break;
	case KEY_NAME:
		fprintf(out,
			"string: a letter or _, then letters, digits, _, \\- and .; at most %zu "
			"characters",
			key->size - 1);
		break;
	case KEY_TEXT:
		fprintf(out, "string of at most %zu printable characters", key->size - 1);
		break;
	case KEY_SCHEDULER:
		fprintf(out, "string, one of: %s", scheduler_names());
		break;
	case KEY_ADDRESS:
	case KEY_PORTS:
	case KEY_RANGE:
		fputs("string", out);
		break;
	case KEY_ADDRESSES:
		fputs("array of strings", out);
		break;
	case KEY_MASK:
		fputs("integer, or string", out);
		break;
	case KEY_GROUP:
		fputs("group", out);
		break;
	case KEY_LIST:
		fputs("list of groups", out);
		break;
	}
}

static void print_key(FILE *out, const struct key *key)
{
	fprintf(out, ".TP\n.B ");
	print_text(out, key->name);
	fprintf(out, "\n(");
	print_type(out, key);
	if (key->required)
		fputs("; required", out);
	else if (key->initial || key->unset)
		fputs(key->unset ? "; " : "; default: ", out);
	print_text(out, key->unset ? key->unset : key->initial ? key->initial : "");
	fprintf(out, ")\n");
	print_text(out, key->about);
	fprintf(out, "\n");
}

/* The group of a marker line, or GROUP_MAX: @line is none. */
static enum key_group marker_group(const char *line)
{
	char marker[64];

	for (enum key_group group = 0; group < GROUP_MAX; group++) {
		snprintf(marker, sizeof(marker), "@KEYS %s@\n", key_group_name(group));
		if (!strcmp(line, marker))
			return group;
	}
	return GROUP_MAX;
}

static void print_absents(FILE *out)
{
	for (size_t i = 0; i < absents_len; i++) {
		fprintf(out, ".TP\n.B ");
		print_text(out, absents[i].name);
		fprintf(out, "\n");
		print_text(out, absents[i].why);
		fprintf(out, "\n");
	}
}

static void print_schedulers(FILE *out)
{
	const struct scheduler *sched;

	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		fprintf(out, ".TP\n.B ");
		print_text(out, sched->name);
		fprintf(out, "\n");
		print_text(out, sched->about);
		fprintf(out, "\n");
	}
}

int manual_expand(FILE *in, FILE *out)
{
	enum key_group group;
	char *line = NULL;
	size_t size = 0;
	int ret = 0;

	while (!ret && getline(&line, &size, in) >= 0) {
		group = marker_group(line);
		if (!strcmp(line, "@ABSENT@\n"))
			print_absents(out);
		else if (!strcmp(line, "@SCHEDULERS@\n"))
			print_schedulers(out);
		else if (group == GROUP_MAX && !strncmp(line, "@KEYS", 5))
			ret = -EINVAL;
		else if (group == GROUP_MAX)
			fputs(line, out);
		for (size_t i = 0; group != GROUP_MAX && i < keys_len; i++)
			if (keys[i].group == group)
				print_key(out, &keys[i]);
	}
	free(line);
	if (!ret && (ferror(in) || fflush(out)))
		ret = -EIO;
	return ret;
}
