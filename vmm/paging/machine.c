// SPDX-License-Identifier: MIT
/* What the loader tells of the machine's memory becomes the image's tables and the guest's map. */
#include "base/layout.h"
#include "base/log.h"
#include "paging/memory.h"
#include "x86/cpu.h"

extern char image_start[], image_text_end[], image_rodata_end[], image_end[];

static bool aligned(uint64_t value)
{
	return !(value & (PAGE_BYTES - 1));
}

static bool is_ram_range(uint64_t start, uint64_t end)
{
	return aligned(start) && aligned(end) && start < end && end <= machine.direct_bytes &&
	       !((end - 1) >> machine.physical_bits);
}

static int take_ram(const struct hadal_boot *boot)
{
	struct ram_map *map = machine.ram_maps;
	uint64_t last = 0;

	if (boot->ram_count > HADAL_MAX_RAM_RANGES)
		return -EINVAL;
	for (uint32_t i = 0; i < boot->ram_count; i++) {
		const struct hadal_range *r = &boot->ram[i];

		if (r->end > machine.direct_bytes) {
			log_line("RAM at %lx: the image's tables reach up to %lx", r->end,
				 machine.direct_bytes);
			return -ERANGE;
		}
		if (!is_ram_range(r->start, r->end) || r->start < last)
			return -EINVAL;
		last = r->end;
		map->range[i] = *r;
	}
	map->count = boot->ram_count;
	machine.ram = map;
	return 0;
}

static int change_own(int (*change)(const struct ram_map *, uint64_t, uint64_t, struct ram_map *),
		      uint64_t start, uint64_t end)
{
	struct ram_map *next = &machine.own_maps[machine.own == machine.own_maps];
	int err = change(machine.own, start, end, next);

	if (!err)
		__atomic_store_n(&machine.own, next, __ATOMIC_RELEASE);
	return err;
}

int memory_add_own(uint64_t start, uint64_t end)
{
	if (!aligned(start) || !aligned(end) || start >= end || !memory_is_ram(start) ||
	    !memory_is_ram(end - 1))
		return -EINVAL;
	return change_own(ram_add, start, end);
}

int memory_remove_own(uint64_t start, uint64_t end)
{
	return change_own(ram_remove, start, end);
}

/* The memory that the CPUs cross in, of whole pages. */
static uint64_t crossing_bytes(void)
{
	return ((uint64_t)machine.cpu_count * HADAL_CROSSING_BYTES + PAGE_BYTES - 1) &
	       ~(PAGE_BYTES - 1);
}

/* The image's own, and those chunks of the pool that are not kept for the CPUs of a node. */
static int take_memory(const struct hadal_boot *boot)
{
	int err = memory_add_own(boot->image_physical,
				 boot->image_physical + (image_end - image_start));

	if (!err && (boot->flags & HADAL_BOOT_STOPS))
		err = memory_add_own(machine.crossing_physical - PAGE_BYTES,
				     machine.crossing_physical);
	for (uint32_t i = 0; !err && i < boot->pool_count; i++) {
		const struct hadal_chunk *chunk = &boot->pool[i];
		uint64_t skip = i ? 0 : crossing_bytes();

		err = memory_add_own(chunk->physical, chunk->physical + chunk->bytes);
		machine.pool_pages += chunk->bytes / PAGE_BYTES;
		if (!err && chunk->node == HADAL_NO_NODE)
			pt_pool_add(&machine.pool, chunk->physical + skip, chunk->bytes - skip);
	}
	return err;
}

static int take_boot(const struct hadal_boot *boot, uint64_t cr4)
{
	int err;

	if (!boot->cpu_count || boot->cpu_count > HADAL_MAX_CPUS ||
	    boot->pool_count > HADAL_MAX_POOL || !aligned(boot->trampoline) ||
	    boot->flags & ~HADAL_BOOT_ALL)
		return -EINVAL;
	machine.cpu_count = boot->cpu_count;
	machine.flags = boot->flags;
	machine.trampoline = boot->trampoline;
	machine.image_physical = boot->image_physical;
	machine.key = boot->key;
	machine.physical_bits = cpuid(0x80000008, 0).eax & 0xff;
	machine.direct_bytes = BIT(paging_levels(cr4) == 5 ? 56 : 47) - HADAL_DIRECT_BASE;
	machine.own = machine.own_maps;
	pt_pool_init(&machine.pool, HADAL_DIRECT_BASE);
	if (!boot->pool_count || boot->pool[0].node != HADAL_NO_NODE ||
	    boot->pool[0].bytes < crossing_bytes())
		return -EINVAL;
	machine.crossing_physical = boot->pool[0].physical;
	err = take_ram(boot);
	return err ? err : take_memory(boot);
}

static int map_image(void)
{
	struct pagetable *pt = &machine.host;
	uint64_t physical = machine.image_physical;
	const struct {
		char *start, *end;
		uint32_t attr;
	} part[] = {
		{image_start, image_text_end, PT_READ | PT_EXEC},
		{image_text_end, image_rodata_end, PT_READ},
		{image_rodata_end, image_end, PT_READ | PT_WRITE},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(part) / sizeof(part[0]); i++)
		err = pt_map(pt, (uint64_t)part[i].start,
			     physical + (uint64_t)(part[i].start - image_start),
			     part[i].end - part[i].start, part[i].attr | PT_TYPE(MEMORY_WB));
	if (!err)
		err = pt_map(pt, machine.trampoline, physical, PAGE_BYTES,
			     PT_READ | PT_EXEC | PT_TYPE(MEMORY_WB));
	if (!err)
		err = pt_map(pt, machine.trampoline + PAGE_BYTES, machine.crossing_physical,
			     crossing_bytes(), PT_READ | PT_WRITE | PT_TYPE(MEMORY_WB));
	return err;
}

/* Fresh pages of the pool at va. */
static int map_fresh(uint64_t va, unsigned pages)
{
	int err = 0;

	for (unsigned i = 0; !err && i < pages; i++) {
		uint64_t *page = pt_pool_alloc(&machine.pool);

		if (!page)
			return -ENOMEM;
		err = pt_map(&machine.host, va + i * PAGE_BYTES,
			     pt_pool_physical(&machine.pool, page), PAGE_BYTES,
			     PT_READ | PT_WRITE | PT_TYPE(MEMORY_WB));
	}
	return err;
}

static uint64_t cpu_area(uint32_t index)
{
	return LAYOUT_PERCPU_BASE + ((uint64_t)index << PERCPU_SHIFT);
}

bool memory_has_apic(uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < machine.cpu_count; i++) {
		uint64_t entry;
		unsigned level;

		pt_lookup(&machine.host, cpu_area(i) + PERCPU_APIC, &entry, &level);
		if (pt_in_use(&pt_format_host, entry) &&
		    pt_leaf_address(entry, level) - start < end - start)
			return true;
	}
	return false;
}

static int map_cpu(uint32_t index)
{
	static const struct {
		uint32_t offset, pages;
	} part[] = {
		{PERCPU_STACK, PERCPU_STACK_PAGES},
		{PERCPU_VCPU, PERCPU_VCPU_PAGES},
		{PERCPU_DF_STACK, 1},
		{PERCPU_NMI_STACK, 1},
		{PERCPU_MC_STACK, 1},
		{PERCPU_ARCH, PERCPU_ARCH_PAGES},
		{PERCPU_EVENTS, PERCPU_EVENT_PAGES},
	};
	uint64_t area = cpu_area(index);
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_LEN(part); i++)
		err = map_fresh(area + part[i].offset, part[i].pages);
	return err;
}

static bool is_cpu_mapped(uint32_t index)
{
	uint64_t entry;
	unsigned level;

	pt_lookup(&machine.host, cpu_area(index) + PERCPU_VCPU, &entry, &level);
	return pt_in_use(&pt_format_host, entry);
}

/* The pool hands out first what it got last: each node's CPUs come right after its chunks. */
static int map_cpus(const struct hadal_boot *boot)
{
	uint32_t chunk = 0;
	int err = 0;

	while (!err && chunk < boot->pool_count) {
		uint32_t node = boot->pool[chunk].node;

		for (; chunk < boot->pool_count && boot->pool[chunk].node == node; chunk++)
			if (node != HADAL_NO_NODE)
				pt_pool_add(&machine.pool, boot->pool[chunk].physical,
					    boot->pool[chunk].bytes);
		for (uint32_t i = 0; !err && node != HADAL_NO_NODE && i < machine.cpu_count; i++)
			if (boot->cpu_node[i] == node && !is_cpu_mapped(i))
				err = map_cpu(i);
	}
	for (uint32_t i = 0; !err && i < machine.cpu_count; i++)
		if (!is_cpu_mapped(i))
			err = map_cpu(i);
	return err;
}

static int map_ram(uint64_t start, uint64_t end)
{
	return pt_map(&machine.host, HADAL_DIRECT_BASE + start, start, end - start,
		      PT_READ | PT_WRITE | PT_TYPE(MEMORY_WB));
}

/* What was mapped before an error may stay: it is remembered, and nobody uses it. */
static int map_new_ram(uint64_t start, uint64_t end, struct ram_map *spare)
{
	uint64_t until;
	int err = 0;

	while (!err && (until = ram_next(&machine.mapped, &start, end, false))) {
		err = ram_add(&machine.mapped, start, until, spare);
		if (!err)
			err = map_ram(start, until);
		if (!err)
			machine.mapped = *spare;
		start = until;
	}
	return err;
}

static struct ram_map *spare_map(void)
{
	return &machine.ram_maps[machine.ram == machine.ram_maps];
}

int memory_add_ram(uint64_t start, uint64_t end)
{
	struct ram_map *next = spare_map();
	int err = is_ram_range(start, end) ? 0 : -EINVAL;

	if (!err)
		err = map_new_ram(start, end, next);
	if (!err)
		err = ram_add(machine.ram, start, end, next);
	if (!err)
		__atomic_store_n(&machine.ram, next, __ATOMIC_RELEASE);
	return err;
}

int memory_remove_ram(uint64_t start, uint64_t end)
{
	struct ram_map *next = spare_map();
	uint64_t own = start;
	int err;

	if (!is_ram_range(start, end))
		return -EINVAL;
	if (ram_next(machine.own, &own, end, true))
		return -EBUSY;
	err = ram_remove(machine.ram, start, end, next);
	if (!err)
		__atomic_store_n(&machine.ram, next, __ATOMIC_RELEASE);
	return err;
}

static int map_direct(void)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < machine.ram->count; i++)
		err = map_ram(machine.ram->range[i].start, machine.ram->range[i].end);
	machine.mapped = *machine.ram;
	return err;
}

int memory_init(const struct hadal_boot *boot, uint64_t cr4)
{
	int err = take_boot(boot, cr4);

	if (!err)
		err = pt_init(&machine.host, &pt_format_host, &machine.pool, paging_levels(cr4),
			      memory_has_1g() ? 3 : 2);
	if (!err)
		err = map_image();
	if (!err)
		err = map_direct();
	if (!err)
		err = map_cpus(boot);
	if (!err)
		err = way_out_init(&boot->first);
	return err;
}

static int hide(const struct hadal_range *range)
{
	uint64_t shown = memory_hidden_page();
	int err = 0;

	for (uint64_t page = range->start; !err && page < range->end; page += PAGE_BYTES)
		err = nested_set(&machine.nested, page, shown, PT_READ);
	return err;
}

int memory_init_nested(bool ept, unsigned levels, bool has_1g)
{
	uint64_t end = BIT(32);
	int err;

	if (ram_end(machine.ram) > end)
		end = ram_end(machine.ram);
	if (ept && levels == 4 && machine.physical_bits > 48)
		log_line("EPT has 4 levels here: nothing above 256 TiB is mapped");
	if (levels == 4 && end > BIT(48)) {
		log_line("there is RAM above 256 TiB");
		return -ERANGE;
	}
	mtrr_read(&machine.mtrr, machine.physical_bits);
	err = nested_init(&machine.nested, ept ? &pt_format_ept : &pt_format_npt, &machine.pool,
			  ept ? &machine.mtrr : NULL, machine.physical_bits, levels, has_1g ? 3 : 2,
			  end);
	for (uint32_t i = 0; !err && i < machine.own->count; i++)
		err = hide(&machine.own->range[i]);
	return err;
}
