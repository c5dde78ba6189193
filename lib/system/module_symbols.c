// SPDX-License-Identifier: MIT
/* The symbols of a module, which the kernel keeps for its own kallsyms. */
#include "system/module_symbols.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/plan.h"

/* A table that says it has more is damaged; the largest drivers have some 30,000. */
#define SYMBOL_LIMIT (1u << 20)
/* How many are read at a time. */
#define PIECE 256u

enum need {
	TABLES,
	SYMBOLS,
	SYMBOL_COUNT,
	NAMES,
	TYPES,
	EXPORTS,
	EXPORT_COUNT,
	EXPORT,
	EXPORT_VALUE,
	EXPORT_NAME,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[TABLES] = {HADAL_MEMBER("module", "kallsyms")},
	[SYMBOLS] = {HADAL_MEMBER("mod_kallsyms", "symtab")},
	[SYMBOL_COUNT] = {HADAL_MEMBER("mod_kallsyms", "num_symtab")},
	[NAMES] = {HADAL_MEMBER("mod_kallsyms", "strtab")},
	[TYPES] = {HADAL_MEMBER("mod_kallsyms", "typetab")},
	[EXPORTS] = {HADAL_MEMBER("module", "syms")},
	[EXPORT_COUNT] = {HADAL_MEMBER("module", "num_syms")},
	[EXPORT] = {HADAL_OBJECT("kernel_symbol")},
	[EXPORT_VALUE] = {HADAL_MEMBER("kernel_symbol", "value_offset"), .size = 4},
	[EXPORT_NAME] = {HADAL_MEMBER("kernel_symbol", "name_offset"), .size = 4},
};

struct reader {
	struct hadal_plan plan;
	struct hadal_module_symbols *symbols;
	size_t capacity;
	uint64_t names, types;
};

static int read_piece(struct reader *reader, uint64_t table, uint32_t first, uint32_t count)
{
	Elf64_Sym entries[PIECE];
	char types[PIECE], name[HADAL_SYMBOL_NAME_MAX];
	struct hadal_space *space = reader->plan.space;

	if (hadal_space_read_exact(space, table + first * sizeof(*entries), entries,
				   count * sizeof(*entries)) ||
	    hadal_space_read_exact(space, reader->types + first, types, count)) {
		reader->symbols->lost += count;
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct hadal_module_symbol *item;
		ssize_t length = hadal_space_read_string(space, reader->names + entries[i].st_name,
							 name, sizeof(name));

		reader->symbols->lost += length < 0;
		if (length <= 0)
			continue;
		item = HADAL_LIST_APPEND(reader->symbols, &reader->capacity);
		if (!item)
			return -ENOMEM;
		*item = (struct hadal_module_symbol){
			.address = entries[i].st_value,
			.type = tolower((unsigned char)types[i]),
			.name = strdup(name),
		};
		if (!item->name)
			return -ENOMEM;
	}
	return 0;
}

static int read_symbols(struct reader *reader, uint64_t tables)
{
	const struct hadal_plan *plan = &reader->plan;
	uint64_t table = hadal_plan_read(plan, SYMBOLS, tables);
	uint64_t count = hadal_plan_read(plan, SYMBOL_COUNT, tables);
	int result = 0;

	reader->names = hadal_plan_read(plan, NAMES, tables);
	reader->types = hadal_plan_read(plan, TYPES, tables);
	if (count > SYMBOL_LIMIT) {
		reader->symbols->lost += count - SYMBOL_LIMIT;
		count = SYMBOL_LIMIT;
	}
	for (uint32_t at = 0; !result && at < count; at += PIECE)
		result = read_piece(reader, table, at, count - at < PIECE ? count - at : PIECE);
	return result;
}

static void mark_exported(struct hadal_module_symbols *symbols, uint64_t address, const char *name)
{
	for (size_t i = 0; i < symbols->count; i++)
		if (symbols->items[i].address == address && !strcmp(symbols->items[i].name, name))
			symbols->items[i].type = toupper((unsigned char)symbols->items[i].type);
}

/* What it exports to all; entries tell how far value and name lie from where that is told. */
static void read_exports(struct reader *reader, uint64_t module)
{
	const struct hadal_plan *plan = &reader->plan;
	struct hadal_object *export = &reader->plan.objects[EXPORT];
	uint64_t count = hadal_plan_read(plan, EXPORT_COUNT, module);
	uint64_t at = hadal_plan_read(plan, EXPORTS, module);
	char name[HADAL_SYMBOL_NAME_MAX];

	for (uint64_t i = 0; i < count && i < SYMBOL_LIMIT; i++, at += 3 * sizeof(int32_t)) {
		uint64_t value;

		if (hadal_object_read(export, at)) {
			reader->symbols->lost++;
			return;
		}
		value = hadal_object_at(export, EXPORT_VALUE) +
			(int32_t)hadal_object_value(export, EXPORT_VALUE);
		if (hadal_space_read_string(
			    plan->space,
			    hadal_object_at(export, EXPORT_NAME) +
				    (int32_t)hadal_object_value(export, EXPORT_NAME),
			    name, sizeof(name)) > 0)
			mark_exported(reader->symbols, value, name);
	}
}

int hadal_module_symbols(struct hadal_kernel *kernel, const struct hadal_module *module,
			 struct hadal_module_symbols *symbols, struct hadal_error *error)
{
	struct reader reader = {.symbols = symbols};
	int result;

	*symbols = (struct hadal_module_symbols){0};
	result = hadal_plan_open(&reader.plan, kernel, needs, NEEDS, error);
	if (!result) {
		result = read_symbols(&reader,
				      hadal_plan_read(&reader.plan, TABLES, module->address));
		if (result)
			hadal_fail(error, ENOMEM, "Out of memory");
		else
			read_exports(&reader, module->address);
	}
	hadal_plan_close(&reader.plan);
	return result;
}

void hadal_module_symbols_free(struct hadal_module_symbols *symbols)
{
	for (size_t i = 0; i < symbols->count; i++)
		free(symbols->items[i].name);
	free(symbols->items);
	*symbols = (struct hadal_module_symbols){0};
}
