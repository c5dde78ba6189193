// SPDX-License-Identifier: MIT
/* What hadal's JSON lines say, with texts back as bytes. */
#include "support/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

char **lines_of(const char *command)
{
	FILE *out = popen(command, "r");
	char **lines = NULL;
	size_t count = 0, room;
	int status;

	CHECK(out);
	for (char *line = NULL;; line = NULL) {
		room = 0;
		if (getline(&line, &room, out) < 0) {
			free(line);
			break;
		}
		lines = realloc(lines, (count + 2) * sizeof(*lines));
		CHECK(lines);
		lines[count++] = line;
		lines[count] = NULL;
	}
	status = pclose(out);
	if (status || !count) {
		printf("'%s' ended with %#x and printed %zu lines\n", command, status, count);
		exit(1);
	}
	return lines;
}

void lines_free(char **lines)
{
	for (size_t i = 0; lines[i]; i++)
		free(lines[i]);
	free(lines);
}

/* A quote within a text has a backslash before it, so this can only be a name. */
const char *line_value(const char *line, const char *name)
{
	char wanted[64];
	const char *at = line;
	int len = snprintf(wanted, sizeof(wanted), "\"%s\":", name);

	while ((at = strstr(at, wanted)) && at[-1] == '\\')
		at++;
	return at ? at + len : NULL;
}

uint64_t line_number(const char *line, const char *name)
{
	const char *value = line_value(line, name);

	return value ? strtoull(value + (*value == '"'), NULL, 0) : 0;
}

/* One character of a text, perhaps of several bytes. Returns what is behind it. */
static const char *take(const char *at, char **out)
{
	static const char letters[] = "nrtbf\"\\/", meant[] = "\n\r\t\b\f\"\\/";
	unsigned number;

	if (*at != '\\') {
		*(*out)++ = *at;
		return at + 1;
	}
	if (at[1] != 'u') {
		*(*out)++ = meant[strchr(letters, at[1]) - letters];
		return at + 2;
	}
	CHECK(sscanf(at + 2, "%4x", &number) == 1);
	/* The image of a byte that is no UTF-8, else a control character. */
	CHECK(number < 0x20 || (number >= 0xdc80 && number <= 0xdcff));
	*(*out)++ = number;
	return at + 6;
}

const char *line_element(const char *at, char *text, size_t size, size_t *len)
{
	char *out = text;

	CHECK(*at == '"');
	for (at++; *at != '"';) {
		CHECK(*at && (size_t)(out - text) < size);
		at = take(at, &out);
	}
	*len = out - text;
	return at + 1;
}

bool line_text(const char *line, const char *name, char *text, size_t size, size_t *len)
{
	const char *at = line_value(line, name);

	*len = 0;
	if (!at || *at != '"')
		return false;
	line_element(at, text, size, len);
	return true;
}

const char *line_with(char *const *lines, const char *name, uint64_t number)
{
	for (; *lines; lines++)
		if (line_value(*lines, name) && line_number(*lines, name) == number)
			return *lines;
	return NULL;
}
