// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long one HTTP request takes while there is time to spare: requests at a fixed rate over one
 * keep-alive connection, and the percentiles of their round trips in microseconds. A request that
 * had to wait for the answer to the one before counts from the moment when it was due, so a stall
 * is not hidden by the requests that it kept from being sent. bench/measures.bash calls it.
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define ANSWER_MAX 4096

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void sleep_until(int64_t when)
{
	struct timespec until = {when / 1000000000, when % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct timeval wait = {.tv_sec = 5};
	struct addrinfo *found;
	int one = 1, fd, ret;

	ret = getaddrinfo(host, port, &hints, &found);
	if (ret)
		errx(1, "%s: %s", host, gai_strerror(ret));
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, found->ai_addr, found->ai_addrlen))
		err(1, "connect to %s port %s", host, port);
	freeaddrinfo(found);
	return fd;
}

/* Sends a request and reads the answer, which ends with the first line of a body of one line. */
static void ask(int fd, const char *request)
{
	char answer[ANSWER_MAX + 1];
	size_t len = 0;
	ssize_t n;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		err(1, "send");
	do {
		const char *body;

		n = recv(fd, answer + len, ANSWER_MAX - len, 0);
		if (n <= 0)
			errx(1, "no answer: %s", n ? strerror(errno) : "connection closed");
		len += (size_t)n;
		answer[len] = '\0';
		body = strstr(answer, "\r\n\r\n");
		if (body && strchr(body + 4, '\n'))
			break;
	} while (len < ANSWER_MAX);
	if (strncmp(answer, "HTTP/1.1 200 ", 13))
		errx(1, "not the answer expected: %.60s", answer);
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static double percentile(const int64_t *sorted, size_t len, unsigned int percent)
{
	return (double)sorted[(len - 1) * percent / 100] / 1000;
}

static size_t positive(const char *text, const char *what, size_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !value || value > max)
		errx(2, "%s: 1 .. %zu wanted, not \"%s\"", what, max, text);
	return value;
}

int main(int argc, char **argv)
{
	size_t rate, len;
	int64_t *took, start, answered;
	char request[256];
	int fd;

	if (argc != 5)
		errx(2, "usage: latency ADDRESS PORT REQUESTS_PER_SECOND SECONDS");
	rate = positive(argv[3], "requests per second", 1000000);
	len = rate * positive(argv[4], "seconds", 3600);
	took = calloc(len, sizeof(*took));
	if (!took)
		err(1, "memory for %zu requests", len);
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %.100s\r\n\r\n", argv[1]);
	prctl(PR_SET_TIMERSLACK, 1);
	fd = connect_to(argv[1], argv[2]);
	ask(fd, request);
	answered = now_ns();
	start = answered;
	for (size_t i = 0; i < len; i++) {
		int64_t due = start + (int64_t)(i + 1) * 1000000000 / (int64_t)rate;
		int64_t from = due;

		if (answered < due) {
			sleep_until(due);
			from = now_ns();
		}
		ask(fd, request);
		answered = now_ns();
		took[i] = answered - from;
	}
	qsort(took, len, sizeof(*took), compare);
	printf("requests %zu p50 %.1f p90 %.1f p99 %.1f max %.1f\n", len, percentile(took, len, 50),
	       percentile(took, len, 90), percentile(took, len, 99), percentile(took, len, 100));
	return 0;
}
