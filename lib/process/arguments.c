// SPDX-License-Identifier: MIT
/* The command line of a process, from its own memory. */
#include "process/arguments.h"

#include <errno.h>
#include <stdlib.h>

#include "walk/plan.h"

/* The kernel lets a program have 6 MiB of arguments and environment at most. */
#define ARGUMENTS_MAX (6u << 20)

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

/* Reads at most size bytes of them; their number is in *all. Returns the bytes read. */
static size_t read_arguments(struct hadal_arguments *arguments, const struct hadal_process *process,
			     char *text, size_t size, uint64_t *all)
{
	struct hadal_space *kernel = hadal_kernel_space(arguments->kernel), space;
	uint64_t start = hadal_field_read(kernel, &arguments->start, process->mm);
	uint64_t end = hadal_field_read(kernel, &arguments->end, process->mm);
	ssize_t got;

	*all = process->page_table && end > start ? end - start : 0;
	if (!*all || !size)
		return 0;
	hadal_space_init(&space, kernel->cache, process->page_table, kernel->levels);
	got = hadal_space_read(&space, start, text, *all < size ? *all : size);
	return got > 0 ? got : 0;
}

size_t hadal_arguments_of(struct hadal_arguments *arguments, const struct hadal_process *process,
			  char *text, size_t size)
{
	uint64_t all;
	size_t len = read_arguments(arguments, process, text, size - 1, &all);

	/* Each ends with a zero byte; the last one's is none between two. */
	while (len && !text[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = ' ';
	text[len] = '\0';
	return len;
}

ssize_t hadal_arguments_all(struct hadal_arguments *arguments, const struct hadal_process *process,
			    char **text)
{
	uint64_t all;
	size_t len;

	*text = NULL;
	read_arguments(arguments, process, NULL, 0, &all);
	if (!all)
		return 0;
	*text = malloc((all < ARGUMENTS_MAX ? all : ARGUMENTS_MAX) + 1);
	if (!*text)
		return -ENOMEM;
	len = read_arguments(arguments, process, *text, ARGUMENTS_MAX, &all);
	if (len && (*text)[len - 1])
		(*text)[len++] = '\0';
	if (!len) {
		free(*text);
		*text = NULL;
	}
	return len;
}
