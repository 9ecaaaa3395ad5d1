/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_LAYOUT_H
#define RULES_LAYOUT_H

#include "rules/ruleset.h"

/*
 * What the tables consist of, as constant data: the same sets, chains and rules in both families,
 * however many services there are. text.c and netlink.c walk these arrays; ruleset.c fills the
 * sets. Nothing here is specific to a configuration.
 */

enum family {
	FAMILY_IP,
	FAMILY_IP6,
	FAMILIES,
	FAMILY_DEVICES = FAMILIES /* netdev: no table of the layout's, see ingress.h */
};

/* NFPROTO_* */
uint16_t family_nfproto(enum family family);

/* What a rule can look at, and what a key consists of. */
enum field {
	FIELD_NONE,
	FIELD_SADDR,
	FIELD_DADDR,
	FIELD_PROTOCOL,
	FIELD_SPORT,
	FIELD_DPORT,
	FIELD_MARK,
	FIELD_NUMBER, /* of a server: its bits of the conntrack mark */
	FIELD_SLOT,   /* the whole conntrack mark, in which the rules' own schedule has its slot */
	FIELD_TURN,   /* a running number */
	FIELD_CHAIN,  /* a value: on in the chain that counts an element's turns */
	FIELD_ICMP_TYPE
};

#define FIELDS_MAX 4

enum set_id {
	SET_ERRORS,
	SET_MARKS,
	SET_SERVICES,
	SET_SERVERS,
	SET_LOCALS,
	/* Sets of ranges are one for each protocol: as a field of a key with a range, nft writes
	 * "meta l4proto" with a conversion that newer kernels refuse. TCP, UDP, SCTP. */
	SET_TCP_GROUPS,
	SET_UDP_GROUPS,
	SET_SCTP_GROUPS,
	SET_TCP_SERVICES,
	SET_UDP_SERVICES,
	SET_SCTP_SERVICES,
	SET_TCP_SERVERS,
	SET_UDP_SERVERS,
	SET_SCTP_SERVERS,
	/* From here on: for what the kernel carries, absent if it cannot. */
	SET_CARRIED,
	SET_TCP_CARRIED,
	SET_UDP_CARRIED,
	SET_CARRIED_MARKS,
	SET_CARRIED_SERVERS,
	SET_TCP_CARRIED_SERVERS,
	SET_UDP_CARRIED_SERVERS,
	SET_FLOWS_IN,
	SET_FLOWS_OUT,
	SET_TO_PORT,
	SET_TO_ADDR,
	SET_STRICT,
	SET_SOURCED,
	SET_SOURCES,
	SET_STICKY,
	SET_STICKY_MARKS,
	SET_FALLBACK,
	SET_FALLBACK_GROUPS,
	SET_TURNS,
	SET_TURNS_MARKS,
	SETS
};

struct set_layout {
	const char *name;
	const char *comment;
	enum field key[FIELDS_MAX];   /* ends at FIELD_NONE */
	enum field value[FIELDS_MAX]; /* a map's; ends likewise */
	bool interval;		      /* the last field of the key is a range */
	bool counted;		      /* each element counts, and has its label as a comment */
};

enum chain_id {
	CHAIN_REASSEMBLE,
	CHAIN_REQUESTS,
	CHAIN_REPLIES,
	CHAIN_GROUPED,
	CHAIN_UNTRACK,
	CHAIN_CLASSIFY,
	CHAIN_DECIDED,
	CHAIN_ANSWERS,
	CHAIN_ANSWERS_DECIDED,
	CHAIN_ARRIVING,
	CHAIN_ARRIVING_DECIDED,
	CHAIN_UNTRACK_OWN,
	CHAIN_OWN,
	CHAIN_OWN_DECIDED,
	/* From here on: for what the kernel carries, absent if it cannot. */
	CHAIN_CARRIED,
	CHAIN_EDGES,
	CHAIN_FIRST,
	CHAIN_FIRST_GROUP,
	CHAIN_FALLBACK,
	CHAIN_CHOOSE,
	CHAIN_CHOOSE_GROUP,
	CHAIN_CHOSEN,
	CHAIN_CHOSEN_GROUP,
	CHAIN_NUMBER,
	CHAIN_TRANSLATE,
	CHAIN_TRANSLATE_OWN,
	CHAIN_SOURCE,
	CHAIN_SOURCE_HERE,
	/* From here on: for the flowtable, absent without it. */
	CHAIN_OFFLOADED,
	CHAIN_RETURNED,
	CHAIN_OFFLOAD,
	CHAINS
};

struct chain_layout {
	const char *name;
	const char *comment;
	const char *hook; /* NULL: not a base chain */
	const char *type; /* NULL: "filter" */
	int hooknum;	  /* NF_INET_* */
	int priority;
};

enum stmt_kind {
	STMT_NONE,
	STMT_IN,	   /* fields @set: goes on if the set has them */
	STMT_MARK,	   /* mark set fields map @set: goes on if the map has them */
	STMT_REFUSED,	   /* goes on if the daemon said so: mark_refuse() */
	STMT_SENT,	   /* likewise: mark_send() */
	STMT_MARKED,	   /* goes on if there is any of our bits in the mark */
	STMT_LEARNING,	   /* goes on if the devices are to learn by the mark: mark_told() */
	STMT_UNMARK,	   /* our bits leave the mark */
	STMT_SEND,	   /* to its destination, as this machine's own; the packet itself ends */
	STMT_PROTOCOL,	   /* goes on if it is this protocol */
	STMT_NOTRACK,	   /* conntrack does not see the packet */
	STMT_RETURN,	   /* end of the chain */
	STMT_GOTO,	   /* on in another chain, and no return */
	STMT_QUEUE,	   /* to the first queue */
	STMT_FAN_OUT,	   /* to one of the queues, by a hash over the fields */
	STMT_FAN_OUT_OPEN, /* likewise, of those that let pass what finds no room */
	STMT_UNREACHABLE,  /* ICMP port unreachable to the sender */
	STMT_REASSEMBLE,   /* never reached; its presence switches reassembly on */
	STMT_IF,	   /* goes on if it is so with the connection: enum condition */
	STMT_TRACKED	   /* about a connection that the kernel carries: enum tracked */
};

/* A rule goes on if ... Such need conntrack, as those below do. */
enum condition {
	IF_UNMARKED,   /* there is none of our bits in the mark */
	IF_UNNUMBERED, /* there is no number in the mark */
	IF_CARRIED,    /* there is any of our bits in the conntrack mark */
	IF_ORIGINAL,   /* the packet goes the way of the connection's first */
	IF_REPLY,      /* it goes the other way */
	IF_EDGE,       /* TCP begins or ends a connection: SYN, FIN, RST */
	IF_INVALID,    /* conntrack makes nothing of the packet */
	IF_CONFIRMED,  /* it is not the first that conntrack has of the connection */
	IF_RELATED,    /* it is an error about a packet that conntrack saw */
	IF_LATE,       /* it is TCP that does not begin a connection */
	IF_ASSURED,    /* both ends have spoken */
	IF_OPENS,      /* TCP begins a connection, whatever else it says: SYN */
	IF_TOLD,       /* the daemon has had its copy of the packet behind that */
	IF_NEW,	       /* conntrack has not seen the connection before */
	/* From here on: for the flowtable, absent without it. */
	IF_OFFLOADED, /* the connection is in it */
	IF_ANSWERED,  /* there were packets both ways */
	IF_MANY	      /* conntrack has counted OFFLOAD_PACKETS of it */
};

/* Such statements need conntrack, its NAT, nfnetlink_log or numgen. */
enum tracked {
	TRACKED_UNSEEN,	    /* the mark says that the kernel cannot carry it: mark_unseen() */
	TRACKED_TELL,	    /* from now on it has */
	TRACKED_UNTELL,	    /* from now on it has not */
	TRACKED_COPY,	    /* a copy to the daemon, and on */
	TRACKED_COPY_FIRST, /* likewise, that says that the rules chose the server */
	TRACKED_SAVE,	    /* the packet mark becomes the conntrack mark */
	TRACKED_TURNS,	    /* the conntrack mark becomes a slot, one after the other */
	TRACKED_BY_CLIENT,  /* the conntrack mark becomes a slot, by a hash of the source address */
	TRACKED_CHOOSE,	    /* conntrack mark set fields map @set: goes on if the map has them */
	TRACKED_BY_TURNS,   /* on in the chain that the map has for the fields, if it has them */
	TRACKED_BIT,	    /* what the conntrack mark has of a number, the packet mark gets */
	TRACKED_FORGET,	    /* the conntrack mark becomes 0 */
	TRACKED_DNAT,	    /* to what the map has for the fields, if it has them */
	TRACKED_SNAT,	    /* from one of the map's addresses, in turn */
	/* From here on: for the flowtable, absent without it. */
	TRACKED_OFFLOAD,   /* goes on if the flowtable took it: what follows passes the rules by */
	TRACKED_COPY_ENTRY /* a copy to the daemon that has conntrack's entry with it, and on */
};

struct stmt {
	enum stmt_kind kind;
	enum condition condition;
	enum tracked tracked;
	enum field fields[FIELDS_MAX];
	enum set_id set;
	enum chain_id chain;
	uint8_t protocol;
	uint8_t bit; /* which of a number's, from 0 on */
};

/* The name of the flowtable, its place at the devices, behind the table for dr servers, and from
 * how many packets on, a power of two, it has a connection. */
#define FLOWTABLE_NAME	   "offloaded"
#define FLOWTABLE_PRIORITY 10
#define OFFLOAD_PACKETS	   16u

#define STMTS_MAX 5

struct rule_layout {
	enum chain_id chain;
	const char *comment;	      /* or NULL */
	struct stmt stmts[STMTS_MAX]; /* ends at STMT_NONE */
};

/* In the order of their enums. */
extern const struct set_layout set_layouts[SETS];
extern const struct chain_layout chain_layouts[CHAINS];

/* In the order in which they stand in their chains. */
extern const struct rule_layout rule_layouts[];
extern const size_t rule_layouts_len;

/* One element of any set; which members count is said by the set's key. */
struct element {
	union addr addr;
	uint32_t mark, number; /* in the bits of the mask */
	uint16_t first, last;  /* ports, host order */
	uint8_t byte;	       /* protocol or ICMP type */
	uint16_t slot;	       /* or turn; where the value is a chain: how many turns it counts */
	const char *label;     /* or NULL; not compared; the ruleset owns it */
};

struct elements {
	struct element *items; /* sorted, each key once */
	size_t len, max;
};

struct ruleset {
	char table[72]; /* and room for what a table beside it is called */
	enum queue_method method;
	uint16_t first_queue, queues, copies;
	uint32_t mark_mask, seed;
	uint16_t first_port, last_port; /* of what conntrack translates to one of our addresses */
	bool tproxy, dup, carries, flowtable;
	char *labels; /* of all elements, one behind the other */
	struct elements sets[FAMILIES][SETS];
};

/* Is this rule, set, chain in the tables? Not if the kernel has not what it takes. */
bool ruleset_has(const struct ruleset *ruleset, const struct rule_layout *rule);
bool ruleset_has_set(const struct ruleset *ruleset, enum set_id id);
bool ruleset_has_chain(const struct ruleset *ruleset, enum chain_id id);

/* Is this rule for what the kernel carries? */
bool rule_carries(const struct rule_layout *rule);

/* How many addresses take turns as sources, at least 1. */
uint32_t ruleset_sources(const struct ruleset *ruleset, enum family family);

/* The mark that has only this bit of a server's number, from 0 on; 0: numbers have no such. */
uint32_t number_bit(uint32_t mask, uint8_t bit);

/* Is there, in the maps whose values are chains, a chain of its own for each element? */
bool set_has_chains(enum set_id id);

/* The chain that counts the turns of an element of such a map. */
#define TURNS_CHAIN_PREFIX "turns_"
#define TURNS_CHAIN_STRLEN (ADDR_STRLEN + 24)
const char *turns_chain_name(char buf[TURNS_CHAIN_STRLEN], enum family family,
			     const struct element *element);

/* And the chain to which it goes on. */
enum chain_id turns_chain_next(enum set_id id);

/* The number of each worker's queue; and of those that let pass what finds no room, if there are
 * any in the rules. @i: 0 .. ruleset_queues() - 1. */
uint32_t ruleset_queues(const struct ruleset *ruleset);
uint16_t ruleset_queue(const struct ruleset *ruleset, uint32_t i);

/* Do rules lead to the queues through a map and a chain for each? Where nft_queue is missing. */
bool ruleset_by_chains(const struct ruleset *ruleset);

/* <0, 0, >0: the order of elements in a set. */
int element_compare(const void *a, const void *b);

/* Appends a copy. -ENOMEM. */
int elements_add(struct elements *elements, const struct element *element);

#endif
