// SPDX-License-Identifier: MIT
/* hadal regs */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "parse.h"
#include "parse_registers.h"
#include "record.h"

/* Far longer than it takes. */
#define PAUSE_MS 1000

#define CPU_ALL UINT64_MAX

struct options {
	uint64_t cpu; /* CPU_ALL: all */
	struct cli_where where;
	const char *set; /* what to set, or NULL */
};

static struct json_object *json_segment(const struct hadal_segment *segment)
{
	struct json_object *object = json_object_new_object();

	cli_json_hex(object, "selector", segment->selector);
	cli_json_hex(object, "base", segment->base);
	cli_json_hex(object, "limit", segment->limit);
	cli_json_hex(object, "attributes", segment->attributes);
	return object;
}

#define JSON_SEGMENT(name)                                                       \
	static struct json_object *json_##name(const void *record, void *ctx)    \
	{                                                                        \
		(void)ctx;                                                       \
		return json_segment(&((const struct hadal_regs *)record)->name); \
	}

#define JSON_TABLE(name)                                                      \
	static struct json_object *json_##name(const void *record, void *ctx) \
	{                                                                     \
		const struct hadal_regs *regs = record;                       \
		struct json_object *object = json_object_new_object();        \
                                                                              \
		(void)ctx;                                                    \
		cli_json_hex(object, "base", regs->name##_base);              \
		cli_json_hex(object, "limit", regs->name##_limit);            \
		return object;                                                \
	}

#define SEGMENT_JSON(NAME, member, ...) JSON_SEGMENT(member)
HADAL_SEGMENT_REGISTERS(SEGMENT_JSON)
JSON_TABLE(gdtr)
JSON_TABLE(idtr)

#define AT(member)                     offsetof(struct hadal_regs, member), NULL, NULL
#define WORD(NAME, member, type, text) {text, NULL, 18, CLI_COLUMN_HEX, AT(member), "the register"},
#define PARTS(name, about)             {#name, NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_##name, about},
#define SEGMENT(NAME, member, ...) \
	PARTS(member, "object: `selector`, `base`, `limit`, `attributes`")

static const struct cli_column columns[] = {
	{"cpu", NULL, 4, CLI_COLUMN_U32, AT(cpu), "number of the CPU"},
	{"apic_id", NULL, 7, CLI_COLUMN_U32, AT(apic_id), "of its local APIC"},
	/* clang-format off */
	HADAL_GENERAL_REGISTERS(WORD, WORD)
	HADAL_SPECIAL_REGISTERS(WORD)
	HADAL_SEGMENT_REGISTERS(SEGMENT)
	PARTS(gdtr, "object: `base`, `limit`")
	PARTS(idtr, "object: `base`, `limit`")
	HADAL_MODEL_REGISTERS(WORD)
	/* clang-format on */
	{0},
};

/* Names that are longer stand on a line of their own. */
#define NAME_WIDTH 7
#define LONG_WIDTH 12
#define IN_A_LINE  3

static void print_words(const struct hadal_regs *regs)
{
	unsigned int in_line = 0;

	for (const struct cli_column *column = columns; column->name; column++) {
		bool is_long = strlen(column->name) > NAME_WIDTH;

		if (column->kind != CLI_COLUMN_HEX)
			continue;
		if (in_line)
			fputs(is_long || in_line == IN_A_LINE ? "\n" : "  ", stdout);
		in_line = is_long ? IN_A_LINE : in_line % IN_A_LINE + 1;
		printf("%-*s %016" PRIx64, is_long ? LONG_WIDTH : NAME_WIDTH, column->name,
		       *(const uint64_t *)((const char *)regs + column->at));
	}
	putchar('\n');
}

static void print_segments(const struct hadal_regs *regs)
{
	for (unsigned int reg = HADAL_REG_ES; reg <= HADAL_REG_TR; reg++) {
		const struct hadal_segment *segment = &regs->es + (reg - HADAL_REG_ES);

		printf("%-5s %04x   %016" PRIx64 "  limit %08x  attributes %03x\n",
		       hadal_reg_name(reg), segment->selector, segment->base, segment->limit,
		       segment->attributes);
	}
}

static void print_text(const void *record, void *ctx)
{
	const struct hadal_regs *regs = record;

	(void)ctx;
	printf("CPU %u (APIC id %u)\n", regs->cpu, regs->apic_id);
	print_words(regs);
	printf("gdtr         %016" PRIx64 "  limit %04x\n", regs->gdtr_base, regs->gdtr_limit);
	printf("idtr         %016" PRIx64 "  limit %04x\n", regs->idtr_base, regs->idtr_limit);
	print_segments(regs);
}

static const struct cli_record_kind kind = {.name = "CPU", .columns = columns, .print = print_text};

static const char *set_cpu(void *data, const char *text)
{
	struct options *options = data;

	options->cpu = CPU_ALL;
	if (!strcmp(text, "all"))
		return NULL;
	return parse_number(text, &options->cpu) || options->cpu >= HADAL_MAX_CPUS
		       ? "the number of a CPU, or all"
		       : NULL;
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->cpu = CPU_ALL;
}

static const char *check(void *data)
{
	const struct options *options = data;

	static struct hadal_error error;
	struct hadal_set_regs set = {.mask = 0};

	if (!options->set)
		return NULL;
	if (options->cpu == CPU_ALL)
		return "--set needs --cpu with the number of one CPU";
	if (options->where.json || options->where.columns)
		return options->where.json ? "--set and --json exclude each other"
					   : "--set and --columns exclude each other";
	return parse_registers(options->set, &set, &error) ? error.text : NULL;
}

static int show_cpu(struct hadal *hadal, unsigned int cpu, struct cli_printer *printer,
		    struct hadal_error *error)
{
	struct hadal_regs regs;
	int result = hadal_regs(hadal, cpu, &regs, error);

	if (!result)
		cli_printer_print(printer, &regs);
	return result;
}

static int show_all(struct hadal *hadal, const struct cli_where *where, struct hadal_error *error)
{
	struct cli_printer printer;
	struct hadal_info info;
	bool first = true;
	int result = hadal_info(hadal, &info, error);

	if (result)
		return result;
	cli_printer_begin(&printer, &kind, where, NULL, NULL);
	for (unsigned int cpu = 0; cpu < info.cpu_count; cpu++) {
		if (!first && !where->json && !where->columns)
			putchar('\n');
		result = show_cpu(hadal, cpu, &printer, error);
		if (result && result != -ENXIO) /* an offline CPU is no error */
			return result;
		first = result && first;
	}
	return 0;
}

static int set_registers(struct hadal *hadal, unsigned int cpu, const char *text,
			 struct hadal_error *error)
{
	struct hadal_set_regs set = {.mask = 0};
	int result = cli_leave_cpu(cpu, error);

	if (!result)
		result = hadal_pause(hadal, cpu, PAUSE_MS, error);
	if (result)
		return result;
	result = hadal_regs(hadal, cpu, &set.values, error);
	if (!result)
		result = parse_registers(text, &set, error);
	if (!result)
		result = hadal_set_regs(hadal, cpu, &set, error);
	hadal_resume(hadal, cpu, NULL);
	return result;
}

static int show_or_set(struct hadal *hadal, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct cli_printer printer;

	if (options->set)
		return set_registers(hadal, options->cpu, options->set, error);
	if (options->cpu == CPU_ALL)
		return show_all(hadal, &options->where, error);
	cli_printer_begin(&printer, &kind, &options->where, NULL, NULL);
	return show_cpu(hadal, options->cpu, &printer, error);
}

static int run(void *data)
{
	return cli_device_run(show_or_set, data);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_SET_OF('c', "cpu", "CPU", "The number of a CPU, or all (default)", set_cpu,
			  "all"),
	CLI_OPTION_TEXT('s', "set", "NAME=VALUE,...",
			"Pause the CPU, set these registers, all of them or none, and let it go on",
			set),
	{0},
};

const struct cli_command command_regs = {
	.name = "regs",
	.group = CLI_GROUP_MEMORY,
	.summary = "print the registers of CPUs",
	.about =
		"Print the registers of CPUs at the moment of asking. Each CPU is stopped for that "
		"and goes on at once.",
	.more = "The attributes of a segment are the access byte of its descriptor and, above it, "
		"the four flags. --set takes the names that are printed, also in capitals; of what "
		"has several parts, the name of one, such as fs.base, cs.selector or gdtr.limit.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
