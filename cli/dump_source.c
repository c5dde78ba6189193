// SPDX-License-Identifier: MIT
/* Memory of this system, or an image, in the layout of a dump. */
#include "dump_source.h"
#include "kernel/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The registers of all CPUs that run, at about the same moment. */
static size_t read_registers(const struct cli_memory *memory, struct hadal_regs *regs)
{
	size_t count = 0;

	for (unsigned int cpu = 0; cpu < memory->cpu_count; cpu++)
		if (!hadal_regs(memory->hadal, cpu, &regs[count], NULL))
			count++;
	return count;
}

static void describe_kernel(struct hadal_kernel *kernel, struct hadal_elf_contents *contents)
{
	struct hadal_layout layout;

	if (hadal_kernel_layout(kernel, &layout))
		fprintf(stderr, "hadal: The kernel's mapping of all RAM was not found; gdb will "
				"know the addresses of the kernel's image only\n");
	contents->vmcoreinfo = hadal_kernel_vmcoreinfo(kernel);
	contents->direct_map = layout.direct_map;
	contents->text = layout.text;
	contents->text_physical = layout.text_physical;
	contents->text_size = layout.text_size;
	if (!*contents->vmcoreinfo)
		fprintf(stderr, "hadal: The kernel has no VMCOREINFO; crash and drgn may not "
				"accept the core\n");
}

static int make_elf(struct dump_source *source, struct hadal_view **view)
{
	struct cli_memory *memory = &source->memory;
	struct hadal_regs *regs = calloc(memory->cpu_count + 1, sizeof(*regs));
	struct hadal_elf_contents contents = {.regs = regs};
	struct hadal_error error;
	int result;

	if (!regs)
		return -ENOMEM;
	contents.regs_count = read_registers(memory, regs);
	source->kernel = hadal_machine_kernel(memory->machine, &error);
	if (source->kernel)
		describe_kernel(source->kernel, &contents);
	else
		fprintf(stderr, "hadal: %s. The core has its memory only\n", error.text);
	result = hadal_view_elf(memory->memory, &contents, view);
	free(regs);
	return result;
}

bool dump_source_open(struct dump_source *source, const char *image)
{
	source->kernel = NULL;
	return cli_memory_open(&source->memory, image);
}

void dump_source_close(struct dump_source *source)
{
	cli_memory_close(&source->memory);
}

struct hadal_view *dump_source_view(struct dump_source *source, enum dump_format format)
{
	struct hadal_view *view = NULL;
	struct hadal_error error;
	int result;

	if (format == DUMP_LIME)
		result = hadal_view_lime(source->memory.memory, &view);
	else if (format == DUMP_RAW)
		result = hadal_view_raw(source->memory.memory, &view);
	else
		result = make_elf(source, &view);
	if (!result)
		return view;
	hadal_fail(&error, ENOMEM, "Out of memory");
	cli_fail(&error);
	return NULL;
}
