// SPDX-License-Identifier: MIT
/* This system or an image of one: its memory, its CPUs, its kernel. */
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/image.h"

struct hadal_machine {
	struct hadal *device;
	struct hadal_memory memory;
	unsigned int cpus;
	struct hadal_traces traces;
	char *facts; /* directory */
	struct hadal_kernel *kernel;
};

/* The device as memory, and the registers of the first CPU that tells its own. */
static int open_device(struct hadal_machine *machine, struct hadal_error *error)
{
	struct hadal_info info;
	int result = hadal_open(&machine->device, error);

	if (!result)
		result = hadal_info(machine->device, &info, error);
	if (!result)
		result = hadal_device_memory(machine->device, &machine->memory, error);
	if (result)
		return result;
	machine->cpus = info.cpu_count;
	for (unsigned int cpu = 0; cpu < info.cpu_count; cpu++) {
		result = hadal_device_traces(machine->device, cpu, &machine->traces, error);
		if (!result)
			break;
	}
	return result;
}

/* path: NULL for this system. */
static int open_machine(const char *path, struct hadal_machine **machine, struct hadal_error *error)
{
	struct hadal_machine *opened = calloc(1, sizeof(*opened));
	int result;

	if (!opened)
		return hadal_fail(error, ENOMEM, "Out of memory");
	result = path ? hadal_image_open(path, &opened->memory, error) : open_device(opened, error);
	if (result)
		hadal_machine_close(opened);
	else
		*machine = opened;
	return result;
}

int hadal_open_system(struct hadal_machine **machine, struct hadal_error *error)
{
	return open_machine(NULL, machine, error);
}

int hadal_open_image(const char *path, struct hadal_machine **machine, struct hadal_error *error)
{
	return open_machine(path, machine, error);
}

void hadal_machine_close(struct hadal_machine *machine)
{
	if (!machine)
		return;
	hadal_kernel_close(machine->kernel);
	hadal_memory_close(&machine->memory);
	hadal_close(machine->device);
	free(machine->facts);
	free(machine);
}

struct hadal_memory *hadal_machine_memory(struct hadal_machine *machine)
{
	return &machine->memory;
}

struct hadal *hadal_machine_device(struct hadal_machine *machine)
{
	return machine->device;
}

unsigned int hadal_machine_cpus(const struct hadal_machine *machine)
{
	return machine->cpus;
}

const struct hadal_traces *hadal_machine_traces(const struct hadal_machine *machine)
{
	return machine->device ? &machine->traces : NULL;
}

int hadal_machine_keep_facts(struct hadal_machine *machine, const char *directory,
			     struct hadal_error *error)
{
	char *copy = directory ? strdup(directory) : NULL;

	if (directory && !copy)
		return hadal_fail(error, ENOMEM, "Out of memory");
	free(machine->facts);
	machine->facts = copy;
	return 0;
}

struct hadal_kernel *hadal_machine_kernel(struct hadal_machine *machine, struct hadal_error *error)
{
	if (!machine->kernel)
		machine->kernel =
			hadal_kernel_open_cached(&machine->memory, hadal_machine_traces(machine),
						 machine->device ? machine->facts : NULL, error);
	return machine->kernel;
}
