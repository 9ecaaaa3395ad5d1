/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_RULESET_H
#define RULES_RULESET_H

#include "lib/err.h"
#include "lvs/locals.h"
#include "lvs/spec.h"

#include <stdio.h>

/* How a rule can send a packet to a queue on this kernel. */
enum queue_method {
	QUEUE_NATIVE, /* nf_tables' own queue expression */
	QUEUE_COMPAT  /* the xtables target NFQUEUE through nft_compat */
};

/* A service as the rules see it: by address (port 0: all ports), or by fwmark. */
struct rules_service {
	struct service_key key;
	const struct match *matches; /* of a fwmark service: which packets get its mark */
	size_t matches_len;
	bool carried; /* the kernel carries its connections, once they are decided */
	bool sticky;  /* without the daemon, its clients are told apart by address */
};

/* A NAT or FULLNAT real server, whose packets come back through the director. */
struct rules_server {
	uint8_t af;
	uint8_t protocol;     /* 0: TCP, UDP and SCTP */
	uint16_t first, last; /* ports that it answers from, host order, both included */
	union addr addr;
	bool carried; /* conntrack sees what it answers, and translates it */
};

/* The prefix of a copy (nflog) that says by its mark which server the rules chose. */
#define RULES_CHOSEN "nfvs"

/* The nflog group of copies that have conntrack's entry with them, of the flowtable; the others'
 * is @copies. */
uint16_t rules_entries(uint16_t copies);

/* A server to which the kernel carries connections, alive in a service. One of each mark. */
struct rules_carried {
	uint32_t mark; /* its number, in the bits of mark_mask: mark_carried() */
	uint8_t af;
	union addr addr;
	__be16 port;  /* 0: the packet keeps its own */
	bool sourced; /* its packets get a source of ours as well: FULLNAT */
	const struct service_key *service;
	uint32_t weight; /* when no daemon decides; 0: gets nothing then */
	bool in_turns;	 /* its service's turns say whom the rules choose; weight does not count */
	const char *label; /* "TCP 10.1.0.100:80 > 10.2.0.11:8080", at most 127 bytes; borrowed */
};

/* One turn of a service that the rules schedule, always: who gets it. Those of a service lie one
 * behind the other, 65,535 at most. */
struct rules_turn {
	const struct service_key *service; /* by firewall mark, or of one port */
	uint32_t mark;			   /* as in struct rules_carried */
};

/* All that the ruleset is made from. Borrowed during ruleset_build(); order does not matter and
 * duplicates are harmless. */
struct rules_input {
	const char *table;
	enum queue_method method;
	uint16_t first_queue, queues;
	uint32_t mark_mask; /* all these bits set in a packet's mark: refuse it */
	uint32_t seed;	    /* of the fan-out hash */
	bool dup;	    /* the kernel has nft_dup */
	bool tproxy;	    /* reassembly by the tproxy expression, else by conntrack's */
	bool carries;	    /* the kernel can carry connections; else nothing of it is made */
	bool flowtable;	    /* ... and by a flowtable, see rules/flowtable.h */
	uint16_t copies;    /* nflog group: what the daemon sees of connections that it carries */
	bool strict;	    /* a client's ACK establishes no connection: secure_tcp */
	const struct rules_service *services;
	size_t services_len;
	const struct rules_server *servers;
	size_t servers_len;
	const struct rules_carried *carried;
	size_t carried_len;
	const struct rules_turn *turns; /* in their order */
	size_t turns_len;
	const struct locals_addr *locals; /* addresses that FULLNAT sends from */
	size_t locals_len;
	uint16_t first_port, last_port; /* of these, where the kernel carries the connections */
};

struct ruleset;

/* The wanted tables, sets, maps and chains as plain data, elements sorted. NULL with @err:
 * overlapping matches of two services, no memory. Any thread. The result points to nothing of
 * @input. */
struct ruleset *ruleset_build(const struct rules_input *input, struct error *err);
void ruleset_free(struct ruleset *ruleset);

/* A complete, commented nft script (nft -f), for kernels with nft_queue. 0, or -errno of writing.
 */
int ruleset_print(const struct ruleset *ruleset, FILE *out);

/* What nf_tables on this kernel can do. */
struct rules_caps {
	bool queue_native; /* nft_queue */
	bool queue_compat; /* nft_compat with xt_NFQUEUE */
	bool hash;	   /* nft_hash: fan-out to several queues */
	bool reject;	   /* nft_reject in prerouting: port unreachable where there is no server */
	bool dup;	   /* nft_dup_ipv4: FULLNAT's packets leave as this machine's own */
	bool notrack;	   /* nft_ct: keeps conntrack away */
	bool carries;	   /* nft_ct, nft_nat, nft_log, nft_numgen, nft_hash, counters in sets */
	bool learns;	   /* nft_fwd_netdev, egress hooks, maps that count: see rules/ingress.h */
	bool stands_in;	   /* nft_dup for both families, nft_hash: see rules/stand_in.h */
	bool flowtable;	   /* nft_flow_offload: what is carried passes the rules by */
	bool tproxy; /* nft_tproxy: makes the kernel reassemble fragments, without conntrack */
};

/* Asks the kernel by scratch transactions that leave nothing behind. Errors, worded for the user:
 * -EPERM, -EPROTONOSUPPORT (no nf_tables) ... Control thread. */
int rules_probe(struct rules_caps *caps, struct error *err);

/*
 * Puts the whole ruleset into the kernel in one transaction: all or nothing. Tables of this name
 * that a killed daemon left are taken over: their rules and sets are replaced, their base chains
 * stay (deleting one would drop every queued packet). Control thread.
 */
int ruleset_install(const struct ruleset *ruleset, struct error *err);

/* Turns the installed @from into @to (same table, method, queues): only set and map elements
 * change, in one transaction. A label alone is no change. Control thread. */
int ruleset_update(const struct ruleset *from, const struct ruleset *to, struct error *err);

/* What the kernel counted for a server to which it carries connections, in one direction. */
struct living {
	uint32_t mark;	   /* see struct rules_carried */
	const char *label; /* likewise; "": it has none. Valid during the call */
	bool in;	   /* from clients; else from the server */
	uint64_t packets, bytes;
};

/* Calls @fn for all of them that the table in the kernel has, also if it is of a killed daemon; no
 * table is no error. Control thread. */
int living_read(const char *table, void (*fn)(const struct living *living, void *data), void *data);

/* Deletes the tables of this name, both families; absent ones are no error. Control thread. */
int ruleset_remove(const char *table, struct error *err);

#endif
