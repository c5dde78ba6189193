// SPDX-License-Identifier: MIT
/* hadal regs */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "parse.h"
#include "parse_registers.h"

/* Far longer than it takes. */
#define PAUSE_MS 1000

#define REG(name)                                        \
	{                                                \
#name, offsetof(struct hadal_regs, name) \
	}

/* 64-bit registers in the order they are printed, three in a line; NULL ends a line early. */
static const struct {
	const char *name;
	size_t offset;
} registers[] = {
	REG(rax),          REG(rbx),
	REG(rcx),          REG(rdx),
	REG(rsi),          REG(rdi),
	REG(rbp),          REG(rsp),
	REG(r8),           REG(r9),
	REG(r10),          REG(r11),
	REG(r12),          REG(r13),
	REG(r14),          REG(r15),
	REG(rip),          REG(rflags),
	REG(cr0),          REG(cr2),
	REG(cr3),          REG(cr4),
	REG(cr8),          REG(xcr0),
	REG(dr0),          REG(dr1),
	REG(dr2),          REG(dr3),
	REG(dr6),          REG(dr7),
	REG(efer),         REG(star),
	REG(lstar),        REG(cstar),
	REG(sfmask),       REG(pat),
	REG(tsc_aux),      {"kgsbase", offsetof(struct hadal_regs, kernel_gs_base)},
	REG(sysenter_cs),  REG(sysenter_esp),
	REG(sysenter_eip),
};

static const struct {
	const char *name;
	size_t offset;
} segments[] = {REG(cs), REG(ss), REG(ds), REG(es), REG(fs), REG(gs), REG(ldtr), REG(tr)};

#define CPU_ALL UINT64_MAX

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct options {
	uint64_t cpu; /* CPU_ALL: all */
	struct cli_where where;
	const char *set; /* what to set, or NULL */
};

static uint64_t value_at(const struct hadal_regs *regs, size_t offset)
{
	return *(const uint64_t *)((const char *)regs + offset);
}

static const struct hadal_segment *segment_at(const struct hadal_regs *regs, size_t offset)
{
	return (const struct hadal_segment *)((const char *)regs + offset);
}

static void print_text(const struct hadal_regs *regs)
{
	printf("CPU %u (APIC id %u)\n", regs->cpu, regs->apic_id);
	for (size_t i = 0; i < COUNT(registers); i++) {
		int width = i >= COUNT(registers) - 3 ? 12 : 7;

		printf("%-*s %016" PRIx64 "%s", width, registers[i].name,
		       value_at(regs, registers[i].offset),
		       width == 12 || i % 3 == 2 || i == COUNT(registers) - 4 ? "\n" : "  ");
	}
	printf("gdtr         %016" PRIx64 "  limit %04x\n", regs->gdtr_base, regs->gdtr_limit);
	printf("idtr         %016" PRIx64 "  limit %04x\n", regs->idtr_base, regs->idtr_limit);
	for (size_t i = 0; i < COUNT(segments); i++) {
		const struct hadal_segment *segment = segment_at(regs, segments[i].offset);

		printf("%-5s %04x   %016" PRIx64 "  limit %08x  attributes %03x\n",
		       segments[i].name, segment->selector, segment->base, segment->limit,
		       segment->attributes);
	}
}

static struct json_object *segment_json(const struct hadal_segment *segment)
{
	struct json_object *object = json_object_new_object();

	cli_json_hex(object, "selector", segment->selector);
	cli_json_hex(object, "base", segment->base);
	cli_json_hex(object, "limit", segment->limit);
	cli_json_hex(object, "attributes", segment->attributes);
	return object;
}

static struct json_object *table_json(uint64_t base, uint32_t limit)
{
	struct json_object *object = json_object_new_object();

	cli_json_hex(object, "base", base);
	cli_json_hex(object, "limit", limit);
	return object;
}

static struct json_object *regs_json(const struct hadal_regs *regs)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "cpu", json_object_new_int64(regs->cpu));
	json_object_object_add(object, "apic_id", json_object_new_int64(regs->apic_id));
	for (size_t i = 0; i < COUNT(registers); i++)
		cli_json_hex(object, registers[i].name, value_at(regs, registers[i].offset));
	json_object_object_add(object, "gdtr", table_json(regs->gdtr_base, regs->gdtr_limit));
	json_object_object_add(object, "idtr", table_json(regs->idtr_base, regs->idtr_limit));
	for (size_t i = 0; i < COUNT(segments); i++)
		json_object_object_add(object, segments[i].name,
				       segment_json(segment_at(regs, segments[i].offset)));
	return object;
}

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

	if (options->set && (options->cpu == CPU_ALL || options->where.json))
		return "--set wants one CPU, and prints nothing";
	return NULL;
}

/* Returns 0, or a negative errno with *error filled. */
static int show_cpu(struct hadal *hadal, unsigned int cpu, bool json, struct hadal_error *error)
{
	struct hadal_regs regs;
	int result = hadal_regs(hadal, cpu, &regs, error);

	if (result)
		return result;
	if (json)
		cli_print_json(regs_json(&regs));
	else
		print_text(&regs);
	return 0;
}

static int show_all(struct hadal *hadal, unsigned int count, bool json, struct hadal_error *error)
{
	bool first = true;

	for (unsigned int cpu = 0; cpu < count; cpu++) {
		int result;

		if (!first && !json)
			putchar('\n');
		result = show_cpu(hadal, cpu, json, error);
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

static int run(void *data)
{
	struct options *options = data;
	struct hadal_error error;
	struct hadal_info info;
	struct hadal *hadal;
	int result;

	hadal = cli_open_running(&info);
	if (!hadal)
		return CLI_FAILURE;
	if (options->set) {
		result = set_registers(hadal, options->cpu, options->set, &error);
		hadal_close(hadal);
		return result ? cli_fail(&error) : CLI_OK;
	}
	result = options->cpu == CPU_ALL
			 ? show_all(hadal, info.cpu_count, options->where.json, &error)
			 : show_cpu(hadal, options->cpu, options->where.json, &error);
	hadal_close(hadal);
	return result ? cli_fail(&error) : CLI_OK;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_SET('c', "cpu", "CPU", "A CPU's number, or 'all' (default)", set_cpu),
	CLI_OPTION_TEXT('s', "set", "NAME=VALUE,...",
			"Pause the CPU, set these registers, all or none, and let it go on", set),
	{0},
};

const struct cli_command command_regs = {
	.name = "regs",
	.group = CLI_GROUP_MEMORY,
	.summary = "print the registers of CPUs",
	.about = "Print the registers of CPUs at the moment of asking: each is stopped for it "
		 "and goes on at once.",
	.more = "Attributes of a segment are the access byte of its descriptor and, above "
		"it, the four flags. --set takes the names that are printed, in capitals "
		"too, and with their part where there are several: fs.base, cs.selector, "
		"gdtr.limit.",
	.options = options_table,
	.takes = CLI_TAKES_JSON,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
