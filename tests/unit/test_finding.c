// SPDX-License-Identifier: GPL-2.0-or-later
/* ctl/finding.c: each finding once, problems first, and the same for programs. */
#include "ctl/finding.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void fill(struct findings *findings)
{
	findings_add(findings, FINDING_OK, "route", "way to %s", "a");
	findings_add(findings, FINDING_NOTE, "own-clients", "not from here");
	finding_fix(findings_add(findings, FINDING_HINT, "mtu", "small"), "MTU %d", 1520);
	findings_add(findings, FINDING_UNASKED, "arp", "who has it");
	finding_fix(findings_add(findings, FINDING_PROBLEM, "vip", "none"), "add %s", "it");
	findings_add(findings, FINDING_PROBLEM, "duplicate", "two");
}

static char *printed(const struct findings *findings, bool verbose)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	findings_print(findings, verbose, out);
	fclose(out);
	return text;
}

Test(finding, lines_by_kind)
{
	struct findings findings = {0};
	char *brief, *full;

	fill(&findings);
	brief = printed(&findings, false);
	full = printed(&findings, true);
	cr_assert_str_eq(brief, "problem: none; fix: add it\nproblem: two\n"
				"hint: small; fix: MTU 1520\nnot asked: who has it\n"
				"note: not from here\n");
	cr_assert_eq(strncmp(full, brief, strlen(brief)), 0);
	cr_assert_str_eq(full + strlen(brief), "ok: way to a\n");
	free(brief);
	free(full);
	findings_free(&findings);
	cr_assert_eq(findings.len, 0);
}

Test(finding, known_by_its_text)
{
	struct findings findings = {0};

	cr_assert_not_null(findings_add(&findings, FINDING_PROBLEM, "vip", "%s is gone", "a"));
	cr_assert_null(findings_add(&findings, FINDING_PROBLEM, "vip", "%s is gone", "a"));
	finding_fix(NULL, "no finding, no %s", "advice");
	for (int i = 0; i < 200; i++)
		cr_assert_not_null(findings_add(&findings, FINDING_OK, "vip", "%d", i));
	cr_assert_eq(findings_count(&findings, FINDING_PROBLEM), 1);
	cr_assert_eq(findings_count(&findings, FINDING_OK), 200);
	cr_assert_not(findings.incomplete);
	findings_free(&findings);
}

Test(finding, as_json)
{
	struct findings findings = {0};
	json_t *got, *want;

	fill(&findings);
	got = findings_to_json(&findings);
	want = json_pack(
		"{s:i, s:[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}, {s:s, s:s, s:s}, "
		"{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s}]}",
		"problems", 2, "findings", "kind", "ok", "question", "route", "text", "way to a",
		"kind", "note", "question", "own-clients", "text", "not from here", "kind", "hint",
		"question", "mtu", "text", "small", "fix", "MTU 1520", "kind", "not asked",
		"question", "arp", "text", "who has it", "kind", "problem", "question", "vip",
		"text", "none", "fix", "add it", "kind", "problem", "question", "duplicate", "text",
		"two");
	cr_assert(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	findings_free(&findings);
}
