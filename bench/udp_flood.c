// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A source of small UDP packets, as many as one CPU can send: datagrams of 18 bytes (the smallest
 * Ethernet frame) from a number of source ports in turn, several per system call. It prints how
 * many went out and how long it took; what arrives is counted at the other end by a rule, see
 * bench/measures.bash, which calls it.
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH	16 /* datagrams of one flow in a row */
#define PAYLOAD 18

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int socket_to(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *found;
	int fd, ret;

	ret = getaddrinfo(host, port, &hints, &found);
	if (ret)
		errx(1, "%s: %s", host, gai_strerror(ret));
	fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
		err(1, "socket to %s port %s", host, port);
	freeaddrinfo(found);
	return fd;
}

static unsigned int number(const char *text, const char *what, unsigned int min, unsigned int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value < min || value > max)
		errx(2, "%s: %u .. %u wanted, not \"%s\"", what, min, max, text);
	return (unsigned int)value;
}

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %u", cpu);
}

/* One descriptor a flow. */
static void allow_files(unsigned int count)
{
	struct rlimit limit = {count, count};

	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "%u open files", count);
}

int main(int argc, char **argv)
{
	char payload[PAYLOAD] = "nfvs bench";
	struct iovec iov = {payload, sizeof(payload)};
	struct mmsghdr msgs[BATCH];
	unsigned int flows, seconds;
	uint64_t sent = 0, failed = 0;
	double start, end, time;
	int *fds;

	if (argc != 6)
		errx(2, "usage: udp_flood ADDRESS PORT FLOWS SECONDS CPU");
	flows = number(argv[3], "flows", 1, 30000);
	seconds = number(argv[4], "seconds", 1, 3600);
	pin(number(argv[5], "CPU", 0, CPU_SETSIZE - 1));
	allow_files(flows + 16);
	fds = calloc(flows, sizeof(*fds));
	if (!fds)
		err(1, "memory for %u flows", flows);
	for (unsigned int i = 0; i < flows; i++)
		fds[i] = socket_to(argv[1], argv[2]);
	memset(msgs, 0, sizeof(msgs));
	for (unsigned int i = 0; i < BATCH; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};

	start = now();
	end = start + seconds;
	for (unsigned int flow = 0; (time = now()) < end; flow = (flow + 1) % flows) {
		int n = sendmmsg(fds[flow], msgs, BATCH, 0);

		if (n > 0)
			sent += (uint64_t)n;
		else
			failed++;
	}
	printf("sent %llu failed %llu seconds %.3f\n", (unsigned long long)sent,
	       (unsigned long long)failed, time - start);
	return 0;
}
