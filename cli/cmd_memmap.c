// SPDX-License-Identifier: MIT
/* hadal memmap */
#include "dump/sink.h"
#include "kernel.h"
#include "memmap/svg.h"
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct options {
	struct cli_where where;
	const char *svg;
	int only;            /* enum hadal_memmap_source + 1; 0: all side by side */
	struct hadal *hadal; /* NULL for an image */
	struct hadal_range *own;
	size_t own_count;
};

/* A row as it is printed: of all sources, or one range of a source by itself. */
struct line {
	const struct hadal_memmap *map;
	const struct hadal_memmap_row *row;
	uint64_t start, last, bytes;
};

/* Names of the sources that call it RAM, or of those that do not. */
static void list_sources(const struct line *line, bool ram, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < HADAL_MEMMAP_SOURCES; i++)
		if (hadal_memmap_tells_ram(line->map, line->row, i) &&
		    hadal_memmap_is_ram(line->row, i) == ram)
			used += snprintf(text + used, size - used, "%s%s", used ? " " : "",
					 hadal_memmap_source_name(i));
}

static bool mark_text(const struct line *line, unsigned int mark, char *text, size_t size)
{
	char to[64], not_to[64];

	switch (hadal_memmap_marks(line->map, line->row) & mark) {
	case HADAL_MEMMAP_MARK_RAM:
		list_sources(line, true, to, sizeof(to));
		list_sources(line, false, not_to, sizeof(not_to));
		snprintf(text, size, "RAM to %s, not to %s", to, not_to);
		return true;
	case HADAL_MEMMAP_MARK_HIDDEN:
		snprintf(text, size, "hidden");
		return true;
	case HADAL_MEMMAP_MARK_RUNTIME:
		snprintf(text, size, "runtime services");
		return true;
	case HADAL_MEMMAP_MARK_CACHE:
		snprintf(text, size, "RAM not write-back");
		return true;
	}
	return false;
}

#define MARKS_END (HADAL_MEMMAP_MARK_CACHE << 1)

static bool make_marks(const void *record, void *ctx, char *text, size_t size)
{
	size_t used = 0;

	(void)ctx;
	for (unsigned int mark = 1; mark < MARKS_END; mark <<= 1) {
		char one[160];

		if (mark_text(record, mark, one, sizeof(one)))
			used += snprintf(text + used, size - used, "%s%s", used ? "; " : "", one);
	}
	return used;
}

static struct json_object *marks_json(const void *record, void *ctx)
{
	struct json_object *marks = json_object_new_array();

	(void)ctx;
	for (unsigned int mark = 1; mark < MARKS_END; mark <<= 1) {
		char one[160];

		if (mark_text(record, mark, one, sizeof(one)))
			json_object_array_add(marks, json_object_new_string(one));
	}
	return marks;
}

static bool make_name(const struct line *line, unsigned int source, char *text, size_t size)
{
	const struct hadal_memmap_range *range = line->row->in[source];

	if (range)
		snprintf(text, size, "%s", range->name);
	return range;
}

#define MAKE_NAME(function, source)                                                  \
	static bool function(const void *record, void *ctx, char *text, size_t size) \
	{                                                                            \
		(void)ctx;                                                           \
		return make_name(record, source, text, size);                        \
	}
MAKE_NAME(make_efi, HADAL_MEMMAP_EFI)
MAKE_NAME(make_efi_kernel, HADAL_MEMMAP_EFI_KERNEL)
MAKE_NAME(make_e820, HADAL_MEMMAP_E820)
MAKE_NAME(make_e820_firmware, HADAL_MEMMAP_E820_FIRMWARE)
MAKE_NAME(make_e820_kexec, HADAL_MEMMAP_E820_KEXEC)
MAKE_NAME(make_resources, HADAL_MEMMAP_RESOURCES)
MAKE_NAME(make_hadal, HADAL_MEMMAP_HADAL)
MAKE_NAME(make_mtrr, HADAL_MEMMAP_MTRR)

static bool make_attributes(const void *record, void *ctx, char *text, size_t size)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {{HADAL_EFI_UC, "UC"},
		     {HADAL_EFI_WC, "WC"},
		     {HADAL_EFI_WT, "WT"},
		     {HADAL_EFI_WB, "WB"},
		     {HADAL_EFI_RUNTIME, "RUNTIME"}};
	const struct line *line = record;
	const struct hadal_memmap_range *range = line->row->in[HADAL_MEMMAP_EFI];
	size_t used = 0;

	(void)ctx;
	if (!range)
		range = line->row->in[HADAL_MEMMAP_EFI_KERNEL];
	for (size_t i = 0; range && i < sizeof(names) / sizeof(names[0]); i++)
		if (range->attributes & names[i].bit)
			used += snprintf(text + used, size - used, "%s%s", used ? " " : "",
					 names[i].name);
	return used;
}

static bool make_depth(const void *record, void *ctx, char *text, size_t size)
{
	const struct line *line = record;
	const struct hadal_memmap_range *range = line->row->in[HADAL_MEMMAP_RESOURCES];

	(void)ctx;
	if (range)
		snprintf(text, size, "%" PRIu32, range->depth);
	return range;
}

static struct json_object *depth_json(const void *record, void *ctx)
{
	const struct line *line = record;
	const struct hadal_memmap_range *range = line->row->in[HADAL_MEMMAP_RESOURCES];

	(void)ctx;
	return range ? json_object_new_int64(range->depth) : NULL;
}

#define AT(member) offsetof(struct line, member), NULL, NULL
#define MADE(make) 0, make, NULL

static const struct cli_column columns[] = {
	{"start", "START", 18, CLI_COLUMN_HEX, AT(start), "its first byte"},
	{"last", "LAST", 18, CLI_COLUMN_HEX, AT(last), "its last byte"},
	{"bytes", NULL, 14, CLI_COLUMN_U64, AT(bytes), "its length"},
	{"efi", "EFI", -22, CLI_COLUMN_MADE, MADE(make_efi),
	 "type in the firmware's map, as it was handed to the kernel"},
	{"efi_kernel", NULL, -22, CLI_COLUMN_MADE, MADE(make_efi_kernel),
	 "type in `efi.memmap`, what the kernel keeps of that"},
	{"e820", "E820", -24, CLI_COLUMN_MADE, MADE(make_e820), "in `e820_table`"},
	{"e820_firmware", NULL, -24, CLI_COLUMN_MADE, MADE(make_e820_firmware),
	 "in `e820_table_firmware`, as in `/sys/firmware/memmap`"},
	{"e820_kexec", NULL, -24, CLI_COLUMN_MADE, MADE(make_e820_kexec),
	 "in `e820_table_kexec`, which a next kernel is given"},
	{"resources", "RESOURCE", -24, CLI_COLUMN_MADE, MADE(make_resources),
	 "the innermost resource, as in `/proc/iomem`"},
	{"hadal", "HADAL", -6, CLI_COLUMN_MADE, MADE(make_hadal),
	 "`RAM`, or `hidden`: the hypervisor's own, of which the system sees zeros; all else is "
	 "passed through"},
	{"mtrr", "MTRR", -4, CLI_COLUMN_MADE, MADE(make_mtrr),
	 "memory type: `UC`, `WC`, `WT`, `WP` or `WB`"},
	{"attributes", NULL, -16, CLI_COLUMN_MADE, MADE(make_attributes),
	 "of the firmware's map: `UC`, `WC`, `WT`, `WB`, `RUNTIME`"},
	{"depth", NULL, 5, CLI_COLUMN_JSON, 0, make_depth, depth_json,
	 "number: how many resources that one is in"},
	{"marks", "NOTE", 0, CLI_COLUMN_JSON, 0, make_marks, marks_json,
	 "array of strings: what stands out"},
	{0},
};

static const struct cli_record_kind kind = {.name = "range of addresses", .columns = columns};

/* The ranges of one source as it tells them, one a line; other columns have nothing to say. */
static void print_source(struct cli_printer *printer, const struct hadal_memmap *map,
			 unsigned int source)
{
	const struct hadal_memmap none = {0};

	for (size_t i = 0; i < map->of[source].count; i++) {
		const struct hadal_memmap_range *range = &map->of[source].items[i];
		struct hadal_memmap_row row = {0};
		const struct line line = {&none, &row, range->start, range->last,
					  range->last - range->start + 1};

		row.in[source] = range;
		cli_printer_print(printer, &line);
	}
}

/* Columns of the sources that there are not. */
static void list_hidden(const struct hadal_memmap *map, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < HADAL_MEMMAP_SOURCES; i++)
		if (!map->of[i].known)
			used += snprintf(text + used, size - used, "%s%s", used ? "," : "",
					 hadal_memmap_source_name(i));
}

/* Columns of the table of one source. */
static const char *columns_of(int only)
{
	static char names[64];

	snprintf(names, sizeof(names), "start,last,%s%s", hadal_memmap_source_name(only - 1),
		 only - 1 <= HADAL_MEMMAP_EFI_KERNEL ? ",attributes" : "");
	return names;
}

static void print_side_by_side(struct cli_printer *printer, const struct hadal_memmap *map,
			       const struct hadal_memmap_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct line line = {map, &rows[i], rows[i].start, rows[i].last,
					  rows[i].last - rows[i].start + 1};

		cli_printer_print(printer, &line);
	}
}

static int write_picture(const struct options *options, const struct hadal_memmap *map,
			 const struct hadal_memmap_row *rows, size_t count, const char *title,
			 struct hadal_error *error)
{
	struct hadal_sink *sink;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int result = out ? hadal_memmap_svg(out, map, rows, count, title) : -ENOMEM;

	if (out && fclose(out))
		result = -ENOMEM;
	if (result) {
		free(text);
		return hadal_fail(error, ENOMEM, "Out of memory");
	}
	result = hadal_sink_open(options->svg, false, size, &sink, error);
	if (!result) {
		result = hadal_sink_write(sink, text, size, error);
		if (!result)
			result = hadal_sink_commit(sink, error);
		else
			hadal_sink_abandon(sink);
	}
	free(text);
	return result;
}

static int show(const struct options *options, const struct hadal_memmap *map, const char *title,
		struct hadal_error *error)
{
	struct hadal_memmap_row *rows;
	struct cli_where where = options->where;
	struct cli_printer printer;
	char hidden[128];
	size_t count;
	int result = 0;

	if (hadal_memmap_rows(map, &rows, &count))
		return hadal_fail(error, ENOMEM, "Out of memory");
	list_hidden(map, hidden, sizeof(hidden));
	if (options->svg) {
		result = write_picture(options, map, rows, count, title, error);
	} else {
		if (options->only && !where.columns && !where.json)
			where.columns = columns_of(options->only);
		cli_printer_begin(&printer, &kind, &where, hidden, NULL);
		if (options->only)
			print_source(&printer, map, options->only - 1);
		else
			print_side_by_side(&printer, map, rows, count);
	}
	free(rows);
	return result;
}

static void warn(const struct hadal_memmap *map)
{
	for (unsigned int i = 0; i < HADAL_MEMMAP_SOURCES; i++) {
		char what[64];

		snprintf(what, sizeof(what), "ranges (%s)", hadal_memmap_source_name(i));
		cli_warn_lost(map->of[i].lost, what);
	}
}

static int read_beyond(void *ctx, uint64_t pa, void *buf, size_t len)
{
	return hadal_read(ctx, pa, buf, len, HADAL_MEM_MMIO, NULL, NULL);
}

static int look(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	const struct options *options = ctx;
	const struct hadal_memory *memory =
		hadal_page_cache_memory(hadal_kernel_space(kernel)->cache);
	struct hadal_memmap map;
	int result = hadal_memmap_read(kernel, options->hadal ? read_beyond : NULL, options->hadal,
				       &map, error);

	if (!result && !options->where.image &&
	    hadal_memmap_add_hadal(&map, memory->ranges, memory->range_count, options->own,
				   options->own_count))
		result = hadal_fail(error, ENOMEM, "Out of memory");
	if (!result && options->only && !map.of[options->only - 1].known)
		result = hadal_fail(error, ENOENT, "There is no such map here: %s",
				    hadal_memmap_source_name(options->only - 1));
	if (!result)
		result = show(options, &map, hadal_kernel_info(kernel)->release, error);
	if (!result)
		warn(&map);
	if (!result && map.efi_boot && !map.of[HADAL_MEMMAP_EFI].known)
		fputs("hadal: The firmware's map is not in this image, which has RAM alone\n",
		      stderr);
	hadal_memmap_free(&map);
	return result;
}

/* The hypervisor's own ranges. */
static int read_own(struct options *options, struct hadal_error *error)
{
	struct hadal_range range, *own;
	int result;

	for (;;) {
		result = hadal_own(options->hadal, options->own_count, &range, error);
		if (result)
			return result == -ENOENT ? 0 : result;
		own = reallocarray(options->own, options->own_count + 1, sizeof(range));
		if (!own)
			return hadal_fail(error, ENOMEM, "Out of memory");
		options->own = own;
		options->own[options->own_count++] = range;
	}
}

static int run(void *data)
{
	struct options *options = data;
	struct hadal_error error;
	int result;

	if (!options->where.image) {
		options->hadal = cli_open();
		if (!options->hadal)
			return CLI_FAILURE;
		if (read_own(options, &error)) {
			hadal_close(options->hadal);
			return cli_fail(&error);
		}
	}
	result = cli_kernel_run(options->where.image, look, options);
	free(options->own);
	hadal_close(options->hadal);
	return result;
}

static const char *check(void *data)
{
	const struct options *options = data;

	return options->svg && options->only ? "--svg and --only exclude each other" : NULL;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_WORD(
		0, "only", "SOURCE",
		"Print the ranges of one map as it has them: all (default: side by side), efi, "
		"efi_kernel, e820, e820_firmware, e820_kexec, resources, hadal or mtrr",
		only, "all|efi|efi_kernel|e820|e820_firmware|e820_kexec|resources|hadal|mtrr"),
	CLI_OPTION_TEXT(0, "svg", "FILE",
			"Write a picture of physical memory to FILE instead ('-': standard output)",
			svg),
	{0},
};

const struct cli_command command_memmap = {
	.name = "memmap",
	.group = CLI_GROUP_SYSTEM,
	.summary = "show the maps of physical memory side by side",
	.about = "Show the maps of physical memory side by side: the firmware's, the kernel's E820 "
		 "and resources, the MTRRs, and what the hypervisor shows.",
	.more = "All but what the hypervisor shows is read from the kernel's memory. NOTE tells "
		"where one map has RAM and another has none, what is hidden, what belongs to "
		"runtime services of the firmware, and RAM that is not cached as write-back. '-' "
		"stands for what does not exist, such as EFI after a boot by BIOS.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
