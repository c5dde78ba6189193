// SPDX-License-Identifier: MIT
/* Opens the memory that a command line names, and reads addresses as users write them. */
#include "target.h"

#include "system/symbolize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/missing.h"
#include "parse.h"
#include "process/process.h"

static unsigned levels_of_root(const struct cli_target *target, const struct cli_where *where)
{
	const struct cli_memory *memory = &target->kernel.source;

	if (where->flags & (HADAL_MEM_LA48 | HADAL_MEM_LA57))
		return where->flags & HADAL_MEM_LA57 ? 5 : 4;
	return memory->has_traces && memory->traces.cr4 & HADAL_CR4_LA57 ? 5 : 4;
}

static int use_root(struct cli_target *target, uint64_t root, unsigned levels,
		    struct hadal_error *error)
{
	target->cache = hadal_page_cache_new(target->kernel.source.memory);
	if (!target->cache)
		return hadal_fail(error, ENOMEM, "Out of memory");
	hadal_space_init(&target->own_space, target->cache, root, levels);
	target->space = &target->own_space;
	return 0;
}

static int use_process(struct cli_target *target, uint64_t pid, struct hadal_error *error)
{
	struct hadal_kernel *kernel = target->kernel.kernel;
	struct hadal_process_list list;
	const struct hadal_process *process;
	int result = hadal_processes(kernel, false, &list, error);

	process = result ? NULL : hadal_process_of(&list, pid);
	if (!result && !process)
		result = cli_no_process(pid, list.lost, error);
	else if (!result && !process->page_table)
		result = hadal_fail(error, EINVAL,
				    "Process %" PRIu64 " is a kernel thread and has no memory of "
				    "its own",
				    pid);
	if (!result)
		result = use_root(target, process->page_table,
				  hadal_kernel_info(kernel)->where.levels, error);
	hadal_processes_free(&list);
	target->user = true;
	return result;
}

static int use_where(struct cli_target *target, const struct cli_where *where,
		     struct hadal_error *error)
{
	switch (where->space) {
	case CLI_SPACE_KERNEL:
		target->space = hadal_kernel_space(target->kernel.kernel);
		return 0;
	case CLI_SPACE_PROCESS:
		return use_process(target, where->pid, error);
	case CLI_SPACE_ROOT:
		return use_root(target, where->root, levels_of_root(target, where), error);
	default:
		return 0;
	}
}

bool cli_target_open(struct cli_target *target, const struct cli_where *where, bool with_kernel)
{
	struct hadal_error error;

	*target = (struct cli_target){0};
	with_kernel |= where->space == CLI_SPACE_KERNEL || where->space == CLI_SPACE_PROCESS;
	if (!(with_kernel ? cli_kernel_open(&target->kernel, where->image)
			  : cli_memory_open(&target->kernel.source, where->image)))
		return false;
	if (!use_where(target, where, &error))
		return true;
	cli_fail(&error);
	if (cli_target_missing(target, &error))
		cli_fail(&error);
	cli_target_close(target);
	return false;
}

void cli_target_close(struct cli_target *target)
{
	hadal_page_cache_free(target->cache);
	cli_kernel_close(&target->kernel);
}

int cli_target_missing(struct cli_target *target, struct hadal_error *error)
{
	return target->kernel.kernel ? hadal_kernel_missing(target->kernel.kernel, error)
				     : hadal_memory_missing(target->kernel.source.memory, error);
}

int cli_target_run(const struct cli_where *where, bool with_kernel, cli_target_work work,
		   void *options)
{
	struct cli_target target;
	struct hadal_error error;
	int result;

	if (!cli_target_open(&target, where, with_kernel))
		return CLI_FAILURE;
	result = work(&target, options, &error);
	if (result < 0)
		result = cli_fail(&error);
	/* Of an address alone that is not there, it has been said already. */
	if ((!result || target.kernel.kernel) && cli_target_missing(&target, &error))
		result = cli_fail(&error);
	cli_target_close(&target);
	return result;
}

ssize_t cli_target_read(struct cli_target *target, uint64_t address, void *buffer, size_t len)
{
	if (target->space)
		return hadal_space_read(target->space, address, buffer, len);
	return hadal_memory_read(target->kernel.source.memory, address, buffer, len);
}

uint32_t cli_target_levels(const struct cli_target *target)
{
	return target->space->levels == 5 ? HADAL_MEM_LA57 : HADAL_MEM_LA48;
}

static int read_image(struct cli_target *target, uint64_t address, uint8_t *buffer, size_t len,
		      size_t *done, struct hadal_error *error)
{
	while (*done < len) {
		ssize_t got = cli_target_read(target, address + *done, buffer + *done, len - *done);

		if (got <= 0)
			return hadal_fail(error, EFAULT,
					  "The %s address %#" PRIx64 " is not in this image",
					  target->space ? "virtual" : "physical", address + *done);
		*done += got;
	}
	return 0;
}

int cli_target_piece(struct cli_target *target, const struct cli_where *where, uint64_t address,
		     void *buffer, size_t len, size_t *done, struct hadal_error *error)
{
	struct hadal *hadal = target->kernel.source.hadal;

	*done = 0;
	if (!hadal)
		return read_image(target, address, buffer, len, done, error);
	if (!target->space)
		return hadal_read(hadal, address, buffer, len, where->flags, done, error);
	return hadal_read_virtual(hadal, target->space->root, address, buffer, len,
				  cli_target_levels(target), done, error);
}

bool cli_address_is_symbol(const char *text)
{
	uint64_t value;

	return parse_number(text, &value) != 0;
}

void cli_address_space(struct cli_where *where, const char *text, enum cli_space otherwise)
{
	uint64_t value;

	if (where->space != CLI_SPACE_DEFAULT)
		return;
	where->space = parse_number(text, &value) || value >> 63 ? CLI_SPACE_KERNEL : otherwise;
}

/* Of the kernel, which is found fast, or of a module. */
static int symbol_address(struct hadal_kernel *kernel, const char *name, uint64_t *address,
			  struct hadal_error *error)
{
	struct hadal_lookup found = {.name = name};
	struct hadal_symbol_place place = {.symbol.address = 0};
	struct hadal_symbolizer *symbolizer;
	bool in_module;
	size_t lost;

	if (!hadal_kernel_lookup(kernel, &found, 1, NULL)) {
		*address = found.address;
		return 0;
	}
	symbolizer = hadal_symbolizer_new(kernel, error);
	if (!symbolizer)
		return -ENOENT;
	in_module = hadal_symbol_find(symbolizer, name, &place, NULL);
	lost = hadal_symbolizer_lost(symbolizer);
	hadal_symbolizer_free(symbolizer);
	*address = place.symbol.address;
	if (in_module)
		return 0;
	if (lost)
		return hadal_fail(
			error, ENODATA,
			"No symbol %s was found; not all modules or their symbols could be "
			"read",
			name);
	return hadal_fail(error, ENOENT, "Neither the kernel nor a module has a symbol %s", name);
}

int cli_address(struct cli_target *target, const struct cli_where *where, const char *text,
		uint64_t *address, struct hadal_error *error)
{
	uint64_t offset = 0;
	const char *plus;
	char *name;
	int result;

	if (!parse_number(text, address))
		return 0;
	if (where->space != CLI_SPACE_KERNEL)
		return hadal_fail(
			error, EINVAL,
			"invalid ADDRESS '%s': expected a number, such as 0x1000, for only "
			"the kernel's addresses have symbols",
			text);
	plus = strchr(text, '+');
	if (plus && parse_number(plus + 1, &offset))
		return hadal_fail(error, EINVAL,
				  "invalid ADDRESS '%s': expected a number behind the +", text);
	name = strndup(text, plus ? (size_t)(plus - text) : strlen(text));
	if (!name)
		return hadal_fail(error, ENOMEM, "Out of memory");
	result = symbol_address(target->kernel.kernel, name, address, error);
	*address += offset;
	free(name);
	return result;
}
