/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MEMMAP_MEMMAP_H
#define HADAL_LIB_MEMMAP_MEMMAP_H

#include "kernel/kernel.h"

/* Who tells what is where in physical memory. */
enum hadal_memmap_source {
	HADAL_MEMMAP_EFI,           /* the firmware, as its map was handed to the kernel */
	HADAL_MEMMAP_EFI_KERNEL,    /* efi.memmap: what the kernel has kept of that */
	HADAL_MEMMAP_E820,          /* e820_table: as the kernel goes by it */
	HADAL_MEMMAP_E820_FIRMWARE, /* e820_table_firmware: as the kernel was given it */
	HADAL_MEMMAP_E820_KEXEC,    /* e820_table_kexec: as a next kernel is given it */
	HADAL_MEMMAP_RESOURCES,     /* iomem_resource, as /proc/iomem */
	HADAL_MEMMAP_HADAL,         /* the nested page tables */
	HADAL_MEMMAP_MTRR,          /* the kernel's copy of the MTRRs */
	HADAL_MEMMAP_SOURCES,
};

/* What it is used for, in words that all of them have in common. */
enum hadal_memmap_class {
	HADAL_MEMMAP_OTHER, /* devices and whatever else is not one of these */
	HADAL_MEMMAP_RAM,
	HADAL_MEMMAP_BOOT, /* the firmware's or the boot loader's until the kernel starts, then RAM
			    */
	HADAL_MEMMAP_RUNTIME, /* runtime services of the firmware */
	HADAL_MEMMAP_ACPI,    /* tables */
	HADAL_MEMMAP_NVS,     /* of ACPI */
	HADAL_MEMMAP_RESERVED,
	HADAL_MEMMAP_UNUSABLE,
	HADAL_MEMMAP_PERSISTENT,
	HADAL_MEMMAP_HIDDEN, /* the hypervisor's own */
	HADAL_MEMMAP_CLASSES,
};

/* Attributes of the firmware's map, UEFI 2.10 chapter 7.2. */
#define HADAL_EFI_UC      (1ull << 0)
#define HADAL_EFI_WC      (1ull << 1)
#define HADAL_EFI_WT      (1ull << 2)
#define HADAL_EFI_WB      (1ull << 3)
#define HADAL_EFI_RUNTIME (1ull << 63)

#define HADAL_MEMMAP_NAME_MAX 80

struct hadal_memmap_range {
	uint64_t start, last; /* bytes, both included */
	enum hadal_memmap_class class;
	uint32_t depth;      /* of a resource: 0 when it is in no other one */
	uint64_t attributes; /* of the firmware's map */
	char name[HADAL_MEMMAP_NAME_MAX];
};

/* In the order of their source. A resource comes right before those in it. */
struct hadal_memmap_list {
	struct hadal_memmap_range *items;
	size_t count, capacity;
	bool known;  /* there is such a source */
	size_t lost; /* places where ranges may be missing */
};

struct hadal_memmap {
	struct hadal_memmap_list of[HADAL_MEMMAP_SOURCES];
	bool efi_boot; /* the kernel was started by UEFI */
};

/* "efi", "resources" and so on: one word; NULL when there is no such source. */
const char *hadal_memmap_source_name(unsigned int source);
/* "RAM", "runtime services" and so on. */
const char *hadal_memmap_class_name(enum hadal_memmap_class class);

/*
 * Reads physical memory that is no RAM to the kernel: firmware hands its map over in memory of
 * ACPI's. Returns 0 or a negative errno.
 */
typedef int (*hadal_memmap_read_beyond)(void *ctx, uint64_t pa, void *buf, size_t len);

/*
 * Reads from the kernel's memory whatever it tells itself; what the hypervisor knows is added by
 * hadal_memmap_add_hadal. beyond: NULL when there is nothing but RAM, as in an image; the
 * firmware's map may then be out of reach, and is not known. Returns 0 or a negative errno with a
 * sentence in error; free the map in either case.
 */
int hadal_memmap_read(struct hadal_kernel *kernel, hadal_memmap_read_beyond beyond, void *ctx,
		      struct hadal_memmap *map, struct hadal_error *error);
void hadal_memmap_free(struct hadal_memmap *map);

/*
 * Reads the resources alone, of a kernel that need not have the rest. Returns 0 or a negative errno
 * with a sentence in error; free the list's items in either case.
 */
int hadal_memmap_resources(struct hadal_kernel *kernel, struct hadal_memmap_list *list,
			   struct hadal_error *error);

/* The nested page tables show RAM, but for what is the hypervisor's own. Returns 0 or -ENOMEM. */
int hadal_memmap_add_hadal(struct hadal_memmap *map, const struct hadal_range *ram,
			   size_t ram_count, const struct hadal_range *own, size_t own_count);

/* Appends a range, a name that has no room cut to end with dots. Returns it, or NULL when out of
 * memory. */
struct hadal_memmap_range *hadal_memmap_add(struct hadal_memmap_list *list, uint64_t start,
					    uint64_t last, enum hadal_memmap_class class,
					    const char *name);

/* The MTRRs as the kernel copies them; SDM volume 3 chapter 12, APM volume 2 chapter 7. */
#define HADAL_MTRR_FIXED    88u
#define HADAL_MTRR_VARIABLE 256u
struct hadal_mtrrs {
	uint8_t fixed[HADAL_MTRR_FIXED];
	bool has_fixed, fixed_enabled, enabled;
	uint8_t default_type;
	unsigned int physical_bits; /* addresses end there */
	unsigned int count;
	struct {
		uint64_t base, mask; /* as in the registers */
	} variable[HADAL_MTRR_VARIABLE];
};

/* Makes ranges of one type each out of them, from 0 to the last address. Returns 0 or -ENOMEM. */
int hadal_memmap_mtrr(const struct hadal_mtrrs *mtrrs, struct hadal_memmap_list *list);

/* A part of physical memory in which no source tells two things. */
struct hadal_memmap_row {
	uint64_t start, last;
	/* The innermost range there; NULL: the source tells nothing of it. */
	const struct hadal_memmap_range *in[HADAL_MEMMAP_SOURCES];
};

/* What stands out in a row. */
#define HADAL_MEMMAP_MARK_RAM     1u /* to one source it is RAM, and to another it is not */
#define HADAL_MEMMAP_MARK_HIDDEN  2u /* by the hypervisor */
#define HADAL_MEMMAP_MARK_RUNTIME 4u /* of runtime services */
#define HADAL_MEMMAP_MARK_CACHE   8u /* RAM that is not cached by write-back */

/*
 * All sources side by side, ascending; what only MTRRs tell something of is left out. The rows
 * point into the map and are freed by free(). Returns 0 or -ENOMEM.
 */
int hadal_memmap_rows(const struct hadal_memmap *map, struct hadal_memmap_row **rows,
		      size_t *count);
/* HADAL_MEMMAP_MARK_* of a row. */
unsigned int hadal_memmap_marks(const struct hadal_memmap *map, const struct hadal_memmap_row *row);
/*
 * Whether a source tells what is RAM there, which the hypervisor does not where it hides itself,
 * and whether it is RAM to it.
 */
bool hadal_memmap_tells_ram(const struct hadal_memmap *map, const struct hadal_memmap_row *row,
			    unsigned int source);
bool hadal_memmap_is_ram(const struct hadal_memmap_row *row, unsigned int source);

#endif
