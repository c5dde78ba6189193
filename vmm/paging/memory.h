/* SPDX-License-Identifier: MIT */
/* The machine's memory as the image sees it: its own tables, the guest's RAM, the nested map. */
#ifndef HADAL_PAGING_MEMORY_H
#define HADAL_PAGING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <hadal/boot.h>
#include <hadal/events.h>
#include "paging/nested.h"
#include "paging/ram.h"
#include "paging/view.h"
#include "paging/way_out.h"

struct vcpu;

/* What INIT learns of the machine and the loader gave. */
struct machine {
	uint32_t cpu_count;
	uint8_t physical_bits;
	uint64_t flags;        /* HADAL_BOOT_* */
	uint64_t direct_bytes; /* of physical memory that the image's tables can map */
	uint64_t image_physical;
	uint64_t trampoline;
	uint64_t crossing_physical; /* mapped right behind the trampoline */
	struct hadal_first first;   /* HADAL_BOOT_FIRST: who started it, and the way out */
	struct way_out way_out;     /* HADAL_BOOT_STOPS */
	/* One of these is *ram; the other one is for the next change, under nested_lock. */
	struct ram_map ram_maps[2];
	const struct ram_map *ram;
	struct ram_map mapped; /* all that was RAM at some time */
	uint64_t key;          /* of those hypercalls that are the loader's alone */
	/* The image and the pool, in the same way. */
	struct ram_map own_maps[2];
	const struct ram_map *own;
	uint64_t pool_pages;
	struct pt_pool pool;
	struct pagetable host;
	struct mtrr_state mtrr;
	struct nested nested;
	/*
	 * What CPUs run on while memory is watched, or code has breakpoints that nobody reads; in
	 * pages with those, where the processor has no pages for fetches alone; and for the
	 * instruction that such a breakpoint is at.
	 */
	struct view watched, code, stepped;
	struct copies copies;
	struct view owned[HADAL_MAX_VIEWS]; /* what owners of events have made; by number - 1 */
	uint32_t view_users;                /* that need the views; 0: there are none */
};

extern struct machine machine;

/* A CPU leaves as Hadal allows it, if at all: nobody may take one away by an INIT. */
static inline bool machine_keeps_cpus(void)
{
	return machine.flags & (HADAL_BOOT_FIRST | HADAL_BOOT_LOCK);
}

/*
 * Take over the boot data and build the image's own tables, which are to be loaded then (CR3:
 * memory_root()). -EINVAL, -ENOMEM, -ERANGE (RAM beyond what they reach).
 */
int memory_init(const struct hadal_boot *boot, uint64_t cr4);
/* Build the guest-physical map, with the image and its pool hidden. -ENOMEM, -ERANGE. */
int memory_init_nested(bool ept, unsigned levels, bool has_1g);

/* The guest-physical map and all that was ever in the pool are gone; nobody enters a guest again.
 */
void memory_wipe_nested(void);

/* Whether the processor has 1 GiB pages. */
bool memory_has_1g(void);

/* CR3 of the image's own tables. */
uint64_t memory_root(void);
/* Physical address of something inside the image. */
uint64_t memory_image_physical(const void *address);

/* Physical address of anything that is mapped in the image's own tables. */
uint64_t memory_physical(const void *address);

/* The map has changed, and no CPU has flushed yet; with nested_lock held. */
void memory_follow_views(void);

bool memory_is_ram(uint64_t hpa);
/*
 * [start, end), page-aligned, is RAM from now on, or no longer; the caller holds nested_lock and
 * makes all CPUs flush before the next change. Its mapping in the image's own tables stays: it
 * would be the same one if it came back. -EINVAL, -EBUSY (the image's own), -ENOSPC, -ENOMEM.
 */
int memory_add_ram(uint64_t start, uint64_t end);
int memory_remove_ram(uint64_t start, uint64_t end);
/*
 * [start, end), page-aligned RAM, is the image's own from now on, or no longer; as above. -EINVAL,
 * -ENOSPC.
 */
int memory_add_own(uint64_t start, uint64_t end);
int memory_remove_own(uint64_t start, uint64_t end);
/* Whether the APIC of a CPU that runs, or has, lies there. */
bool memory_has_apic(uint64_t start, uint64_t end);
/* The image's own memory, which nobody else may see. */
bool memory_is_own(uint64_t hpa);
/* A page of zeros, which the guest sees in place of these. */
uint64_t memory_hidden_page(void);
/* Host address of RAM; it must be RAM. */
static inline void *memory_direct(uint64_t hpa)
{
	return (void *)(HADAL_DIRECT_BASE + hpa);
}

#define MEMORY_READ  1u
#define MEMORY_WRITE 2u
/*
 * Host address of the byte at a guest-physical address, valid to the end of its 4 KiB page; NULL
 * when it is no RAM, or the guest may not access it so.
 */
void *memory_guest(uint64_t gpa, unsigned access);
/* The same as a walk_table_fn. */
void *memory_walk_table(void *context, uint64_t gpa);
/* True when [gpa, gpa + bytes) is RAM that the guest may access so, and does not wrap. */
bool memory_guest_range(uint64_t gpa, uint64_t bytes, unsigned access);
/* Copy to or from guest-physical memory that memory_guest_range() accepted; returns the bytes done.
 */
size_t memory_copy_to_guest(uint64_t gpa, const void *from, size_t bytes);
size_t memory_copy_from_guest(uint64_t gpa, void *to, size_t bytes);

/* Where guest page tables map an address, whatever its rights. 0, or as guest_walk() says. */
int memory_walk_root(uint64_t gva, uint64_t cr3, uint64_t cr4, uint64_t *gpa);
/* Read through guest page tables as the processor would in ring 0; returns the bytes done. */
size_t memory_read_guest_root(uint64_t gva, uint64_t cr3, uint64_t cr4, void *to, size_t bytes);

/*
 * Where a guest-physical byte can be read, valid to the end of its 4 KiB page and until the next
 * call on this vCPU: also outside of RAM, where the guest's processor reads by itself. NULL beyond
 * the physical addresses.
 */
void *memory_anywhere(struct vcpu *vcpu, uint64_t gpa);
/* This CPU's local APIC is where its MSR_APIC_BASE says, now and when the guest has moved it. */
void memory_map_apic(struct vcpu *vcpu);
/* Copy between a page that is not RAM, mapped uncached for the purpose, and a buffer within one
 * page. */
int memory_copy_device(struct vcpu *vcpu, uint64_t hpa, void *buffer, size_t bytes, bool write);

#endif
