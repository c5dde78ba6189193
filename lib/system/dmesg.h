/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYSTEM_DMESG_H
#define HADAL_LIB_SYSTEM_DMESG_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A record of the kernel's log. Texts are as hostile as the machine is. */
struct hadal_dmesg_record {
	uint64_t sequence;
	uint64_t time;    /* nanoseconds, by the clock that counts from boot */
	uint8_t level;    /* 0 (emerg) to 7 (debug) */
	uint8_t facility; /* as of syslog(3), shifted down: 0 is the kernel's */
	bool continues;   /* goes on where the record before ended */
	bool from_cpu;    /* caller is a CPU, else a thread */
	uint32_t caller;
	char subsystem[32]; /* of the device it is about; empty for most */
	char device[64];    /* as in /dev/kmsg: "+pci:0000:00:01.0" */
	const char *text;   /* terminated; without a newline at its end */
	size_t text_len;
};

/* Called for each record; what it points to is valid during the call only. */
typedef void (*hadal_dmesg_visit)(void *ctx, const struct hadal_dmesg_record *record);

/*
 * Reads the kernel's log, the oldest record first; of kernels from 5.10 on. A record that is being
 * written or was overwritten while it was read is left out and counted in *lost, as is one that is
 * damaged. Returns 0 or a negative errno with a sentence in error.
 */
int hadal_dmesg(struct hadal_kernel *kernel, hadal_dmesg_visit visit, void *ctx, size_t *lost,
		struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
