// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines on stderr. The one idea: a line is formatted into one buffer and written by one call, so
 * that lines of several threads never mix. systemd's journal is recognised by $JOURNAL_STREAM and
 * gets sd-daemon(3) level prefixes instead of the program's name, which it knows. Only daemon/ and
 * ctl/ call this; the packet path never does.
 */
#include "lib/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int log_level = LOG_INFO;
static bool log_journal;

/* Is stderr the stream that systemd named to us (systemd.exec(5), $JOURNAL_STREAM)? */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%lu:%lu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &st) &&
	       st.st_dev == dev && st.st_ino == ino;
}

void log_init(int level)
{
	log_level = level;
	log_journal = stderr_is_journal();
}

void log_line(int level, const char *fmt, ...)
{
	char line[1024];
	size_t len;
	va_list ap;
	int n;

	if (level > log_level)
		return;
	if (log_journal)
		len = (size_t)snprintf(line, sizeof(line), "<%d>", level);
	else
		len = (size_t)snprintf(line, sizeof(line), "nfvsd: ");
	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	len += (size_t)n;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to complain */
}
