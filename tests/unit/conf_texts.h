/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_CONF_TEXTS_H
#define TESTS_CONF_TEXTS_H

/* Pieces of configuration files for tests. */

#include "conf/conf.h"

#include <criterion/criterion.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static inline struct conf *parse(const char *text)
{
	struct conf *conf = NULL;
	struct error err = {""};

	cr_assert_eq(conf_parse(text, "t", &conf, &err), 0, "%s", err.text);
	return conf;
}

/* @error: "" if it is a good one. */
static inline void expect_parsed(const char *text, const char *error)
{
	struct conf *conf = NULL;
	struct error err = {""};
	int ret = conf_parse(text, "t", &conf, &err);

	cr_expect_str_eq(err.text, error, "%s: %s", text, err.text);
	cr_expect_eq(!ret, !error[0], "%s: %d", text, ret);
	if (!ret)
		conf_free(conf);
}

/* A service, and a server in one, around what is on the second line. */
#define SERVICE(keys) "services = ( { protocol = \"tcp\"; address = \"10.0.0.1\";\n" keys " } );"
#define MARKED(keys)  "services = ( { fwmark = 7;\n" keys " } );"
#define MATCH(keys)   MARKED("match = ( { " keys " } );")
#define GROUP_OF(ports) \
	"match = ( { protocol = \"tcp\"; address = \"10.0.0.1\"; ports = \"" ports "\"; } );"
#define TWO_GROUPS(one, two) \
	"services = ( { fwmark = 1; " GROUP_OF(one) " },\n{ fwmark = 2; " GROUP_OF(two) " } );"
#define SERVER(keys) SERVICE("port = 80; servers = ( { address = \"10.2.0.1\"; " keys " } );")
#define TUNNELS(keys, server)                        \
	SERVICE("port = 80; method = \"tun\"; " keys \
		"\nservers = ( { address = \"10.2.0.1\"; " server " } );")
#define WEB(address)                                                   \
	"{ protocol = \"tcp\"; address = \"" address "\"; port = 80; " \
	"servers = ( { address = \"10.2.0.1\"; } ); }"

#endif
