// SPDX-License-Identifier: MIT
/* REGISTER=VALUE,... as registers to set. */
#include "parse_registers.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "parse.h"

#define NAME_MAX_LENGTH  24
#define VALUE_MAX_LENGTH 24

/* Parts of a segment, and how wide they are. */
static const struct {
	const char *name;
	size_t offset, bytes;
} parts[] = {
	{".base", offsetof(struct hadal_segment, base), 8},
	{".limit", offsetof(struct hadal_segment, limit), 4},
	{".selector", offsetof(struct hadal_segment, selector), 2},
	{".attributes", offsetof(struct hadal_segment, attributes), 2},
};

struct place {
	unsigned int reg;
	void *at;
	size_t bytes;
};

static bool find_part(const char *name, struct hadal_segment *segment, struct place *place)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasecmp(name, parts[i].name))
			continue;
		place->at = (char *)segment + parts[i].offset;
		place->bytes = parts[i].bytes;
		return true;
	}
	return false;
}

static bool find(const char *name, struct hadal_regs *regs, struct place *place)
{
	for (unsigned int reg = 0; reg < HADAL_REG_COUNT; reg++) {
		const char *known = hadal_reg_name(reg);
		bool is_segment;

		place->reg = reg;
		place->at = (char *)regs + hadal_reg_place(reg, &place->bytes);
		is_segment = place->bytes == sizeof(struct hadal_segment);
		if (!is_segment && !strcasecmp(name, known))
			return true;
		if (is_segment && !strncasecmp(name, known, strlen(known)) &&
		    find_part(name + strlen(known), place->at, place))
			return true;
	}
	return false;
}

/* `seen` has a byte for each byte of the registers. */
static int parse_one(const char *text, size_t length, struct hadal_set_regs *set, char *seen,
		     struct hadal_error *error)
{
	char name[NAME_MAX_LENGTH], number[VALUE_MAX_LENGTH];
	const char *equals = memchr(text, '=', length), *end = text + length;
	struct place place;
	uint64_t value;

	if (!equals || equals - text >= NAME_MAX_LENGTH || end - equals > VALUE_MAX_LENGTH)
		return hadal_fail(error, EINVAL,
				  "invalid NAME=VALUE '%.*s': expected one such as rax=0x10",
				  (int)length, text);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	snprintf(number, sizeof(number), "%.*s", (int)(end - equals - 1), equals + 1);
	if (!find(name, &set->values, &place))
		return hadal_fail(
			error, EINVAL,
			"invalid NAME '%s': expected a register, such as rax or cs.selector", name);
	if (seen[(char *)place.at - (char *)&set->values]++)
		return hadal_fail(error, EINVAL, "%s is to be set twice", name);
	if (parse_number(number, &value) || (place.bytes < 8 && value >> 8 * place.bytes))
		return hadal_fail(
			error, EINVAL,
			"invalid VALUE '%s': expected a number of at most %zu bits for %s", number,
			8 * place.bytes, name);
	memcpy(place.at, &value, place.bytes);
	set->mask |= 1ull << place.reg;
	return 0;
}

int parse_registers(const char *text, struct hadal_set_regs *set, struct hadal_error *error)
{
	char seen[sizeof(struct hadal_regs)] = {0};

	for (;;) {
		size_t length = strcspn(text, ",");
		int result = parse_one(text, length, set, seen, error);

		if (result || !text[length])
			return result;
		text += length + 1;
	}
}
