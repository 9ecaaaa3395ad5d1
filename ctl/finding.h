/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_FINDING_H
#define CTL_FINDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* What nfvsadm check has found. */

enum finding_kind {
	FINDING_PROBLEM, /* it will not work so */
	FINDING_HINT,	 /* it may be meant so */
	FINDING_UNASKED, /* it could not be found out */
	FINDING_NOTE,	 /* a limit of what was chosen */
	FINDING_OK,
	FINDING_MAX
};

struct finding {
	enum finding_kind kind;
	const char *question; /* a word for programs; static */
	char *text, *fix;     /* fix: NULL if there is none */
};

struct findings {
	struct finding *items;
	size_t len, max;
	bool incomplete; /* no memory */
};

/* Adds one, once. NULL: it was there already. */
struct finding *findings_add(struct findings *findings, enum finding_kind kind,
			     const char *question, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The command or setting that helps. NULL is fine for @finding. */
void finding_fix(struct finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

size_t findings_count(const struct findings *findings, enum finding_kind kind);

/* A line each, problems first; what is right only if @verbose. */
void findings_print(const struct findings *findings, bool verbose, FILE *out);

/* {"problems": N, "findings": [{"kind", "question", "text", "fix"}]}; owned by the caller. */
json_t *findings_to_json(const struct findings *findings);

void findings_free(struct findings *findings);

#endif
