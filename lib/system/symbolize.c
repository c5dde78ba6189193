// SPDX-License-Identifier: MIT
/* Addresses as names: of the kernel, of modules, with an offset. */
#include "system/symbolize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "system/module.h"

struct hadal_symbolizer {
	struct hadal_kallsyms *symbols;
	uint64_t start, end; /* of the image */
	struct hadal_module_list modules;
};

struct hadal_symbolizer *hadal_symbolizer_new(struct hadal_kernel *kernel,
					      struct hadal_error *error)
{
	struct hadal_symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));
	struct hadal_lookup end = {.name = "_end"};

	if (!symbolizer) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	symbolizer->symbols = hadal_kernel_symbols(kernel, error);
	if (!symbolizer->symbols) {
		free(symbolizer);
		return NULL;
	}
	symbolizer->start = hadal_kernel_info(kernel)->where.base;
	symbolizer->end = HADAL_IMAGE_MAX;
	if (!hadal_kernel_lookup(kernel, &end, 1, NULL) && end.address > symbolizer->start)
		symbolizer->end = end.address;
	/* Without their list, addresses in modules stay numbers. */
	hadal_modules(kernel, &symbolizer->modules, NULL);
	return symbolizer;
}

void hadal_symbolizer_free(struct hadal_symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	hadal_modules_free(&symbolizer->modules);
	free(symbolizer);
}

static void write_name(const char *before, const char *name, const char *after, uint64_t offset,
		       char *text, size_t size)
{
	if (offset)
		snprintf(text, size, "%s%s%s+%#" PRIx64, before, name, after, offset);
	else
		snprintf(text, size, "%s%s%s", before, name, after);
}

bool hadal_symbolize(struct hadal_symbolizer *symbolizer, uint64_t address, char *text, size_t size)
{
	const struct hadal_module_list *modules = &symbolizer->modules;
	struct hadal_symbol symbol;
	ssize_t index;

	text[0] = '\0';
	for (size_t i = 0; i < modules->count; i++) {
		uint64_t offset = address - modules->items[i].base;

		if (offset >= modules->items[i].size)
			continue;
		write_name("[", modules->items[i].name, "]", offset, text, size);
		return true;
	}
	if (address < symbolizer->start || address >= symbolizer->end)
		return false;
	index = hadal_kallsyms_nearest(symbolizer->symbols, address);
	if (index < 0 || hadal_kallsyms_get(symbolizer->symbols, index, &symbol))
		return false;
	write_name("", symbol.name, "", address - symbol.address, text, size);
	return true;
}
