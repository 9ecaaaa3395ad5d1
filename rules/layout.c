// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tables of nfvs, drawn once: which chains and rules there are (the sets: sets.c), in which
 * order, and why. Data only. The comments are printed by nfvs-rules, so they are written for the
 * administrator who reviews the script. Facts about hooks and verdicts: docs/kernel.md.
 */
#include "rules/layout.h"

#include <linux/netfilter.h>

const struct chain_layout chain_layouts[CHAINS] = {
	[CHAIN_REASSEMBLE] = {.name = "reassemble",
			      .comment =
				      "Never entered. That this rule exists makes the kernel put "
				      "fragments together before\n"
				      "prerouting, so that every packet has its ports."},
	[CHAIN_REQUESTS] = {.name = "requests",
			    .comment = "To the queue of the client's address and port. With no "
				       "daemon: on as if nfvs were not there."},
	[CHAIN_REPLIES] = {.name = "replies",
			   .comment = "The same queue, as the client is now the destination."},
	[CHAIN_GROUPED] = {.name = "grouped", .comment = "What a group claims; its mark is set."},
	[CHAIN_UNTRACK] = {.name = "untrack",
			   .comment =
				   "What nfvs carries is not for conntrack, in either direction.",
			   .hook = "prerouting",
			   .hooknum = NF_INET_PRE_ROUTING,
			   .priority = -300},
	[CHAIN_CLASSIFY] = {.name = "classify",
			    .comment = "Packets of services to the daemon; after mangle (-150), "
				       "where administrators set marks.",
			    .hook = "prerouting",
			    .hooknum = NF_INET_PRE_ROUTING,
			    .priority = -149},
	[CHAIN_DECIDED] =
		{.name = "decided",
		 .comment = "What the daemon says by its bits of the mark. All: there is no "
			    "server. All but the lowest: the packet\n"
			    "has new addresses and leaves as this machine's own, so that its "
			    "source is no martian.",
		 .hook = "prerouting",
		 .hooknum = NF_INET_PRE_ROUTING,
		 .priority = -140},
	[CHAIN_ANSWERS] = {.name = "answers",
			   .comment = "From real servers. Not in prerouting: there a source that "
				      "became a local address is a martian.",
			   .hook = "forward",
			   .hooknum = NF_INET_FORWARD,
			   .priority = -149},
	[CHAIN_ANSWERS_DECIDED] = {.name = "answers_decided",
				   .comment = "Nobody waits for it: the real server is told.",
				   .hook = "forward",
				   .hooknum = NF_INET_FORWARD,
				   .priority = -140},
	[CHAIN_ARRIVING] = {.name = "arriving",
			    .comment = "From real servers to clients that are this machine.",
			    .hook = "input",
			    .hooknum = NF_INET_LOCAL_IN,
			    .priority = -149},
	[CHAIN_ARRIVING_DECIDED] = {.name = "arriving_decided",
				    .comment = "Likewise.",
				    .hook = "input",
				    .hooknum = NF_INET_LOCAL_IN,
				    .priority = -140},
	[CHAIN_UNTRACK_OWN] = {.name = "untrack_own",
			       .comment = "The same for what this machine sends: as nfvs, as a "
					  "client, as a real server.",
			       .hook = "output",
			       .hooknum = NF_INET_LOCAL_OUT,
			       .priority = -300},
	[CHAIN_OWN] = {.name = "own",
		       .comment = "This machine as a client, or as a real server; and ICMP errors "
				  "that it makes about\n"
				  "packets on their way to a server. Not what nfvs itself sends.",
		       .hook = "output",
		       .hooknum = NF_INET_LOCAL_OUT,
		       .priority = -149},
	[CHAIN_OWN_DECIDED] = {.name = "own_decided",
			       .comment = "No server for a client that is this machine.",
			       .hook = "output",
			       .hooknum = NF_INET_LOCAL_OUT,
			       .priority = -140},
	[CHAIN_CARRIED] = {.name = "carried",
			   .comment = "A known connection to a living server: conntrack translates "
				      "it. The daemon gets a copy\n"
				      "of what begins and ends it, and of the first packet after "
				      "what began it."},
	[CHAIN_EDGES] = {.name = "edges",
			 .comment = "What begins and ends it. After a SYN of the client the next "
				    "packet tells something again."},
	[CHAIN_FIRST] =
		{.name = "first",
		 .comment = "What begins a connection that the kernel is to carry: where the rules "
			    "schedule, its turn; else to\n"
			    "queues of its own, and where one is full on to the chain fallback. "
			    "Not what belongs to a\n"
			    "client's server, or to one that is gone, which the daemon knows."},
	[CHAIN_FIRST_GROUP] = {.name = "first_group", .comment = "The same, by firewall mark."},
	[CHAIN_FALLBACK] = {.name = "fallback",
			    .comment =
				    "New connections that the daemon did not decide, because "
				    "there is none, or a queue\n"
				    "is full. If it is there, it gets a copy of the first packet.",
			    .hook = "prerouting",
			    .hooknum = NF_INET_PRE_ROUTING,
			    .priority = -145},
	[CHAIN_CHOOSE] = {.name = "choose",
			  .comment = "By weight: a slot, which the mark of the connection holds."},
	[CHAIN_CHOOSE_GROUP] = {.name = "choose_group", .comment = "The same, by firewall mark."},
	[CHAIN_CHOSEN] = {.name = "chosen",
			  .comment = "The server that has the slot; its number takes the slot's "
				     "place."},
	[CHAIN_CHOSEN_GROUP] = {.name = "chosen_group", .comment = "The same, by firewall mark."},
	[CHAIN_NUMBER] =
		{.name = "number",
		 .comment = "The number beside what else is in the packet's mark, bit by bit: "
			    "so the daemon, which gets a\n"
			    "copy, sees whom it is, and it goes on as if the daemon had said so."},
	[CHAIN_TRANSLATE] = {.name = "translate",
			     .comment = "Once for each connection: to the address of its server.",
			     .hook = "prerouting",
			     .type = "nat",
			     .hooknum = NF_INET_PRE_ROUTING,
			     .priority = -100},
	[CHAIN_TRANSLATE_OWN] = {.name = "translate_own",
				 .comment = "Likewise, for clients that are this machine.",
				 .hook = "output",
				 .type = "nat",
				 .hooknum = NF_INET_LOCAL_OUT,
				 .priority = -100},
	[CHAIN_SOURCE] = {.name = "source",
			  .comment = "Once for each connection to a FULLNAT server, which answers "
				     "to an address of this machine.\n"
				     "Before others (100), whose masquerading would take another.",
			  .hook = "postrouting",
			  .type = "nat",
			  .hooknum = NF_INET_POST_ROUTING,
			  .priority = 90},
	[CHAIN_SOURCE_HERE] = {.name = "source_here",
			       .comment = "Likewise, if the server is this machine itself.",
			       .hook = "input",
			       .type = "nat",
			       .hooknum = NF_INET_LOCAL_IN,
			       .priority = 90},
	[CHAIN_OFFLOADED] = {.name = "offloaded", .comment = "What the flowtable leaves to us."},
	[CHAIN_RETURNED] = {.name = "returned",
			    .comment =
				    "Not told of, with so many packets: it was in the flowtable. "
				    "What it counted there comes\n"
				    "with the copy."},
	[CHAIN_OFFLOAD] = {.name = "offload",
			   .comment = "To the flowtable, once there were some packets; a copy.",
			   .hook = "forward",
			   .hooknum = NF_INET_FORWARD,
			   .priority = 10},
};

#define IN_SET(id, ...)                                               \
	{                                                             \
		.kind = STMT_IN, .fields = {__VA_ARGS__}, .set = (id) \
	}
#define MARK_BY(id, ...)                                                \
	{                                                               \
		.kind = STMT_MARK, .fields = {__VA_ARGS__}, .set = (id) \
	}
#define FAN_OUT(...)                                            \
	{                                                       \
		.kind = STMT_FAN_OUT, .fields = { __VA_ARGS__ } \
	}
#define FAN_OUT_OPEN(...)                                            \
	{                                                            \
		.kind = STMT_FAN_OUT_OPEN, .fields = { __VA_ARGS__ } \
	}
#define CHOOSE(id, ...)                                                                   \
	{                                                                                 \
		.kind = STMT_TRACKED, .tracked = TRACKED_CHOOSE, .fields = {__VA_ARGS__}, \
		.set = (id)                                                               \
	}
#define BY_TURNS(id, ...)                                                                   \
	{                                                                                   \
		.kind = STMT_TRACKED, .tracked = TRACKED_BY_TURNS, .fields = {__VA_ARGS__}, \
		.set = (id)                                                                 \
	}
#define NUMBER_BIT(n)                                                                    \
	{                                                                                \
		CHAIN_NUMBER, NULL,                                                      \
		{                                                                        \
			{                                                                \
				.kind = STMT_TRACKED, .tracked = TRACKED_BIT, .bit = (n) \
			}                                                                \
		}                                                                        \
	}
#define DNAT(id)                                                                         \
	{                                                                                \
		.kind = STMT_TRACKED, .tracked = TRACKED_DNAT, .fields = {FIELD_NUMBER}, \
		.set = (id)                                                              \
	}
#define SNAT                                                                           \
	{                                                                              \
		.kind = STMT_TRACKED, .tracked = TRACKED_SNAT, .fields = {FIELD_TURN}, \
		.set = SET_SOURCES                                                     \
	}
#define GOTO(id)                                 \
	{                                        \
		.kind = STMT_GOTO, .chain = (id) \
	}
#define PLAIN(k)            \
	{                   \
		.kind = (k) \
	}
#define IF(k)                                        \
	{                                            \
		.kind = STMT_IF, .condition = IF_##k \
	}
#define TRACKED(k)                                           \
	{                                                    \
		.kind = STMT_TRACKED, .tracked = TRACKED_##k \
	}
#define TCP                                                    \
	{                                                      \
		.kind = STMT_PROTOCOL, .protocol = IPPROTO_TCP \
	}
#define UDP                                                    \
	{                                                      \
		.kind = STMT_PROTOCOL, .protocol = IPPROTO_UDP \
	}
#define SCTP                                                    \
	{                                                       \
		.kind = STMT_PROTOCOL, .protocol = IPPROTO_SCTP \
	}
#define NOTRACK PLAIN(STMT_NOTRACK)
#define RETURN	PLAIN(STMT_RETURN)

#define VIRTUAL	      FIELD_DADDR, FIELD_PROTOCOL, FIELD_DPORT
#define REAL	      FIELD_SADDR, FIELD_PROTOCOL, FIELD_SPORT
#define VIRTUAL_RANGE FIELD_DADDR, FIELD_DPORT
#define REAL_RANGE    FIELD_SADDR, FIELD_SPORT

#define FLOW(id) IN_SET(id, FIELD_NUMBER)

const struct rule_layout rule_layouts[] = {
	{CHAIN_REASSEMBLE, NULL, {PLAIN(STMT_REASSEMBLE)}},
	{CHAIN_REQUESTS, "what conntrack makes nothing of", {IF(INVALID), TRACKED(UNSEEN)}},
	{CHAIN_REQUESTS,
	 "what it has translated already, to a server that is gone, or not at all, before the "
	 "service was",
	 {IF(CONFIRMED), TRACKED(UNSEEN)}},
	{CHAIN_REQUESTS, NULL, {FAN_OUT(FIELD_SADDR, FIELD_SPORT)}},
	{CHAIN_REPLIES, NULL, {FAN_OUT(FIELD_DADDR, FIELD_DPORT)}},

	{CHAIN_GROUPED,
	 NULL,
	 {IF(NEW), IN_SET(SET_CARRIED_MARKS, FIELD_MARK), GOTO(CHAIN_FIRST_GROUP)}},
	{CHAIN_GROUPED, NULL, {GOTO(CHAIN_REQUESTS)}},

	{CHAIN_UNTRACK, NULL, {IN_SET(SET_CARRIED, VIRTUAL), RETURN}},
	{CHAIN_UNTRACK, NULL, {IN_SET(SET_CARRIED_SERVERS, REAL), RETURN}},
	{CHAIN_UNTRACK, NULL, {IN_SET(SET_SERVICES, VIRTUAL), NOTRACK, RETURN}},
	{CHAIN_UNTRACK, NULL, {TCP, IN_SET(SET_TCP_CARRIED, VIRTUAL_RANGE), RETURN}},
	{CHAIN_UNTRACK, NULL, {UDP, IN_SET(SET_UDP_CARRIED, VIRTUAL_RANGE), RETURN}},
	{CHAIN_UNTRACK, NULL, {TCP, IN_SET(SET_TCP_CARRIED_SERVERS, REAL_RANGE), RETURN}},
	{CHAIN_UNTRACK, NULL, {UDP, IN_SET(SET_UDP_CARRIED_SERVERS, REAL_RANGE), RETURN}},
	{CHAIN_UNTRACK, NULL, {IN_SET(SET_SERVERS, REAL), NOTRACK, RETURN}},
	{CHAIN_UNTRACK, NULL, {TCP, IN_SET(SET_TCP_SERVICES, VIRTUAL_RANGE), NOTRACK, RETURN}},
	{CHAIN_UNTRACK, NULL, {UDP, IN_SET(SET_UDP_SERVICES, VIRTUAL_RANGE), NOTRACK, RETURN}},
	{CHAIN_UNTRACK, NULL, {SCTP, IN_SET(SET_SCTP_SERVICES, VIRTUAL_RANGE), NOTRACK, RETURN}},
	{CHAIN_UNTRACK, NULL, {TCP, IN_SET(SET_TCP_SERVERS, REAL_RANGE), NOTRACK}},
	{CHAIN_UNTRACK, NULL, {UDP, IN_SET(SET_UDP_SERVERS, REAL_RANGE), NOTRACK}},
	{CHAIN_UNTRACK, NULL, {SCTP, IN_SET(SET_SCTP_SERVERS, REAL_RANGE), NOTRACK}},

	{CHAIN_CLASSIFY, "counted by conntrack", {IF(OFFLOADED), GOTO(CHAIN_OFFLOADED)}},
	{CHAIN_CLASSIFY, NULL, {IF(ORIGINAL), FLOW(SET_FLOWS_IN), GOTO(CHAIN_CARRIED)}},
	{CHAIN_CLASSIFY, NULL, {IF(REPLY), FLOW(SET_FLOWS_OUT), GOTO(CHAIN_CARRIED)}},
	{CHAIN_CLASSIFY, "of a server that is gone", {IF(REPLY), IF(CARRIED), GOTO(CHAIN_CARRIED)}},
	{CHAIN_CLASSIFY, NULL, {IF(NEW), IN_SET(SET_CARRIED, VIRTUAL), GOTO(CHAIN_FIRST)}},
	{CHAIN_CLASSIFY,
	 "most packets end here; what a group claims is not in this set",
	 {IN_SET(SET_SERVICES, VIRTUAL), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_CLASSIFY, "the devices know it", {PLAIN(STMT_MARKED), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_CLASSIFY,
	 "a mark that somebody set, and that a service has, stands",
	 {IN_SET(SET_MARKS, FIELD_MARK), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_CLASSIFY, NULL, {TCP, MARK_BY(SET_TCP_GROUPS, VIRTUAL_RANGE), GOTO(CHAIN_GROUPED)}},
	{CHAIN_CLASSIFY, NULL, {UDP, MARK_BY(SET_UDP_GROUPS, VIRTUAL_RANGE), GOTO(CHAIN_GROUPED)}},
	{CHAIN_CLASSIFY,
	 NULL,
	 {SCTP, MARK_BY(SET_SCTP_GROUPS, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_CLASSIFY,
	 NULL,
	 {TCP, IN_SET(SET_TCP_SERVICES, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_CLASSIFY,
	 NULL,
	 {UDP, IN_SET(SET_UDP_SERVICES, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_CLASSIFY,
	 NULL,
	 {SCTP, IN_SET(SET_SCTP_SERVICES, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_CLASSIFY,
	 "what FULLNAT servers answer comes to our own address",
	 {IN_SET(SET_LOCALS, FIELD_DADDR), IN_SET(SET_SERVERS, REAL), GOTO(CHAIN_REPLIES)}},
	{CHAIN_CLASSIFY,
	 NULL,
	 {TCP, IN_SET(SET_LOCALS, FIELD_DADDR), IN_SET(SET_TCP_SERVERS, REAL_RANGE),
	  GOTO(CHAIN_REPLIES)}},
	{CHAIN_CLASSIFY,
	 NULL,
	 {UDP, IN_SET(SET_LOCALS, FIELD_DADDR), IN_SET(SET_UDP_SERVERS, REAL_RANGE),
	  GOTO(CHAIN_REPLIES)}},
	{CHAIN_CLASSIFY,
	 NULL,
	 {SCTP, IN_SET(SET_LOCALS, FIELD_DADDR), IN_SET(SET_SCTP_SERVERS, REAL_RANGE),
	  GOTO(CHAIN_REPLIES)}},
	{CHAIN_CLASSIFY, NULL, {IF(RELATED), RETURN}},
	{CHAIN_CLASSIFY, NULL, {IN_SET(SET_ERRORS, FIELD_ICMP_TYPE), PLAIN(STMT_QUEUE)}},

	{CHAIN_DECIDED, NULL, {IF(UNMARKED), RETURN}},
	{CHAIN_DECIDED, NULL, {PLAIN(STMT_REFUSED), PLAIN(STMT_UNREACHABLE)}},
	{CHAIN_DECIDED, NULL, {PLAIN(STMT_SENT), PLAIN(STMT_SEND)}},
	{CHAIN_DECIDED,
	 "nobody's, or what conntrack cannot translate",
	 {IF(UNNUMBERED), PLAIN(STMT_UNMARK), RETURN}},
	{CHAIN_DECIDED,
	 "the connection's server; its first packet counts here",
	 {TRACKED(SAVE), PLAIN(STMT_UNMARK), FLOW(SET_FLOWS_IN)}},

	{CHAIN_ANSWERS, NULL, {IF(CARRIED), RETURN}},
	{CHAIN_ANSWERS, NULL, {IN_SET(SET_SERVERS, REAL), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ANSWERS, NULL, {TCP, IN_SET(SET_TCP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ANSWERS, NULL, {UDP, IN_SET(SET_UDP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ANSWERS, NULL, {SCTP, IN_SET(SET_SCTP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ANSWERS, NULL, {IN_SET(SET_ERRORS, FIELD_ICMP_TYPE), PLAIN(STMT_QUEUE)}},

	{CHAIN_ANSWERS_DECIDED, NULL, {PLAIN(STMT_REFUSED), PLAIN(STMT_UNREACHABLE)}},

	{CHAIN_ARRIVING, NULL, {IF(CARRIED), RETURN}},
	{CHAIN_ARRIVING, NULL, {IN_SET(SET_SERVERS, REAL), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ARRIVING, NULL, {TCP, IN_SET(SET_TCP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ARRIVING, NULL, {UDP, IN_SET(SET_UDP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ARRIVING, NULL, {SCTP, IN_SET(SET_SCTP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_ARRIVING, NULL, {IF(RELATED), RETURN}},
	{CHAIN_ARRIVING, NULL, {IN_SET(SET_ERRORS, FIELD_ICMP_TYPE), PLAIN(STMT_QUEUE)}},

	{CHAIN_ARRIVING_DECIDED, NULL, {PLAIN(STMT_REFUSED), PLAIN(STMT_UNREACHABLE)}},

	{CHAIN_UNTRACK_OWN, NULL, {PLAIN(STMT_MARKED), NOTRACK, RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {IN_SET(SET_CARRIED, VIRTUAL), RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {IN_SET(SET_CARRIED_SERVERS, REAL), RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {IN_SET(SET_SERVICES, VIRTUAL), NOTRACK, RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {TCP, IN_SET(SET_TCP_CARRIED, VIRTUAL_RANGE), RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {UDP, IN_SET(SET_UDP_CARRIED, VIRTUAL_RANGE), RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {TCP, IN_SET(SET_TCP_CARRIED_SERVERS, REAL_RANGE), RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {UDP, IN_SET(SET_UDP_CARRIED_SERVERS, REAL_RANGE), RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {IN_SET(SET_SERVERS, REAL), NOTRACK, RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {TCP, IN_SET(SET_TCP_SERVICES, VIRTUAL_RANGE), NOTRACK, RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {UDP, IN_SET(SET_UDP_SERVICES, VIRTUAL_RANGE), NOTRACK, RETURN}},
	{CHAIN_UNTRACK_OWN,
	 NULL,
	 {SCTP, IN_SET(SET_SCTP_SERVICES, VIRTUAL_RANGE), NOTRACK, RETURN}},
	{CHAIN_UNTRACK_OWN, NULL, {TCP, IN_SET(SET_TCP_SERVERS, REAL_RANGE), NOTRACK}},
	{CHAIN_UNTRACK_OWN, NULL, {UDP, IN_SET(SET_UDP_SERVERS, REAL_RANGE), NOTRACK}},
	{CHAIN_UNTRACK_OWN, NULL, {SCTP, IN_SET(SET_SCTP_SERVERS, REAL_RANGE), NOTRACK}},

	{CHAIN_OWN, "the devices learn by it", {PLAIN(STMT_LEARNING), RETURN}},
	{CHAIN_OWN,
	 "with its mark it would be sent again, if it comes back by the loopback",
	 {PLAIN(STMT_MARKED), PLAIN(STMT_UNMARK), RETURN}},
	{CHAIN_OWN, NULL, {IF(ORIGINAL), FLOW(SET_FLOWS_IN), GOTO(CHAIN_CARRIED)}},
	{CHAIN_OWN, NULL, {IF(REPLY), FLOW(SET_FLOWS_OUT), GOTO(CHAIN_CARRIED)}},
	{CHAIN_OWN, NULL, {IF(REPLY), IF(CARRIED), GOTO(CHAIN_CARRIED)}},
	{CHAIN_OWN, NULL, {IN_SET(SET_SERVICES, VIRTUAL), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {IN_SET(SET_MARKS, FIELD_MARK), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {TCP, MARK_BY(SET_TCP_GROUPS, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {UDP, MARK_BY(SET_UDP_GROUPS, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {SCTP, MARK_BY(SET_SCTP_GROUPS, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {TCP, IN_SET(SET_TCP_SERVICES, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {UDP, IN_SET(SET_UDP_SERVICES, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {SCTP, IN_SET(SET_SCTP_SERVICES, VIRTUAL_RANGE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_OWN, NULL, {IF(CARRIED), RETURN}},
	{CHAIN_OWN, NULL, {IN_SET(SET_SERVERS, REAL), GOTO(CHAIN_REPLIES)}},
	{CHAIN_OWN, NULL, {TCP, IN_SET(SET_TCP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_OWN, NULL, {UDP, IN_SET(SET_UDP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_OWN, NULL, {SCTP, IN_SET(SET_SCTP_SERVERS, REAL_RANGE), GOTO(CHAIN_REPLIES)}},
	{CHAIN_OWN,
	 "of what this machine itself refused, which conntrack does not let pass a queue",
	 {IF(RELATED), RETURN}},
	{CHAIN_OWN, NULL, {IN_SET(SET_ERRORS, FIELD_ICMP_TYPE), PLAIN(STMT_QUEUE)}},

	{CHAIN_OWN_DECIDED, NULL, {IF(UNMARKED), RETURN}},
	{CHAIN_OWN_DECIDED, NULL, {PLAIN(STMT_LEARNING), RETURN}},
	{CHAIN_OWN_DECIDED, NULL, {PLAIN(STMT_REFUSED), PLAIN(STMT_UNREACHABLE)}},
	{CHAIN_OWN_DECIDED,
	 "the connection's server; its first packet counts here",
	 {TRACKED(SAVE), PLAIN(STMT_UNMARK), FLOW(SET_FLOWS_IN)}},

	{CHAIN_CARRIED, NULL, {IF(EDGE), GOTO(CHAIN_EDGES)}},
	{CHAIN_CARRIED, "most packets end here", {IF(TOLD), RETURN}},
	{CHAIN_CARRIED, NULL, {TCP, IF(ASSURED), IF(MANY), GOTO(CHAIN_RETURNED)}},
	{CHAIN_CARRIED, NULL, {UDP, IF(ANSWERED), IF(MANY), GOTO(CHAIN_RETURNED)}},
	{CHAIN_CARRIED,
	 "the client's word counts for nothing until the server's: secure_tcp",
	 {IF(ORIGINAL), IN_SET(SET_STRICT, FIELD_PROTOCOL), TRACKED(COPY), RETURN}},
	{CHAIN_CARRIED, NULL, {TCP, TRACKED(TELL), TRACKED(COPY)}},
	{CHAIN_CARRIED, NULL, {UDP, IF(REPLY), TRACKED(TELL), TRACKED(COPY)}},

	{CHAIN_EDGES, NULL, {IF(ORIGINAL), IF(OPENS), TRACKED(UNTELL), TRACKED(COPY), RETURN}},
	{CHAIN_EDGES, NULL, {IF(MANY), GOTO(CHAIN_RETURNED)}},
	{CHAIN_EDGES, NULL, {TRACKED(COPY)}},

	{CHAIN_FIRST, NULL, {IN_SET(SET_STICKY, VIRTUAL), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_FIRST, NULL, {IF(LATE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_FIRST, NULL, {IF(CONFIRMED), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_FIRST, NULL, {BY_TURNS(SET_TURNS, VIRTUAL)}},
	{CHAIN_FIRST, NULL, {FAN_OUT_OPEN(FIELD_SADDR, FIELD_SPORT)}},

	{CHAIN_FIRST_GROUP, NULL, {IN_SET(SET_STICKY_MARKS, FIELD_MARK), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_FIRST_GROUP, NULL, {IF(LATE), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_FIRST_GROUP, NULL, {IF(CONFIRMED), GOTO(CHAIN_REQUESTS)}},
	{CHAIN_FIRST_GROUP, NULL, {BY_TURNS(SET_TURNS_MARKS, FIELD_MARK)}},
	{CHAIN_FIRST_GROUP, NULL, {FAN_OUT_OPEN(FIELD_SADDR, FIELD_SPORT)}},

	{CHAIN_FALLBACK, NULL, {IF(CARRIED), RETURN}},
	{CHAIN_FALLBACK, NULL, {PLAIN(STMT_MARKED), RETURN}},
	{CHAIN_FALLBACK, NULL, {IF(LATE), RETURN}},
	{CHAIN_FALLBACK, NULL, {IN_SET(SET_CARRIED, VIRTUAL), GOTO(CHAIN_CHOOSE)}},
	{CHAIN_FALLBACK, NULL, {IN_SET(SET_CARRIED_MARKS, FIELD_MARK), GOTO(CHAIN_CHOOSE_GROUP)}},

	{CHAIN_CHOOSE, NULL, {BY_TURNS(SET_TURNS, VIRTUAL)}},
	{CHAIN_CHOOSE, NULL, {TRACKED(TURNS)}},
	{CHAIN_CHOOSE, NULL, {IN_SET(SET_STICKY, VIRTUAL), TRACKED(BY_CLIENT)}},
	{CHAIN_CHOOSE, NULL, {GOTO(CHAIN_CHOSEN)}},

	{CHAIN_CHOOSE_GROUP, NULL, {BY_TURNS(SET_TURNS_MARKS, FIELD_MARK)}},
	{CHAIN_CHOOSE_GROUP, NULL, {TRACKED(TURNS)}},
	{CHAIN_CHOOSE_GROUP, NULL, {IN_SET(SET_STICKY_MARKS, FIELD_MARK), TRACKED(BY_CLIENT)}},
	{CHAIN_CHOOSE_GROUP, NULL, {GOTO(CHAIN_CHOSEN_GROUP)}},

	{CHAIN_CHOSEN, NULL, {CHOOSE(SET_FALLBACK, VIRTUAL, FIELD_SLOT), GOTO(CHAIN_NUMBER)}},
	{CHAIN_CHOSEN, "no server; a slot could look like a number", {TRACKED(FORGET)}},

	{CHAIN_CHOSEN_GROUP,
	 NULL,
	 {CHOOSE(SET_FALLBACK_GROUPS, FIELD_MARK, FIELD_SLOT), GOTO(CHAIN_NUMBER)}},
	{CHAIN_CHOSEN_GROUP, NULL, {TRACKED(FORGET)}},

	/* All that a mask of 32 bits can have, but the lowest: mark_carried(). */
	NUMBER_BIT(0),
	NUMBER_BIT(1),
	NUMBER_BIT(2),
	NUMBER_BIT(3),
	NUMBER_BIT(4),
	NUMBER_BIT(5),
	NUMBER_BIT(6),
	NUMBER_BIT(7),
	NUMBER_BIT(8),
	NUMBER_BIT(9),
	NUMBER_BIT(10),
	NUMBER_BIT(11),
	NUMBER_BIT(12),
	NUMBER_BIT(13),
	NUMBER_BIT(14),
	NUMBER_BIT(15),
	NUMBER_BIT(16),
	NUMBER_BIT(17),
	NUMBER_BIT(18),
	NUMBER_BIT(19),
	NUMBER_BIT(20),
	NUMBER_BIT(21),
	NUMBER_BIT(22),
	NUMBER_BIT(23),
	NUMBER_BIT(24),
	NUMBER_BIT(25),
	NUMBER_BIT(26),
	NUMBER_BIT(27),
	NUMBER_BIT(28),
	NUMBER_BIT(29),
	NUMBER_BIT(30),
	{CHAIN_NUMBER, NULL, {TRACKED(COPY_FIRST)}},

	{CHAIN_TRANSLATE, NULL, {TCP, DNAT(SET_TO_PORT)}},
	{CHAIN_TRANSLATE, NULL, {UDP, DNAT(SET_TO_PORT)}},
	{CHAIN_TRANSLATE, NULL, {DNAT(SET_TO_ADDR)}},
	{CHAIN_TRANSLATE_OWN, NULL, {TCP, DNAT(SET_TO_PORT)}},
	{CHAIN_TRANSLATE_OWN, NULL, {UDP, DNAT(SET_TO_PORT)}},
	{CHAIN_TRANSLATE_OWN, NULL, {DNAT(SET_TO_ADDR)}},

	{CHAIN_SOURCE, NULL, {TCP, FLOW(SET_SOURCED), SNAT}},
	{CHAIN_SOURCE, NULL, {UDP, FLOW(SET_SOURCED), SNAT}},
	{CHAIN_SOURCE_HERE, NULL, {TCP, FLOW(SET_SOURCED), SNAT}},
	{CHAIN_SOURCE_HERE, NULL, {UDP, FLOW(SET_SOURCED), SNAT}},
	{CHAIN_OFFLOADED, NULL, {IF(EDGE), TRACKED(COPY)}},

	{CHAIN_RETURNED, NULL, {IF(TOLD), TRACKED(COPY), RETURN}},
	{CHAIN_RETURNED, NULL, {TRACKED(TELL), TRACKED(COPY_ENTRY)}},

	{CHAIN_OFFLOAD,
	 NULL,
	 {IF(TOLD), IF(MANY), TRACKED(OFFLOAD), TRACKED(UNTELL), TRACKED(COPY_ENTRY)}},
};

const size_t rule_layouts_len = sizeof(rule_layouts) / sizeof(rule_layouts[0]);
