// SPDX-License-Identifier: MIT
/* What the commands share that look into the kernel. */
#include "kernel.h"

#include "kernel/missing.h"
#include "memory/image.h"

/* What is known about builds of the kernel; removing it costs time and nothing else. */
#define CACHE_DIRECTORY "/var/cache/hadal"

/* The device as memory, and the registers of the first CPU that tells its own. */
static int open_device(struct cli_memory *source, struct hadal_error *error)
{
	struct hadal_info info;
	int result;

	result = hadal_open(&source->hadal, error);
	if (!result)
		result = hadal_info(source->hadal, &info, error);
	if (!result)
		result = hadal_device_memory(source->hadal, &source->memory, error);
	if (result)
		return result;
	source->cpu_count = info.cpu_count;
	for (unsigned int cpu = 0; cpu < info.cpu_count; cpu++) {
		result = hadal_device_traces(source->hadal, cpu, &source->traces, error);
		if (!result) {
			source->has_traces = true;
			return 0;
		}
	}
	return result;
}

bool cli_memory_open(struct cli_memory *source, const char *image)
{
	struct hadal_error error;
	int result;

	*source = (struct cli_memory){0};
	result = image ? hadal_image_open(image, &source->memory, &error)
		       : open_device(source, &error);
	if (!result)
		return true;
	cli_fail(&error);
	cli_memory_close(source);
	return false;
}

void cli_memory_close(struct cli_memory *source)
{
	hadal_memory_close(&source->memory);
	hadal_close(source->hadal);
}

struct hadal_kernel *cli_memory_kernel(struct cli_memory *source, struct hadal_error *error)
{
	return hadal_kernel_open_cached(&source->memory,
					source->has_traces ? &source->traces : NULL,
					source->hadal ? CACHE_DIRECTORY : NULL, error);
}

bool cli_kernel_open(struct cli_kernel *kernel, const char *image)
{
	struct cli_memory *source = &kernel->source;
	struct hadal_error error;

	kernel->kernel = NULL;
	if (!cli_memory_open(source, image))
		return false;
	kernel->kernel = cli_memory_kernel(source, &error);
	if (kernel->kernel)
		return true;
	cli_fail(&error);
	cli_memory_close(source);
	return false;
}

void cli_kernel_close(struct cli_kernel *kernel)
{
	hadal_kernel_close(kernel->kernel);
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
	if (!result)
		result = hadal_kernel_missing(source.kernel, &error);
	if (result < 0)
		cli_fail(&error);
	cli_kernel_close(&source);
	return result < 0 || (!result && lost_places) ? CLI_FAILURE : result;
}

void cli_warn_lost(size_t lost, const char *what)
{
	if (!lost)
		return;
	lost_places += lost;
	fflush(stdout);
	fprintf(stderr, "hadal: the kernel's list of %s %s in %zu place%s; some may be missing\n",
		what, of_image ? "could not be followed" : "is broken or changed too fast", lost,
		lost > 1 ? "s" : "");
}
