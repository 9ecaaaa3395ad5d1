// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How ipvsadm prints: scripts, ldirectord among them, read these lines by their columns, so every
 * blank counts. The one idea: a row that the daemon sent goes to one line of text and depends on
 * nothing else. nfvsadm only; looks names up unless asked not to.
 */
#include "ctl/format.h"
#include "ctl/text.h"
#include "sched/schedulers.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#define SERVICE_WIDTH 33 /* IPv4 texts are cut here */
#define DEST_WIDTH    28

void format_banner(FILE *out)
{
	fputs("IP Virtual Server version 1.2.1 (size=4096)\n", out);
}

void format_titles(FILE *out, const struct format *format)
{
	static const char *const titles[LIST_MAX] = {
		[LIST_PLAIN] =
			"Prot LocalAddress:Port Scheduler Flags\n"
			"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n",
		[LIST_STATS] = "Prot LocalAddress:Port               Conns   InPkts  OutPkts  "
			       "InBytes OutBytes\n"
			       "  -> RemoteAddress:Port\n",
		[LIST_RATE] = "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    "
			      "InBPS   OutBPS\n"
			      "  -> RemoteAddress:Port\n",
		[LIST_THRESHOLDS] = "Prot LocalAddress:Port            Uthreshold Lthreshold "
				    "ActiveConn InActConn \n"
				    "  -> RemoteAddress:Port\n",
		[LIST_PERSISTENT_CONN] = "Prot LocalAddress:Port            Weight    PersistConn "
					 "ActiveConn InActConn \n"
					 "  -> RemoteAddress:Port\n",
		[LIST_TUN_INFO] = "Prot LocalAddress:Port Scheduler Flags\n"
				  "  -> RemoteAddress:Port           Forward TunnelInfo    Weight "
				  "ActiveConn InActConn\n",
	};

	fputs(titles[format->list], out);
}

/* Firewall-mark services count as TCP where ports have names. */
static uint8_t naming_protocol(const struct service_key *key)
{
	return key->fwmark ? IPPROTO_TCP : key->protocol;
}

static const char *protocol_title(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	}
	return "IP";
}

/* "TCP  10.0.0.1:80", "FWM  7 IPv6" */
static void service_title(char buf[ENDPOINT_STRLEN + 8], bool numeric,
			  const struct service_key *key)
{
	char end[ENDPOINT_STRLEN];

	if (key->fwmark) {
		/* As a signed number, like ipvsadm. */
		snprintf(buf, ENDPOINT_STRLEN, "FWM  %d%s", (int)key->fwmark,
			 key->af == AF_INET6 ? " IPv6" : "");
		return;
	}
	endpoint_format(end, key->af, &key->addr, key->port, key->protocol, numeric);
	snprintf(buf, ENDPOINT_STRLEN + 8, "%-4s %s", protocol_title(key->protocol), end);
	if (key->af == AF_INET && strlen(buf) > SERVICE_WIDTH)
		buf[SERVICE_WIDTH] = '\0';
}

/*
 * As ipvsadm: of a scheduler that has names for flags, those alone; so a listing of sh with flag-3,
 * which has none, says "sh ()".
 */
const char *format_sched_flags(char buf[SCHED_FLAGS_STRLEN], const struct service_spec *spec)
{
	const struct scheduler *sched = scheduler_find(spec->scheduler);
	const char *const *names = scheduler_general_flags;
	size_t len = 0;

	for (unsigned int i = 0; sched && i < SCHEDULER_FLAGS; i++)
		if (sched->flags[i])
			names = sched->flags;
	buf[0] = '\0';
	for (unsigned int i = 0; i < SCHEDULER_FLAGS; i++)
		if (spec->flags & SERVICE_SCHED1 << i && names[i])
			len += (size_t)snprintf(buf + len, SCHED_FLAGS_STRLEN - len, "%s%s",
						len ? "," : "", names[i]);
	return buf;
}

/* Writes the netmask as an administrator would, or "" if it is the default. */
static const char *netmask_text(char buf[ADDR_STRLEN], const struct service_spec *spec)
{
	union addr mask = {.ip6 = {spec->netmask}};

	buf[0] = '\0';
	if (spec->netmask == netmask_full(spec->key.af))
		return buf;
	if (spec->key.af == AF_INET6)
		snprintf(buf, ADDR_STRLEN, "%u", spec->netmask);
	else
		addr_format(buf, AF_INET, &mask);
	return buf;
}

/* A blank, then 8 columns: in thousands, millions ... from 100 million on. */
static void print_large(FILE *out, uint64_t number, bool exact)
{
	char text[24];
	int len;

	if (exact) {
		len = snprintf(text, sizeof(text), "%" PRIu64, number);
		fprintf(out, "%*s", len + 1 > 9 ? len + 1 : 9, text);
	} else if (number < 100000000) {
		fprintf(out, "%9" PRIu64, number);
	} else if (number < 1000000000) {
		fprintf(out, "%8" PRIu64 "K", number / 1000);
	} else if (number < 100000000000) {
		fprintf(out, "%8" PRIu64 "M", number / 1000000);
	} else if (number < 100000000000000) {
		fprintf(out, "%8" PRIu64 "G", number / 1000000000);
	} else {
		fprintf(out, "%8" PRIu64 "T", number / 1000000000000);
	}
}

/* Connections and packets are never shortened, and pad to eight columns behind a blank. */
static void print_rates(FILE *out, const struct counters *rates, bool exact)
{
	fprintf(out, " %8" PRIu64 " %8" PRIu64 " %8" PRIu64, rates->conns, rates->in_pkts,
		rates->out_pkts);
	print_large(out, rates->in_bytes, exact);
	print_large(out, rates->out_bytes, exact);
	fputc('\n', out);
}

static void print_counters(FILE *out, const struct counters *counters, bool exact)
{
	print_large(out, counters->conns, exact);
	print_large(out, counters->in_pkts, exact);
	print_large(out, counters->out_pkts, exact);
	print_large(out, counters->in_bytes, exact);
	print_large(out, counters->out_bytes, exact);
	fputc('\n', out);
}

void format_service(FILE *out, const struct format *format, const struct service_row *row)
{
	const struct service_spec *spec = &row->spec;
	char title[ENDPOINT_STRLEN + 8], mask[ADDR_STRLEN], flags[64];

	service_title(title, format->numeric, &spec->key);
	if (format->list == LIST_STATS) {
		fprintf(out, "%-33s", title);
		print_counters(out, &row->counters, format->exact);
		return;
	}
	if (format->list == LIST_RATE) {
		fprintf(out, "%-33s", title);
		print_counters(out, &row->rates, format->exact);
		return;
	}
	fprintf(out, "%s %s", title, spec->scheduler);
	if (spec->flags & SERVICE_SCHED)
		fprintf(out, " (%s)", format_sched_flags(flags, spec));
	if (spec->flags & SERVICE_PERSISTENT) {
		fprintf(out, " persistent %u", spec->timeout);
		if (netmask_text(mask, spec)[0])
			fprintf(out, " mask %s", mask);
	}
	if (spec->flags & SERVICE_ONEPACKET)
		fputs(" ops", out);
	fputc('\n', out);
}

static void dest_title(char buf[ENDPOINT_STRLEN], bool numeric, const struct service_key *key,
		       const struct dest_spec *spec)
{
	endpoint_format(buf, spec->af, &spec->addr, spec->port, naming_protocol(key), numeric);
	if (spec->af == AF_INET && strlen(buf) > DEST_WIDTH)
		buf[DEST_WIDTH] = '\0';
}

/* "gue:6080:+c", "gre:-c", "ipip" */
static const char *tunnel_text(char buf[16], const struct dest_spec *spec)
{
	const struct tunnel *tunnel = &spec->tunnel;
	const char *csum = tunnel->flags & TUNNEL_REMCSUM ? "r+c"
			   : tunnel->flags & TUNNEL_CSUM  ? "+c"
							  : "-c";

	if (spec->method != FORWARD_TUN)
		return "n/a";
	switch ((enum tunnel_type)tunnel->type) {
	case TUNNEL_GUE:
		snprintf(buf, 16, "gue:%u:%s", ntohs(tunnel->port), csum);
		return buf;
	case TUNNEL_GRE:
		snprintf(buf, 16, "gre:%s", csum);
		return buf;
	case TUNNEL_IPIP:
	case TUNNEL_MAX:
		break;
	}
	return "ipip";
}

void format_dest(FILE *out, const struct format *format, const struct service_row *svc,
		 const struct dest_row *row)
{
	const char *forward = forward_method_title(row->spec.method);
	char title[ENDPOINT_STRLEN], tunnel[16];

	dest_title(title, format->numeric, &svc->spec.key, &row->spec);
	fprintf(out, "  -> %-28s", title);
	switch (format->list) {
	case LIST_STATS:
		print_counters(out, &row->counters, format->exact);
		return;
	case LIST_RATE:
		print_rates(out, &row->rates, format->exact);
		return;
	case LIST_THRESHOLDS:
		fprintf(out, " %-10u %-10u", row->spec.upper, row->spec.lower);
		break;
	case LIST_PERSISTENT_CONN:
		fprintf(out, " %-9d %-11u", row->spec.weight, row->persistent);
		break;
	case LIST_TUN_INFO:
		fprintf(out, " %-7s %-13s %-6d", forward, tunnel_text(tunnel, &row->spec),
			row->spec.weight);
		break;
	case LIST_PLAIN:
	case LIST_MAX:
		fprintf(out, " %-7s %-6d", forward, row->spec.weight);
		break;
	}
	fprintf(out, " %-10u %-10u\n", row->active, row->inactive);
}

/* "-t 10.0.0.1:80", "-f 7 -6" */
static void print_service_option(FILE *out, bool numeric, const struct service_key *key)
{
	char end[ENDPOINT_STRLEN];
	const char *option = "-t";

	if (key->fwmark) {
		fprintf(out, "-f %d%s", (int)key->fwmark, key->af == AF_INET6 ? " -6" : "");
		return;
	}
	if (key->protocol == IPPROTO_UDP)
		option = "-u";
	else if (key->protocol == IPPROTO_SCTP)
		option = "--sctp-service";
	endpoint_format(end, key->af, &key->addr, key->port, key->protocol, numeric);
	fprintf(out, "%s %s", option, end);
}

void format_save_service(FILE *out, bool numeric, const struct service_spec *spec)
{
	char mask[ADDR_STRLEN], flags[64];

	fputs("-A ", out);
	print_service_option(out, numeric, &spec->key);
	fprintf(out, " -s %s", spec->scheduler);
	if (spec->flags & SERVICE_PERSISTENT) {
		fprintf(out, " -p %u", spec->timeout);
		if (netmask_text(mask, spec)[0])
			fprintf(out, " -M %s", mask);
	}
	if (spec->flags & SERVICE_ONEPACKET)
		fputs(" -o", out);
	/* Where ipvsadm writes -b and nothing, which it will not read again, the general name. */
	if (spec->flags & SERVICE_SCHED)
		fprintf(out, " -b %s",
			*format_sched_flags(flags, spec)
				? flags
				: scheduler_general_flags[SCHEDULER_FLAGS - 1]);
	fputc('\n', out);
}

static void print_tunnel_options(FILE *out, const struct tunnel *tunnel)
{
	fprintf(out, " --tun-type %s", tunnel_type_name(tunnel->type));
	if (tunnel->type == TUNNEL_GUE)
		fprintf(out, " --tun-port %u", ntohs(tunnel->port));
	if (tunnel->type != TUNNEL_IPIP)
		fprintf(out, " --tun-%scsum",
			tunnel->flags & TUNNEL_REMCSUM ? "rem"
			: tunnel->flags & TUNNEL_CSUM  ? ""
						       : "no");
}

void format_save_dest(FILE *out, bool numeric, const struct service_spec *svc,
		      const struct dest_spec *spec)
{
	static const char *const options[FORWARD_MAX] = {[FORWARD_NAT] = "-m",
							 [FORWARD_DR] = "-g",
							 [FORWARD_TUN] = "-i",
							 [FORWARD_FULLNAT] = "--fullnat"};
	char end[ENDPOINT_STRLEN];

	fputs("-a ", out);
	print_service_option(out, numeric, &svc->key);
	endpoint_format(end, spec->af, &spec->addr, spec->port, naming_protocol(&svc->key),
			numeric);
	fprintf(out, " -r %s %s -w %d", end, options[spec->method], spec->weight);
	if (spec->method == FORWARD_TUN)
		print_tunnel_options(out, &spec->tunnel);
	fputc('\n', out);
}

void format_conn_titles(FILE *out, bool engine)
{
	fputs("IPVS connection entries\n", out);
	fprintf(out, "pro expire %-11s %-18s %-18s ", "state", "source", "virtual");
	if (engine)
		fprintf(out, "%-18s %-16s %s\n", "destination", "pe name", "pe_data");
	else
		fputs("destination\n", out);
}

void format_conn(FILE *out, bool numeric, const struct conn_row *row)
{
	char source[ENDPOINT_STRLEN], virtual[ENDPOINT_STRLEN], server[ENDPOINT_STRLEN];
	char expires[16];

	endpoint_format(source, row->af, &row->source, row->sport, row->protocol, numeric);
	endpoint_format(virtual, row->af, &row->virtual, row->vport, row->protocol, numeric);
	endpoint_format(server, row->server_af, &row->server, row->dport, row->protocol, numeric);
	snprintf(expires, sizeof(expires), "%02u:%02u", row->expires / 60, row->expires % 60);
	fprintf(out, "%-3s %-6s %-11s %-18s %-18s %s\n", protocol_title(row->protocol), expires,
		row->state, source, virtual, server);
}
