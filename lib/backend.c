// SPDX-License-Identifier: MIT
/* The running system as a source of memory for lib/kernel. */
#include "hadal.h"

#include <errno.h>
#include <stdlib.h>

struct source {
	struct hadal *hadal;
	struct hadal_info info;
};

static ssize_t source_read(void *context, uint64_t address, void *buffer, size_t length)
{
	struct source *source = context;
	size_t done;
	int result = hadal_read(source->hadal, address, buffer, length, 0, &done, NULL);

	return done ? (ssize_t)done : result;
}

int hadal_device_memory(struct hadal *hadal, struct hadal_memory *memory, struct hadal_error *error)
{
	struct source *source = malloc(sizeof(*source));
	int result;

	if (!source)
		return hadal_fail(error, ENOMEM, "Out of memory");
	source->hadal = hadal;
	result = hadal_info(hadal, &source->info, error);
	if (result) {
		free(source);
		return result;
	}
	*memory = (struct hadal_memory){
		.read = source_read,
		.close = free,
		.ctx = source,
		.ranges = source->info.ram,
		.range_count = source->info.ram_count,
	};
	return 0;
}

int hadal_device_traces(struct hadal *hadal, unsigned int cpu, struct hadal_traces *traces,
			struct hadal_error *error)
{
	struct hadal_regs regs;
	int result = hadal_regs(hadal, cpu, &regs, error);

	if (result)
		return result;
	*traces = (struct hadal_traces){
		.cr3 = regs.cr3,
		.cr4 = regs.cr4,
		.lstar = regs.lstar,
		.idt_base = regs.idtr_base,
	};
	return 0;
}
