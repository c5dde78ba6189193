// SPDX-License-Identifier: MIT
/* The running system as a source of memory for lib/kernel. */
#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source {
	struct hadal *hadal;
	struct hadal_info info;
	struct hadal_window *window; /* NULL: every read is a call */
};

static ssize_t source_read(void *context, uint64_t address, void *buffer, size_t length)
{
	struct source *source = context;
	size_t done;
	int result = hadal_read(source->hadal, address, buffer, length, 0, &done, NULL);

	return done ? (ssize_t)done : result;
}

static const void *source_at(void *context, uint64_t address, uint64_t *length)
{
	struct source *source = context;

	return hadal_window_at(source->window, address, length);
}

static ssize_t source_copy(void *context, uint64_t address, void *buffer, size_t length)
{
	uint64_t mapped;
	const void *from = source_at(context, address, &mapped);

	if (!from)
		return -ENXIO;
	if (length > mapped)
		length = mapped;
	memcpy(buffer, from, length);
	return length;
}

static void source_close(void *context)
{
	struct source *source = context;

	hadal_window_close(source->window);
	free(source);
}

int hadal_device_memory(struct hadal *hadal, struct hadal_memory *memory, struct hadal_error *error)
{
	struct source *source = calloc(1, sizeof(*source));
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
		.close = source_close,
		.ctx = source,
		.ranges = source->info.ram,
		.range_count = source->info.ram_count,
	};
	if (!hadal_window_open(hadal, &source->window, NULL)) {
		memory->read = source_copy;
		memory->at = source_at;
	}
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
