// SPDX-License-Identifier: MIT
/* Addresses as names: of the kernel, of modules, with an offset. */
#include "system/symbolize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/module_symbols.h"

struct hadal_symbolizer {
	struct hadal_kernel *kernel;
	struct hadal_kallsyms *symbols;
	uint64_t start, end; /* of the image */
	uint64_t cpu_end;    /* of the variables of CPUs, which begin at 0 */
	struct hadal_module_list modules;
	size_t lost; /* places of their list, and their symbols, that could not be read */
	/* One for each module, read when it is first asked for. */
	struct module_names {
		bool read;
		struct hadal_module_symbols symbols;
	} * names;
	bool types_read;
	int types_result; /* of reading them, with what it said */
	struct hadal_error types_error;
	struct hadal_module_types types;
};

struct hadal_symbolizer *hadal_symbolizer_new(struct hadal_kernel *kernel,
					      struct hadal_error *error)
{
	struct hadal_symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));
	struct hadal_lookup end = {.name = "_end"}, cpu_end = {.name = "__per_cpu_end"};
	int result;

	if (!symbolizer) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	symbolizer->symbols = hadal_kernel_symbols(kernel, error);
	if (!symbolizer->symbols) {
		free(symbolizer);
		return NULL;
	}
	symbolizer->kernel = kernel;
	symbolizer->start = hadal_kernel_info(kernel)->where.base;
	symbolizer->end = HADAL_IMAGE_MAX;
	if (!hadal_kernel_lookup(kernel, &end, 1, NULL) && end.address > symbolizer->start)
		symbolizer->end = end.address;
	if (!hadal_kernel_lookup(kernel, &cpu_end, 1, NULL) && cpu_end.address < symbolizer->start)
		symbolizer->cpu_end = cpu_end.address;
	/* Without their list, addresses in modules stay numbers. */
	result = hadal_modules(kernel, &symbolizer->modules, NULL);
	symbolizer->lost = symbolizer->modules.lost + (result && result != -ENOENT);
	symbolizer->names = calloc(symbolizer->modules.count + 1, sizeof(*symbolizer->names));
	if (symbolizer->names)
		return symbolizer;
	hadal_symbolizer_free(symbolizer);
	hadal_fail(error, ENOMEM, "Out of memory");
	return NULL;
}

void hadal_symbolizer_free(struct hadal_symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	for (size_t i = 0; symbolizer->names && i < symbolizer->modules.count; i++)
		hadal_module_symbols_free(&symbolizer->names[i].symbols);
	free(symbolizer->names);
	hadal_module_types_free(&symbolizer->types);
	hadal_modules_free(&symbolizer->modules);
	free(symbolizer);
}

/* Symbols that end a section which no other follows at once. */
static bool is_end(const char *name)
{
	static const char *const ends[] = {"_etext",     "__end_rodata", "__end_rodata_aligned",
					   "_einittext", "__brk_limit",  "__per_cpu_end",
					   "_end"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(name, ends[i]))
			return true;
	return false;
}

/* Does a gap begin at the symbol with this index, or at one with the same address? */
static bool gap_begins(struct hadal_symbolizer *symbolizer, ssize_t index, uint64_t address)
{
	struct hadal_symbol symbol;

	for (; index >= 0 && !hadal_kallsyms_get(symbolizer->symbols, index, &symbol) &&
	       symbol.address == address;
	     index--)
		if (is_end(symbol.name))
			return true;
	return false;
}

static bool find_in_kernel(struct hadal_symbolizer *symbolizer, uint64_t address,
			   struct hadal_symbol *symbol)
{
	ssize_t index = hadal_kallsyms_nearest(symbolizer->symbols, address);

	if (index < 0 || hadal_kallsyms_get(symbolizer->symbols, index, symbol))
		return false;
	if (symbol->address == address)
		return true;
	if (gap_begins(symbolizer, index, symbol->address))
		return false;
	return address < symbolizer->cpu_end ||
	       (address >= symbolizer->start && address < symbolizer->end);
}

static const struct hadal_module_symbols *names_of(struct hadal_symbolizer *symbolizer,
						   size_t module)
{
	struct module_names *names = &symbolizer->names[module];

	if (!names->read) {
		int result =
			hadal_module_symbols(symbolizer->kernel, &symbolizer->modules.items[module],
					     &names->symbols, NULL);

		symbolizer->lost += names->symbols.lost + (result != 0);
	}
	names->read = true;
	return &names->symbols;
}

/* The last symbol of the module that lies in the same part at or before the address. */
static void find_in_module(const struct hadal_module_symbols *names, const struct hadal_range *part,
			   uint64_t address, struct hadal_symbol *symbol)
{
	*symbol = (struct hadal_symbol){.address = part->start, .type = '?'};
	for (size_t i = 0; i < names->count; i++) {
		const struct hadal_module_symbol *item = &names->items[i];

		if (item->address < part->start || item->address > address ||
		    (symbol->name[0] && item->address <= symbol->address))
			continue;
		symbol->address = item->address;
		symbol->type = item->type;
		snprintf(symbol->name, sizeof(symbol->name), "%s", item->name);
	}
}

bool hadal_symbol_at(struct hadal_symbolizer *symbolizer, uint64_t address,
		     struct hadal_symbol_place *place)
{
	const struct hadal_module_list *modules = &symbolizer->modules;

	for (size_t i = 0; i < modules->count; i++) {
		const struct hadal_range *part = hadal_module_part(&modules->items[i], address);

		if (!part)
			continue;
		place->module = &modules->items[i];
		find_in_module(names_of(symbolizer, i), part, address, &place->symbol);
		return true;
	}
	place->module = NULL;
	return find_in_kernel(symbolizer, address, &place->symbol);
}

static bool find_in_image(struct hadal_symbolizer *symbolizer, const char *name,
			  struct hadal_symbol_place *place, size_t *count)
{
	struct hadal_symbol symbol;

	for (size_t i = 0; !hadal_kallsyms_get(symbolizer->symbols, i, &symbol); i++)
		if (!strcmp(symbol.name, name) && !(*count)++)
			*place = (struct hadal_symbol_place){.symbol = symbol};
	return *count;
}

static void find_in_names(const struct hadal_module_symbols *names, const char *name,
			  const struct hadal_module *module, struct hadal_symbol_place *place,
			  size_t *count)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct hadal_module_symbol *item = &names->items[i];

		if (strcmp(item->name, name) || (*count)++)
			continue;
		*place = (struct hadal_symbol_place){
			.module = module,
			.symbol = {.address = item->address, .type = item->type},
		};
		snprintf(place->symbol.name, sizeof(place->symbol.name), "%s", name);
	}
}

bool hadal_symbol_find(struct hadal_symbolizer *symbolizer, const char *name,
		       struct hadal_symbol_place *place, size_t *count)
{
	const struct hadal_module_list *modules = &symbolizer->modules;
	const char *colon = strchr(name, ':');
	size_t own;

	if (!count)
		count = &own;
	*count = 0;
	if (!colon && find_in_image(symbolizer, name, place, count))
		return true;
	for (size_t i = 0; i < modules->count; i++) {
		const struct hadal_module *module = &modules->items[i];

		if (!colon || (strlen(module->name) == (size_t)(colon - name) &&
			       !strncmp(module->name, name, colon - name)))
			find_in_names(names_of(symbolizer, i), colon ? colon + 1 : name, module,
				      place, count);
	}
	return *count;
}

/* Where the module's symbol after an address in the part begins. */
static uint64_t end_in_module(const struct hadal_module_symbols *names,
			      const struct hadal_range *part, uint64_t address)
{
	uint64_t end = part->end;

	for (size_t i = 0; i < names->count; i++)
		if (names->items[i].address > address && names->items[i].address < end)
			end = names->items[i].address;
	return end;
}

uint64_t hadal_symbol_end(struct hadal_symbolizer *symbolizer,
			  const struct hadal_symbol_place *place)
{
	uint64_t address = place->symbol.address;
	const struct hadal_module *module = place->module;
	const struct hadal_range *part = module ? hadal_module_part(module, address) : NULL;
	struct hadal_symbol symbol = {.address = address};
	ssize_t index;

	if (part)
		return end_in_module(names_of(symbolizer, module - symbolizer->modules.items), part,
				     address);
	index = module ? -1 : hadal_kallsyms_nearest(symbolizer->symbols, address);
	while (index >= 0 && !hadal_kallsyms_get(symbolizer->symbols, index, &symbol) &&
	       symbol.address <= address)
		index++;
	return symbol.address;
}

const struct hadal_module_types *hadal_symbolizer_types(struct hadal_symbolizer *symbolizer,
							struct hadal_error *error)
{
	if (!symbolizer->types_read)
		symbolizer->types_result = hadal_module_types(
			symbolizer->kernel, &symbolizer->types, &symbolizer->types_error);
	symbolizer->types_read = true;
	if (!symbolizer->types_result)
		return &symbolizer->types;
	if (error)
		*error = symbolizer->types_error;
	return NULL;
}

/* Names an address by the symbol that the byte so many before it belongs to. */
static bool name_place(struct hadal_symbolizer *symbolizer, uint64_t address, uint64_t before,
		       char *text, size_t size)
{
	const char *open = "", *module = "", *close = "";
	struct hadal_symbol_place place;
	char offset[24] = "";

	text[0] = '\0';
	if (!hadal_symbol_at(symbolizer, address - before, &place))
		return false;
	if (address != place.symbol.address)
		snprintf(offset, sizeof(offset), "+%#" PRIx64, address - place.symbol.address);
	if (place.module) {
		open = place.symbol.name[0] ? " [" : "[";
		module = place.module->name;
		close = "]";
	}
	if (place.symbol.name[0])
		snprintf(text, size, "%s%s%s%s%s", place.symbol.name, offset, open, module, close);
	else
		snprintf(text, size, "%s%s%s%s", open, module, close, offset);
	return true;
}

bool hadal_symbolize(struct hadal_symbolizer *symbolizer, uint64_t address, char *text, size_t size)
{
	return name_place(symbolizer, address, 0, text, size);
}

bool hadal_symbolize_return(struct hadal_symbolizer *symbolizer, uint64_t address, char *text,
			    size_t size)
{
	return name_place(symbolizer, address, 1, text, size);
}

size_t hadal_symbolizer_lost(const struct hadal_symbolizer *symbolizer)
{
	return symbolizer->lost;
}

const struct hadal_module_list *hadal_symbolizer_modules(const struct hadal_symbolizer *symbolizer)
{
	return &symbolizer->modules;
}
