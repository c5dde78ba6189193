/* SPDX-License-Identifier: MIT */
/* What hadal's JSON lines say, with texts back as bytes; json-c has no lone surrogates. */
#ifndef TESTS_GUEST_LINE_H
#define TESTS_GUEST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs a command and returns its lines, ended by NULL; ends the program if it fails. */
char **lines_of(const char *command);
void lines_free(char **lines);

/* The value behind "name":, as it is in the line; NULL without one. */
const char *line_value(const char *line, const char *name);
/* A number; as a string of "0x..." too. 0 when it is not there. */
uint64_t line_number(const char *line, const char *name);
/* The bytes of a text, at most size, and their number; false when it is not there. */
bool line_text(const char *line, const char *name, char *text, size_t size, size_t *len);

/* The same of a text in an array, at its quote. Returns what is behind it. */
const char *line_element(const char *at, char *text, size_t size, size_t *len);

/* The line in which a member has this number, or NULL. */
const char *line_with(char *const *lines, const char *name, uint64_t number);

#endif
