/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include "lvs/addr.h"

/* How ipvsadm reads the words of its command line: more liberally than the configuration file. All
 * return 0, or -EINVAL with @out untouched. Host and service names are looked up. */

/* A whole decimal number within bounds. */
int text_number(const char *text, int64_t min, int64_t max, int64_t *out);

/* A dotted IPv4 address (also in inet_aton()'s short forms) or a host name. */
int text_ipv4(const char *text, union addr *out);

struct endpoint {
	uint8_t af;
	bool has_port;
	__be16 port;
	union addr addr;
};

/* "host", "host:port", "[v6]:port" or a bare IPv6 address. @protocol: whose service names count. */
int text_endpoint(const char *text, uint8_t protocol, struct endpoint *out);

/* The reverse: "10.0.0.1:80" or "[2001:db8::1]:http"; names unless @numeric. Returns @buf. */
#define ENDPOINT_STRLEN 320
const char *endpoint_format(char buf[ENDPOINT_STRLEN], uint8_t af, const union addr *addr,
			    __be16 port, uint8_t protocol, bool numeric);

#endif
