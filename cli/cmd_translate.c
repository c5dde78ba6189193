// SPDX-License-Identifier: MIT
/* hadal translate */
#include "record.h"
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

/* An address and where it leads. */
struct row {
	uint64_t address;
	const uint64_t *physical, *page_bytes; /* NULL, as the rights: nowhere */
	const char *rights;
	bool translated;
	uint32_t levels;
	const struct hadal_translation *out;
};

static void print_text(const void *record, void *ctx)
{
	const struct row *row = record;
	const struct hadal_translation *out = row->out;
	char rights[5];

	(void)ctx;
	printf("level  entry at          entry             rights\n");
	for (unsigned int i = 0; i < step_count(out); i++)
		printf("%-5u  %016" PRIx64 "  %016" PRIx64 "  %s\n", out->step[i].level,
		       out->step[i].entry_address, out->step[i].entry,
		       rights_text(out->step[i].rights, rights));
	if (row->translated)
		printf("%#" PRIx64 " is at physical %#" PRIx64 " (page of %s, %s)\n", row->address,
		       out->physical, size_text(out->page_bytes), row->rights);
}

static struct json_object *json_steps(const void *record, void *ctx)
{
	const struct hadal_translation *out = ((const struct row *)record)->out;
	struct json_object *steps = json_object_new_array();
	char rights[5];

	(void)ctx;
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
	return steps;
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"address", NULL, 18, CLI_COLUMN_HEX, AT(address), "the virtual address"},
	{"translated", NULL, 3, CLI_COLUMN_BOOL, AT(translated), "it leads to a physical address"},
	{"physical", NULL, 18, CLI_COLUMN_HEX_MAYBE, AT(physical), "that address"},
	{"page_bytes", NULL, 10, CLI_COLUMN_U64_MAYBE, AT(page_bytes), "size of the page"},
	{"rights", NULL, 4, CLI_COLUMN_STRING, AT(rights),
	 "of the page: `r`, `w`, `x`, `u` from user mode, or `-`"},
	{"levels", NULL, 1, CLI_COLUMN_U32, AT(levels), "of the page tables: 4 or 5"},
	{"steps", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_steps,
	 "array of objects, the highest level first: `level`, `entry_address` (physical), `entry`, "
	 "`rights` so far"},
	{0},
};

static const struct cli_record_kind kind = {
	.name = "translation", .columns = columns, .print = print_text};

static void print_translation(const struct options *options, uint64_t address,
			      const struct hadal_translation *out)
{
	char rights[5];
	struct row row = {
		.address = address, .translated = !out->result, .levels = out->levels, .out = out};

	if (row.translated) {
		row.physical = &out->physical;
		row.page_bytes = &out->page_bytes;
		row.rights = rights_text(out->rights, rights);
	}
	cli_print_one(&kind, &options->where, &row, NULL);
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

static int translate_one(struct cli_target *target, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct hadal_translation out = {0};
	uint64_t address;
	int result = cli_address(target, &options->where, options->address, &address, error);

	if (!result)
		result = translate(target, address, &out, error);
	if (result)
		return result;
	print_translation(options, address, &out);
	return out.result ? hadal_fail(error, -out.result, "%#" PRIx64 " does not translate: %s",
				       address, reason(out.result))
			  : 0;
}

static int run(void *data)
{
	struct options *options = data;

	cli_address_space(&options->where, options->address, CLI_SPACE_DEFAULT);
	return cli_target_run(&options->where, cli_address_is_symbol(options->address),
			      translate_one, options);
}

static const char *check(void *data)
{
	const struct options *options = data;

	if (options->where.space == CLI_SPACE_PHYSICAL)
		return "--physical does not fit: a physical address is not translated";
	if (options->where.image && options->where.space == CLI_SPACE_DEFAULT &&
	    !cli_address_is_symbol(options->address))
		return "--image needs --kernel, --pid or --root";
	return NULL;
}

static const struct cli_argument arguments[] = {CLI_ARGUMENT("ADDRESS", CLI_TEXT, address), {0}};

const struct cli_command command_translate = {
	.name = "translate",
	.group = CLI_GROUP_MEMORY,
	.summary = "walk the page tables for an address",
	.about = "Translate a virtual address, showing every page-table entry on the way with "
		 "the rights it gives: r read, w write, x execute, u from user mode.",
	.more = "The exit status is 1 when the address does not translate.",
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
