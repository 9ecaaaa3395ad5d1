// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP flows, as many as are asked for, that then stay: "begin" sends a datagram of each, from many
 * addresses of its own (10.16.0.0 and on, which the client has to have) and a few ports, and sees
 * that "serve" at the server answered it; what is not answered is sent again. At most a window of
 * them is on its way, so that no queue overflows, and a flow counts once its answer is there.
 * bench/measures.bash calls it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SOURCES	   64 /* ports */
#define FIRST_PORT 20000
#define FIRST_HOST 0x0a100000u /* 10.16.0.0 */
#define BATCH	   32	       /* datagrams of one port, of addresses in a row */
#define WINDOW	   256	       /* on their way */
#define QUIET_MS   300	       /* after which the rest of them is lost */
#define PASSES	   20

/* Datagrams for or from sendmmsg() and recvmmsg(), each with a flow's number and an own address. */
struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	struct sockaddr_in peers[BATCH];
	uint32_t numbers[BATCH];
	_Alignas(struct cmsghdr) char controls[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct begin {
	struct sockaddr_in to;
	struct pollfd sources[SOURCES];
	bool *answered; /* of each flow */
	uint32_t flows, done;
	unsigned int on_their_way;
	struct batch batch;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint32_t number(const char *text, const char *what, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value < min || value > max)
		errx(2, "%s: %u .. %u wanted, not \"%s\"", what, min, max, text);
	return (uint32_t)value;
}

static int socket_at(uint16_t port)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1, room = WINDOW * 4096, fd;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&own, sizeof(own)))
		err(1, "UDP port %u", port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)); /* or sends again */
	return fd;
}

static void batch_clear(struct batch *batch)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		batch->iovs[i] = (struct iovec){&batch->numbers[i], sizeof(batch->numbers[i])};
		batch->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->peers[i],
			.msg_namelen = sizeof(batch->peers[i]),
			.msg_iov = &batch->iovs[i],
			.msg_iovlen = 1,
			.msg_control = batch->controls[i],
			.msg_controllen = sizeof(batch->controls[i]),
		};
	}
}

/* Makes a message of the batch leave from this address, whatever the way to its peer suggests. */
static void batch_source(struct batch *batch, unsigned int i, struct in_addr own)
{
	struct in_pktinfo info = {.ipi_spec_dst = own};
	struct cmsghdr *cmsg = (struct cmsghdr *)batch->controls[i];

	cmsg->cmsg_level = IPPROTO_IP;
	cmsg->cmsg_type = IP_PKTINFO;
	cmsg->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
	batch->msgs[i].msg_hdr.msg_controllen = sizeof(batch->controls[i]);
}

/* Answers what comes, from the address that it came to. */
static void serve(uint16_t port)
{
	static struct batch batch;
	int fd = socket_at(port);

	for (;;) {
		int n;

		batch_clear(&batch);
		n = recvmmsg(fd, batch.msgs, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0 && errno != EINTR)
			err(1, "receive");
		for (int i = 0; i < n; i++) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA((struct cmsghdr *)batch.controls[i]), sizeof(info));
			batch_source(&batch, (unsigned int)i, info.ipi_addr);
		}
		for (int sent = 0; sent < n;) {
			int ret = sendmmsg(fd, batch.msgs + sent, (unsigned int)(n - sent), 0);

			sent += ret > 0 ? ret : 1; /* the client sends again what is lost here */
		}
	}
}

/* The answers that are there at one port. */
static unsigned int read_answers(struct begin *begin, int fd)
{
	struct batch *batch = &begin->batch;
	int n;

	batch_clear(batch);
	n = recvmmsg(fd, batch->msgs, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		uint32_t flow = batch->numbers[i];

		if (flow >= begin->flows)
			errx(1, "an answer to a flow that there is not: %u", flow);
		begin->done += !begin->answered[flow];
		begin->answered[flow] = true;
	}
	return n > 0 ? (unsigned int)n : 0;
}

/* Waits until no more than this are on their way, or nothing has come for too long. */
static void await_answers(struct begin *begin, unsigned int at_most)
{
	while (begin->on_their_way > at_most) {
		unsigned int got = 0;

		if (poll(begin->sources, SOURCES, QUIET_MS) <= 0) {
			begin->on_their_way = 0;
			return;
		}
		for (unsigned int i = 0; i < SOURCES; i++)
			if (begin->sources[i].revents)
				got += read_answers(begin, begin->sources[i].fd);
		begin->on_their_way -= got < begin->on_their_way ? got : begin->on_their_way;
	}
}

/* Of BATCH flows in a row, those that have no answer yet. */
static void send_flows(struct begin *begin, uint32_t first)
{
	struct batch *batch = &begin->batch;
	uint32_t at = first / BATCH;
	unsigned int n = 0;
	int sent;

	batch_clear(batch);
	for (uint32_t flow = first; flow < first + BATCH && flow < begin->flows; flow++) {
		uint32_t host = FIRST_HOST + at / SOURCES * BATCH + flow - first;

		if (begin->answered[flow])
			continue;
		batch->numbers[n] = flow;
		batch->peers[n] = begin->to;
		batch_source(batch, n++, (struct in_addr){htonl(host)});
	}
	if (!n)
		return;
	sent = sendmmsg(begin->sources[at % SOURCES].fd, batch->msgs, n, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
		err(1, "send");
	begin->on_their_way += sent > 0 ? (unsigned int)sent : 0;
}

static void begin_flows(const char *address, uint16_t port, uint32_t flows)
{
	static struct begin begin = {.to.sin_family = AF_INET};
	unsigned int pass = 0;
	double start = now();

	begin.to.sin_port = htons(port);
	begin.flows = flows;
	begin.answered = calloc(flows, sizeof(*begin.answered));
	if (!begin.answered || inet_pton(AF_INET, address, &begin.to.sin_addr) != 1)
		errx(1, "%u flows to %s: no memory, or no address", flows, address);
	for (unsigned int i = 0; i < SOURCES; i++)
		begin.sources[i] =
			(struct pollfd){socket_at((uint16_t)(FIRST_PORT + i)), POLLIN, 0};
	while (begin.done < flows && pass++ < PASSES) {
		for (uint32_t first = 0; first < flows; first += BATCH) {
			send_flows(&begin, first);
			await_answers(&begin, WINDOW);
		}
		await_answers(&begin, 0);
	}
	printf("flows %u answered %u passes %u seconds %.3f\n", flows, begin.done, pass,
	       now() - start);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((uint16_t)number(argv[2], "port", 1, 65535));
	else if (argc == 5 && !strcmp(argv[1], "begin"))
		begin_flows(argv[2], (uint16_t)number(argv[3], "port", 1, 65535),
			    number(argv[4], "flows", 1, 16000000));
	else
		errx(2, "usage: flows serve PORT | flows begin ADDRESS PORT FLOWS");
	return 0;
}
