// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm kill: ends the connections that a filter selects. As a filter that was forgotten would
 * end all, that has to be said. nfvsadm.
 */
#include "ctl/condition.h"
#include "ctl/word.h"

#include <inttypes.h>
#include <string.h>

struct order {
	struct filter filter;
	bool all, quietly;
};

static int read_order(int argc, const char *const *argv, struct order *order)
{
	int at = 1, ret = 0;

	while (!ret && at < argc) {
		if (!strcmp(argv[at], "--all") || !strcmp(argv[at], "--quietly")) {
			order->all |= !strcmp(argv[at], "--all");
			order->quietly |= !strcmp(argv[at], "--quietly");
			at++;
			continue;
		}
		ret = condition_read(argc, argv, &at, &order->filter);
	}
	if (ret)
		return ret == CONDITION_NONE ? word_misused(argv[0], argv[at]) : ret;
	if (!order->filter.set && !order->all)
		return session_fail("which connections? Say --all if all of them are meant");
	if (order->filter.set && order->all)
		return session_fail("--all and conditions contradict each other");
	return 0;
}

int kill_main(struct session *session, int argc, const char *const *argv)
{
	struct order order = {0};
	json_t *killed;
	int64_t ended;
	int ret = read_order(argc, argv, &order);

	if (ret)
		return ret;
	ret = word_fetch(session,
			 json_pack("{s:s, s:o, s:b, s:s}", "command", "kill", "filter",
				   filter_to_json(&order.filter), "all", (int)order.all, "then",
				   ending_name(order.quietly ? ENDING_EXPIRE : ENDING_RESET)),
			 "kill", &killed);
	if (ret)
		return ret;
	ended = json_integer_value(json_object_get(killed, "ended"));
	printf("%" PRId64 " connection%s ended\n", ended, ended == 1 ? "" : "s");
	json_decref(killed);
	return 0;
}
