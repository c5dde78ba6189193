/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KERNEL_KERNEL_H
#define HADAL_LIB_KERNEL_KERNEL_H

#include "types/btf.h"
#include "kernel/find.h"
#include "symbols/kallsyms.h"
#include "memory/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What is known of a running Linux kernel from its machine's memory alone: where it is, its
 * symbols and its types. Nothing is taken from a file of the machine or from its help.
 */
struct hadal_kernel;

struct hadal_kernel_info {
	char banner[512];  /* "Linux version ...", without the newline */
	char release[65];  /* as uname -r */
	char build_id[41]; /* hexadecimal; empty when the kernel has none */
	int64_t slide;     /* KASLR: how far the image lies from where it was linked, bytes */
	struct hadal_location where; /* its root is the kernel's own, init_top_pgt */
	bool vmcoreinfo_agrees; /* VMCOREINFO is in memory and tells the same release and slide */
};

/*
 * Finds the kernel in memory, by traces when these are given and lead to one, else by searching
 * all RAM. The memory must outlive the result. Returns NULL with a sentence in error.
 */
struct hadal_kernel *hadal_kernel_open(struct hadal_memory *memory,
				       const struct hadal_traces *traces,
				       struct hadal_error *error);

/*
 * The same, but what is found out about this build of the kernel is kept in a file in directory
 * and used at the next start, after the build id in memory has been found to be that of the file.
 * A file that others than this user may write is not used.
 */
struct hadal_kernel *hadal_kernel_open_cached(struct hadal_memory *memory,
					      const struct hadal_traces *traces,
					      const char *directory, struct hadal_error *error);

/* Also writes what was newly found to the cache; NULL is fine. */
void hadal_kernel_close(struct hadal_kernel *kernel);

const struct hadal_kernel_info *hadal_kernel_info(const struct hadal_kernel *kernel);

/* The kernel's own address space. */
struct hadal_space *hadal_kernel_space(struct hadal_kernel *kernel);

/* All symbols. Returns NULL with a sentence in error. */
struct hadal_kallsyms *hadal_kernel_symbols(struct hadal_kernel *kernel, struct hadal_error *error);

/* All types, loaded when first asked for. Returns NULL with a sentence in error. */
const struct hadal_types *hadal_kernel_types(struct hadal_kernel *kernel,
					     struct hadal_error *error);

/*
 * Addresses of symbols. Returns 0, or -ENOENT with the first missing one named; those found are
 * filled in all the same.
 */
int hadal_kernel_lookup(struct hadal_kernel *kernel, struct hadal_lookup *lookups, size_t count,
			struct hadal_error *error);

/* Members of structures; as hadal_types_resolve. */
int hadal_kernel_fields(struct hadal_kernel *kernel, const struct hadal_field_request *requests,
			size_t count, struct hadal_field *fields, struct hadal_error *error);

/* VMCOREINFO as found in memory, lines of NAME=VALUE; empty when there is none. */
const char *hadal_kernel_vmcoreinfo(const struct hadal_kernel *kernel);

#ifdef __cplusplus
}
#endif

#endif
