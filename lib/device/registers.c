// SPDX-License-Identifier: MIT
/* Pausing CPUs and setting their registers. */
#include "device/device.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#define ROW(NAME, member, type, text) \
	[HADAL_REG_##NAME] = {text, offsetof(struct hadal_regs, member), sizeof(type)},

static const struct {
	const char *name;
	uint16_t offset, bytes;
} registers[HADAL_REG_COUNT] = {HADAL_REGISTERS(ROW)};

const char *hadal_reg_name(unsigned int reg)
{
	return reg < HADAL_REG_COUNT ? registers[reg].name : NULL;
}

size_t hadal_reg_place(unsigned int reg, size_t *bytes)
{
	*bytes = registers[reg].bytes;
	return registers[reg].offset;
}

static int pause_error(struct hadal_error *error, int code, unsigned int cpu)
{
	switch (code) {
	case EDEADLK:
		return hadal_fail_kind(error, code, HADAL_ERROR_OWN_CPU,
				       "Cannot pause CPU %u: this program runs on it, and nobody "
				       "would resume it",
				       cpu);
	case EEXIST:
		return hadal_fail(error, code, "Cannot pause CPU %u: it is paused already", cpu);
	case EINVAL:
		return hadal_fail(error, code, "Cannot pause CPU %u: a pause lasts 1 to %u ms", cpu,
				  HADAL_PAUSE_MS_MAX);
	default:
		return device_cpu_error(error, code, "Cannot pause a CPU", cpu);
	}
}

static int call(struct hadal *hadal, unsigned long command, unsigned int cpu,
		unsigned int milliseconds)
{
	struct hadal_ioc_pause request = {
		.version = HADAL_ABI_VERSION,
		.cpu = cpu,
		.milliseconds = milliseconds,
	};

	return ioctl(hadal->fd, command, &request) ? errno : 0;
}

int hadal_pause(struct hadal *hadal, unsigned int cpu, unsigned int milliseconds,
		struct hadal_error *error)
{
	int code = call(hadal, HADAL_IOC_PAUSE, cpu, milliseconds);

	return code ? pause_error(error, code, cpu) : 0;
}

int hadal_resume(struct hadal *hadal, unsigned int cpu, struct hadal_error *error)
{
	int code = call(hadal, HADAL_IOC_RESUME, cpu, 0);

	if (code == ENOENT)
		return hadal_fail(error, code, "CPU %u is not paused, or not any more", cpu);
	return code ? device_cpu_error(error, code, "Cannot resume a CPU", cpu) : 0;
}

int hadal_set_regs(struct hadal *hadal, unsigned int cpu, const struct hadal_set_regs *set,
		   struct hadal_error *error)
{
	struct hadal_ioc_set_regs request = {
		.version = HADAL_ABI_VERSION,
		.cpu = cpu,
		.buffer = (uintptr_t)set,
		.size = sizeof(*set),
	};
	const char *name;

	if (!ioctl(hadal->fd, HADAL_IOC_SET_REGS, &request))
		return 0;
	switch (errno) {
	case ERANGE:
		name = hadal_reg_name(request.refused);
		return hadal_fail(error, ERANGE,
				  "Cannot set registers of CPU %u: the processor would refuse the "
				  "value of %s; nothing was set",
				  cpu, name ? name : "one");
	case EBUSY:
		return hadal_fail_kind(error, EBUSY, HADAL_ERROR_CPU_BUSY,
				       "Cannot set registers of CPU %u: it is not paused, or takes "
				       "an interrupt just now",
				       cpu);
	default:
		return device_cpu_error(error, errno, "Cannot set registers", cpu);
	}
}
