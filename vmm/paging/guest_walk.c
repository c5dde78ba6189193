// SPDX-License-Identifier: MIT
/* The guest's own page tables, walked as its processor would. */
#include "paging/guest_walk.h"
#include "base/errno.h"
#include "paging/pagetable.h"

#define CR0_WP   BIT(16)
#define CR0_PG   BIT(31)
#define CR4_PSE  BIT(4)
#define CR4_PAE  BIT(5)
#define CR4_LA57 BIT(12)
#define CR4_SMEP BIT(20)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define ENTRY_PRESENT  BIT(0)
#define ENTRY_WRITE    BIT(1)
#define ENTRY_USER     BIT(2)
#define ENTRY_ACCESSED BIT(5)
#define ENTRY_DIRTY    BIT(6)
#define ENTRY_LARGE    BIT(7)
#define ENTRY_NX       BIT(63)

#define RIGHTS_ALL (WALK_READ | WALK_WRITE | WALK_EXEC | WALK_USER)

/* One of the processor's paging modes (SDM, Paging; APM, Page Translation and Protection). */
struct mode {
	uint8_t levels;
	uint8_t index_bits;
	uint8_t entry_bytes;
	uint8_t largest;               /* level of the largest page */
	bool large_elsewhere_reserved; /* the large-page bit on higher levels faults */
	bool pae;                      /* top level of PAE paging: no rights in its entries */
	bool nx;
	uint64_t reserved; /* in every entry */
	uint64_t root;
};

static struct mode mode_of(const struct guest_paging *paging)
{
	uint64_t physical = low_mask(paging->physical_bits < 52 ? paging->physical_bits : 52);
	struct mode mode = {.index_bits = 9, .entry_bytes = 8, .largest = 2};

	if (!(paging->cr0 & CR0_PG))
		return mode;
	mode.nx = (paging->efer & EFER_NXE) && (paging->cr4 & CR4_PAE);
	if (paging->efer & EFER_LMA) {
		mode.levels = paging->cr4 & CR4_LA57 ? 5 : 4;
		mode.largest = paging->has_1g ? 3 : 2;
		mode.large_elsewhere_reserved = true;
		mode.reserved = PT_ADDRESS & ~physical;
		mode.root = paging->cr3 & PT_ADDRESS & physical;
	} else if (paging->cr4 & CR4_PAE) {
		mode.levels = 3;
		mode.pae = true;
		mode.reserved = ~physical & ~ENTRY_NX;
		mode.root = paging->cr3 & 0xffffffe0;
	} else {
		mode.levels = 2;
		mode.index_bits = 10;
		mode.entry_bytes = 4;
		mode.largest = paging->cr4 & CR4_PSE ? 2 : 1;
		mode.root = paging->cr3 & 0xfffff000;
	}
	if (mode.entry_bytes == 8 && !mode.nx)
		mode.reserved |= ENTRY_NX;
	return mode;
}

static unsigned level_shift(const struct mode *mode, unsigned level)
{
	return PAGE_SHIFT + mode->index_bits * (level - 1);
}

static bool is_canonical(const struct mode *mode, uint64_t gva)
{
	unsigned bits = mode->levels >= 4 ? level_shift(mode, mode->levels + 1) : 32;

	if (mode->levels < 4)
		return gva <= low_mask(bits);
	return gva >> (bits - 1) == 0 || gva >> (bits - 1) == low_mask(65 - bits);
}

static bool is_leaf(const struct mode *mode, uint64_t entry, unsigned level)
{
	return level == 1 || (level <= mode->largest && (entry & ENTRY_LARGE));
}

static uint64_t reserved_bits(const struct mode *mode, const struct guest_paging *paging,
			      uint64_t entry, unsigned level)
{
	uint64_t reserved = mode->reserved;

	if (mode->pae && level == 3)
		return reserved | ENTRY_NX | 0x1e6;
	if (level == 1)
		return reserved;
	if (!is_leaf(mode, entry, level))
		return mode->large_elsewhere_reserved ? reserved | ENTRY_LARGE : reserved;
	if (mode->entry_bytes == 8)
		return reserved | (low_mask(level_shift(mode, level)) & ~low_mask(13));
	/* 4 MiB pages: bits 20:13 are physical address bits 39:32, as many as there are. */
	reserved |= BIT(21);
	if (paging->physical_bits < 40)
		reserved |= low_mask(21) & ~low_mask(13 + paging->physical_bits - 32);
	return reserved;
}

static uint64_t page_address(const struct mode *mode, uint64_t entry, unsigned level)
{
	uint64_t address = entry & PT_ADDRESS & ~low_mask(level_shift(mode, level));

	if (mode->entry_bytes == 4 && level == 2)
		address |= (entry >> 13 & 0xff) << 32;
	return address;
}

static unsigned entry_rights(const struct mode *mode, uint64_t entry, unsigned level)
{
	unsigned rights = WALK_READ;

	if (mode->pae && level == 3)
		return RIGHTS_ALL;
	if (entry & ENTRY_WRITE)
		rights |= WALK_WRITE;
	if (entry & ENTRY_USER)
		rights |= WALK_USER;
	if (!mode->nx || !(entry & ENTRY_NX))
		rights |= WALK_EXEC;
	return rights;
}

static int fault(const struct guest_paging *paging, uint32_t access, uint32_t why,
		 struct guest_walk *walk)
{
	bool nx = (paging->efer & EFER_NXE) && (paging->cr4 & CR4_PAE);

	walk->fault = why;
	if (access & WALK_WRITE)
		walk->fault |= PF_WRITE;
	if (access & WALK_USER)
		walk->fault |= PF_USER;
	if ((access & WALK_EXEC) && (nx || (paging->cr4 & CR4_SMEP)))
		walk->fault |= PF_FETCH;
	return -EFAULT;
}

static bool is_allowed(const struct guest_paging *paging, uint32_t access, unsigned rights)
{
	if (access & WALK_ANY)
		return true;
	if ((access & WALK_USER) && !(rights & WALK_USER))
		return false;
	if ((access & WALK_EXEC) && !(rights & WALK_EXEC))
		return false;
	if (!(access & WALK_WRITE) || (rights & WALK_WRITE))
		return true;
	return !(access & WALK_USER) && !(paging->cr0 & CR0_WP);
}

static uint64_t read_entry(const struct mode *mode, const void *entry)
{
	if (mode->entry_bytes == 4)
		return __atomic_load_n((const uint32_t *)entry, __ATOMIC_RELAXED);
	return entry_read(entry);
}

static bool exchange(const struct mode *mode, void *entry, uint64_t old, uint64_t new)
{
	uint32_t old32 = old;

	if (mode->entry_bytes == 4)
		return __atomic_compare_exchange_n((uint32_t *)entry, &old32, (uint32_t) new, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((uint64_t *)entry, &old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

static int set_flags(const struct mode *mode, uint32_t access, struct guest_walk *walk)
{
	for (unsigned i = 0; i < walk->step_count; i++) {
		uint64_t old = walk->step[i].value;
		uint64_t new = old | ENTRY_ACCESSED;

		if (mode->pae && walk->step[i].level == 3)
			continue;
		if ((access & WALK_WRITE) && i + 1u == walk->step_count)
			new |= ENTRY_DIRTY;
		if (new == old)
			continue;
		if (!exchange(mode, walk->table[i], old, new))
			return -EAGAIN;
		walk->step[i].value = new;
	}
	return 0;
}

static int without_paging(uint64_t gva, struct guest_walk *walk)
{
	walk->gpa = gva;
	walk->page_bytes = PAGE_BYTES;
	walk->rights = RIGHTS_ALL;
	return 0;
}

int guest_walk(const struct guest_paging *paging, uint64_t gva, uint32_t access,
	       walk_table_fn table, void *context, struct guest_walk *walk)
{
	struct mode mode = mode_of(paging);
	uint64_t base = mode.root;

	walk->gpa = 0;
	walk->page_bytes = 0;
	walk->fault = 0;
	walk->rights = 0;
	walk->levels = mode.levels;
	walk->step_count = 0;
	if (!is_canonical(&mode, gva))
		return -EINVAL;
	if (!mode.levels)
		return without_paging(gva, walk);

	walk->rights = RIGHTS_ALL;
	for (unsigned level = mode.levels;; level--) {
		struct walk_step *step = &walk->step[walk->step_count];
		uint64_t index = gva >> level_shift(&mode, level) & low_mask(mode.index_bits);
		uint8_t *page;

		step->address = base + index * mode.entry_bytes;
		page = table(context, step->address & ~(PAGE_BYTES - 1));
		if (!page)
			return -ENXIO;
		walk->table[walk->step_count] = page + (step->address & (PAGE_BYTES - 1));
		step->value = read_entry(&mode, walk->table[walk->step_count]);
		step->level = level;
		step->rights = 0;
		walk->step_count++;
		if (!(step->value & ENTRY_PRESENT))
			return fault(paging, access, 0, walk);
		step->rights = entry_rights(&mode, step->value, level);
		walk->rights &= step->rights;
		if (step->value & reserved_bits(&mode, paging, step->value, level))
			return fault(paging, access, PF_PRESENT | PF_RESERVED, walk);
		base = page_address(&mode, step->value, level);
		if (is_leaf(&mode, step->value, level)) {
			walk->page_bytes = BIT(level_shift(&mode, level));
			walk->gpa = base | (gva & (walk->page_bytes - 1));
			break;
		}
		base = step->value & PT_ADDRESS;
	}
	if (!is_allowed(paging, access, walk->rights))
		return fault(paging, access, PF_PRESENT, walk);
	return access & WALK_SET_AD ? set_flags(&mode, access, walk) : 0;
}

void walk_cache_fill(struct walk_cache *cache, uint64_t cr3, uint64_t gva,
		     const struct guest_walk *walk, const void *host)
{
	walk_cache_drop(cache);
	if (walk->levels < 4 || !walk->step_count)
		return;
	for (unsigned i = 0; i < WALK_MAX_STEPS; i++) {
		unsigned step = i < walk->step_count ? i : walk->step_count - 1u;

		cache->entry[i] = walk->table[step];
		cache->value[i] = walk->step[step].value;
	}
	cache->has_fifth = walk->step_count == WALK_MAX_STEPS;
	cache->cr3 = cr3;
	cache->host = host;
	cache->page = gva & ~(PAGE_BYTES - 1);
}
