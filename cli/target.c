// SPDX-License-Identifier: MIT
#include "target.h"

#include <errno.h>
#include <inttypes.h>

#include "process/process.h"

enum {
	KEY_PHYSICAL = CLI_KEY_COMMAND + 0x200,
	KEY_KERNEL,
	KEY_PID,
};

static void choose(struct argp_state *state, struct cli_target *target, enum cli_target_kind kind)
{
	/* The first option takes the place of the command's default. */
	if (state->hook)
		argp_error(state, "only one of --physical, --kernel, --pid and --root is possible");
	state->hook = target;
	target->kind = kind;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct cli_target *target = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &target->view;
		return 0;
	case KEY_PHYSICAL:
		choose(state, target, CLI_TARGET_PHYSICAL);
		return 0;
	case KEY_KERNEL:
		choose(state, target, CLI_TARGET_KERNEL);
		return 0;
	case KEY_PID:
		choose(state, target, CLI_TARGET_PROCESS);
		target->pid = cli_argument(state, "PID", text);
		return 0;
	case CLI_KEY_ROOT:
		choose(state, target, CLI_TARGET_ROOT);
		target->root = cli_argument(state, "CR3", text);
		return 0;
	case CLI_KEY_LEVELS:
		target->flags = cli_levels(state, text);
		return 0;
	case ARGP_KEY_END:
		if (target->flags && target->kind != CLI_TARGET_ROOT)
			argp_error(state, "--levels goes with --root");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp target_argp = {
	.options =
		(const struct argp_option[]){
			{"physical", KEY_PHYSICAL, NULL, 0, "Addresses are physical", 0},
			{"kernel", KEY_KERNEL, NULL, 0, "Addresses are the kernel's", 0},
			{"pid", KEY_PID, "PID", 0, "Addresses are those of a process", 0},
			{"root", CLI_KEY_ROOT, "CR3", 0,
			 "Addresses are virtual under these page tables, a value of CR3", 0},
			{"levels", CLI_KEY_LEVELS, "LEVELS", 0,
			 "Levels of these page tables, 4 or 5 (default: as the system's)", 0},
			{0},
		},
	.parser = parse,
	.children = cli_view_options,
};

const struct argp_child cli_target_options[] = {{&target_argp, 0, NULL, 0}, {0}};

static unsigned levels_of_root(const struct cli_target_source *source,
			       const struct cli_target *target)
{
	const struct cli_memory *memory = &source->kernel.source;

	if (target->flags)
		return target->flags & HADAL_MEM_LA57 ? 5 : 4;
	return memory->has_traces && memory->traces.cr4 & HADAL_CR4_LA57 ? 5 : 4;
}

static int use_root(struct cli_target_source *source, uint64_t root, unsigned levels,
		    struct hadal_error *error)
{
	source->cache = hadal_page_cache_new(&source->kernel.source.memory);
	if (!source->cache)
		return hadal_fail(error, ENOMEM, "Out of memory");
	hadal_space_init(&source->own_space, source->cache, root, levels);
	source->space = &source->own_space;
	return 0;
}

static int use_process(struct cli_target_source *source, uint64_t pid, struct hadal_error *error)
{
	struct hadal_kernel *kernel = source->kernel.kernel;
	struct hadal_process_list list;
	const struct hadal_process *process;
	int result = hadal_processes(kernel, false, &list, error);

	process = result ? NULL : hadal_process_of(&list, pid);
	if (!result && !process)
		result = hadal_fail(error, ESRCH, "There is no process %" PRIu64, pid);
	else if (!result && !process->page_table)
		result = hadal_fail(error, EINVAL,
				    "Process %" PRIu64 " is a kernel thread and has no memory of "
				    "its own",
				    pid);
	if (!result)
		result = use_root(source, process->page_table,
				  hadal_kernel_info(kernel)->where.levels, error);
	hadal_processes_free(&list);
	source->user = true;
	return result;
}

static int use_target(struct cli_target_source *source, const struct cli_target *target,
		      struct hadal_error *error)
{
	switch (target->kind) {
	case CLI_TARGET_KERNEL:
		source->space = hadal_kernel_space(source->kernel.kernel);
		return 0;
	case CLI_TARGET_PROCESS:
		return use_process(source, target->pid, error);
	case CLI_TARGET_ROOT:
		return use_root(source, target->root, levels_of_root(source, target), error);
	default:
		return 0;
	}
}

bool cli_target_open(struct cli_target_source *source, const struct cli_target *target,
		     bool with_kernel)
{
	const char *image = target->view.image;
	struct hadal_error error;

	*source = (struct cli_target_source){0};
	with_kernel |= target->kind == CLI_TARGET_KERNEL || target->kind == CLI_TARGET_PROCESS;
	if (!(with_kernel ? cli_kernel_open(&source->kernel, image)
			  : cli_memory_open(&source->kernel.source, image)))
		return false;
	if (!use_target(source, target, &error))
		return true;
	cli_fail(&error);
	cli_target_close(source);
	return false;
}

void cli_target_close(struct cli_target_source *source)
{
	hadal_page_cache_free(source->cache);
	cli_kernel_close(&source->kernel);
}
