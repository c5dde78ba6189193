/* SPDX-License-Identifier: MIT */
/* What the readers of this room share: the needs of the kernel. */
#ifndef HADAL_LIB_MEMMAP_READ_H
#define HADAL_LIB_MEMMAP_READ_H

#include "memmap/memmap.h"
#include "walk/plan.h"

enum memmap_need {
	IOMEM,
	RESOURCE,
	RES_START,
	RES_END,
	RES_NAME,
	RES_FLAGS,
	RES_DESC,
	RES_SIBLING,
	RES_CHILD,
	RESOURCE_NEEDS, /* those above are enough for resources alone */
	E820_TABLE = RESOURCE_NEEDS,
	E820_TABLE_FIRMWARE,
	E820_TABLE_KEXEC,
	MTRR_STATE,
	CPU_DATA,
	BOOT_PARAMS,
	EFI,
	E820_COUNT,
	E820_ENTRIES,
	E820_ENTRY,
	E820_ADDRESS,
	E820_SIZE,
	E820_TYPE,
	MTRR_VARIABLE,
	MTRR_FIXED,
	MTRR_ENABLED,
	MTRR_HAS_FIXED,
	MTRR_DEFAULT,
	PHYSICAL_BITS,
	EFI_SIGNATURE,
	EFI_DESC_SIZE,
	EFI_MAP_LOW,
	EFI_MAP_HIGH,
	EFI_MAP_SIZE,
	KEPT_MAP,
	KEPT_COUNT,
	KEPT_DESC_SIZE,
	MEMMAP_NEEDS
};

extern const struct hadal_need memmap_needs[MEMMAP_NEEDS];

/* Appends a range; one that is empty is passed over, one that wraps is counted as lost. 0, -ENOMEM.
 */
int memmap_add_range(struct hadal_memmap_list *list, uint64_t start, uint64_t bytes,
		     enum hadal_memmap_class class, const char *name);

/* Who reads what is no RAM; NULL: nobody. */
struct memmap_beyond {
	hadal_memmap_read_beyond read;
	void *ctx;
};

/* The firmware's map, as it was handed to the kernel and as the kernel keeps it. 0 or -ENOMEM. */
int memmap_read_efi(struct hadal_plan *plan, const struct memmap_beyond *beyond,
		    struct hadal_memmap *map);

#endif
