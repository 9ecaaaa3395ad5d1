/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_DIRECTOR_H
#define DAEMON_DIRECTOR_H

#include "conf/conf.h"
#include "lvs/direct.h"
#include "rules/ruleset.h"

/*
 * The running director: services, connections, the rules in the kernel, and the configuration file
 * that they came from. Every function belongs to the control thread. Changes by the administrator
 * go to the tables at once; the rules follow when director_commit() is called, once for as many
 * changes as were made.
 */
struct director;
struct deciding;
struct carrier;
struct system;

/* Empty tables; keeps @conf's director section. @queues: how many the rules fan out to. Probes what
 * nf_tables can do. NULL with @err. */
struct director *director_new(const struct director_conf *conf, unsigned int queues,
			      struct error *err);

/* Frees everything. The workers must have ended. */
void director_free(struct director *director);

/*
 * Takes over a configuration file: what it asks for is made, what only the previous file asked for
 * is removed, and a value is changed where the two files differ, so that what an administrator
 * changed at run time (a drained server's weight) stays. What was made at run time stays too. Owns
 * @conf on success; on failure nothing has changed. The rules follow with director_commit().
 */
int director_load(struct director *director, struct conf *conf, struct error *err);

/* The file as last loaded, or NULL. */
const struct conf *director_file(const struct director *director);

/*
 * All that was made so far is from an earlier daemon, which had loaded @file (owned from here on;
 * its director section becomes this one's): the next director_load() changes what is different
 * between the two. What was removed at run time it leaves alone, other than a reload.
 */
void director_resume(struct director *director, struct conf *file);
bool director_resumes(const struct director *director); /* is this that load? */

/* Errors are IPVS's errnos (service.h) and -EOPNOTSUPP (forwarding method, one-packet ...), with a
 * sentence in @err. */
int director_service_add(struct director *director, const struct service_spec *spec,
			 struct error *err);
/* Sets everything, as a configuration file does. */
int director_service_set(struct director *director, const struct service_spec *spec,
			 struct error *err);
/* Sets what ipvsadm -E can say, and what @spec says beside (SAYS_*); the rest stays, as the name
 * and the group's matches. */
int director_service_edit(struct director *director, const struct service_spec *spec,
			  struct error *err);
int director_service_del(struct director *director, const struct service_key *key,
			 struct error *err);
int director_dest_add(struct director *director, const struct service_key *key,
		      const struct dest_spec *spec, struct error *err);
/* The same two for a server: everything, or what ipvsadm -e can say and @spec says beside. */
int director_dest_set(struct director *director, const struct service_key *key,
		      const struct dest_spec *spec, struct error *err);
int director_dest_edit(struct director *director, const struct service_key *key,
		       const struct dest_spec *spec, struct error *err);
int director_dest_del(struct director *director, const struct service_key *key,
		      const struct dest_spec *spec, struct error *err);
int director_flush(struct director *director, struct error *err); /* all services */

/* Brings the kernel's rules in step with the services. Cheap if nothing changed. */
int director_commit(struct director *director, struct error *err);

/* Fills @direct with what a worker needs of the director, all but what is the worker's own. */
void director_decide(struct director *director, struct direct *direct);

struct services *director_services(const struct director *director);
struct conns *director_conns(const struct director *director);
struct proto_timeouts *director_timeouts(struct director *director);
const struct director_conf *director_conf(const struct director *director);

/* How rules send packets to the queues here. */
enum queue_method director_queue_method(const struct director *director);

/* What was found of nf_tables at start. */
const struct rules_caps *director_caps(const struct director *director);

/* What the kernel carries. */
struct carrier *director_carrier(const struct director *director);

/* What workers decide by: settings and the like. */
struct deciding *director_deciding(const struct director *director);

/* The kernel's settings. */
struct system *director_system(const struct director *director);

/* The services changed: director_commit() has something to do. */
void director_outdated(struct director *director);

/* Removes the rules from the kernel. */
void director_withdraw(struct director *director);

/* Monotonic milliseconds, the clock of connections and of everything else. Any thread. */
uint64_t director_now(void);

#endif
