// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One client of the control socket: lines in, answers out. The one idea: a client is either read
 * from or answered, never both, and of an answer only one slice is in memory as text; the next is
 * made when the last is written. So whoever does not read, or sends without end, costs a bounded
 * amount of memory and no time of the loop. Clients are kept in the order of their last sign of
 * life, so that the longest silent one is at hand when room is needed. Control thread.
 */
#include "daemon/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/list.h>

#define PEERS_MAX     256
#define IDLE_MS	      30000
#define EVICT_MS      1000	   /* who is idle for so long may have to make room */
#define SLICE_ROWS    1000	   /* of a listing, at a time */
#define LISTINGS_SIZE (128u << 20) /* bytes of all listings, unless it is only one */

struct peers {
	uv_loop_t *loop;
	struct handling handling;
	void (*room)(void *data);
	void (*gone)(void *data);
	void *data;
	struct cds_list_head active;  /* all that are open, longest silent first */
	struct cds_list_head waiting; /* for room for their listing */
	unsigned int count;	      /* not yet freed */
	size_t listings_size;
	bool closing;
};

struct peer {
	uv_pipe_t pipe;
	struct peers *peers;
	struct cds_list_head active, waiting;
	uint64_t seen; /* ms, its last sign of life */
	char *in;      /* PROTO_LINE_MAX bytes at most */
	size_t in_len, in_max;
	struct lines out;
	uv_write_t write;
	struct listing *listing; /* being sent, or to be */
	size_t listing_size;	 /* counted in peers->listings_size, if is_counted */
	struct result result;	 /* what ends the answer */
	uv_work_t work;
	bool closing, closed, reading, working, is_waiting, is_counted;
	bool root; /* its owner is */
	bool last; /* no more requests after this answer */
};

/* The circle that a client goes round: read, answer, written, read. */
static void peer_next(struct peer *peer);

static void peer_touch(struct peer *peer)
{
	peer->seen = uv_now(peer->peers->loop);
	cds_list_del(&peer->active);
	cds_list_add_tail(&peer->active, &peer->peers->active);
}

static void peer_listing_end(struct peer *peer)
{
	listing_free(peer->listing);
	peer->listing = NULL;
	if (peer->is_counted)
		peer->peers->listings_size -= peer->listing_size;
	peer->is_counted = false;
}

/* Once it is closed and no thread works for it. */
static void peer_free(struct peer *peer)
{
	struct peers *peers = peer->peers;

	peer_listing_end(peer);
	lines_clear(&peer->out);
	free(peer->in);
	free(peer);
	peers->count--;
	if (!peers->closing) {
		peers->room(peers->data);
	} else if (!peers->count) {
		peers->gone(peers->data);
		free(peers);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;

	peer->closed = true;
	if (!peer->working)
		peer_free(peer);
}

static void peer_close(struct peer *peer)
{
	if (peer->closing)
		return;
	peer->closing = true;
	cds_list_del(&peer->active);
	if (peer->is_waiting)
		cds_list_del(&peer->waiting);
	peer->is_waiting = false;
	uv_close((uv_handle_t *)&peer->pipe, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
	struct peer *peer = write->data;

	peer->out.len = 0;
	if (peer->closing)
		return;
	peer_touch(peer);
	if (status < 0 || peer->last)
		peer_close(peer);
	else
		peer_next(peer);
}

/* Sends what is in peer->out. */
static void peer_write(struct peer *peer)
{
	uv_buf_t buf = uv_buf_init(peer->out.data, (unsigned int)peer->out.len);

	peer->write.data = peer;
	if (peer->out.failed ||
	    uv_write(&peer->write, (uv_stream_t *)&peer->pipe, &buf, 1, on_written))
		peer_close(peer);
}

/* The next slice of the listing and, after the last one, the result. */
static void peer_send_slice(struct peer *peer)
{
	if (!listing_format(peer->listing, &peer->out, SLICE_ROWS)) {
		peer_listing_end(peer);
		lines_add(&peer->out, result_to_json(&peer->result));
	}
	peer_write(peer);
}

/* On a thread of libuv's pool. */
static void collect_work(uv_work_t *work)
{
	struct peer *peer = work->data;

	rcu_register_thread();
	peer->result.code = listing_collect(peer->listing);
	rcu_unregister_thread();
}

static void on_collected(uv_work_t *work, int status)
{
	struct peer *peer = work->data;

	(void)status;
	peer->working = false;
	if (peer->closed)
		peer_free(peer);
	else if (!peer->closing)
		peer_send_slice(peer);
}

static void peer_send_listing(struct peer *peer)
{
	if (!listing_pending(peer->listing)) {
		peer_send_slice(peer);
		return;
	}
	peer->work.data = peer;
	peer->working = true;
	if (uv_queue_work(peer->peers->loop, &peer->work, collect_work, on_collected)) {
		peer->working = false;
		peer_close(peer);
	}
}

/* Starts the listings that wait, in order, as far as there is room. */
static void listings_admit(struct peers *peers)
{
	struct peer *peer;

	while (!cds_list_empty(&peers->waiting)) {
		peer = cds_list_first_entry(&peers->waiting, struct peer, waiting);
		if (peers->listings_size &&
		    peers->listings_size + peer->listing_size > LISTINGS_SIZE)
			return;
		cds_list_del(&peer->waiting);
		peer->is_waiting = false;
		peer->is_counted = true;
		peers->listings_size += peer->listing_size;
		peer_touch(peer);
		peer_send_listing(peer);
	}
}

static void peer_wait(struct peer *peer, struct listing *listing)
{
	peer->listing = listing;
	peer->listing_size = listing_size(listing);
	peer->is_waiting = true;
	cds_list_add_tail(&peer->waiting, &peer->peers->waiting);
	listings_admit(peer->peers);
}

/* Answers with an error and listens no longer. */
static void peer_refuse(struct peer *peer, int code, const char *text)
{
	peer->last = true;
	peer->result = (struct result){.own = true};
	peer->result.code = error_set(&peer->result.err, code, "%s", text);
	lines_add(&peer->out, result_to_json(&peer->result));
	peer_write(peer);
}

static void peer_answer(struct peer *peer, const char *line, size_t len)
{
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	struct handling handling = peer->peers->handling;
	struct answer answer;

	if (!json_is_object(request)) {
		json_decref(request);
		peer_refuse(peer, -EBADMSG, "this is not a request: one JSON object a line");
		return;
	}
	handling.by_root = peer->root;
	request_answer(&handling, request, &answer);
	json_decref(request);
	peer->result = answer.result;
	if (answer.listing) {
		peer_wait(peer, answer.listing);
		return;
	}
	if (answer.row)
		lines_add(&peer->out, answer.row);
	lines_add(&peer->out, result_to_json(&peer->result));
	peer_write(peer);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct peer *peer = handle->data;
	size_t max = peer->in_max ? peer->in_max * 2 : 4096;
	char *more;

	(void)suggested;
	if (peer->in_len == peer->in_max && peer->in_max < PROTO_LINE_MAX) {
		more = realloc(peer->in, max);
		if (more) {
			peer->in = more;
			peer->in_max = max;
		}
	}
	*buf = uv_buf_init(peer->in + peer->in_len, (unsigned int)(peer->in_max - peer->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct peer *peer = stream->data;

	(void)buf;
	if (len < 0) {
		peer_close(peer);
		return;
	}
	if (!len)
		return;
	peer_touch(peer);
	peer->in_len += (size_t)len;
	peer_next(peer);
}

static void peer_read(struct peer *peer, bool on)
{
	int ret = 0;

	if (on == peer->reading)
		return;
	peer->reading = on;
	if (on)
		ret = uv_read_start((uv_stream_t *)&peer->pipe, on_alloc, on_read);
	else
		uv_read_stop((uv_stream_t *)&peer->pipe);
	if (ret)
		peer_close(peer);
}

/* The next slice of the answer, or the next request, or waits for more of it. */
static void peer_next(struct peer *peer)
{
	char *end = peer->in_len ? memchr(peer->in, '\n', peer->in_len) : NULL;
	size_t len;

	if (peer->listing) {
		peer_send_slice(peer);
		return;
	}
	peer_read(peer, !end && peer->in_len < PROTO_LINE_MAX);
	if (end) {
		len = (size_t)(end + 1 - peer->in);
		peer_answer(peer, peer->in, len);
		peer->in_len -= len;
		memmove(peer->in, end + 1, peer->in_len);
	} else if (peer->in_len == PROTO_LINE_MAX) {
		peer_refuse(peer, -EMSGSIZE, "this request is longer than 64 KiB");
	}
}

/* Best effort to say why: a client that does not read will not hear it. */
static void peer_drop(struct peer *peer, const char *text)
{
	struct result result = {.own = true};
	struct lines lines = {0};
	uv_buf_t buf;

	result.code = error_set(&result.err, -ETIMEDOUT, "%s", text);
	lines_add(&lines, result_to_json(&result));
	buf = uv_buf_init(lines.data, (unsigned int)lines.len);
	if (!lines.failed)
		(void)uv_try_write((uv_stream_t *)&peer->pipe, &buf, 1);
	lines_clear(&lines);
	peer_close(peer);
}

/* Silent for @ms? Not who waits for us. */
static bool peer_idle(const struct peer *peer, uint64_t ms)
{
	return !peer->working && !peer->is_waiting && uv_now(peer->peers->loop) - peer->seen >= ms;
}

struct peers *peers_new(uv_loop_t *loop, const struct handling *handling, void (*room)(void *data),
			void (*gone)(void *data), void *data)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return NULL;
	*peers = (struct peers){
		.loop = loop, .handling = *handling, .room = room, .gone = gone, .data = data};
	CDS_INIT_LIST_HEAD(&peers->active);
	CDS_INIT_LIST_HEAD(&peers->waiting);
	return peers;
}

void peers_close(struct peers *peers)
{
	struct peer *peer, *next;

	peers->closing = true;
	cds_list_for_each_entry_safe (peer, next, &peers->active, active)
		peer_close(peer);
	if (!peers->count) {
		peers->gone(peers->data);
		free(peers);
	}
}

bool peers_welcome(struct peers *peers)
{
	struct peer *peer;

	if (peers->count < PEERS_MAX)
		return true;
	cds_list_for_each_entry (peer, &peers->active, active) {
		if (peer_idle(peer, EVICT_MS)) {
			peer_drop(peer, "idle, while others wait");
			break; /* there is room once it is closed */
		}
	}
	return false;
}

bool peers_accept(struct peers *peers, uv_stream_t *listener,
		  bool (*may)(int fd, void *data, bool *root, struct error *err), void *data)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct error err = {""};
	uv_os_fd_t fd = -1;

	if (!peer)
		return false;
	peer->peers = peers;
	uv_pipe_init(peers->loop, &peer->pipe, 0);
	peer->pipe.data = peer;
	peer->seen = uv_now(peers->loop);
	cds_list_add_tail(&peer->active, &peers->active);
	peers->count++;
	if (uv_accept(listener, (uv_stream_t *)&peer->pipe) ||
	    uv_fileno((uv_handle_t *)&peer->pipe, &fd))
		peer_close(peer);
	else if (!may(fd, data, &peer->root, &err))
		peer_refuse(peer, -EPERM, err.text);
	else
		peer_next(peer);
	return true;
}

void peers_tick(struct peers *peers)
{
	struct peer *peer, *next;
	bool crowded;

	listings_admit(peers);
	crowded = !cds_list_empty(&peers->waiting);
	cds_list_for_each_entry_safe (peer, next, &peers->active, active) {
		if (peer_idle(peer, IDLE_MS))
			peer_drop(peer, "idle for 30 s");
		else if (crowded && peer->is_counted && peer_idle(peer, EVICT_MS))
			peer_drop(peer, "does not read, while others wait");
	}
}
