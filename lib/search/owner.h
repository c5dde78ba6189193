/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_OWNER_H
#define HADAL_LIB_SEARCH_OWNER_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Who uses the pages of physical memory: the kernel's image, its modules, or processes that have
 * them mapped. Of the pages of kernel objects and of files that nobody has mapped it knows nothing.
 */
struct hadal_owners;

/*
 * Goes through the page tables of all processes, as they are now; takes 8 bytes for each page of
 * RAM. The kernel, whose memory this is, must outlive it. Returns NULL with a sentence in error.
 */
struct hadal_owners *hadal_owners_new(struct hadal_kernel *kernel, struct hadal_error *error);
void hadal_owners_free(struct hadal_owners *owners);

/*
 * Writes "name+0x12" for the kernel's image, "[name]+0x12" for a module, or "name[PID] ADDRESS"
 * for a process, with " ..." when others have the page too. False, and an empty text, when nobody
 * is known.
 */
bool hadal_owner(const struct hadal_owners *owners, uint64_t pa, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
