/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KERNEL_LAYOUT_H
#define HADAL_LIB_KERNEL_LAYOUT_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the kernel maps physical memory; virtual and physical addresses in bytes. */
struct hadal_layout {
	uint64_t direct_map;    /* of physical address 0, in the mapping of all RAM */
	uint64_t text;          /* of the kernel's image */
	uint64_t text_physical; /* the same */
	uint64_t text_size;     /* whole pages; 0: not known */
};

/* Returns 0, or -ENOENT when where all RAM is mapped cannot be told. */
int hadal_kernel_layout(struct hadal_kernel *kernel, struct hadal_layout *layout);

#ifdef __cplusplus
}
#endif

#endif
