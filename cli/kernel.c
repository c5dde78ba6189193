// SPDX-License-Identifier: MIT
#include "kernel.h"

#include "image.h"

/* What is known about builds of the kernel; removing it costs time and nothing else. */
#define CACHE_DIRECTORY "/var/cache/hadal"

/* The device as memory, and the registers of the first CPU that tells its own. */
static int open_device(struct cli_kernel *source, struct hadal_traces *traces,
		       struct hadal_error *error)
{
	struct hadal_info info;
	int result;

	source->hadal = NULL;
	result = hadal_open(&source->hadal, error);
	if (!result)
		result = hadal_info(source->hadal, &info, error);
	if (!result)
		result = hadal_device_memory(source->hadal, &source->memory, error);
	if (result)
		return result;
	for (unsigned int cpu = 0; cpu < info.cpu_count; cpu++) {
		result = hadal_device_traces(source->hadal, cpu, traces, error);
		if (!result)
			return 0;
	}
	return result;
}

bool cli_kernel_open(struct cli_kernel *source, const char *image)
{
	struct hadal_traces traces;
	struct hadal_error error;
	int result;

	*source = (struct cli_kernel){0};
	result = image ? hadal_image_open(image, &source->memory, &error)
		       : open_device(source, &traces, &error);
	if (!result)
		source->kernel = hadal_kernel_open_cached(&source->memory, image ? NULL : &traces,
							  image ? NULL : CACHE_DIRECTORY, &error);
	if (source->kernel)
		return true;
	cli_fail(&error);
	cli_kernel_close(source);
	return false;
}

void cli_kernel_close(struct cli_kernel *source)
{
	hadal_kernel_close(source->kernel);
	hadal_memory_close(&source->memory);
	hadal_close(source->hadal);
}

void cli_warn_lost(size_t lost, const char *what)
{
	if (lost)
		fprintf(stderr,
			"hadal: the kernel's list of %s is broken or changed too fast in %zu "
			"place%s; some may be missing\n",
			what, lost, lost > 1 ? "s" : "");
}

void cli_make_printable(char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || (unsigned char)*name >= 0x7f)
			*name = '?';
}

void cli_print_json_line(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
