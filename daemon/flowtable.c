// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flowtable, as the daemon keeps it. The one idea: a connection there cannot be ended, and is
 * seen by nobody, but conntrack's entry of it stays: who makes conntrack forget it ends it there
 * with the next packet, and what conntrack counts tells that it lives. So each is asked for every
 * few seconds, but never more than a share of the time. And at a device each packet that comes in
 * is looked up in it, a short connection's in vain: so it has devices only while it has
 * connections. Control thread.
 */
#include "daemon/flowtable.h"
#include "daemon/links.h"
#include "lib/log.h"
#include "rules/flowtable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define READ_MS	   2000u /* each is asked for so often, if they are few */
#define READ_TICK  1000u /* at most, at a time */
#define READ_ALL   2000u /* before a listing, if there are no more */
#define DEVICES_MS 1000u /* between two tries that failed */
#define LINGER_MS  1000u /* so long it keeps its devices without connections */

struct flowtable {
	const struct director_conf *conf;
	const char *why;
	struct offloads *offloads;
	struct links *links;
	bool (*over)(const struct flow *flow, void *data);
	void *over_data;
	bool settled, stale;
	bool open; /* it has, or is to have, devices */
	uint64_t next_devices, close_at;
};

/* From 6.14 on a FIN or RST does not end a connection there, and passes the rules by. */
static bool passes_ends(void)
{
	struct utsname name;
	unsigned int major, minor;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major > 6 || (major == 6 && minor >= 14);
}

static const char *obstacle(const struct director_conf *conf, const struct rules_caps *caps)
{
	if (!conf->flowtable)
		return "the configuration says so";
	if (!conf->rules_managed)
		return "the rules are external";
	if (!caps->flowtable)
		return "this kernel has no nft_flow_offload";
	if (passes_ends())
		return "with this kernel (6.14 and later) the end of a connection would not be "
		       "seen";
	return NULL;
}

struct flowtable *flowtable_new(const struct director_conf *conf, const struct rules_caps *caps)
{
	struct flowtable *flowtable = calloc(1, sizeof(*flowtable));

	if (!flowtable)
		return NULL;
	flowtable->conf = conf;
	flowtable->why = obstacle(conf, caps);
	flowtable->offloads = offloads_new();
	if (!flowtable->offloads) {
		flowtable_free(flowtable);
		return NULL;
	}
	if (!flowtable->why)
		flowtable->links = links_open();
	if (!flowtable->why && !flowtable->links)
		flowtable->why = "the kernel does not tell of its devices";
	return flowtable;
}

void flowtable_set_over(struct flowtable *flowtable,
			bool (*over)(const struct flow *flow, void *data), void *data)
{
	flowtable->over = over;
	flowtable->over_data = data;
}

void flowtable_free(struct flowtable *flowtable)
{
	if (!flowtable)
		return;
	links_close(flowtable->links);
	offloads_free(flowtable->offloads);
	free(flowtable);
}

const char *flowtable_why(const struct flowtable *flowtable)
{
	return flowtable->why;
}

void flowtable_forgo(struct flowtable *flowtable, const char *why)
{
	if (!flowtable->why)
		flowtable->why = why;
}

struct offloads *flowtable_offloads(const struct flowtable *flowtable)
{
	return flowtable->offloads;
}

void flowtable_settle(struct flowtable *flowtable)
{
	flowtable->settled = !flowtable->why;
	flowtable->stale = true; /* the rules may have been made anew */
	flowtable->next_devices = 0;
}

static void open_or_close(struct flowtable *flowtable, uint64_t now)
{
	bool open;

	if (offloads_inside(flowtable->offloads))
		flowtable->close_at = now + LINGER_MS;
	open = now < flowtable->close_at;
	if (open == flowtable->open)
		return;
	flowtable->open = open;
	flowtable->stale = true;
	flowtable->next_devices = now;
}

/* One that was named and is gone by now fails all; its end is a change, too. */
static void follow_devices(struct flowtable *flowtable, uint64_t now)
{
	struct ingress_device *devices;
	struct link *links = NULL;
	size_t len = 0;

	open_or_close(flowtable, now);
	flowtable->stale |= links_changed(flowtable->links);
	if (!flowtable->stale || now < flowtable->next_devices)
		return;
	flowtable->next_devices = now + DEVICES_MS;
	if (flowtable->open && links_read(flowtable->links, &links, &len))
		return;
	devices = calloc(len + 1, sizeof(*devices));
	for (size_t i = 0; devices && i < len; i++)
		devices[i] = links[i].device;
	if (devices)
		flowtable->stale = flowtable_follow(flowtable->conf->table, devices, len);
	free(devices);
	free(links);
}

int flowtable_delete(struct flowtable *flowtable, struct conntrack *ct, const struct flow *flow,
		     uint64_t now)
{
	struct tracked tracked;
	uint64_t idle;

	if (offloads_idle(flowtable->offloads, flow, now, &idle)) {
		if (!conntrack_get(ct, flow, &tracked))
			offloads_read(flowtable->offloads, &tracked, now);
		offloads_gone(flowtable->offloads, flow);
	}
	return conntrack_delete(ct, flow);
}

/* One whose ends the devices did not see, because they did not have the table yet, would stay there
 * for the next with its addresses. */
static bool stuck(const struct flowtable *flowtable, const struct tracked *tracked)
{
	return tracked->offloaded && flowtable->over(&tracked->flow, flowtable->over_data);
}

static void ask(struct flowtable *flowtable, struct conntrack *ct, uint64_t age, unsigned int most,
		uint64_t now)
{
	struct tracked tracked;
	struct flow flow;

	while (most-- && offloads_next(flowtable->offloads, now, age, &flow)) {
		int ret = conntrack_get(ct, &flow, &tracked);

		if (!ret)
			offloads_read(flowtable->offloads, &tracked, now);
		if (!ret && stuck(flowtable, &tracked))
			(void)flowtable_delete(flowtable, ct, &flow, now);
		else if (ret == -ENOENT)
			offloads_gone(flowtable->offloads, &flow);
		else if (ret)
			return;
	}
}

void flowtable_tick(struct flowtable *flowtable, struct conntrack *ct, uint64_t now)
{
	if (!flowtable->settled)
		return;
	follow_devices(flowtable, now);
	ask(flowtable, ct, READ_MS, READ_TICK, now);
}

void flowtable_ask(struct flowtable *flowtable, struct conntrack *ct, uint64_t now)
{
	const size_t count = offloads_count(flowtable->offloads);

	if (count && count <= READ_ALL)
		ask(flowtable, ct, 0, (unsigned int)count, now);
}

static void add(uint32_t mark, const struct volume *more, void *data)
{
	for (int i = 0; i < 2; i++)
		numbers_add(data, mark, !i, more->packets[i], more->bytes[i]);
}

void flowtable_count(struct flowtable *flowtable, struct numbers *numbers)
{
	offloads_collect(flowtable->offloads, add, numbers);
}

bool flowtable_idle(struct flowtable *flowtable, const struct tracked *tracked, uint64_t now,
		    uint64_t *idle)
{
	if (!offloads_count(flowtable->offloads))
		return false;
	offloads_read(flowtable->offloads, tracked, now);
	return offloads_idle(flowtable->offloads, &tracked->flow, now, idle);
}

void flowtable_gone(struct flowtable *flowtable, const struct flow *flow)
{
	if (offloads_count(flowtable->offloads))
		offloads_gone(flowtable->offloads, flow);
}

void flowtable_expel(struct flowtable *flowtable, struct conntrack *ct,
		     bool (*fn)(uint32_t mark, void *data), void *data, uint64_t now)
{
	struct flow *flows;
	size_t len;

	if (offloads_select(flowtable->offloads, fn, data, &flows, &len))
		log_err("no memory: connections go on in the flowtable");
	for (size_t i = 0; i < len; i++)
		(void)flowtable_delete(flowtable, ct, &flows[i], now);
	free(flows);
}

void flowtable_found(struct flowtable *flowtable, const struct tracked *tracked, uint64_t now)
{
	if (!flowtable->why)
		offloads_join(flowtable->offloads, tracked, false, now);
}
