// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/symbols/kallsyms.c lib/symbols/kallsyms_find.c
// Sources: tests/unit/kallsyms_builder.c
/* Damaged tables of symbols. */
#include <stdio.h>
#include <stdlib.h>

#include "kallsyms_builder.h"
#include "symbols/kallsyms.h"
#include "patch.h"

#define SYMBOLS 700
#define SIZE    (64u << 10)

static uint8_t *tables[KALLSYMS_ORDERS];
static size_t sizes[KALLSYMS_ORDERS];

static void build_tables(void)
{
	static struct builder_symbol symbols[SYMBOLS];
	struct kallsyms_places places;

	for (size_t i = 0; i < SYMBOLS; i++) {
		symbols[i].address = i < 20 ? i * 8 : 0xffffffff81000000ull + i * 16;
		symbols[i].type = 'T';
		snprintf(symbols[i].name, sizeof(symbols[i].name), "symbol_%zu_%zx", i, i * 40503);
	}
	for (int order = 0; order < KALLSYMS_ORDERS; order++) {
		struct kallsyms_plan plan = {symbols,
					     SYMBOLS,
					     order,
					     true,
					     0xffffffff81000000ull,
					     0xffffffff81000000ull};
		uint8_t *buffer = calloc(1, SIZE);

		/* Cut to size, so that the first byte read behind it is seen. */
		sizes[order] = kallsyms_build(&plan, buffer, SIZE, &places);
		tables[order] = realloc(buffer, sizes[order]);
	}
}

static void use(const uint8_t *data, size_t len)
{
	struct hadal_lookup lookups[] = {{.name = "symbol_5_31689"}, {.name = "nothing"}};
	struct hadal_kallsyms *kallsyms;
	struct hadal_symbol symbol;

	if (hadal_kallsyms_find(data, len, 0xffffffff81000000ull, &kallsyms, NULL))
		return;
	for (size_t i = 0; !hadal_kallsyms_get(kallsyms, i, &symbol); i++)
		if (!memchr(symbol.name, '\0', sizeof(symbol.name)))
			abort();
	for (size_t i = hadal_kallsyms_count(kallsyms); i-- > 0; i -= i > 50 ? 50 : 0)
		hadal_kallsyms_get(kallsyms, i, &symbol);
	hadal_kallsyms_lookup(kallsyms, lookups, 2);
	hadal_kallsyms_nearest(kallsyms, 0xffffffff81000123ull);
	hadal_kallsyms_free(kallsyms);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct patches patches;
	int order;

	if (!tables[0])
		build_tables();
	if (!len)
		return 0;
	order = input[0] % (KALLSYMS_ORDERS + 1);
	if (order == KALLSYMS_ORDERS) {
		use(input + 1, len - 1);
		return 0;
	}
	patches_apply(&patches, tables[order], sizes[order], input + 1, len - 1);
	use(tables[order], sizes[order]);
	patches_undo(&patches);
	return 0;
}
