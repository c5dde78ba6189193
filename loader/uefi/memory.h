/* SPDX-License-Identifier: MIT */
/* The memory that becomes the hypervisor's: of a type that no operating system uses. */
#ifndef HADAL_LOADER_UEFI_MEMORY_H
#define HADAL_LOADER_UEFI_MEMORY_H

#include "first_tables.h"
#include "uefi.h"

struct hypervisor_memory {
	struct hadal_image_header *image; /* the copy that runs */
	struct hadal_boot *boot;
	void *trampoline; /* a copy of its first page, and the start of the pool right behind it */
	uint64_t trampoline_pages;
};

/* The image in this program, and its SHA-256 when that was made. */
extern const uint8_t hadal_image[], hadal_image_end[], hadal_image_sha256[];

/* Fills all of *memory, for so many CPUs, and pool_mib MiB more than it needs. On failure says why,
 * and nothing stays allocated. */
bool memory_allocate(struct efi_boot_services *services, struct hypervisor_memory *memory,
		     uint32_t cpus, uint32_t pool_mib);
void memory_free(struct efi_boot_services *services, struct hypervisor_memory *memory);

/* The first page tables; they are freed with tables_free, also after a failure. */
bool tables_build(struct efi_boot_services *services, const struct hypervisor_memory *memory,
		  struct first_tables *tables);
void tables_free(struct efi_boot_services *services);

#endif
