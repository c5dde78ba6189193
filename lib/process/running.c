// SPDX-License-Identifier: MIT
#include "process/running.h"

#include "walk/object.h"

/* The largest NR_CPUS that Linux can be built with. */
#define CPUS_MAX 8192u

enum symbol { QUEUES, OFFSETS, CPU_COUNT, SYMBOLS };

int hadal_running(struct hadal_kernel *kernel, hadal_running_visit visit, void *ctx)
{
	static const struct hadal_field_request request = {"rq", {"curr"}, false};
	struct hadal_lookup found[SYMBOLS] = {
		[QUEUES] = {.name = "runqueues"},
		[OFFSETS] = {.name = "__per_cpu_offset"},
		[CPU_COUNT] = {.name = "nr_cpu_ids"},
	};
	struct hadal_space *space = hadal_kernel_space(kernel);
	struct hadal_field current;
	uint32_t count;
	int result = 0;

	if (hadal_kernel_lookup(kernel, found, SYMBOLS, NULL) ||
	    hadal_kernel_fields(kernel, &request, 1, &current, NULL) ||
	    hadal_space_read_u32(space, found[CPU_COUNT].address, &count) || count > CPUS_MAX)
		return 0;
	for (uint32_t cpu = 0; cpu < count && !result; cpu++) {
		uint64_t offset, task;

		if (hadal_space_read_u64(space, found[OFFSETS].address + cpu * sizeof(offset),
					 &offset))
			continue;
		task = hadal_field_read(space, &current, found[QUEUES].address + offset);
		if (task)
			result = visit(ctx, task);
	}
	return result;
}
