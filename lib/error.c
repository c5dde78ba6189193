// SPDX-License-Identifier: MIT
/* Errors as sentences. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void describe(struct hadal_error *error, enum hadal_error_kind kind, const char *format,
		     va_list args)
{
	if (!error)
		return;
	error->kind = kind;
	/* A name in it may be as long as a path. */
	if (vsnprintf(error->text, sizeof(error->text), format, args) >= (int)sizeof(error->text))
		strcpy(error->text + sizeof(error->text) - sizeof("..."), "...");
}

int hadal_fail(struct hadal_error *error, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	describe(error, HADAL_ERROR_PLAIN, format, args);
	va_end(args);
	return -code;
}

int hadal_fail_kind(struct hadal_error *error, int code, enum hadal_error_kind kind,
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	describe(error, kind, format, args);
	va_end(args);
	return -code;
}
