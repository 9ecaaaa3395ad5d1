// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel counted of the connections that it carries, read back: the elements of two sets,
 * one for each direction (at the devices there is but one), each a server's number with a counter
 * and, as its comment, the server's label. A killed daemon's successor learns by it which number
 * meant which server. Control thread.
 */
#include "rules/dump.h"

#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

struct reading {
	bool in;
	void (*fn)(const struct living *living, void *data);
	void *data;
};

static int on_comment(const struct nftnl_udata *attr, void *data)
{
	const char **comment = data;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_SET_ELEM_COMMENT)
		*comment = nftnl_udata_get(attr);
	return 0;
}

static int on_element(struct nftnl_set_elem *elem, void *data)
{
	const struct reading *reading = data;
	struct living living = {.in = reading->in, .label = ""};
	const void *udata;
	uint32_t len = 0;

	living.mark = nftnl_set_elem_get_u32(elem, NFTNL_SET_ELEM_KEY);
	udata = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_USERDATA, &len);
	if (udata)
		nftnl_udata_parse(udata, len, on_comment, &living.label);
	(void)dump_counter(elem, &living.packets, &living.bytes);
	reading->fn(&living, reading->data);
	return 0;
}

static int set_read(struct mnl_socket *nl, const char *table, enum family family, enum set_id id,
		    struct reading *reading)
{
	struct nftnl_set *set = nftnl_set_alloc();
	int ret;

	if (!set)
		return -ENOMEM;
	nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, set_layouts[id].name);
	ret = dump_elements(nl, family, set, true, on_element, reading);
	nftnl_set_free(set);
	return ret;
}

int living_read(const char *table, void (*fn)(const struct living *living, void *data), void *data)
{
	struct mnl_socket *nl = dump_open();
	struct reading reading = {.fn = fn, .data = data};
	int ret = nl ? 0 : -errno;

	for (enum family f = 0; !ret && f < FAMILIES; f++) {
		reading.in = true;
		ret = set_read(nl, table, f, SET_FLOWS_IN, &reading);
		reading.in = false;
		if (!ret)
			ret = set_read(nl, table, f, SET_FLOWS_OUT, &reading);
	}
	reading.in = true;
	if (!ret)
		ret = set_read(nl, table, FAMILY_DEVICES, SET_FLOWS_IN, &reading);
	if (nl)
		mnl_socket_close(nl);
	return ret;
}
