/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <syslog.h>

/* Reads where stderr goes (a terminal or file, or the journal, which wants a <level> prefix). Main
 * thread, before any other thread exists. Lines above @level (LOG_ERR .. LOG_INFO) are dropped. */
void log_init(int level);

/* Writes one line, whole, to stderr: "nfvsd: text". @level is a syslog level. Any thread. */
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)  log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)

#endif
