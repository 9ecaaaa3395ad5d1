// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who owns what: the claim on a table name, and the process behind a queue that is taken. The idea
 * of the claim: an abstract unix socket belongs to the network namespace, as tables and queues do,
 * and vanishes with its process, so there is no stale lock file. Control thread, at start.
 */
#include "daemon/owner.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NETLINK_NETFILTER_NUMBER 12

/* The inode of the netfilter netlink socket with this port id, 0 if there is none. */
static unsigned long portid_inode(uint32_t portid)
{
	FILE *file = fopen("/proc/net/netlink", "re");
	unsigned long inode = 0, found = 0;
	unsigned int protocol, port;
	char line[256];

	if (!file)
		return 0;
	while (!found && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %u %u %*s %*s %*s %*s %*s %*s %lu", &protocol, &port,
			   &inode) == 3 &&
		    protocol == NETLINK_NETFILTER_NUMBER && port == portid)
			found = inode;
	fclose(file);
	return found;
}

/* Does process @pid ("123") hold the socket? */
static int pid_holds(const char *pid, const char *target)
{
	char path[300], link[64];
	struct dirent *entry;
	int holds = 0;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!holds && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		holds = !strcmp(link, target);
	}
	closedir(dir);
	return holds;
}

static void describe(char buf[OWNER_STRLEN], const char *pid)
{
	char path[64], name[32] = "process";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	file = fopen(path, "re");
	if (file) {
		if (fgets(name, sizeof(name), file))
			name[strcspn(name, "\n")] = '\0';
		fclose(file);
	}
	snprintf(buf, OWNER_STRLEN, "%s (pid %.16s)", name, pid);
}

const char *owner_of_portid(char buf[OWNER_STRLEN], uint32_t portid)
{
	unsigned long inode = portid_inode(portid);
	struct dirent *entry;
	char target[64];
	DIR *proc;

	snprintf(buf, OWNER_STRLEN, "netlink port id %u", portid);
	proc = inode ? opendir("/proc") : NULL;
	if (!proc)
		return buf;
	snprintf(target, sizeof(target), "socket:[%lu]", inode);
	while ((entry = readdir(proc)))
		if (strtoul(entry->d_name, NULL, 10) && pid_holds(entry->d_name, target)) {
			describe(buf, entry->d_name);
			break;
		}
	closedir(proc);
	return buf;
}

/* The process that listens at @addr, 0 if that cannot be found out. It accepts nobody, so those who
 * asked before fill its backlog: this must not wait for room there. */
static pid_t listener(const struct sockaddr_un *addr, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)addr, len) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		peer.pid = 0;
	close(fd);
	return peer.pid;
}

/* Listens at an abstract name: the first process in this network namespace does. -EEXIST: *@owner
 * does, as far as that is known. */
static int claim(const char *kind, const char *name, pid_t *owner, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len;

	if (fd < 0)
		return error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	/* The first byte stays 0: abstract. */
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			  (size_t)snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1,
					   "nfvs/%s/%s", kind, name));
	if (!bind(fd, (struct sockaddr *)&addr, len) && !listen(fd, SOMAXCONN))
		return fd;
	*owner = listener(&addr, len);
	close(fd);
	return -EEXIST;
}

int owner_claim_table(const char *table, struct error *err)
{
	pid_t owner;
	int ret = claim("table", table, &owner, err);

	if (ret == -EEXIST)
		error_set(err, ret,
			  "table '%s' belongs to another nfvsd (pid %d) in this network namespace; "
			  "set director.table to run a second one",
			  table, (int)owner);
	return ret;
}

int owner_claim_marks(uint32_t mask, struct error *err)
{
	char name[16];
	pid_t owner;
	int ret;

	snprintf(name, sizeof(name), "%08x", mask);
	ret = claim("marks", name, &owner, err);
	if (ret == -EEXIST)
		error_set(err, ret,
			  "the marks of director.mark_mask (0x%x) belong to another nfvsd (pid %d) "
			  "in this network namespace, whose connections the kernel carries",
			  mask, (int)owner);
	return ret;
}
