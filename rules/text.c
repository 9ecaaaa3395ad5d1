// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ruleset as an nft script, for review and for administrators who load it themselves. It first
 * declares everything, then empties it, then fills it, so that it can be loaded again over itself
 * in one transaction without touching a base chain. Any thread.
 */
#include "rules/text.h"
#include "lvs/verdict.h"

#include <errno.h>

static const struct family_words words[FAMILIES] = {
	[FAMILY_IP] = {"ip", "ipv4_addr", "icmp_type", "ip saddr", "ip daddr", "icmp type",
		       "icmp port-unreachable", AF_INET, FAMILY_IP},
	[FAMILY_IP6] = {"ip6", "ipv6_addr", "icmpv6_type", "ip6 saddr", "ip6 daddr", "icmpv6 type",
			"icmpv6 port-unreachable", AF_INET6, FAMILY_IP6},
};

static const char *field_expr(enum field field, const struct family_words *w)
{
	switch (field) {
	case FIELD_NONE:
		break;
	case FIELD_SADDR:
		return w->saddr;
	case FIELD_DADDR:
		return w->daddr;
	case FIELD_PROTOCOL:
		return "meta l4proto";
	case FIELD_SPORT:
		return "th sport";
	case FIELD_DPORT:
		return "th dport";
	case FIELD_MARK:
		return "meta mark";
	case FIELD_NUMBER: /* and a mask: text_key() */
	case FIELD_SLOT:
		return "ct mark";
	case FIELD_ICMP_TYPE:
		return w->icmp;
	case FIELD_TURN: /* and what it is of: print_tracked() */
		return "numgen inc";
	case FIELD_CHAIN: /* no key has it */
		break;
	}
	return "";
}

static const char *field_type(enum field field, const struct family_words *w)
{
	switch (field) {
	case FIELD_NONE:
		break;
	case FIELD_SADDR:
	case FIELD_DADDR:
		return w->addr_type;
	case FIELD_PROTOCOL:
		return "inet_proto";
	case FIELD_SPORT:
	case FIELD_DPORT:
		return "inet_service";
	case FIELD_MARK:
	case FIELD_NUMBER:
	case FIELD_SLOT:
		return "mark";
	case FIELD_ICMP_TYPE:
		return w->icmp_type;
	case FIELD_TURN: /* print_types() */
		break;
	case FIELD_CHAIN:
		return "verdict";
	}
	return "";
}

/* "ip saddr . th sport", or the types of a key. */
static void print_fields(FILE *out, const enum field fields[FIELDS_MAX],
			 const struct family_words *w,
			 const char *(*name)(enum field, const struct family_words *))
{
	for (int i = 0; i < FIELDS_MAX && fields[i]; i++)
		fprintf(out, "%s%s", i ? " . " : "", name(fields[i], w));
}

static void print_value(FILE *out, enum field field, const struct element *element,
			const struct family_words *w)
{
	char addr[ADDR_STRLEN], chain[TURNS_CHAIN_STRLEN];

	switch (field) {
	case FIELD_NONE:
		break;
	case FIELD_SADDR:
	case FIELD_DADDR:
		fputs(addr_format(addr, w->af, &element->addr), out);
		break;
	case FIELD_PROTOCOL:
		fputs(protocol_name(element->byte), out);
		break;
	case FIELD_SPORT:
	case FIELD_DPORT:
		fprintf(out, "%u", element->first);
		if (element->last != element->first)
			fprintf(out, "-%u", element->last);
		break;
	case FIELD_MARK:
		fprintf(out, "0x%x", element->mark);
		break;
	case FIELD_NUMBER:
		fprintf(out, "0x%x", element->number);
		break;
	case FIELD_SLOT:
		fprintf(out, "0x%x", element->slot);
		break;
	case FIELD_TURN:
		fprintf(out, "%u", element->slot);
		break;
	case FIELD_ICMP_TYPE:
		fprintf(out, "%u", element->byte);
		break;
	case FIELD_CHAIN:
		fprintf(out, "goto %s", turns_chain_name(chain, w->family, element));
		break;
	}
}

static void print_values(FILE *out, const enum field fields[FIELDS_MAX],
			 const struct element *element, const struct family_words *w)
{
	for (int i = 0; i < FIELDS_MAX && fields[i]; i++) {
		fputs(i ? " . " : "", out);
		print_value(out, fields[i], element, w);
	}
}

static void print_elements(FILE *out, const struct set_layout *set, const struct elements *elements,
			   const struct family_words *w)
{
	fputs("\t\telements = {", out);
	for (size_t i = 0; i < elements->len; i++) {
		const struct element *element = &elements->items[i];

		fputs(i ? ",\n\t\t\t" : "\n\t\t\t", out);
		print_values(out, set->key, element, w);
		if (set->value[0]) {
			fputs(" : ", out);
			print_values(out, set->value, element, w);
		}
		if (set->counted && element->label)
			fprintf(out, " comment \"%s\"", element->label);
	}
	fputs("\n\t\t}\n", out);
}

static const char *set_word(const struct set_layout *set)
{
	return set->value[0] ? "map" : "set";
}

/* A number that a rule makes has no type, only an expression to be like. */
static void print_types(FILE *out, const struct set_layout *set, const struct family_words *w)
{
	const bool like = set->key[0] == FIELD_TURN;

	fputs(like ? "typeof numgen inc mod 65536" : "type ", out);
	print_fields(out, set->key, w, field_type);
	fputs(set->value[0] ? " : " : "", out);
	print_fields(out, set->value, w, like ? field_expr : field_type);
	fputc('\n', out);
}

/* A set's declaration; with its elements if they are given. */
static void print_set(FILE *out, enum set_id id, const struct elements *elements,
		      const struct family_words *w)
{
	const struct set_layout *set = &set_layouts[id];

	if (elements)
		fprintf(out, "\n\t# %s\n", set->comment);
	fprintf(out, "\t%s %s {\n\t\t", set_word(set), set->name);
	print_types(out, set, w);
	if (set->interval)
		fputs("\t\tflags interval\n", out);
	if (set->counted)
		fputs("\t\tcounter\n", out);
	if (elements && elements->len)
		print_elements(out, set, elements, w);
	fputs("\t}\n", out);
}

static void print_fan_out(FILE *out, const struct stmt *stmt, const struct ruleset *ruleset,
			  uint16_t first, const struct family_words *w)
{
	fputs("queue flags bypass to ", out);
	if (ruleset->queues == 1) {
		fprintf(out, "%u", first);
		return;
	}
	fputs("jhash ", out);
	print_fields(out, stmt->fields, w, field_expr);
	fprintf(out, " mod %u seed 0x%x", ruleset->queues, ruleset->seed);
	if (first)
		fprintf(out, " offset %u", first);
}

void text_key(FILE *out, const struct stmt *stmt, const struct ruleset *ruleset,
	      const struct family_words *w)
{
	print_fields(out, stmt->fields, w, field_expr);
	if (stmt->fields[0] == FIELD_NUMBER)
		fprintf(out, " & 0x%x", mark_send(ruleset->mark_mask));
}

static void print_stmt(FILE *out, const struct stmt *stmt, const struct ruleset *ruleset,
		       const struct family_words *w)
{
	switch (stmt->kind) {
	case STMT_NONE:
		break;
	case STMT_IN:
		text_key(out, stmt, ruleset, w);
		fprintf(out, " @%s", set_layouts[stmt->set].name);
		break;
	case STMT_MARK:
		fputs("meta mark set ", out);
		print_fields(out, stmt->fields, w, field_expr);
		fprintf(out, " map @%s", set_layouts[stmt->set].name);
		break;
	case STMT_REFUSED:
		fprintf(out, "meta mark & 0x%x == 0x%x", ruleset->mark_mask,
			mark_refuse(ruleset->mark_mask));
		break;
	case STMT_SENT:
		fprintf(out, "meta mark & 0x%x == 0x%x", ruleset->mark_mask,
			mark_send(ruleset->mark_mask));
		break;
	case STMT_MARKED:
		fprintf(out, "meta mark & 0x%x != 0x0", ruleset->mark_mask);
		break;
	case STMT_LEARNING:
		fprintf(out, "meta mark & 0x%x != 0x0", mark_told(ruleset->mark_mask));
		break;
	case STMT_UNMARK:
		fprintf(out, "meta mark set meta mark & 0x%x", ~ruleset->mark_mask);
		break;
	case STMT_SEND:
		fprintf(out, "dup to %s drop", w->daddr);
		break;
	case STMT_PROTOCOL:
		fprintf(out, "meta l4proto %s", protocol_name(stmt->protocol));
		break;
	case STMT_NOTRACK:
		fputs("notrack", out);
		break;
	case STMT_RETURN:
		fputs("return", out);
		break;
	case STMT_GOTO:
		fprintf(out, "goto %s", chain_layouts[stmt->chain].name);
		break;
	case STMT_QUEUE:
		fprintf(out, "queue flags bypass to %u", ruleset->first_queue);
		break;
	case STMT_FAN_OUT:
		print_fan_out(out, stmt, ruleset, ruleset->first_queue, w);
		break;
	case STMT_FAN_OUT_OPEN:
		print_fan_out(out, stmt, ruleset, ruleset_queue(ruleset, ruleset->queues), w);
		break;
	case STMT_UNREACHABLE:
		fprintf(out, "reject with %s", w->unreachable);
		break;
	case STMT_REASSEMBLE:
		fputs(ruleset->tproxy ? "meta l4proto tcp tproxy to :1" : "ct state new return",
		      out);
		break;
	case STMT_IF:
		cttext_if(out, stmt->condition, ruleset);
		break;
	case STMT_TRACKED:
		cttext_print(out, stmt, ruleset, w);
		break;
	}
}

static void print_comment(FILE *out, const char *comment)
{
	fputs("\n\t# ", out);
	for (; *comment; comment++) {
		fputc(*comment, out);
		if (*comment == '\n')
			fputs("\t# ", out);
	}
	fputc('\n', out);
}

static void print_hook(FILE *out, const struct chain_layout *chain)
{
	if (chain->hook)
		fprintf(out, "\t\ttype %s hook %s priority %d; policy accept;\n",
			chain->type ? chain->type : "filter", chain->hook, chain->priority);
}

static void print_chain(FILE *out, enum chain_id id, const struct ruleset *ruleset,
			const struct family_words *w)
{
	const struct chain_layout *chain = &chain_layouts[id];

	print_comment(out, chain->comment);
	fprintf(out, "\tchain %s {\n", chain->name);
	print_hook(out, chain);
	for (size_t i = 0; i < rule_layouts_len; i++) {
		const struct rule_layout *rule = &rule_layouts[i];

		if (rule->chain != id || !ruleset_has(ruleset, rule))
			continue;
		if (rule->comment)
			fprintf(out, "\t\t# %s\n", rule->comment);
		for (int s = 0; s < STMTS_MAX && rule->stmts[s].kind; s++) {
			fputs(s ? " " : "\t\t", out);
			print_stmt(out, &rule->stmts[s], ruleset, w);
		}
		fputc('\n', out);
	}
	fputs("\t}\n", out);
}

/* The chains that count turns; with @rules what they do, else their names. */
static void print_turns(FILE *out, const struct ruleset *ruleset, const struct family_words *w,
			bool rules)
{
	char name[TURNS_CHAIN_STRLEN];

	for (enum set_id s = 0; s < SETS; s++)
		for (size_t i = 0; set_has_chains(s) && i < ruleset->sets[w->family][s].len; i++) {
			const struct element *element = &ruleset->sets[w->family][s].items[i];

			fprintf(out, "%s\tchain %s {\n", rules ? "\n" : "",
				turns_chain_name(name, w->family, element));
			if (rules)
				fprintf(out, "\t\tct mark set numgen inc mod %u goto %s\n",
					element->slot, chain_layouts[turns_chain_next(s)].name);
			fputs("\t}\n", out);
		}
}

/* Everything by name, without content; then what earlier loading left in it is emptied. */
static void print_declarations(FILE *out, const struct ruleset *ruleset,
			       const struct family_words *w)
{
	fprintf(out, "\ntable %s %s {\n", w->table, ruleset->table);
	if (ruleset->flowtable)
		fprintf(out, "\tflowtable %s {\n\t\thook ingress priority %d\n\t\tcounter\n\t}\n",
			FLOWTABLE_NAME, FLOWTABLE_PRIORITY);
	for (enum set_id s = 0; s < SETS; s++)
		if (ruleset_has_set(ruleset, s))
			print_set(out, s, NULL, w);
	for (enum chain_id c = 0; c < CHAINS; c++) {
		if (!ruleset_has_chain(ruleset, c))
			continue;
		fprintf(out, "\tchain %s {\n", chain_layouts[c].name);
		print_hook(out, &chain_layouts[c]);
		fputs("\t}\n", out);
	}
	print_turns(out, ruleset, w, false);
	fprintf(out, "}\nflush table %s %s\n", w->table, ruleset->table);
	for (enum set_id s = 0; s < SETS; s++)
		if (ruleset_has_set(ruleset, s))
			fprintf(out, "flush %s %s %s %s\n", set_word(&set_layouts[s]), w->table,
				ruleset->table, set_layouts[s].name);
}

static void print_table(FILE *out, const struct ruleset *ruleset, enum family family)
{
	const struct family_words *w = &words[family];

	fprintf(out, "\ntable %s %s {", w->table, ruleset->table);
	for (enum set_id s = 0; s < SETS; s++)
		if (ruleset_has_set(ruleset, s))
			print_set(out, s, &ruleset->sets[family][s], w);
	for (enum chain_id c = 0; c < CHAINS; c++)
		if (ruleset_has_chain(ruleset, c))
			print_chain(out, c, ruleset, w);
	print_turns(out, ruleset, w, true);
	fputs("}\n", out);
}

int ruleset_print(const struct ruleset *ruleset, FILE *out)
{
	fputs("#!/usr/sbin/nft -f\n"
	      "# The rules of nfvs, made by nfvs-rules. They send the packets of virtual "
	      "services,\n"
	      "# and what real servers answer, to the queues of nfvsd. Loading this again "
	      "replaces\n"
	      "# rules and elements in one transaction; base chains stay.\n\n"
	      "# Names first, so that there is something to empty.",
	      out);
	for (enum family f = 0; f < FAMILIES; f++)
		print_declarations(out, ruleset, &words[f]);
	fputs("\n# What counts.", out);
	for (enum family f = 0; f < FAMILIES; f++)
		print_table(out, ruleset, f);
	if (fflush(out))
		return -errno;
	return ferror(out) ? -EIO : 0;
}
