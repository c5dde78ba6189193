/* SPDX-License-Identifier: MIT */
/* What the files that talk to /dev/hadal share. */
#ifndef HADAL_LIB_DEVICE_DEVICE_H
#define HADAL_LIB_DEVICE_DEVICE_H

#include "device/hypervisor.h"

struct hadal {
	int fd;
};

/* Describes a positive errno of a call about one CPU; `what` says what could not be done. */
int device_cpu_error(struct hadal_error *error, int code, const char *what, unsigned int cpu);

#endif
