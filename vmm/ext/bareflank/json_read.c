// SPDX-License-Identifier: MIT
/* Reads what registers_to_json() writes: one flat object of integers. Allocates nothing. */
#include "base/errno.h"
#include "vcpu/register_check.h"
#include "ext/bareflank/registers.h"

/* In place of a register: the paused vCPU that is meant. */
static const char vcpu_key[] = "VCPU";
#define VCPU_INDEX NAMED_REGISTERS_MAX

struct reader {
	const char *at, *end;
	uint64_t seen[NAMED_REGISTERS_MAX / 64 + 1]; /* keys that have come, by index */
};

/* The next character, or 0 at the end; a NUL ends the text. */
static char peek(const struct reader *reader)
{
	return reader->at < reader->end ? *reader->at : 0;
}

static bool take(struct reader *reader, char c)
{
	if (!c || peek(reader) != c)
		return false;
	reader->at++;
	return true;
}

static void skip_space(struct reader *reader)
{
	while (take(reader, ' ') || take(reader, '\t') || take(reader, '\n') || take(reader, '\r'))
		;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* From -2^63 to 2^64 - 1, as JSON has it: no plus, no zeros in front. */
static int read_number(struct reader *reader, uint64_t *value, bool *negative)
{
	const char *first;

	*negative = take(reader, '-');
	*value = 0;
	for (first = reader->at; is_digit(peek(reader)); reader->at++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(peek(reader) - '0'), value))
			return -EINVAL;
	if (reader->at == first || (*first == '0' && reader->at > first + 1))
		return -EINVAL;
	if (*negative && *value > 1ull << 63)
		return -EINVAL;
	return 0;
}

static bool is_key(const char *key, size_t length, const char *name, size_t name_length)
{
	return length == name_length && !__builtin_memcmp(key, name, length);
}

/* Index in named_registers, VCPU_INDEX, or -1. A key there stands between `,"` and `":`. */
static int find_key(const char *key, size_t length)
{
	if (is_key(key, length, vcpu_key, sizeof(vcpu_key) - 1))
		return VCPU_INDEX;
	for (unsigned i = 0; i < named_register_count; i++)
		if (is_key(key, length, named_registers[i].key + 2,
			   named_registers[i].key_length - 4u))
			return i;
	return -1;
}

/* One that is known and comes for the first time. */
static int read_key(struct reader *reader)
{
	const char *key;
	int index;

	if (!take(reader, '"'))
		return -1;
	key = reader->at;
	while (peek(reader) && peek(reader) != '"')
		reader->at++;
	index = find_key(key, reader->at - key);
	if (index < 0 || !take(reader, '"') || (reader->seen[index / 64] >> index % 64 & 1))
		return -1;
	reader->seen[index / 64] |= 1ull << index % 64;
	return index;
}

static int store(struct register_object *object, int index, uint64_t value, bool negative)
{
	const struct named_register *name = &named_registers[index];

	if (index == VCPU_INDEX) {
		object->has_vcpu = true;
		object->vcpu = value;
		return negative ? -EINVAL : 0;
	}
	if (name->bytes < 8 && (negative || (value & ~name->mask)))
		return -EINVAL;
	if (negative)
		value = -value;
	__builtin_memcpy((uint8_t *)&object->regs + name->offset, &value, name->bytes);
	object->mask |= 1ull << register_at(name->offset);
	return 0;
}

static int read_member(struct reader *reader, struct register_object *object)
{
	uint64_t value;
	bool negative;
	int index;

	skip_space(reader);
	index = read_key(reader);
	if (index < 0)
		return -EINVAL;
	skip_space(reader);
	if (!take(reader, ':'))
		return -EINVAL;
	skip_space(reader);
	if (read_number(reader, &value, &negative) || store(object, index, value, negative))
		return -EINVAL;
	skip_space(reader);
	return 0;
}

int registers_from_json(const char *text, size_t bytes, struct register_object *object)
{
	struct reader reader = {.at = text, .end = text + bytes};

	object->mask = 0;
	object->has_vcpu = false;
	skip_space(&reader);
	if (!take(&reader, '{'))
		return -EINVAL;
	skip_space(&reader);
	if (!take(&reader, '}')) {
		do {
			if (read_member(&reader, object))
				return -EINVAL;
		} while (take(&reader, ','));
		if (!take(&reader, '}'))
			return -EINVAL;
	}
	skip_space(&reader);
	return peek(&reader) ? -EINVAL : 0;
}
