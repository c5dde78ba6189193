// SPDX-License-Identifier: MIT
/* Looking things up in the kernel's packed table of symbols. */
#include "symbols/kallsyms.h"

#include <errno.h>
#include <stdlib.h>

#include "symbols/kallsyms_tables.h"

struct hadal_kallsyms {
	struct kallsyms_tables tables;
	const char *tokens[KALLSYMS_TOKENS];
	/* The name that follows the one read last. */
	size_t next_index;
	size_t next_at;
};

int hadal_kallsyms_find(const uint8_t *data, size_t len, uint64_t va,
			struct hadal_kallsyms **kallsyms, struct hadal_error *error)
{
	struct hadal_kallsyms *found = calloc(1, sizeof(*found));

	if (!found)
		return hadal_fail(error, ENOMEM, "Out of memory");
	if (!kallsyms_find_tables(data, len, va, &found->tables)) {
		free(found);
		return hadal_fail(error, ENOENT,
				  "No kallsyms tables were found in %zu bytes of kernel data; the "
				  "kernel must be "
				  "Linux 5.10 or later with CONFIG_KALLSYMS",
				  len);
	}
	for (size_t i = 0; i < KALLSYMS_TOKENS; i++)
		found->tokens[i] = (const char *)data + found->tables.token_table +
				   kallsyms_u16(data, found->tables.token_index + 2 * i);
	found->next_at = found->tables.names;
	*kallsyms = found;
	return 0;
}

void hadal_kallsyms_free(struct hadal_kallsyms *kallsyms)
{
	free(kallsyms);
}

size_t hadal_kallsyms_count(const struct hadal_kallsyms *kallsyms)
{
	return kallsyms->tables.count;
}

void hadal_kallsyms_set_va(struct hadal_kallsyms *kallsyms, uint64_t va)
{
	kallsyms->tables.va = va;
}

void hadal_kallsyms_extent(const struct hadal_kallsyms *kallsyms, size_t *start, size_t *end)
{
	const struct kallsyms_tables *tables = &kallsyms->tables;
	size_t offsets_end = tables->offsets + 4ull * tables->count;

	*start = tables->offsets < tables->names ? tables->offsets : tables->names;
	*end = tables->token_index + 2 * KALLSYMS_TOKENS;
	if (*end < offsets_end)
		*end = offsets_end;
}

/* Where name index begins, from the nearest marker or from the name read last. */
static size_t name_position(const struct hadal_kallsyms *kallsyms, size_t index)
{
	const struct kallsyms_tables *tables = &kallsyms->tables;
	size_t marker = index / KALLSYMS_MARKER_EVERY;
	size_t at = tables->names + kallsyms_u32(tables->data, tables->markers + 4 * marker);

	if (index == kallsyms->next_index)
		return kallsyms->next_at;
	for (size_t i = marker * KALLSYMS_MARKER_EVERY; i < index; i++) {
		size_t length = kallsyms_name_length(tables->data, &at);

		at += length;
	}
	return at;
}

int hadal_kallsyms_get(struct hadal_kallsyms *kallsyms, size_t index, struct hadal_symbol *symbol)
{
	const struct kallsyms_tables *tables = &kallsyms->tables;
	size_t at, length, out = 0;

	if (index >= tables->count)
		return -ENOENT;
	at = name_position(kallsyms, index);
	length = kallsyms_name_length(tables->data, &at);
	symbol->address = kallsyms_symbol_address(tables, index);
	symbol->type = '?';
	/* The first character of the expanded name is the type. */
	for (size_t i = 0; i < length; i++) {
		for (const char *c = kallsyms->tokens[tables->data[at + i]]; *c; c++, out++) {
			if (!out)
				symbol->type = *c;
			else if (out < sizeof(symbol->name))
				symbol->name[out - 1] = *c;
		}
	}
	symbol->name[!out                         ? 0
		     : out < sizeof(symbol->name) ? out - 1
						  : sizeof(symbol->name) - 1] = '\0';
	kallsyms->next_index = index + 1;
	kallsyms->next_at = at + length;
	return 0;
}

/* Is name what the tokens from at on expand to, after the type? */
static bool name_is(const struct hadal_kallsyms *kallsyms, size_t at, size_t length,
		    const char *name)
{
	const uint8_t *data = kallsyms->tables.data;
	bool type = true;

	for (size_t i = 0; i < length; i++) {
		const char *c = kallsyms->tokens[data[at + i]];

		if (type && *c) {
			type = false;
			c++;
		}
		for (; *c; c++, name++)
			if (*c != *name)
				return false;
	}
	return !*name;
}

/* What most names are told apart by without expanding them: the token that follows the type. */
struct first_filter {
	/* May a name with this first token be one that is wanted? */
	bool first[KALLSYMS_TOKENS];
	/* Does the first token hold nothing but the type, so that the second one tells? */
	bool only_type[KALLSYMS_TOKENS];
	bool second[KALLSYMS_TOKENS];
};

static bool token_begins(const char *token, const char *name)
{
	return !strncmp(token, name, strlen(token));
}

static void make_filter(const struct hadal_kallsyms *kallsyms, const struct hadal_lookup *lookups,
			size_t count, struct first_filter *filter)
{
	*filter = (struct first_filter){0};
	for (size_t i = 0; i < KALLSYMS_TOKENS; i++) {
		const char *token = kallsyms->tokens[i];

		filter->only_type[i] = *token && !token[1];
		for (size_t j = 0; j < count; j++) {
			filter->first[i] |= !*token || token_begins(token + 1, lookups[j].name);
			filter->second[i] |= token_begins(token, lookups[j].name);
		}
	}
}

static bool filter_passes(const struct first_filter *filter, const uint8_t *codes, size_t length)
{
	if (filter->only_type[codes[0]])
		return length > 1 && filter->second[codes[1]];
	return filter->first[codes[0]];
}

size_t hadal_kallsyms_lookup(const struct hadal_kallsyms *kallsyms, struct hadal_lookup *lookups,
			     size_t count)
{
	const struct kallsyms_tables *tables = &kallsyms->tables;
	size_t at = tables->names, found = 0;
	struct first_filter filter;

	for (size_t j = 0; j < count; j++)
		lookups[j].address = 0;
	make_filter(kallsyms, lookups, count, &filter);
	for (size_t i = 0; i < tables->count && found < count; i++) {
		size_t length = kallsyms_name_length(tables->data, &at);

		size_t name = at;

		at += length;
		if (!filter_passes(&filter, tables->data + name, length))
			continue;
		for (size_t j = 0; j < count; j++) {
			if (lookups[j].address || !name_is(kallsyms, name, length, lookups[j].name))
				continue;
			lookups[j].address = kallsyms_symbol_address(tables, i);
			found++;
		}
	}
	return found;
}

uint64_t hadal_kallsyms_address(const struct hadal_kallsyms *kallsyms, const char *name)
{
	struct hadal_lookup lookup = {.name = name};

	hadal_kallsyms_lookup(kallsyms, &lookup, 1);
	return lookup.address;
}

ssize_t hadal_kallsyms_nearest(const struct hadal_kallsyms *kallsyms, uint64_t address)
{
	size_t low = 0, high = kallsyms->tables.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (kallsyms_symbol_address(&kallsyms->tables, middle) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? (ssize_t)low - 1 : -ENOENT;
}
