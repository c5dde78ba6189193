/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_DUMP_VIEW_H
#define HADAL_LIB_DUMP_VIEW_H

#include <stdbool.h>

#include "memory/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Physical memory as the file that other tools expect, made while it is read: the same layout
 * serves a dump and a mounted file. Holes, devices and the hypervisor's own pages are never
 * touched; they read as zeros.
 */
struct hadal_view;

/* What an ELF core tells beside the memory; all zero makes one of the memory alone. */
struct hadal_elf_contents {
	const struct hadal_regs *regs; /* of the CPUs that run */
	size_t regs_count;
	const char *vmcoreinfo; /* NULL or empty: none */
	uint64_t direct_map;    /* where the kernel maps all RAM; 0: not known */
	uint64_t text;          /* where the kernel's image is mapped, and its physical address */
	uint64_t text_physical;
	uint64_t text_size; /* bytes, page-aligned; 0: not known */
};

/*
 * The three formats. Raw: the offset in the file is the physical address. LiME: each range of RAM
 * after a header of its own. ELF: a core file as kdump makes it, with the physical address of each
 * range. *memory must outlive the view. Return 0 or -ENOMEM.
 */
int hadal_view_raw(struct hadal_memory *memory, struct hadal_view **view);
int hadal_view_lime(struct hadal_memory *memory, struct hadal_view **view);
int hadal_view_elf(struct hadal_memory *memory, const struct hadal_elf_contents *contents,
		   struct hadal_view **view);
void hadal_view_free(struct hadal_view *view);

/* Of the file, in bytes. */
uint64_t hadal_view_size(const struct hadal_view *view);

/* Bytes of RAM in it that could not be read and are zeros; the hypervisor's own are not counted. */
uint64_t hadal_view_unreadable(const struct hadal_view *view);

/* Reads at an offset of the file. Returns the bytes read, fewer than len only at its end. */
size_t hadal_view_read(struct hadal_view *view, uint64_t offset, void *buf, size_t len);

/*
 * The bytes of the file at offset, at most *len and at most the room in buf. Returns where they
 * are, in buf or in place, or NULL when they are a hole; *len is how many. Offset must be below the
 * size.
 */
const void *hadal_view_next(struct hadal_view *view, uint64_t offset, void *buf, uint64_t *len);

/*
 * The first offset from `offset` on that lies in a hole, or that does not. The size when there is
 * none.
 */
uint64_t hadal_view_seek(const struct hadal_view *view, uint64_t offset, bool hole);

/* For those who make views: pieces in ascending order of their offset; gaps are zeros. */

/* Takes over nothing. Returns NULL when out of memory. */
struct hadal_view *hadal_view_new(struct hadal_memory *memory, size_t pieces);
/* Bytes of its own, copied. Returns 0 or -ENOMEM. */
int hadal_view_add_bytes(struct hadal_view *view, uint64_t offset, const void *bytes, size_t len);
void hadal_view_add_memory(struct hadal_view *view, uint64_t offset, uint64_t physical,
			   uint64_t size);

#ifdef __cplusplus
}
#endif

#endif
