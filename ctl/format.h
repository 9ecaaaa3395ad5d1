/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_FORMAT_H
#define CTL_FORMAT_H

#include "ctl/row.h"

#include <stdio.h>

/* ipvsadm's listings, to the byte, trailing blanks included. */

enum list_format {
	LIST_PLAIN,
	LIST_STATS,
	LIST_RATE,
	LIST_THRESHOLDS,
	LIST_PERSISTENT_CONN,
	LIST_TUN_INFO,
	LIST_MAX
};

struct format {
	enum list_format list;
	bool numeric; /* no names for addresses and ports */
	bool exact;   /* large numbers in full */
};

#define SCHED_FLAGS_STRLEN 64

/* "sh-fallback,sh-port", or "". Returns @buf. */
const char *format_sched_flags(char buf[SCHED_FLAGS_STRLEN], const struct service_spec *spec);

/* The line over a list of all services; the two lines over any list of services. */
void format_banner(FILE *out);
void format_titles(FILE *out, const struct format *format);
void format_service(FILE *out, const struct format *format, const struct service_row *row);
void format_dest(FILE *out, const struct format *format, const struct service_row *svc,
		 const struct dest_row *row);

/* The lines that make the service, or the server, again: ipvsadm -S. */
void format_save_service(FILE *out, bool numeric, const struct service_spec *spec);
void format_save_dest(FILE *out, bool numeric, const struct service_spec *svc,
		      const struct dest_spec *spec);

/* The two lines over connections. @engine: with columns for persistence engines. */
void format_conn_titles(FILE *out, bool engine);
void format_conn(FILE *out, bool numeric, const struct conn_row *row);

#endif
