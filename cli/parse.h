/* SPDX-License-Identifier: MIT */
#ifndef HADAL_CLI_PARSE_H
#define HADAL_CLI_PARSE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Decimal, or hexadecimal with 0x. Returns 0 or -EINVAL (no number, or above 64 bits). */
int parse_number(const char *text, uint64_t *value);

/* As parse_number, with an optional suffix k, M, G or T of powers of 1024. */
int parse_length(const char *text, uint64_t *value);

/*
 * Hexadecimal digits in pairs, with white space between pairs allowed. Returns 0 with a buffer to
 * free, or -EINVAL, -ENOMEM.
 */
int parse_hex(const char *text, uint8_t **bytes, size_t *length);

/* Lines of 16 bytes: address, hexadecimal, characters. */
void print_hex(FILE *out, uint64_t address, const uint8_t *bytes, size_t length);

#endif
