/* SPDX-License-Identifier: MIT */
/*
 * What a loader and the image agree on.
 *
 * The image file starts with struct hadal_image_header. A loader allocates memory, copies the
 * image, zeroes the rest up to memory_bytes, builds the first page tables and fills struct
 * hadal_boot. The first page tables map, in 4 KiB pages,
 *  - the image at HADAL_IMAGE_BASE, all of memory_bytes, writable and executable,
 *  - every page of the pool and of struct hadal_boot at HADAL_DIRECT_BASE + its physical address,
 *    writable, and
 *  - the first page of the image also at struct hadal_boot.trampoline, executable, where the loader
 *    has mapped it in its own page tables too, and
 *  - in the pages right behind that, writable, also in the loader's page tables: the start of the
 *    pool's first chunk, HADAL_CROSSING_BYTES for each CPU. Each CPU goes through its part when
 *    CR3 changes, so that NMIs and machine checks may come at any time.
 * They have 5 levels when CR4.LA57 is set and 4 otherwise. The image builds its own tables during
 * HADAL_ENTER_INIT, from the pool, and never uses the first ones again.
 *
 * The loader then calls the image at trampoline + entry_offset with interrupts off, as the C
 * function long enter(uint64_t op, uint64_t boot_physical, uint64_t root_physical, uint64_t cpu);
 * once with HADAL_ENTER_INIT and 0 for cpu on any CPU, then with HADAL_ENTER_START on each CPU with
 * its index. root_physical is the physical address of the first top-level page table for
 * HADAL_ENTER_INIT and hadal_boot.root for HADAL_ENTER_START. START returns 0 with the CPU under
 * Hadal. A CPU leaves by HADAL_CALL_STOP. Errors are negative errno; after an error the CPU is as
 * it was before. The memory must stay until all CPUs have left.
 */
#ifndef HADAL_BOOT_H
#define HADAL_BOOT_H

#include <hadal/abi.h>

#define HADAL_IMAGE_MAGIC     0x4c4144414820494dull
#define HADAL_IMAGE_BASE      0x0000101000000000ull
#define HADAL_DIRECT_BASE     0x0000110000000000ull
#define HADAL_MAX_POOL        512u
#define HADAL_MAX_IMAGE_BYTES 0x80000u
#define HADAL_CROSSING_BYTES  1024u /* of the pool, for each CPU, in whole pages together */

enum hadal_enter {
	/*
	 * Build page tables, nested tables and per-CPU memory from the pool; find the vendor.
	 * -EPROTO (versions differ), -ENODEV (no VT-x or SVM, or a feature is missing), -EINVAL
	 * (bad boot data), -ENOMEM (pool too small), -ERANGE (RAM where it cannot be mapped; see
	 * the log).
	 */
	HADAL_ENTER_INIT,
	/*
	 * Put this CPU under Hadal. -EBUSY (another hypervisor holds it), -EPERM (locked by
	 * firmware), -ENODEV (feature missing on this CPU), -EOPNOTSUPP (memory encryption is on),
	 * -EIO (the processor refused the state; see the log), -EFAULT (fault inside the image; see
	 * the log).
	 */
	HADAL_ENTER_START,
	/* Whether START would do on this CPU, which stays as it is: 0, or START's error. */
	HADAL_ENTER_CHECK,
};

struct hadal_image_header {
	uint64_t magic;        /* HADAL_IMAGE_MAGIC */
	uint32_t abi_version;  /* HADAL_ABI_VERSION */
	uint32_t entry_offset; /* of the entry, from the start of the image, below 4096 */
	uint64_t file_bytes;   /* bytes to copy */
	uint64_t memory_bytes; /* bytes to map, a multiple of 4096, at most HADAL_MAX_IMAGE_BYTES */
	uint64_t per_cpu_bytes;   /* pool memory that each CPU takes */
	uint64_t base_pool_bytes; /* pool memory needed beside that */
	uint64_t per_gib_bytes;   /* and for each GiB below the end of RAM, up to HADAL_MAX_GIB */
	uint64_t log_offset;      /* struct hadal_log_ring, from the start of the image */
};

/*
 * The log inside the image: a loader may read it from memory after a stop or a crash.
 * head counts all bytes ever written; the text of byte n is at data[n % sizeof(data)].
 */
#define HADAL_LOG_BYTES 16384u
struct hadal_log_ring {
	uint64_t head;
	char data[HADAL_LOG_BYTES];
};

/* Beyond that the processor is sure to have pages of 1 GiB, which take next to no tables. */
#define HADAL_MAX_GIB 65536u

#define HADAL_NO_NODE 0xffffu

struct hadal_chunk {
	uint64_t physical; /* page-aligned */
	uint64_t bytes;    /* a multiple of 4096 */
	/* The NUMA node whose CPUs get their memory of it, if it can be had there; or
	   HADAL_NO_NODE. Chunks of one node are neighbours, and those of none come first. */
	uint32_t node;
	uint32_t reserved;
};

/* Clients may make requests of LibVMI's driver of 2018 too. */
#define HADAL_BOOT_DIALECT_2018 1ull
/* It is there before any operating system. */
#define HADAL_BOOT_FIRST 2ull
/* So it is, and may leave all the same: HADAL_CALL_STOP. A copy of the image's first page lies
   right before the start of the pool, and the image hides it too. */
#define HADAL_BOOT_STOPS 4ull
/* HADAL_STOP_NEVER will be called: what would take a CPU away is watched. */
#define HADAL_BOOT_LOCK 8ull
#define HADAL_BOOT_ALL  15ull

/*
 * Variables of the firmware's (GUID f0beb471-5ed2-4d5d-b6f4-3c2f1b1d7c5a), by which hadal.efi and
 * what boots after it know of each other. HadalAttempts, one byte: starts since a system has
 * reported back, which deletes it; from HADAL_EFI_ATTEMPTS_MAX on Hadal does not start. HadalSkip,
 * whatever it holds: Hadal does not start once.
 */
#define HADAL_EFI_GUID(make) \
	make(0xf0beb471, 0x5ed2, 0x4d5d, 0xb6, 0xf4, 0x3c, 0x2f, 0x1b, 0x1d, 0x7c, 0x5a)
/* Their names in UCS-2. */
#define HADAL_EFI_ATTEMPTS                                                         \
	{                                                                          \
		'H', 'a', 'd', 'a', 'l', 'A', 't', 't', 'e', 'm', 'p', 't', 's', 0 \
	}
#define HADAL_EFI_SKIP                                         \
	{                                                      \
		'H', 'a', 'd', 'a', 'l', 'S', 'k', 'i', 'p', 0 \
	}
#define HADAL_EFI_ATTEMPTS_MAX 3u

/* Filled by the loader, page-aligned and contiguous, read during HADAL_ENTER_INIT. */
struct hadal_boot {
	uint32_t abi_version;    /* HADAL_ABI_VERSION of the loader */
	uint32_t cpu_count;      /* possible CPUs, 1 to HADAL_MAX_CPUS; indices are below this */
	uint64_t image_physical; /* the image is contiguous */
	uint64_t trampoline;     /* virtual address of the image's first page in the loader's page
				    tables */
	uint64_t root;           /* set by HADAL_ENTER_INIT: root_physical for HADAL_ENTER_START */
	uint32_t pool_count;
	uint32_t ram_count;
	uint64_t flags; /* HADAL_BOOT_* */
	uint64_t key;   /* random; HADAL_CALL_RAM_ADD and _REMOVE want it */
	struct hadal_chunk pool[HADAL_MAX_POOL];
	struct hadal_range ram[HADAL_MAX_RAM_RANGES]; /* all RAM, ascending, not overlapping */
	uint16_t cpu_node[HADAL_MAX_CPUS]; /* of each CPU; HADAL_NO_NODE: it takes what is left */
	struct hadal_first first;          /* HADAL_BOOT_FIRST: what was measured of the image */
};

#endif
