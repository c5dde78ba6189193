// SPDX-License-Identifier: MIT
/* Finds the columns that --columns names. */
#include "record.h"

#include <stdio.h>
#include <string.h>

const struct cli_column *cli_column_find(const struct cli_record_kind *kind, const char *name,
					 size_t len)
{
	for (const struct cli_column *column = kind->columns; column->name; column++)
		if (strlen(column->name) == len && !strncmp(column->name, name, len))
			return column;
	return NULL;
}

const char *cli_columns_check(const struct cli_record_kind *kind, const char *names)
{
	static char expected[1024];
	size_t len = 0, count = 0;
	bool good = *names;

	for (; *names && good; count++) {
		size_t size = strcspn(names, ",");

		good = cli_column_find(kind, names, size) && count < CLI_SHOWN_MAX;
		names += size + (names[size] == ',');
	}
	if (good)
		return NULL;
	for (const struct cli_column *column = kind->columns;
	     column->name && len < sizeof(expected); column++)
		len += snprintf(expected + len, sizeof(expected) - len, "%s%s", len ? ", " : "",
				column->name);
	return expected;
}
