/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULES_DUMP_H
#define RULES_DUMP_H

#include "rules/layout.h"

#include <libmnl/libmnl.h>

struct nftnl_set;
struct nftnl_set_elem;

/* A socket to ask nf_tables by; NULL with errno. mnl_socket_close() it. Any thread. */
struct mnl_socket *dump_open(void);

/* The header of a dump request of @type (NFT_MSG_GET*) in @buf, to be filled and given to
 * dump_run().
 */
struct nlmsghdr *dump_begin(char *buf, uint16_t type, enum family family);

/*
 * Calls @fn for the elements of @set, which is ours and names its table and itself: with @all for
 * every one that the kernel has, else for the one that @set holds. What is not there has none. 0 or
 * -errno.
 */
int dump_elements(struct mnl_socket *nl, enum family family, struct nftnl_set *set, bool all,
		  int (*fn)(struct nftnl_set_elem *elem, void *data), void *data);

/* An element's counter. False: it has none. */
bool dump_counter(struct nftnl_set_elem *elem, uint64_t *packets, uint64_t *bytes);

/* Sends it, and calls @callback for each message of the answer. What is asked for and is not there
 * (ENOENT) has none. 0 or -errno. */
int dump_run(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t callback, void *data);

#endif
