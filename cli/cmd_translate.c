// SPDX-License-Identifier: MIT
/* hadal translate */
#include "target.h"

#include <errno.h>
#include <inttypes.h>

struct options {
	const char *address;
	struct cli_where where;
};

static const char *rights_text(uint32_t rights, char text[5])
{
	text[0] = rights & HADAL_STEP_READ ? 'r' : '-';
	text[1] = rights & HADAL_STEP_WRITE ? 'w' : '-';
	text[2] = rights & HADAL_STEP_EXECUTE ? 'x' : '-';
	text[3] = rights & HADAL_STEP_USER ? 'u' : '-';
	text[4] = 0;
	return text;
}

static const char *size_text(uint64_t bytes)
{
	switch (bytes) {
	case 4096:
		return "4 KiB";
	case 2ull << 20:
		return "2 MiB";
	case 1ull << 30:
		return "1 GiB";
	default:
		return "?";
	}
}

static const char *reason(int result)
{
	switch (result) {
	case -EFAULT:
		return "it is not mapped";
	case -EINVAL:
		return "it is not canonical, or an entry has reserved bits set";
	case -ENXIO:
		return "a page table does not lie in RAM";
	default:
		return "unexpected result";
	}
}

static unsigned int step_count(const struct hadal_translation *out)
{
	return out->step_count < 5 ? out->step_count : 5;
}

static void print_text(uint64_t address, const struct hadal_translation *out)
{
	char rights[5];

	printf("level  entry at          entry             rights\n");
	for (unsigned int i = 0; i < step_count(out); i++)
		printf("%-5u  %016" PRIx64 "  %016" PRIx64 "  %s\n", out->step[i].level,
		       out->step[i].entry_address, out->step[i].entry,
		       rights_text(out->step[i].rights, rights));
	if (!out->result)
		printf("%#" PRIx64 " is at physical %#" PRIx64 " (page of %s, %s)\n", address,
		       out->physical, size_text(out->page_bytes), rights_text(out->rights, rights));
}

static void print_json(uint64_t address, const struct hadal_translation *out)
{
	struct json_object *object = json_object_new_object();
	struct json_object *steps = json_object_new_array();
	char rights[5];

	for (unsigned int i = 0; i < step_count(out); i++) {
		struct json_object *step = json_object_new_object();

		json_object_object_add(step, "level", json_object_new_int64(out->step[i].level));
		cli_json_hex(step, "entry_address", out->step[i].entry_address);
		cli_json_hex(step, "entry", out->step[i].entry);
		json_object_object_add(
			step, "rights",
			json_object_new_string(rights_text(out->step[i].rights, rights)));
		json_object_array_add(steps, step);
	}
	cli_json_hex(object, "address", address);
	json_object_object_add(object, "translated", json_object_new_boolean(!out->result));
	if (!out->result) {
		cli_json_hex(object, "physical", out->physical);
		json_object_object_add(object, "page_bytes",
				       json_object_new_uint64(out->page_bytes));
		json_object_object_add(object, "rights",
				       json_object_new_string(rights_text(out->rights, rights)));
	}
	json_object_object_add(object, "levels", json_object_new_int64(out->levels));
	json_object_object_add(object, "steps", steps);
	cli_print_json(object);
}

/* Without page tables that were named, this process's own are walked. */
static int translate(struct cli_target *target, uint64_t address, struct hadal_translation *out,
		     struct hadal_error *error)
{
	if (!target->space)
		return hadal_translate(target->kernel.source.hadal, HADAL_ROOT_CURRENT, address, 0,
				       out, error);
	hadal_space_translate(target->space, address, out);
	return 0;
}

static int run(void *data)
{
	struct options *options = data;
	struct hadal_translation out = {0};
	struct cli_target target;
	struct hadal_error error;
	uint64_t address;
	int result;

	cli_address_space(&options->where, options->address, CLI_SPACE_DEFAULT);
	if (!cli_target_open(&target, &options->where, cli_address_is_symbol(options->address)))
		return CLI_FAILURE;
	result = cli_address(&target, &options->where, options->address, &address, &error);
	if (!result)
		result = translate(&target, address, &out, &error);
	cli_target_close(&target);
	if (result)
		return cli_fail(&error);
	if (options->where.json)
		print_json(address, &out);
	else
		print_text(address, &out);
	if (!out.result)
		return CLI_OK;
	hadal_fail(&error, -out.result, "%#" PRIx64 " does not translate: %s", address,
		   reason(out.result));
	return cli_fail(&error);
}

static const char *check(void *data)
{
	const struct options *options = data;

	if (options->where.space == CLI_SPACE_PHYSICAL)
		return "a physical address has no translation";
	if (options->where.image && options->where.space == CLI_SPACE_DEFAULT &&
	    !cli_address_is_symbol(options->address))
		return "with --image, say whose address it is: --kernel, --pid or --root";
	return NULL;
}

static const struct cli_argument arguments[] = {CLI_ARGUMENT("ADDRESS", CLI_TEXT, address), {0}};

const struct cli_command command_translate = {
	.name = "translate",
	.group = CLI_GROUP_MEMORY,
	.summary = "walk the page tables for an address",
	.about = "Translate a virtual address, showing every page-table entry on the way with "
		 "the rights it gives: r read, w write, x execute, u from user mode.",
	.more = "Exit status 1 when the address does not translate.",
	.arguments = arguments,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
