// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An error that a person will read. The one idea: whoever finds the fault words it, whoever talks
 * to the user prints it. Called on any thread; touches nothing but its argument.
 */
#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}
