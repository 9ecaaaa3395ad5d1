// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm's end of the control socket: blocking, one request after the other. The one idea: errors
 * name the socket that was tried and what to do about it, since that is what goes wrong here.
 */
#include "ctl/client.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
	const char *path;
	FILE *stream; /* reading; requests are written to its descriptor */
	char *line;
	size_t line_size;
};

static const char *socket_path(void)
{
	const char *path = getenv("NFVS_SOCKET");

	return path && *path ? path : PROTO_SOCKET;
}

/* Who may use the socket, for those who may not. */
static void describe_owner(char *buf, size_t size, const char *path)
{
	const struct group *group;
	struct stat st;

	snprintf(buf, size, "be root");
	if (stat(path, &st) || !(st.st_mode & S_IWGRP))
		return;
	if (!st.st_gid) {
		snprintf(buf, size,
			 "be root, or set director.group in nfvs.conf to a group of "
			 "yours");
		return;
	}
	group = getgrgid(st.st_gid);
	if (group)
		snprintf(buf, size, "be root, or a member of group %s", group->gr_name);
	else
		snprintf(buf, size, "be root, or a member of group %u", (unsigned int)st.st_gid);
}

static int connect_error(const char *path, int code, struct error *err)
{
	char hint[256] = "is nfvsd running? NFVS_SOCKET names another socket";

	if (code == EACCES || code == EPERM)
		describe_owner(hint, sizeof(hint), path);
	return error_set(err, -code, "cannot connect to nfvsd at %s: %s (%s)", path, strerror(code),
			 hint);
}

static int client_connect(struct client *client, struct error *err)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, code;

	if (strlen(client->path) >= sizeof(sun.sun_path))
		return connect_error(client->path, ENAMETOOLONG, err);
	memcpy(sun.sun_path, client->path, strlen(client->path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		code = errno;
		if (fd >= 0)
			close(fd);
		return connect_error(client->path, code, err);
	}
	client->stream = fdopen(fd, "r");
	if (!client->stream) {
		close(fd);
		return error_set(err, -ENOMEM, "no memory");
	}
	return 0;
}

int client_open(struct client **out, struct error *err)
{
	struct client *client = calloc(1, sizeof(*client));
	int ret;

	if (!client)
		return error_set(err, -ENOMEM, "no memory");
	client->path = socket_path();
	ret = client_connect(client, err);
	if (ret)
		free(client);
	else
		*out = client;
	return ret;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	if (client->stream)
		fclose(client->stream);
	free(client->line);
	free(client);
}

static int lost(const struct client *client, struct error *err)
{
	return error_set(err, -ECONNRESET, "nfvsd at %s ended the connection without an answer",
			 client->path);
}

/* The daemon drops those who are idle; a new connection serves as well. */
static int client_refresh(struct client *client, struct error *err)
{
	struct pollfd poll_fd = {.fd = fileno(client->stream), .events = POLLIN};

	if (poll(&poll_fd, 1, 0) <= 0)
		return 0;
	fclose(client->stream);
	client->stream = NULL;
	return client_connect(client, err);
}

static int client_send(struct client *client, const json_t *request, struct error *err)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len, at = 0;
	ssize_t n;

	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	len = strlen(text);
	text[len++] = '\n'; /* in the place of the NUL */
	while (at < len) {
		n = send(fileno(client->stream), text + at, len - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; /* a refusal may still be there to be read */
		at += (size_t)n;
	}
	free(text);
	return 0;
}

/* The next line of the answer, owned by the caller. */
static json_t *client_receive(struct client *client, struct error *err)
{
	ssize_t len = getline(&client->line, &client->line_size, client->stream);
	json_t *json;

	if (len <= 0) {
		lost(client, err);
		return NULL;
	}
	json = json_loadb(client->line, (size_t)len, 0, NULL);
	if (!json)
		error_set(err, -EBADMSG, "nfvsd at %s answers what is no JSON", client->path);
	return json;
}

/* The end of an answer. That we may not ask at all is no answer. */
static int client_result(const struct client *client, const json_t *line, struct result *result,
			 struct error *err)
{
	int ret = result_from_json(line, result, err);

	if (!ret && result->own && result->code == -EPERM)
		ret = error_set(err, -EPERM, "nfvsd at %s: %s", client->path, result->err.text);
	return ret;
}

/* Takes the answer to a request, line by line. */
static int client_answer(struct client *client,
			 int (*row)(const json_t *row, void *data, struct error *err), void *data,
			 struct result *result, struct error *err)
{
	bool last = false;
	json_t *line;
	int ret = 0;

	while (!ret && !last) {
		line = client_receive(client, err);
		if (!line)
			return -EBADMSG;
		last = json_is_result(line);
		if (last)
			ret = client_result(client, line, result, err);
		else if (row)
			ret = row(line, data, err);
		json_decref(line);
	}
	return ret;
}

int client_call(struct client *client, json_t *request,
		int (*row)(const json_t *row, void *data, struct error *err), void *data,
		struct result *result, struct error *err)
{
	int ret;

	if (!request)
		return error_set(err, -ENOMEM, "no memory");
	ret = client->stream ? client_refresh(client, err) : client_connect(client, err);
	if (!ret)
		ret = client_send(client, request, err);
	json_decref(request);
	if (!ret)
		ret = client_answer(client, row, data, result, err);
	if (ret && client->stream) {
		/* What may still come belongs to no request. */
		fclose(client->stream);
		client->stream = NULL;
	}
	return ret;
}
