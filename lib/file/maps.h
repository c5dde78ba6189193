/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_FILE_MAPS_H
#define HADAL_LIB_FILE_MAPS_H

#include "file/path.h"
#include "process/process.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A stretch of a process's address space (struct vm_area_struct). */
struct hadal_mapping {
	uint64_t area; /* address of its vm_area_struct */
	uint64_t start, end;
	bool readable, writable, executable, shared;
	uint64_t offset; /* in the file, bytes; 0 without one */
	uint32_t major, minor;
	uint64_t inode;
	const char
		*path; /* as in /proc/PID/maps, not escaped; empty for none; until visit returns */
};

/* Returns 0, or another value to end the walk. */
typedef int (*hadal_mapping_visit)(void *ctx, const struct hadal_mapping *mapping);

/*
 * Visits the mappings of a process in ascending order; none of a kernel thread. Kernels up to 6.0
 * keep them in a list, later ones in a maple tree. *lost counts the places where some may be
 * missing. Returns 0, what visit ended the walk with, or a negative errno with a sentence in error.
 */
int hadal_maps(struct hadal_kernel *kernel, const struct hadal_process *process,
	       hadal_mapping_visit visit, void *ctx, size_t *lost, struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
