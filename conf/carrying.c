// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a file's services ask of the kernel, who carries and who schedules, put to the two lists of
 * what is in the way: for the file's errors and for nfvs-rules. Any thread.
 */
#include "conf/carrying.h"
#include "conf/group.h"

bool ports_apart(const struct director_conf *director)
{
	return director->local_ports.last < director->flow_ports.first ||
	       director->flow_ports.last < director->local_ports.first;
}

struct datapath_case datapath_of_conf(const struct service_conf *service,
				      const struct director_conf *director)
{
	struct datapath_case which = datapath_case(&service->spec, director->datapath);

	for (size_t i = 0; i < service->servers_len; i++)
		which.methods |= 1u << service->servers[i].method;
	which.managed = director->rules_managed;
	which.apart = ports_apart(director);
	return which;
}

void turns_of_conf(struct turns_case *which, const struct service_conf *service,
		   const struct director_conf *director, size_t own[TURNS_MAX + 1])
{
	const struct datapath_case path = datapath_of_conf(service, director);

	turns_case(which, &service->spec, director->schedule);
	which->packet_reason = datapath_obstacle(&path);
	which->learned = datapath_learned(&path);
	/* The last of the file is the newest. */
	for (size_t i = service->servers_len; i-- > 0;)
		if (turns_see(which, &service->servers[i]) && own)
			own[which->len - 1] = i;
}

/* @key cannot have the value that it has, of the service at @at or else of the director. */
static int refuse(const struct reader *reader, const config_setting_t *at, const char *key,
		  const char *value, const char *why)
{
	const config_setting_t *own = group_at(at, key);

	return reader_fault(reader, own ? own : at, "%s%s: not %s, because %s", key,
			    own ? "" : " of the director", value, why);
}

int carrying_judge(const struct reader *reader, const struct director_conf *director,
		   const config_setting_t *at, const struct service_conf *service)
{
	const struct datapath_case path = datapath_of_conf(service, director);
	const char *why = path.wanted == DATAPATH_FLOW ? datapath_obstacle(&path) : NULL;
	char buf[SCHEDULE_WHY_MAX];
	struct turns_case which;

	if (why)
		return refuse(reader, at, "datapath", "flow", why);
	turns_of_conf(&which, service, director, NULL);
	why = which.wanted == SCHEDULE_KERNEL ? turns_obstacle(&which, buf) : NULL;
	return why ? refuse(reader, at, "schedule", "kernel", why) : 0;
}
