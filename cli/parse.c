// SPDX-License-Identifier: MIT
/* Numbers and lengths as people write them. */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 16

/* strtoull alone would take signs, white space and a second prefix. */
static int number_until(const char *text, uint64_t *value, char **end)
{
	int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	const char *digits = base == 16 ? text + 2 : text;

	if (!isxdigit((unsigned char)digits[0]) || digits[1] == 'x' || digits[1] == 'X')
		return -EINVAL;
	errno = 0;
	*value = strtoull(digits, end, base);
	return errno || *end == digits ? -EINVAL : 0;
}

int parse_number(const char *text, uint64_t *value)
{
	char *end;
	uint64_t number;

	if (number_until(text, &number, &end) || *end)
		return -EINVAL;
	*value = number;
	return 0;
}

int parse_length(const char *text, uint64_t *value)
{
	static const char suffixes[] = "kMGT";
	unsigned int shift = 0;
	uint64_t number;
	char *end;

	if (number_until(text, &number, &end))
		return -EINVAL;
	if (*end) {
		const char *suffix = strchr(suffixes, *end == 'K' ? 'k' : *end);

		if (!suffix || end[1])
			return -EINVAL;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (number << shift >> shift != number)
		return -EINVAL;
	*value = number << shift;
	return 0;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

int parse_hex(const char *text, uint8_t **bytes, size_t *length)
{
	uint8_t *out = malloc(strlen(text) / 2 + 1);
	size_t count = 0;

	if (!out)
		return -ENOMEM;
	for (; *text; text++) {
		if (isspace((unsigned char)*text))
			continue;
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1])) {
			free(out);
			return -EINVAL;
		}
		out[count++] = digit(text[0]) << 4 | digit(text[1]);
		text++;
	}
	*bytes = out;
	*length = count;
	return 0;
}

void print_hex(FILE *out, uint64_t address, const uint8_t *bytes, size_t length)
{
	for (size_t line = 0; line < length; line += LINE_BYTES) {
		fprintf(out, "%016" PRIx64 ":", address + line);
		for (size_t i = line; i < line + LINE_BYTES; i++) {
			if (i % 2 == 0)
				fputc(' ', out);
			if (i < length)
				fprintf(out, "%02x", bytes[i]);
			else
				fputs("  ", out);
		}
		fputs("  ", out);
		for (size_t i = line; i < line + LINE_BYTES && i < length; i++)
			fputc(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.', out);
		fputc('\n', out);
	}
}
