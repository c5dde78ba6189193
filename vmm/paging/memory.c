// SPDX-License-Identifier: MIT
/* The machine's memory: the image's own tables, the guest's RAM, and what the guest may see. */
#include "base/log.h"
#include "paging/guest_walk.h"
#include "paging/memory.h"
#include "base/string.h"
#include "base/layout.h"
#include "x86/apic.h"
#include "x86/cpu.h"

#define EPT_BITS 48 /* of addresses, with the 4 levels that are used */

struct machine machine;

extern char image_start[], image_text_end[], image_rodata_end[], image_end[];

/* What the guest sees in place of the image and its pool. */
static uint8_t hidden_page[4096] __attribute__((aligned(4096)));

bool memory_has_1g(void)
{
	return cpuid(0x80000001, 0).edx & BIT(26);
}

uint64_t memory_root(void)
{
	return pt_root_physical(&machine.host);
}

uint64_t memory_trampoline(void)
{
	return machine.trampoline;
}

uint64_t memory_image_physical(const void *address)
{
	return machine.image_physical + ((uint64_t)address - HADAL_IMAGE_BASE);
}

uint64_t memory_physical(const void *address)
{
	uint64_t value;
	unsigned level;

	pt_lookup(&machine.host, (uint64_t)address, &value, &level);
	return pt_leaf_address(value, level) + ((uint64_t)address & (pt_level_bytes(level) - 1));
}

static bool in_ranges(const struct hadal_range *range, uint32_t count, uint64_t address)
{
	for (uint32_t i = 0; i < count; i++)
		if (address >= range[i].start && address < range[i].end)
			return true;
	return false;
}

bool memory_is_ram(uint64_t hpa)
{
	return ram_has(__atomic_load_n(&machine.ram, __ATOMIC_ACQUIRE), hpa);
}

bool memory_is_own(uint64_t hpa)
{
	return in_ranges(machine.own, machine.own_count, hpa);
}

uint64_t memory_hidden_page(void)
{
	return memory_image_physical(hidden_page);
}

static bool aligned(uint64_t value)
{
	return !(value & (PAGE_BYTES - 1));
}

static bool is_ram_range(uint64_t start, uint64_t end)
{
	return aligned(start) && aligned(end) && start < end &&
	       end <= LAYOUT_DIRECT_END - LAYOUT_DIRECT_BASE &&
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

		if (!is_ram_range(r->start, r->end) || r->start < last)
			return -EINVAL;
		last = r->end;
		map->range[i] = *r;
	}
	map->count = boot->ram_count;
	machine.ram = map;
	return 0;
}

static int take_own(uint64_t start, uint64_t bytes)
{
	if (!aligned(start) || !aligned(bytes) || !bytes || !memory_is_ram(start) ||
	    !memory_is_ram(start + bytes - 1))
		return -EINVAL;
	machine.own[machine.own_count++] = (struct hadal_range){start, start + bytes};
	return 0;
}

/* The memory that the CPUs cross in, of whole pages. */
static uint64_t crossing_bytes(void)
{
	return ((uint64_t)machine.cpu_count * HADAL_CROSSING_BYTES + PAGE_BYTES - 1) &
	       ~(PAGE_BYTES - 1);
}

static int take_boot(const struct hadal_boot *boot)
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
	err = take_ram(boot);
	if (!err)
		err = take_own(boot->image_physical, image_end - image_start);
	pt_pool_init(&machine.pool, HADAL_DIRECT_BASE);
	if (!boot->pool_count || boot->pool[0].bytes < crossing_bytes())
		return -EINVAL;
	machine.crossing_physical = boot->pool[0].physical;
	for (uint32_t i = 0; !err && i < boot->pool_count; i++) {
		const struct hadal_chunk *chunk = &boot->pool[i];
		uint64_t skip = i ? 0 : crossing_bytes();

		err = take_own(chunk->physical, chunk->bytes);
		if (!err)
			pt_pool_add(&machine.pool, chunk->physical + skip, chunk->bytes - skip);
	}
	machine.pool_pages = machine.pool.free_pages + crossing_bytes() / PAGE_BYTES;
	return err;
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
	uint64_t area = LAYOUT_PERCPU_BASE + ((uint64_t)index << PERCPU_SHIFT);
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_LEN(part); i++)
		err = map_fresh(area + part[i].offset, part[i].pages);
	return err;
}

static int map_cpus(void)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < machine.cpu_count; i++)
		err = map_cpu(i);
	if (!err)
		write_cr3(memory_root());
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
	int err;

	if (!is_ram_range(start, end))
		return -EINVAL;
	for (uint32_t i = 0; i < machine.own_count; i++)
		if (machine.own[i].start < end && start < machine.own[i].end)
			return -EBUSY;
	err = ram_remove(machine.ram, start, end, next);
	if (!err)
		__atomic_store_n(&machine.ram, next, __ATOMIC_RELEASE);
	return err;
}

static int map_direct(void)
{
	uint64_t apic = apic_base();
	int err = 0;

	for (uint32_t i = 0; !err && i < machine.ram->count; i++)
		err = map_ram(machine.ram->range[i].start, machine.ram->range[i].end);
	machine.mapped = *machine.ram;
	if (!err && !memory_is_ram(apic))
		err = pt_map(&machine.host, HADAL_DIRECT_BASE + apic, apic, PAGE_BYTES,
			     PT_READ | PT_WRITE | PT_TYPE(MEMORY_UC));
	return err;
}

int memory_init(const struct hadal_boot *boot, uint64_t cr4)
{
	int err = take_boot(boot);

	if (!err)
		err = pt_init(&machine.host, &pt_format_host, &machine.pool, paging_levels(cr4),
			      memory_has_1g() ? 3 : 2);
	if (!err)
		err = map_image();
	if (!err)
		err = map_direct();
	if (!err)
		err = map_cpus();
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

int memory_init_nested(bool ept, bool has_1g)
{
	uint64_t end = BIT(32);
	int err;

	if (ram_end(machine.ram) > end)
		end = ram_end(machine.ram);
	if (ept && machine.physical_bits > EPT_BITS)
		log_line("EPT has 4 levels here: nothing above 256 TiB is mapped");
	if (ept && end > BIT(EPT_BITS)) {
		log_line("there is RAM above 256 TiB");
		return -EOPNOTSUPP;
	}
	mtrr_read(&machine.mtrr, machine.physical_bits);
	err = nested_init(&machine.nested, ept ? &pt_format_ept : &pt_format_npt, &machine.pool,
			  ept ? &machine.mtrr : NULL, machine.physical_bits,
			  ept ? 4 : paging_levels(read_cr4()), has_1g ? 3 : 2, end);
	for (uint32_t i = 0; !err && i < machine.own_count; i++)
		err = hide(&machine.own[i]);
	return err;
}

void memory_wipe_nested(void)
{
	pt_garbage_free(&machine.pool, &machine.nested.garbage);
	pt_destroy(&machine.nested.pt);
	pt_pool_wipe(&machine.pool);
}

void *memory_guest(uint64_t gpa, unsigned access)
{
	struct nested_page page;

	if (!nested_lookup(&machine.nested, gpa, &page))
		return NULL;
	if (page.level == 0)
		page.hpa = gpa;
	else if (!(page.rights & PT_READ) || ((access & MEMORY_WRITE) && !(page.rights & PT_WRITE)))
		return NULL;
	if (!memory_is_ram(page.hpa))
		return NULL;
	return memory_direct(page.hpa);
}

void *memory_walk_table(void *context, uint64_t gpa)
{
	uint64_t hpa = nested_gpa_to_hpa(&machine.nested, gpa);

	(void)context;
	return memory_is_ram(hpa) ? memory_direct(hpa) : NULL;
}

bool memory_guest_range(uint64_t gpa, uint64_t bytes, unsigned access)
{
	uint64_t end = gpa + bytes;

	if (!bytes || end < gpa)
		return false;
	for (uint64_t page = gpa & ~(PAGE_BYTES - 1); page < end; page += PAGE_BYTES)
		if (!memory_guest(page, access))
			return false;
	return true;
}

static size_t to_page_end(uint64_t address, size_t bytes)
{
	size_t rest = PAGE_BYTES - (address & (PAGE_BYTES - 1));

	return bytes < rest ? bytes : rest;
}

static size_t copy_guest(uint64_t gpa, uint8_t *buffer, size_t bytes, unsigned access)
{
	size_t done = 0;

	while (done < bytes) {
		size_t part = to_page_end(gpa + done, bytes - done);
		void *guest = memory_guest(gpa + done, access);

		if (!guest)
			break;
		if (access & MEMORY_WRITE)
			memcpy(guest, buffer + done, part);
		else
			memcpy(buffer + done, guest, part);
		done += part;
	}
	return done;
}

size_t memory_copy_to_guest(uint64_t gpa, const void *from, size_t bytes)
{
	return copy_guest(gpa, (uint8_t *)from, bytes, MEMORY_WRITE);
}

size_t memory_copy_from_guest(uint64_t gpa, void *to, size_t bytes)
{
	return copy_guest(gpa, to, bytes, MEMORY_READ);
}

size_t memory_read_guest_root(uint64_t gva, uint64_t cr3, uint64_t cr4, void *to, size_t bytes)
{
	struct guest_paging paging = {
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr3 = cr3,
		.cr4 = cr4 | CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_NXE,
		.physical_bits = machine.physical_bits,
		.has_1g = true,
	};
	size_t done = 0;

	while (done < bytes) {
		struct guest_walk walk;
		size_t part = to_page_end(gva + done, bytes - done);
		const void *from;

		if (guest_walk(&paging, gva + done, WALK_ANY, memory_walk_table, NULL, &walk))
			break;
		from = memory_walk_table(NULL, walk.gpa);
		if (!from)
			break;
		memcpy((uint8_t *)to + done, from, part);
		done += part;
	}
	return done;
}

/* Device registers want accesses of their natural size. */
static void copy_sized(volatile uint8_t *to, const volatile uint8_t *from, size_t bytes,
		       uint64_t alignment)
{
	size_t step = 1;

	while (step < 8 && !((alignment | bytes) & step))
		step *= 2;
	for (size_t i = 0; i < bytes; i += step) {
		switch (step) {
		case 8:
			*(volatile uint64_t *)(to + i) = *(const volatile uint64_t *)(from + i);
			break;
		case 4:
			*(volatile uint32_t *)(to + i) = *(const volatile uint32_t *)(from + i);
			break;
		case 2:
			*(volatile uint16_t *)(to + i) = *(const volatile uint16_t *)(from + i);
			break;
		default:
			to[i] = from[i];
		}
	}
}

/* Maps the page in this CPU's window; where the byte is there, or NULL. */
static uint8_t *open_window(struct vcpu *vcpu, uint64_t hpa, enum memory_type type)
{
	uint64_t window = (uint64_t)vcpu - PERCPU_VCPU + PERCPU_WINDOW;

	if (pt_set_page(&machine.host, window, hpa & ~(PAGE_BYTES - 1),
			PT_READ | PT_WRITE | PT_PINNED | PT_TYPE(type)))
		return NULL;
	invlpg(window);
	return (uint8_t *)(window | (hpa & (PAGE_BYTES - 1)));
}

/* Cached as far as the MTRRs allow, as the guest has it. */
void *memory_anywhere(struct vcpu *vcpu, uint64_t gpa)
{
	uint64_t hpa = nested_gpa_to_hpa(&machine.nested, gpa);

	if (memory_is_ram(hpa))
		return memory_direct(hpa);
	if (hpa >> machine.physical_bits)
		return NULL;
	return open_window(vcpu, hpa, MEMORY_WB);
}

int memory_copy_device(struct vcpu *vcpu, uint64_t hpa, void *buffer, size_t bytes, bool write)
{
	uint8_t *device;

	if (hpa >> machine.physical_bits)
		return -ENXIO;
	device = open_window(vcpu, hpa, MEMORY_UC);
	if (!device)
		return -ENOMEM;
	if (write)
		copy_sized(device, buffer, bytes, hpa);
	else
		copy_sized(buffer, device, bytes, hpa);
	return 0;
}
