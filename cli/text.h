/* SPDX-License-Identifier: MIT */
/*
 * Text from the memory of a machine that may be hostile, made fit for a terminal and for JSON.
 */
#ifndef HADAL_CLI_TEXT_H
#define HADAL_CLI_TEXT_H

#include <stddef.h>

#include <json-c/json.h>

/*
 * For a terminal: UTF-8 that prints stays; every byte of what a terminal might take for a command,
 * or that would hide or reorder text, and every byte that is no UTF-8, becomes a backslash and
 * three octal digits, as /proc writes them. Returns out, cut where size ends, never within a
 * character.
 */
char *text_for_terminal(const char *text, size_t len, char *out, size_t size);

/* How many characters text has; each is taken to be one column wide. */
size_t text_columns(const char *text);
/* How many bytes its first characters have, at most so many. */
size_t text_bytes(const char *text, size_t columns);

/*
 * For JSON: all of it. A byte that is no UTF-8 becomes the lone surrogate U+DC00 + byte, which
 * Python's json and "surrogateescape" turn back into that byte.
 */
struct json_object *text_json(const char *text, size_t len);

#endif
