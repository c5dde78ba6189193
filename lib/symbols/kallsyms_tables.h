/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYMBOLS_KALLSYMS_TABLES_H
#define HADAL_LIB_SYMBOLS_KALLSYMS_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KALLSYMS_TOKENS       256
#define KALLSYMS_MARKER_EVERY 256

/* What the numbers in kallsyms_offsets are. */
enum kallsyms_encoding {
	KALLSYMS_RELATIVE,        /* from relative_base up */
	KALLSYMS_ABSOLUTE_PERCPU, /* the same but negative; others are absolute (per-CPU) */
	KALLSYMS_PC_RELATIVE,     /* from the place of the number itself */
};

/* Where the tables lie; all offsets are into data and checked to be inside it. */
struct kallsyms_tables {
	const uint8_t *data;
	size_t len;
	uint64_t va;      /* virtual address of data */
	size_t alignment; /* of each table */
	size_t token_table;
	size_t token_index;
	size_t markers;
	size_t marker_count;
	size_t names;
	size_t names_end;
	size_t offsets;
	uint32_t count;
	enum kallsyms_encoding encoding;
	uint64_t relative_base;
};

static inline uint32_t kallsyms_u32(const uint8_t *data, size_t at)
{
	uint32_t value;

	memcpy(&value, data + at, sizeof(value));
	return value;
}

static inline uint16_t kallsyms_u16(const uint8_t *data, size_t at)
{
	uint16_t value;

	memcpy(&value, data + at, sizeof(value));
	return value;
}

/* The address of symbol index, which must be below count. */
static inline uint64_t kallsyms_symbol_address(const struct kallsyms_tables *tables, size_t index)
{
	size_t at = tables->offsets + 4 * index;
	int32_t offset = kallsyms_u32(tables->data, at);

	if (tables->encoding == KALLSYMS_PC_RELATIVE)
		return tables->va + at + offset;
	if (tables->encoding == KALLSYMS_RELATIVE)
		return tables->relative_base + (uint32_t)offset;
	return offset >= 0 ? (uint64_t)offset : tables->relative_base - 1 - offset;
}

/*
 * The length in tokens of the name at *at, which moves on to its first token. One byte, or from
 * 6.1 on two with seven bits in the first when its top bit is set.
 */
static inline size_t kallsyms_name_length(const uint8_t *data, size_t *at)
{
	size_t length = data[(*at)++];

	if (length & 0x80)
		length = (length & 0x7f) | (size_t)data[(*at)++] << 7;
	return length;
}

/*
 * Finds and checks all tables in data, which lies at va. Returns false when they are not there.
 */
bool kallsyms_find_tables(const uint8_t *data, size_t len, uint64_t va,
			  struct kallsyms_tables *tables);

#endif
