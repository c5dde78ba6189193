// SPDX-License-Identifier: MIT
/* The command line of a process, from its own memory. */
#include "process/arguments.h"

#include "walk/plan.h"

enum need { START, END, NEEDS };

static const struct hadal_need needs[NEEDS] = {
	[START] = {HADAL_MEMBER("mm_struct", "arg_start")},
	[END] = {HADAL_MEMBER("mm_struct", "arg_end")},
};

int hadal_arguments_open(struct hadal_arguments *arguments, struct hadal_kernel *kernel,
			 struct hadal_error *error)
{
	struct hadal_plan plan;
	int result = hadal_plan_open(&plan, kernel, needs, NEEDS, error);

	if (!result)
		*arguments = (struct hadal_arguments){kernel, plan.fields[START], plan.fields[END]};
	hadal_plan_close(&plan);
	return result;
}

size_t hadal_arguments_of(struct hadal_arguments *arguments, const struct hadal_process *process,
			  char *text, size_t size)
{
	struct hadal_space *kernel = hadal_kernel_space(arguments->kernel), space;
	uint64_t start = hadal_field_read(kernel, &arguments->start, process->mm);
	uint64_t end = hadal_field_read(kernel, &arguments->end, process->mm);
	ssize_t got = 0;
	size_t len;

	*text = '\0';
	if (!process->page_table || end <= start)
		return 0;
	hadal_space_init(&space, kernel->cache, process->page_table, kernel->levels);
	got = hadal_space_read(&space, start, text, end - start < size ? end - start : size - 1);
	len = got > 0 ? got : 0;
	/* Each ends with a zero byte; the last one's is none between two. */
	while (len && !text[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = ' ';
	text[len] = '\0';
	return len;
}
