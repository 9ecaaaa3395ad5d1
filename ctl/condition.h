/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_CONDITION_H
#define CTL_CONDITION_H

#include "ctl/selection.h"

/*
 * Conditions on connections as words of a command line. Each function takes words from @argv at
 * *@at, moves *@at behind them, and returns 0, or says what is wrong and returns an exit status.
 * nfvsadm.
 */

/* One condition: "--client ADDRESS" and the like. CONDITION_NONE, and nothing is said or moved, if
 * the word there is none. */
#define CONDITION_NONE (-1)
int condition_read(int argc, const char *const *argv, int *at, struct filter *filter);

/* SERVICE: "tcp ADDRESS:PORT", "udp ...", "sctp ...", "fwmark N [ipv6]" or "--name NAME". */
int condition_read_service(int argc, const char *const *argv, int *at, struct filter *filter);

/* SERVER: "ADDRESS[:PORT]". */
int condition_read_server(int argc, const char *const *argv, int *at, struct filter *filter);

/* "90", "90s", "5m", "2h", "1d" in seconds; false: it is none. */
bool seconds_parse(const char *text, uint32_t *out);

/* For usage texts. */
#define CONDITION_USAGE                                                      \
	"[--client ADDRESS[/BITS|:PORT]] [--service SERVICE | --name NAME] " \
	"[--server ADDRESS[:PORT]] [--state NAME] [--age <TIME|>TIME] [--idle <TIME|>TIME]"

#endif
