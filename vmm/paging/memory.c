// SPDX-License-Identifier: MIT
/* The machine's memory: where things are, and what the guest may access of it. */
#include "base/log.h"
#include "paging/guest_walk.h"
#include "paging/memory.h"
#include "base/string.h"
#include "base/layout.h"
#include "x86/apic.h"
#include "x86/cpu.h"

struct machine machine;

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

bool memory_is_ram(uint64_t hpa)
{
	return ram_has(__atomic_load_n(&machine.ram, __ATOMIC_ACQUIRE), hpa);
}

bool memory_is_own(uint64_t hpa)
{
	return ram_has(__atomic_load_n(&machine.own, __ATOMIC_ACQUIRE), hpa);
}

uint64_t memory_hidden_page(void)
{
	return memory_image_physical(hidden_page);
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

int memory_walk_root(uint64_t gva, uint64_t cr3, uint64_t cr4, uint64_t *gpa)
{
	struct guest_paging paging = {
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr3 = cr3,
		.cr4 = cr4 | CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_NXE,
		.physical_bits = machine.physical_bits,
		.has_1g = true,
	};
	struct guest_walk walk;
	int err = guest_walk(&paging, gva, WALK_ANY, memory_walk_table, NULL, &walk);

	*gpa = walk.gpa;
	return err;
}

size_t memory_read_guest_root(uint64_t gva, uint64_t cr3, uint64_t cr4, void *to, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		size_t part = to_page_end(gva + done, bytes - done);
		const void *from;
		uint64_t gpa;

		if (memory_walk_root(gva + done, cr3, cr4, &gpa))
			break;
		from = memory_walk_table(NULL, gpa);
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

/* Maps a page at an offset of this CPU's memory, whose tables are there; where the byte is then. */
static uint8_t *map_here(struct vcpu *vcpu, uint64_t offset, uint64_t hpa, enum memory_type type)
{
	uint64_t at = (uint64_t)vcpu - PERCPU_VCPU + offset;

	if (pt_set_page(&machine.host, at, hpa & ~(PAGE_BYTES - 1),
			PT_READ | PT_WRITE | PT_PINNED | PT_TYPE(type)))
		return NULL;
	invlpg(at);
	return (uint8_t *)(at | (hpa & (PAGE_BYTES - 1)));
}

static uint8_t *open_window(struct vcpu *vcpu, uint64_t hpa, enum memory_type type)
{
	return map_here(vcpu, PERCPU_WINDOW, hpa, type);
}

void memory_map_apic(struct vcpu *vcpu)
{
	map_here(vcpu, PERCPU_APIC, rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS, MEMORY_UC);
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
