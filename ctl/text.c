// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Numbers, addresses and ports between the command line and the model, with ipvsadm's leniency:
 * what its users' scripts write must be read as it reads it. nfvsadm only; looks names up.
 */
#include "ctl/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int text_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		return -EINVAL;
	*out = number;
	return 0;
}

int text_ipv4(const char *text, union addr *out)
{
	const struct addrinfo hints = {.ai_family = AF_INET};
	struct addrinfo *found;
	struct in_addr in;

	if (!inet_aton(text, &in)) {
		if (!*text || getaddrinfo(text, NULL, &hints, &found))
			return -EINVAL;
		in = ((struct sockaddr_in *)found->ai_addr)->sin_addr;
		freeaddrinfo(found);
	}
	*out = (union addr){.ip6 = {in.s_addr}};
	return 0;
}

static bool all_digits(const char *text)
{
	return text[strspn(text, "0123456789")] == '\0';
}

static int read_port(const char *text, uint8_t protocol, __be16 *out)
{
	const char *name = protocol ? protocol_name(protocol) : "";
	const struct servent *service;
	int64_t port;

	if (!text_number(text, 0, UINT16_MAX, &port)) {
		*out = htons((uint16_t)port);
		return 0;
	}
	service = getservbyname(text, name);
	if (!service)
		return -EINVAL;
	*out = (__be16)service->s_port;
	return 0;
}

/* Cuts "[v6]:port" and "host:port" in two. The port is NULL if there is none. */
static int split(char *text, char **host, char **port)
{
	struct in6_addr in6;
	char *end;

	*host = text;
	*port = NULL;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || end[1] != ':')
			return -EINVAL;
		*end = '\0';
		*host = text + 1;
		*port = end + 2;
	}
	if (inet_pton(AF_INET6, *host, &in6) == 1)
		return 0;
	/* Not IPv6: the last colon counts, within the brackets if there were any. */
	*port = strrchr(*host, ':');
	if (*port)
		*(*port)++ = '\0';
	return 0;
}

int text_endpoint(const char *text, uint8_t protocol, struct endpoint *out)
{
	struct endpoint end = {.af = AF_INET6};
	char *copy, *host, *port;
	int ret = -EINVAL;

	if (all_digits(text))
		return -EINVAL;
	copy = strdup(text);
	if (!copy)
		return -EINVAL;
	if (split(copy, &host, &port))
		goto out;
	if (inet_pton(AF_INET6, host, end.addr.bytes) != 1) {
		end.af = AF_INET;
		if (text_ipv4(host, &end.addr))
			goto out;
	}
	if (port) {
		if (read_port(port, protocol, &end.port))
			goto out;
		end.has_port = true;
	}
	*out = end;
	ret = 0;
out:
	free(copy);
	return ret;
}

/* Fills @host with the name of the address, or else the address. */
static void format_host(char *host, size_t size, uint8_t af, const union addr *addr, bool numeric)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = addr->ip};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool v6 = af == AF_INET6;

	memcpy(&in6.sin6_addr, addr->bytes, sizeof(in6.sin6_addr));
	if (numeric ||
	    getnameinfo(v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
			v6 ? sizeof(in6) : sizeof(in), host, (socklen_t)size, NULL, 0, NI_NAMEREQD))
		inet_ntop(af, addr->bytes, host, (socklen_t)size);
}

const char *endpoint_format(char buf[ENDPOINT_STRLEN], uint8_t af, const union addr *addr,
			    __be16 port, uint8_t protocol, bool numeric)
{
	const struct servent *service = NULL;
	bool v6 = af == AF_INET6;
	char host[256];

	format_host(host, sizeof(host), af, addr, numeric);
	if (!numeric && protocol)
		service = getservbyport(port, protocol_name(protocol));
	if (service)
		snprintf(buf, ENDPOINT_STRLEN, "%s%s%s:%.32s", v6 ? "[" : "", host, v6 ? "]" : "",
			 service->s_name);
	else
		snprintf(buf, ENDPOINT_STRLEN, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
			 ntohs(port));
	return buf;
}
