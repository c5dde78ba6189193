// SPDX-License-Identifier: MIT
/* What the commands share that look into the kernel. */
#include "kernel.h"

#include <errno.h>
#include <inttypes.h>

#include "kernel/missing.h"
#include "memory/image.h"

/* What is known about builds of the kernel; removing it costs time and nothing else. */
#define CACHE_DIRECTORY "/var/cache/hadal"

bool cli_memory_open(struct cli_memory *source, const char *image)
{
	struct hadal_error error;
	const struct hadal_traces *traces;
	int result;

	*source = (struct cli_memory){0};
	result = image ? hadal_open_image(image, &source->machine, &error)
		       : hadal_open_system(&source->machine, &error);
	if (!result && !image)
		result = hadal_machine_keep_facts(source->machine, CACHE_DIRECTORY, &error);
	if (result) {
		cli_fail(&error);
		cli_memory_close(source);
		return false;
	}
	source->hadal = hadal_machine_device(source->machine);
	source->memory = hadal_machine_memory(source->machine);
	source->cpu_count = hadal_machine_cpus(source->machine);
	traces = hadal_machine_traces(source->machine);
	source->has_traces = traces;
	if (traces)
		source->traces = *traces;
	return true;
}

void cli_memory_close(struct cli_memory *source)
{
	hadal_machine_close(source->machine);
}

bool cli_kernel_open(struct cli_kernel *kernel, const char *image)
{
	struct cli_memory *source = &kernel->source;
	struct hadal_error error;

	kernel->kernel = NULL;
	if (!cli_memory_open(source, image))
		return false;
	kernel->kernel = hadal_machine_kernel(source->machine, &error);
	if (kernel->kernel)
		return true;
	cli_fail(&error);
	cli_memory_close(source);
	return false;
}

void cli_kernel_close(struct cli_kernel *kernel)
{
	cli_memory_close(&kernel->source);
}

/* What lists have said is missing from them, and whether of an image, which does not change. */
static size_t lost_places;
static bool of_image;

int cli_kernel_run(const char *image, cli_kernel_work work, void *options)
{
	struct cli_kernel source;
	struct hadal_error error;
	int result;

	if (!cli_kernel_open(&source, image))
		return CLI_FAILURE;
	of_image = image;
	result = work(source.kernel, options, &error);
	if (result < 0)
		result = cli_fail(&error);
	/* Also of what has failed: it may be why. */
	if (hadal_kernel_missing(source.kernel, &error) ||
	    (lost_places && hadal_missing_hole(source.kernel, &error)))
		result = cli_fail(&error);
	cli_kernel_close(&source);
	return !result && lost_places ? CLI_FAILURE : result;
}

int cli_no_process(uint64_t pid, size_t lost, struct hadal_error *error)
{
	if (!lost)
		return hadal_fail(error, ESRCH, "There is no process %" PRIu64, pid);
	return hadal_fail(error, ENODATA,
			  "Process %" PRIu64 " was not found; the kernel's list of processes could "
			  "not be followed in %zu place%s",
			  pid, lost, lost > 1 ? "s" : "");
}

void cli_warn_lost(size_t lost, const char *what)
{
	if (!lost)
		return;
	lost_places += lost;
	fflush(stdout);
	fprintf(stderr, "hadal: The kernel's list of %s %s in %zu place%s; some may be missing\n",
		what, of_image ? "could not be followed" : "is broken or changed too fast", lost,
		lost > 1 ? "s" : "");
}
