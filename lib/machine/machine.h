/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MACHINE_MACHINE_H
#define HADAL_LIB_MACHINE_MACHINE_H

#include "device/hypervisor.h"
#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A machine that is looked into: this system, on which Hadal runs, or an image of one. All that
 * reads memory or a kernel works on either. What is got from it belongs to it and lasts until it is
 * closed. A machine and its kernel may be used by one thread at a time; different ones by different
 * threads.
 */
struct hadal_machine;

/*
 * Returns 0 with a machine to be closed, or a negative errno with a sentence in error: that of
 * hadal_open, hadal_info and hadal_device_memory, or of hadal_image_open.
 */
int hadal_open_system(struct hadal_machine **machine, struct hadal_error *error);
int hadal_open_image(const char *path, struct hadal_machine **machine, struct hadal_error *error);
/* NULL is fine. */
void hadal_machine_close(struct hadal_machine *machine);

/* Its physical memory. */
struct hadal_memory *hadal_machine_memory(struct hadal_machine *machine);

/* The hypervisor; NULL for an image. */
struct hadal *hadal_machine_device(struct hadal_machine *machine);

/* CPU numbers are below this; 0 for an image. */
unsigned int hadal_machine_cpus(const struct hadal_machine *machine);

/* Of the first CPU that tells its own; NULL for an image. */
const struct hadal_traces *hadal_machine_traces(const struct hadal_machine *machine);

/*
 * Where facts about kernels are kept, which make it faster to find that of this system the next
 * time (hadal_kernel_open_cached): a directory for this user alone. NULL: nowhere, as at first.
 * Returns 0, or -ENOMEM with a sentence in error.
 */
int hadal_machine_keep_facts(struct hadal_machine *machine, const char *directory,
			     struct hadal_error *error);

/* The kernel, found when first asked for. Returns NULL with a sentence in error. */
struct hadal_kernel *hadal_machine_kernel(struct hadal_machine *machine, struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
