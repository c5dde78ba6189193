// SPDX-License-Identifier: MIT
/* The words of the command about what the library only states. */
#include "advice.h"

#include <stddef.h>

static const char *const advice[] = {
	[HADAL_ERROR_NOT_RUNNING] = "Start it with: sudo hadal start",
	[HADAL_ERROR_NOT_ROOT] = "Try again with sudo",
	[HADAL_ERROR_OTHER_VERSION] =
		"Install both of one version, then: sudo hadal stop --unload && sudo hadal start",
	[HADAL_ERROR_NOT_INSTALLED] = "Build and install it: make && sudo make install",
	[HADAL_ERROR_MODULE_REFUSED] = "The end of dmesg says more",
	[HADAL_ERROR_MODULE_IN_USE] = "End them first; to find them: sudo fuser /dev/hadal",
	[HADAL_ERROR_NOT_RAM] = "With --mmio it is accessed all the same",
	[HADAL_ERROR_TOO_MANY_CLIENTS] = "End some; to see them: sudo hadal clients",
	[HADAL_ERROR_OWN_CPU] = "Run it on another one, with taskset",
	[HADAL_ERROR_CPU_BUSY] = "Try again",
	[HADAL_ERROR_COMPRESSED] = "Unpack it first, with unzstd",
	[HADAL_ERROR_TERMINAL] = "Name a file, or redirect standard output",
};

const char *advice_on(enum hadal_error_kind kind)
{
	return (size_t)kind < sizeof(advice) / sizeof(advice[0]) ? advice[kind] : NULL;
}
