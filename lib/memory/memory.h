/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MEMORY_MEMORY_H
#define HADAL_LIB_MEMORY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hadal/abi.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was asked for and is not there: between these addresses, not necessarily all of it. */
struct hadal_missing {
	uint64_t reads; /* that failed or fell short */
	uint64_t first, last;
};

/*
 * A machine's physical memory: the device, a dump file or a test image. Whoever makes one fills
 * read, close and ctx, and the ranges of RAM in ascending order without overlap; readers go
 * through the functions below, which also count.
 */
struct hadal_memory {
	/*
	 * Reads len bytes at physical address pa. Returns the bytes read, fewer than len when the
	 * RAM ends or a hole begins there, or a negative errno when not even the first byte is RAM.
	 */
	ssize_t (*read)(void *ctx, uint64_t pa, void *buf, size_t len);
	/*
	 * Where the byte at pa is, and in *len how many follow it, for a source that has its memory
	 * mapped; NULL when pa is not RAM. The member itself is NULL for other sources.
	 */
	const void *(*at)(void *ctx, uint64_t pa, uint64_t *len);
	/* Frees what ctx holds; may be NULL. */
	void (*close)(void *ctx);
	void *ctx;
	const struct hadal_range *ranges;
	size_t range_count;
	bool is_image; /* cannot change; what it lacks is missing for good */
	struct hadal_missing missing;
	/* How often read was called and what it gave, for measurements. */
	uint64_t reads;
	uint64_t bytes_read;
};

/* Reads up to len bytes at pa, going on after a short read. Returns bytes or negative errno. */
ssize_t hadal_memory_read(struct hadal_memory *memory, uint64_t pa, void *buf, size_t len);

/* Reads exactly len bytes at pa. Returns 0, or a negative errno (-EFAULT when part is missing). */
int hadal_memory_read_exact(struct hadal_memory *memory, uint64_t pa, void *buf, size_t len);

/* Notes as missing what was needed and never asked for, since the ranges do not have it. */
void hadal_memory_note_missing(struct hadal_memory *memory, uint64_t pa, uint64_t len);

/* Closes the source; the structure itself stays the caller's. */
void hadal_memory_close(struct hadal_memory *memory);

/*
 * Registers of one vCPU at some moment, used as traces that lead to the kernel. Zero means not
 * known; cr3 with lstar or idt_base is enough to find a kernel without searching all memory.
 */
struct hadal_traces {
	uint64_t cr3;
	uint64_t cr4;
	uint64_t lstar;
	uint64_t idt_base;
};

#ifdef __cplusplus
}
#endif

#endif
