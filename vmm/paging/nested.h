/* SPDX-License-Identifier: MIT */
/*
 * The guest-physical map of the machine: the identity, except for pages set otherwise.
 *
 * Everything but nested_lookup() and nested_gpa_to_hpa() needs the caller's lock. After a change,
 * each CPU must flush before it counts; after that nested_flushed() frees the tables taken out.
 * Caches of host addresses (struct walk_cache) are void after any change.
 */
#ifndef HADAL_PAGING_NESTED_H
#define HADAL_PAGING_NESTED_H

#include <stdbool.h>
#include <stdint.h>
#include "paging/mtrr.h"
#include "paging/pagetable.h"

/* Pool pages kept for nested_fault_in(). */
#define NESTED_RESERVE 8

struct nested {
	struct pagetable pt;
	struct pt_garbage garbage;
	const struct mtrr_state *mtrr; /* EPT; NULL for NPT, where the processor applies MTRRs */
	uint64_t end;                  /* mapped from the start below this, on demand above */
	uint64_t limit;              /* 2^physical bits, or what the levels reach if that is less */
	uint64_t overrides;          /* pages that nested_set() changed, and one for a window */
	uint64_t window, window_end; /* where RAM is shown once more; 0: nowhere */
};

struct nested_page {
	uint64_t hpa;    /* of the byte asked for */
	uint32_t rights; /* PT_READ, PT_WRITE, PT_EXEC */
	uint8_t type;    /* enum memory_type; of no meaning for NPT */
	uint8_t level;   /* of the entry; 0 when only nested_fault_in() would make one */
	bool is_override;
};

/*
 * Build the identity map over [0, end), rounded up to 1 GiB and cut at the limit.
 *
 * format: pt_format_ept or pt_format_npt; mtrr: the state to take types from, kept by reference,
 * NULL for NPT; levels: 4, or 5 (EPT: where the processor has them; NPT: when the image runs with
 * CR4.LA57); largest: 2, or 3 where the processor has 1 GiB pages; physical_bits: 32 to 52. Keeps
 * NESTED_RESERVE pages of the pool for itself. 0, -EINVAL, -ENOMEM (nothing taken).
 *
 * Pages of the pool, 4 levels, G = end in GiB: 1 + (G + 511) / 512, and G more without 1 GiB pages;
 * one more for each 1 GiB that is not of one type, and for each such 2 MiB (1 + 1 on a usual PC).
 */
int nested_init(struct nested *nested, const struct pt_format *format, struct pt_pool *pool,
		const struct mtrr_state *mtrr, unsigned physical_bits, unsigned levels,
		unsigned largest, uint64_t end);

/* Give all tables back; no processor may use them any more. */
void nested_destroy(struct nested *nested);

/* The root for the VMCS or the VMCB. */
uint64_t nested_root(const struct nested *nested);
/* EPTP: tables in write-back memory, no accessed and dirty flags (SDM, EPTP). */
uint64_t nested_eptp(const struct nested *nested);

/*
 * Let a page show hpa with the given PT_READ, PT_WRITE, PT_EXEC (none: every access exits).
 * Addresses are page-aligned and below the limit. The memory type is hpa's. 0, -EINVAL,
 * -ENOMEM (unchanged).
 */
int nested_set(struct nested *nested, uint64_t gpa, uint64_t hpa, uint32_t rights);

/* The same for a page that was set before, without looking further. */
void nested_change(struct nested *nested, uint64_t gpa, uint64_t hpa, uint32_t rights);

/*
 * Back to the identity with all rights; larger pages come back when nothing in them is changed any
 * more. 0, -EINVAL, -ENOENT (was not changed).
 */
int nested_reset(struct nested *nested, uint64_t gpa);

/*
 * The window: [start, end), multiples of 1 GiB between `end` and the limit, where the identity no
 * longer comes on demand. What was mapped there must be taken away first, by nested_window_unmap().
 * 0, -EINVAL, -EEXIST (there is one), -EBUSY (pages in it are changed).
 */
int nested_window_open(struct nested *nested, uint64_t start, uint64_t end);

/*
 * Show [hpa, hpa + bytes) at gpa in the window, where nothing is mapped, for reading; with the
 * largest pages that the alignment allows. 0, -EINVAL, -EEXIST, -ENOMEM (a part may be mapped).
 */
int nested_window_map(struct nested *nested, uint64_t gpa, uint64_t hpa, uint64_t bytes);

/* What one page of the window shows, of those that are mapped there. 0, -ENOMEM. */
int nested_window_change(struct nested *nested, uint64_t gpa, uint64_t hpa);

/*
 * Take away what is mapped in the window from *position on, as much as one flush may free, and move
 * it on. True: there is more; let all CPUs flush, call nested_flushed() and come back.
 */
bool nested_window_unmap(struct nested *nested, uint64_t *position);

/* With nothing mapped in it, and all CPUs flushed: the identity comes on demand again. */
void nested_window_close(struct nested *nested);

/* What is shown at gpa, which need not be aligned. False from the limit on. */
bool nested_lookup(const struct nested *nested, uint64_t gpa, struct nested_page *page);

/* Types of memory anew after *nested->mtrr has changed; rights and addresses stay. 0 or -ENOMEM
 * (unchanged). */
int nested_rebuild_types(struct nested *nested);

/*
 * The guest touched gpa and nothing was mapped there: map the identity around it.
 * 0: mapped, or it was already (the rights are not looked at); enter the guest again (no flush
 * needed). -EAGAIN: the pool is out of pages, so mappings made on demand were taken away: make all
 * CPUs flush, call nested_flushed() and enter the guest again, which then comes back here. -EINVAL:
 * from the limit on.
 */
int nested_fault_in(struct nested *nested, uint64_t gpa);

/* All CPUs have flushed: tables taken out are free. */
void nested_flushed(struct nested *nested);

/* Host address of a guest's, whatever its rights; from the limit on the address itself. */
static inline uint64_t nested_gpa_to_hpa(const struct nested *nested, uint64_t gpa)
{
	uint64_t entry;
	unsigned level;

	if (!nested->overrides || gpa >= nested->limit)
		return gpa;
	pt_lookup(&nested->pt, gpa, &entry, &level);
	if (!pt_in_use(nested->pt.format, entry))
		return gpa;
	return pt_leaf_address(entry, level) | (gpa & (pt_level_bytes(level) - 1));
}

#endif
