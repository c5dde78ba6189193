/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KERNEL_IDENTITY_H
#define HADAL_LIB_KERNEL_IDENTITY_H

#include "kernel/facts.h"
#include "kernel/kernel.h"

#define HADAL_VMCOREINFO_MAX 4096

/* What a kernel says about itself. Addresses may be 0: then there is nothing to read. */

/* Fills banner and release from linux_banner; they stay empty when it cannot be read. */
void hadal_identity_banner(struct hadal_space *space, uint64_t address,
			   struct hadal_kernel_info *info);

/*
 * Finds the GNU build id in the ELF notes from start to end. Returns the address of its
 * HADAL_BUILD_ID_BYTES bytes, or 0 when there is none of that length.
 */
uint64_t hadal_identity_build_id(struct hadal_space *space, uint64_t start, uint64_t end,
				 uint8_t *build_id);

/*
 * Copies VMCOREINFO, which Linux keeps for crash dumps, into text of HADAL_VMCOREINFO_MAX bytes,
 * from the pointer to it at data and its length at size, and notes whether it agrees with info.
 */
void hadal_identity_vmcoreinfo(struct hadal_space *space, uint64_t data, uint64_t size,
			       struct hadal_kernel_info *info, char *text);

#endif
