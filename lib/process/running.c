// SPDX-License-Identifier: MIT
/* The tasks that CPUs execute at this moment. */
#include "process/running.h"

#include "walk/plan.h"

/* The largest NR_CPUS that Linux can be built with. */
#define CPUS_MAX 8192u

enum need { QUEUES, OFFSETS, CPU_COUNT, CURRENT, NEEDS };

static const struct hadal_need needs[NEEDS] = {
	[QUEUES] = {HADAL_SYMBOL("runqueues")},
	[OFFSETS] = {HADAL_SYMBOL("__per_cpu_offset")},
	[CPU_COUNT] = {HADAL_SYMBOL("nr_cpu_ids")},
	[CURRENT] = {HADAL_MEMBER("rq", "curr")},
};

static int visit_all(const struct hadal_plan *plan, hadal_running_visit visit, void *ctx)
{
	uint32_t count;
	int result = 0;

	if (hadal_space_read_u32(plan->space, plan->symbols[CPU_COUNT], &count) || count > CPUS_MAX)
		return 0;
	for (uint32_t cpu = 0; cpu < count && !result; cpu++) {
		uint64_t offset, task;

		if (hadal_space_read_u64(plan->space, plan->symbols[OFFSETS] + cpu * sizeof(offset),
					 &offset))
			continue;
		task = hadal_plan_read(plan, CURRENT, plan->symbols[QUEUES] + offset);
		if (task)
			result = visit(ctx, cpu, task);
	}
	return result;
}

int hadal_running(struct hadal_kernel *kernel, hadal_running_visit visit, void *ctx)
{
	struct hadal_plan plan;
	int result = 0;

	if (!hadal_plan_open(&plan, kernel, needs, NEEDS, NULL))
		result = visit_all(&plan, visit, ctx);
	hadal_plan_close(&plan);
	return result;
}
