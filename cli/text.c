// SPDX-License-Identifier: MIT
/* Makes text of unknown origin fit for a terminal and for JSON. */
#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/printbuf.h>

/* The character at text, of at most len bytes. Returns its bytes, or 0: it is no UTF-8. */
static size_t decode(const char *text, size_t len, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *byte = (const uint8_t *)text;
	size_t size = *byte < 0x80 ? 1 : *byte < 0xc2 ? 0 : *byte < 0xe0 ? 2 : *byte < 0xf0 ? 3 : 4;

	if (!size || size > len || *byte > 0xf4)
		return 0;
	*character = size == 1 ? *byte : *byte & (0x7f >> size);
	for (size_t i = 1; i < size; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (byte[i] & 0x3f);
	}
	if (*character < least[size] || *character > 0x10ffff ||
	    (*character >= 0xd800 && *character < 0xe000))
		return 0;
	return size;
}

/* Whether a terminal only shows it: no control, nothing invisible, nothing that turns text round.
 */
static bool is_plain(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} others[] = {
		{0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
		{0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
		{0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (character >= others[i].first && character <= others[i].last)
			return false;
	return true;
}

char *text_for_terminal(const char *text, size_t len, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0, taken; i < len; i += taken) {
		uint32_t character;
		bool plain;

		taken = decode(text + i, len - i, &character);
		plain = taken && is_plain(character);
		taken = taken ? taken : 1;
		if (at + (plain ? taken : 4 * taken) >= size)
			break;
		for (size_t j = 0; j < taken; j++) {
			if (plain)
				out[at++] = text[i + j];
			else
				at += sprintf(out + at, "\\%03o", (uint8_t)text[i + j]);
		}
	}
	out[at] = '\0';
	return out;
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

size_t text_bytes(const char *text, size_t columns)
{
	size_t bytes = 0;

	while (text[bytes]) {
		if ((text[bytes] & 0xc0) != 0x80 && !columns--)
			break;
		bytes++;
	}
	return bytes;
}

static void append_character(struct printbuf *out, const char *text, size_t size,
			     uint32_t character)
{
	static const char named[] = "\"\\\n\t\r\b\f", names[] = "\"\\ntrbf";
	const char *known = character && character < 0x80 ? strchr(named, character) : NULL;
	char escape[8];

	if (known)
		size = sprintf(escape, "\\%c", names[known - named]);
	else if (character < 0x20)
		size = sprintf(escape, "\\u%04x", character);
	printbuf_memappend(out, known || character < 0x20 ? escape : text, size);
}

/* json-c's own writer passes on bytes that are no UTF-8 as they are. */
static int write_json(struct json_object *object, struct printbuf *out, int level, int flags)
{
	const char *text = json_object_get_string(object);
	size_t len = json_object_get_string_len(object);

	(void)level;
	(void)flags;
	printbuf_memappend(out, "\"", 1);
	for (size_t i = 0, taken; i < len; i += taken) {
		uint32_t character;
		char escape[8];

		taken = decode(text + i, len - i, &character);
		if (taken) {
			append_character(out, text + i, taken, character);
			continue;
		}
		taken = 1;
		sprintf(escape, "\\udc%02x", (uint8_t)text[i]);
		printbuf_memappend(out, escape, 6);
	}
	return printbuf_memappend(out, "\"", 1);
}

struct json_object *text_json(const char *text, size_t len)
{
	struct json_object *object = json_object_new_string_len(text, len);

	json_object_set_serializer(object, write_json, NULL, NULL);
	return object;
}
