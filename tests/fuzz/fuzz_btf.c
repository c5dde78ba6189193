// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/types/*.c tests/unit/machine_btf.c
// Libraries: -lbpf -lelf -lz
/* Damaged type information: loaded or refused, and then looked through. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "types/btf.h"
#include "machine.h"
#include "patch.h"
#include "types/outline.h"

static void nothing(void *ctx, const struct hadal_member *member)
{
	(void)ctx;
	(void)member;
}

static void outline_from(const struct hadal_types *types, uint32_t first)
{
	const struct hadal_outline outline = {nothing, nothing, nothing, NULL};
	uint32_t count = btf__type_cnt(hadal_types_btf(types));
	char text[HADAL_DECLARATION_MAX];

	for (uint32_t id = first; id < count && id < first + 100; id++) {
		hadal_types_declare(types, id, "name", text);
		hadal_types_outline(types, id, id % 2, &outline);
	}
}

/* The same bytes as a module's types on top of sound ones. */
static void use_on_top(const uint8_t *data, size_t len)
{
	static struct hadal_types *base;
	struct hadal_types *types;
	int64_t value;

	if (!base) {
		uint32_t size;
		uint8_t *blob = machine_btf(true, &size);

		if (hadal_types_load(blob, size, &base, NULL))
			abort();
		free(blob);
	}
	if (hadal_types_load_module(base, data, len, &types, NULL))
		return;
	hadal_types_find(types, "gadget", BTF_KIND_STRUCT);
	hadal_types_find(types, "task_struct", BTF_KIND_STRUCT);
	hadal_types_enum_own(types, "NOTHING", &value);
	outline_from(types, hadal_types_first(types));
	hadal_types_free(types);
}

static void use(const uint8_t *data, size_t len)
{
	static const char *const paths[] = {"tasks.next", "mem[1].size", "core_layout.base",
					    "comm[3]", "name[0][0]"};
	struct hadal_types *types;
	struct hadal_field field;
	uint8_t copy[256] = {0};
	size_t at, size;
	int64_t value;

	if (hadal_btf_search(data, len, &at, &size) && (at > len || size > len - at))
		abort();
	if (hadal_types_load(data, len, &types, NULL))
		return;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!hadal_types_field(types, "task_struct", paths[i], &field))
			hadal_field_value(&field, copy, 0, sizeof(copy));
		if (!hadal_types_field(types, "module", paths[i], &field))
			hadal_field_value(&field, copy, 64, sizeof(copy));
	}
	hadal_types_size(types, "cred");
	hadal_types_enum(types, "NOTHING", &value);
	outline_from(types, 0);
	hadal_types_free(types);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static uint8_t *blob, *split;
	static uint32_t size, split_size;
	struct patches patches;

	if (!blob) {
		libbpf_set_print(NULL);
		blob = machine_btf(true, &size);
		split = machine_split_btf(true, "gadget", &split_size);
	}
	if (!len)
		return 0;
	if (input[0] % 8 == 6) {
		use_on_top(input + 1, len - 1);
		return 0;
	}
	if (input[0] % 8 == 5) {
		patches_apply(&patches, split, split_size, input + 1, len - 1);
		use_on_top(split, split_size);
		patches_undo(&patches);
		return 0;
	}
	if (input[0] % 4 == 3) {
		use(input + 1, len - 1);
		return 0;
	}
	patches_apply(&patches, blob, size, input + 1, len - 1);
	use(blob, size);
	patches_undo(&patches);
	return 0;
}
