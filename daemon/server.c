// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket: where it is, who may use it, and taking clients in; what they say is for
 * peer.c. The one idea: permissions are settled before anybody can connect (bound closed to all,
 * given to its group, opened, and only then listened on), and are checked again on each connection
 * by what the kernel knows of its other end. Control thread.
 */
#include "daemon/server.h"
#include "daemon/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS	   250
#define GROUPS_MAX 65536 /* supplementary groups of a process (NGROUPS_MAX) */

struct server {
	uv_pipe_t pipe;
	uv_timer_t timer;
	struct peers *peers;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat st; /* of the socket, to know it again */
	bool has_group, pending;
	gid_t group;
	char group_name[GROUP_NAME_MAX];
	unsigned int open; /* handles that are not closed yet, and the peers */
};

/* The directory that the socket is in, made if it is missing; a descriptor of it. */
static int open_directory(const char *path, struct error *err)
{
	char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *directory;
	mode_t mask;
	int fd, ret;

	memcpy(copy, path, strlen(path) + 1);
	directory = dirname(copy);
	mask = umask(022);
	ret = mkdir(directory, 0755) && errno != EEXIST ? -errno : 0;
	umask(mask);
	if (ret)
		return error_set(err, ret, "cannot make the directory %s: %s", directory,
				 strerror(-ret));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "cannot open the directory %s: %s", directory,
				 strerror(errno));
	return fd;
}

/* A socket that nobody listens on is removed; a live one, or another file, stays. */
static int remove_dead(const struct sockaddr_un *sun, struct error *err)
{
	struct stat st;
	int fd, code;

	if (lstat(sun->sun_path, &st))
		return errno == ENOENT ? 0
				       : error_set(err, -errno, "cannot look at %s: %s",
						   sun->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, -EEXIST, "%s exists and is no socket", sun->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, -errno, "no socket: %s", strerror(errno));
	code = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) ? errno : 0;
	close(fd);
	if (!code || code == EAGAIN)
		return error_set(err, -EADDRINUSE,
				 "%s is in use: another daemon listens there (-s SOCKET or "
				 "NFVS_SOCKET choose another)",
				 sun->sun_path);
	if (code != ECONNREFUSED)
		return error_set(err, -code, "cannot find out who has the socket %s: %s",
				 sun->sun_path, strerror(code));
	if (unlink(sun->sun_path))
		return error_set(err, -errno, "cannot remove the dead socket %s: %s", sun->sun_path,
				 strerror(errno));
	return 0;
}

/* Closed to all at first, whatever the umask; then as it is to be. */
static int bind_socket(struct server *server, int fd, const struct sockaddr_un *sun,
		       struct error *err)
{
	mode_t mask = umask(0777);
	int ret = bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) ? -errno : 0;

	umask(mask);
	if (ret)
		return error_set(err, ret, "cannot make the socket %s: %s", server->path,
				 strerror(-ret));
	if (lstat(server->path, &server->st) ||
	    (server->has_group && lchown(server->path, (uid_t)-1, server->group)) ||
	    chmod(server->path, 0660)) {
		ret = error_set(err, -errno, "cannot give %s to its group: %s", server->path,
				strerror(errno));
		unlink(server->path);
	}
	return ret;
}

/* For a second at most: whoever may open the directory could hold the lock for ever. Without it two
 * daemons that start at the same moment on one dead socket might both take it. */
static void lock_directory(int directory)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	for (int i = 0; i < 50 && flock(directory, LOCK_EX | LOCK_NB); i++)
		nanosleep(&pause, NULL);
}

/* A bound socket at the server's path. The lock on the directory keeps two daemons from taking the
 * same dead socket over. */
static int make_socket(struct server *server, struct error *err)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int directory = open_directory(server->path, err);
	int fd, ret;

	if (directory < 0)
		return directory;
	memcpy(sun.sun_path, server->path, strlen(server->path) + 1);
	lock_directory(directory);
	ret = remove_dead(&sun, err);
	if (ret)
		goto out;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		ret = error_set(err, -errno, "no socket: %s", strerror(errno));
		goto out;
	}
	ret = bind_socket(server, fd, &sun, err);
	/* It must answer before the next daemon may look whether it is dead. */
	if (!ret && listen(fd, SOMAXCONN))
		ret = error_set(err, -errno, "cannot listen on %s: %s", server->path,
				strerror(errno));
	if (ret)
		close(fd);
	else
		ret = fd;
out:
	close(directory);
	return ret;
}

static bool in_groups(int fd, gid_t group)
{
	socklen_t len = GROUPS_MAX * sizeof(gid_t);
	gid_t *groups = malloc(len);
	bool found = false;

	if (groups && !getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		for (size_t i = 0; i < len / sizeof(gid_t) && !found; i++)
			found = groups[i] == group;
	free(groups);
	return found;
}

/* May the other end of this connection command the daemon? */
static bool peer_may(int fd, void *data, bool *root, struct error *err)
{
	const struct server *server = data;
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
		error_set(err, -EPERM, "permission denied: who you are is unknown");
		return false;
	}
	*root = !cred.uid;
	if (!cred.uid || cred.uid == geteuid())
		return true;
	if (server->has_group && (cred.gid == server->group || in_groups(fd, server->group)))
		return true;
	error_set(err, -EPERM, "permission denied: user %u is neither root nor in %s%s", cred.uid,
		  server->has_group ? "group " : "a group that may use this socket",
		  server->group_name);
	return false;
}

/* Takes the connection that waits, if there is one and room for it. */
static void take_in(void *data)
{
	struct server *server = data;

	if (server->pending && peers_welcome(server->peers))
		server->pending = !peers_accept(server->peers, (uv_stream_t *)&server->pipe,
						peer_may, server);
}

/* Until it is accepted libuv looks for no other: the rest waits in the backlog. */
static void on_connection(uv_stream_t *stream, int status)
{
	struct server *server = stream->data;

	if (status < 0)
		return;
	server->pending = true;
	take_in(server);
}

static void on_tick(uv_timer_t *timer)
{
	struct server *server = timer->data;

	peers_tick(server->peers);
	take_in(server);
}

static void server_unref(void *data)
{
	struct server *server = data;

	if (!--server->open)
		free(server);
}

static void on_closed(uv_handle_t *handle)
{
	server_unref(handle->data);
}

static int find_group(struct server *server, const char *name, struct error *err)
{
	const struct group *group;

	if (!*name)
		return 0;
	errno = 0;
	group = getgrnam(name);
	if (!group)
		return error_set(err, -ENOENT, "there is no group '%s' (director.group)", name);
	server->has_group = true;
	server->group = group->gr_gid;
	snprintf(server->group_name, sizeof(server->group_name), "%s", name);
	return 0;
}

/* Puts the bound @fd, which it takes over, on the loop. */
static int server_listen(struct server *server, uv_loop_t *loop, int fd)
{
	int ret;

	uv_pipe_init(loop, &server->pipe, 0);
	uv_timer_init(loop, &server->timer);
	server->pipe.data = server->timer.data = server;
	server->open = 3;
	ret = uv_pipe_open(&server->pipe, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	ret = uv_listen((uv_stream_t *)&server->pipe, SOMAXCONN, on_connection);
	if (!ret)
		ret = uv_timer_start(&server->timer, on_tick, TICK_MS, TICK_MS);
	return ret;
}

int server_open(struct server **out, uv_loop_t *loop, const char *path, const char *group,
		const struct handling *handling, struct error *err)
{
	struct server *server;
	int fd, ret;

	if (strlen(path) >= sizeof(server->path))
		return error_set(err, -ENAMETOOLONG,
				 "the socket's path is longer than %zu bytes: %s",
				 sizeof(server->path) - 1, path);
	server = calloc(1, sizeof(*server));
	if (!server)
		return error_set(err, -ENOMEM, "no memory");
	memcpy(server->path, path, strlen(path) + 1);
	ret = find_group(server, group, err);
	if (ret)
		goto free_server;
	server->peers = peers_new(loop, handling, take_in, server_unref, server);
	if (!server->peers) {
		ret = error_set(err, -ENOMEM, "no memory");
		goto free_server;
	}
	fd = make_socket(server, err);
	if (fd < 0) {
		ret = fd;
		goto free_peers;
	}
	ret = server_listen(server, loop, fd);
	if (ret) {
		error_set(err, ret, "cannot listen on %s: %s", path, uv_strerror(ret));
		server_close(server);
		return ret;
	}
	*out = server;
	return 0;

free_peers:
	server->open = 2; /* peers_close() takes one */
	peers_close(server->peers);
free_server:
	free(server);
	return ret;
}

void server_close(struct server *server)
{
	struct stat st;

	/* Only our own: another daemon may have taken the path over. */
	if (!lstat(server->path, &st) && st.st_dev == server->st.st_dev &&
	    st.st_ino == server->st.st_ino)
		unlink(server->path);
	uv_close((uv_handle_t *)&server->pipe, on_closed);
	uv_close((uv_handle_t *)&server->timer, on_closed);
	peers_close(server->peers);
}
