// SPDX-License-Identifier: MIT
/* Addresses of symbols by their names, in the kernel and in its modules. */
#include "system/named.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "system/module_symbols.h"

/* As nm: text, also that of weak symbols. */
static bool is_code(char type)
{
	return strchr("tTwW", type) != NULL;
}

static void find_in_kernel(struct hadal_kallsyms *symbols, const char *name,
			   struct hadal_named *named)
{
	struct hadal_symbol symbol;

	for (size_t i = 0; !hadal_kallsyms_get(symbols, i, &symbol); i++) {
		if (named->count && !named->size && symbol.address > named->address)
			named->size = symbol.address - named->address;
		if (strcmp(symbol.name, name) || named->count++)
			continue;
		named->address = symbol.address;
		named->code = is_code(symbol.type);
	}
}

/* They are in no order. */
static void find_in_module(struct hadal_kernel *kernel, const struct hadal_module *module,
			   const char *name, struct hadal_named *named)
{
	struct hadal_module_symbols symbols;
	bool found = false;

	hadal_module_symbols(kernel, module, &symbols, NULL);
	for (size_t i = 0; i < symbols.count; i++) {
		const struct hadal_module_symbol *symbol = &symbols.items[i];

		if (strcmp(symbol->name, name) || named->count++)
			continue;
		named->address = symbol->address;
		named->code = is_code(symbol->type);
		found = true;
	}
	for (size_t i = 0; found && i < symbols.count; i++) {
		uint64_t behind = symbols.items[i].address - named->address;

		if (symbols.items[i].address > named->address &&
		    (!named->size || behind < named->size))
			named->size = behind;
	}
	hadal_module_symbols_free(&symbols);
}

static int find(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer, const char *name,
		struct hadal_named *named, struct hadal_error *error)
{
	const struct hadal_module_list *modules = hadal_symbolizer_modules(symbolizer);
	struct hadal_kallsyms *symbols = hadal_kernel_symbols(kernel, error);

	if (!symbols)
		return -ENOENT;
	find_in_kernel(symbols, name, named);
	for (size_t i = 0; !named->count && i < modules->count; i++)
		find_in_module(kernel, &modules->items[i], name, named);
	if (!named->count)
		return hadal_fail(error, ENOENT, "Neither this kernel nor a module has a symbol %s",
				  name);
	return 0;
}

int hadal_named_find(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
		     const char *text, struct hadal_named *named, struct hadal_error *error)
{
	const char *plus = strchr(text, '+');
	uint64_t offset = 0;
	char *name, *end;
	int result;

	*named = (struct hadal_named){0};
	if (plus) {
		errno = 0;
		offset = strtoull(plus + 1, &end, 0);
		if (errno || *end || !isdigit((unsigned char)plus[1]))
			return hadal_fail(error, EINVAL, "The offset in '%s' is no number", text);
	}
	name = strndup(text, plus ? (size_t)(plus - text) : strlen(text));
	if (!name)
		return hadal_fail(error, ENOMEM, "Out of memory");
	result = find(kernel, symbolizer, name, named, error);
	free(name);
	named->address += offset;
	named->size = offset < named->size ? named->size - offset : 0;
	return result;
}
