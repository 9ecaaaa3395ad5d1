// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The list of what nfvsadm check has found. The one idea: a finding is known by its text, so a
 * question may be asked for every service and server, and what they have in common is told once.
 * nfvsadm.
 */
#include "ctl/finding.h"
#include "lib/array.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[FINDING_MAX] = {
	[FINDING_PROBLEM] = "problem", [FINDING_HINT] = "hint", [FINDING_UNASKED] = "not asked",
	[FINDING_NOTE] = "note",       [FINDING_OK] = "ok",
};

static bool known(const struct findings *findings, const char *text)
{
	for (size_t i = findings->len; i; i--) /* the last are the likeliest */
		if (!strcmp(findings->items[i - 1].text, text))
			return true;
	return false;
}

struct finding *findings_add(struct findings *findings, enum finding_kind kind,
			     const char *question, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		findings->incomplete = true;
		return NULL;
	}
	if (known(findings, text)) {
		free(text);
		return NULL;
	}
	if (!array_grow(&findings->items, findings->len, &findings->max,
			sizeof(*findings->items))) {
		findings->incomplete = true;
		free(text);
		return NULL;
	}
	findings->items[findings->len] =
		(struct finding){.kind = kind, .question = question, .text = text};
	return &findings->items[findings->len++];
}

void finding_fix(struct finding *finding, const char *fmt, ...)
{
	va_list ap;

	if (!finding)
		return;
	va_start(ap, fmt);
	if (vasprintf(&finding->fix, fmt, ap) < 0)
		finding->fix = NULL;
	va_end(ap);
}

size_t findings_count(const struct findings *findings, enum finding_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < findings->len; i++)
		n += findings->items[i].kind == kind;
	return n;
}

void findings_print(const struct findings *findings, bool verbose, FILE *out)
{
	for (unsigned int kind = 0; kind < FINDING_MAX; kind++) {
		if (kind == FINDING_OK && !verbose)
			continue;
		for (size_t i = 0; i < findings->len; i++) {
			const struct finding *finding = &findings->items[i];

			if (finding->kind != kind)
				continue;
			fprintf(out, "%s: %s%s%s\n", kind_names[kind], finding->text,
				finding->fix ? "; fix: " : "", finding->fix ? finding->fix : "");
		}
	}
}

json_t *findings_to_json(const struct findings *findings)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < findings->len; i++) {
		const struct finding *finding = &findings->items[i];
		json_t *row = json_pack("{s:s, s:s, s:s}", "kind", kind_names[finding->kind],
					"question", finding->question, "text", finding->text);

		if (finding->fix)
			json_object_set_new(row, "fix", json_string(finding->fix));
		json_array_append_new(rows, row);
	}
	return json_pack("{s:I, s:o}", "problems",
			 (json_int_t)findings_count(findings, FINDING_PROBLEM), "findings", rows);
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->len; i++) {
		free(findings->items[i].text);
		free(findings->items[i].fix);
	}
	free(findings->items);
	*findings = (struct findings){0};
}
