// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statements about connections that the kernel carries, as nft writes them: what ctexprs.c is for
 * the kernel. Any thread.
 */
#include "rules/fallback.h"
#include "rules/text.h"
#include "lvs/verdict.h"

#include <linux/netfilter/nf_conntrack_common.h>

void cttext_if(FILE *out, enum condition condition, const struct ruleset *ruleset)
{
	const uint32_t bits = ruleset->mark_mask;

	switch (condition) {
	case IF_UNMARKED:
		fprintf(out, "meta mark & 0x%x == 0x0", bits);
		break;
	case IF_UNNUMBERED:
		fprintf(out, "meta mark & 0x%x == 0x0", mark_send(bits));
		break;
	case IF_CONFIRMED:
		fputs("ct status confirmed", out);
		break;
	case IF_INVALID:
		fputs("ct state invalid", out);
		break;
	case IF_CARRIED:
		fprintf(out, "ct mark & 0x%x != 0x0", bits);
		break;
	case IF_ORIGINAL:
		fputs("ct direction original", out);
		break;
	case IF_REPLY:
		fputs("ct direction reply", out);
		break;
	case IF_EDGE:
		fputs("tcp flags & (fin | syn | rst) != 0x0", out);
		break;
	case IF_RELATED:
		fputs("ct state related", out);
		break;
	case IF_LATE:
		fputs("tcp flags & (fin | syn | rst | ack) != syn", out);
		break;
	case IF_ASSURED:
		fputs("ct status assured", out);
		break;
	case IF_OPENS:
		fputs("tcp flags & syn != 0x0", out);
		break;
	case IF_TOLD:
		fprintf(out, "ct mark & 0x%x != 0x0", mark_told(bits));
		break;
	case IF_NEW:
		fputs("ct state new", out);
		break;
	case IF_OFFLOADED:
		fprintf(out, "ct status & 0x%x != 0x0", IPS_OFFLOAD);
		break;
	case IF_ANSWERED:
		fputs("ct status seen-reply", out);
		break;
	case IF_MANY:
		fprintf(out, "ct packets >= %u", OFFLOAD_PACKETS);
		break;
	}
}

void cttext_print(FILE *out, const struct stmt *stmt, const struct ruleset *ruleset,
		  const struct family_words *w)
{
	const uint32_t bits = ruleset->mark_mask;
	uint32_t bit;

	switch (stmt->tracked) {
	case TRACKED_UNSEEN:
		fprintf(out, "meta mark set meta mark | 0x%x", mark_unseen(bits));
		break;
	case TRACKED_TELL:
		fprintf(out, "ct mark set ct mark | 0x%x", mark_told(bits));
		break;
	case TRACKED_UNTELL:
		fprintf(out, "ct mark set ct mark & 0x%x", ~mark_told(bits));
		break;
	case TRACKED_COPY:
		fprintf(out, "log group %u", ruleset->copies);
		break;
	case TRACKED_COPY_FIRST:
		fprintf(out, "log prefix \"" RULES_CHOSEN "\" group %u", ruleset->copies);
		break;
	case TRACKED_SAVE:
		fputs("ct mark set meta mark", out);
		break;
	case TRACKED_TURNS:
		fprintf(out, "ct mark set numgen inc mod %u", FALLBACK_SLOTS);
		break;
	case TRACKED_BY_CLIENT:
		fprintf(out, "ct mark set jhash %s mod %u seed 0x%x", w->saddr, FALLBACK_SLOTS,
			ruleset->seed);
		break;
	case TRACKED_CHOOSE:
	case TRACKED_DNAT:
		fputs(stmt->tracked == TRACKED_DNAT ? "dnat to " : "ct mark set ", out);
		text_key(out, stmt, ruleset, w);
		fprintf(out, " map @%s", set_layouts[stmt->set].name);
		break;
	case TRACKED_SNAT:
		fprintf(out, "snat to numgen inc mod %u map @%s : %u-%u",
			ruleset_sources(ruleset, w->family), set_layouts[stmt->set].name,
			ruleset->first_port, ruleset->last_port);
		break;
	case TRACKED_BY_TURNS:
		text_key(out, stmt, ruleset, w);
		fprintf(out, " vmap @%s", set_layouts[stmt->set].name);
		break;
	case TRACKED_BIT:
		bit = number_bit(bits, stmt->bit);
		fprintf(out, "ct mark & 0x%x != 0x0 meta mark set meta mark | 0x%x", bit, bit);
		break;
	case TRACKED_FORGET:
		fputs("ct mark set 0x0", out);
		break;
	case TRACKED_OFFLOAD:
		fputs("flow add @" FLOWTABLE_NAME, out);
		break;
	case TRACKED_COPY_ENTRY:
		fprintf(out, "log group %u", rules_entries(ruleset->copies));
		break;
	}
}
