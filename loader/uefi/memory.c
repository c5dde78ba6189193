// SPDX-License-Identifier: MIT
/* The memory that becomes the hypervisor's, and the map of RAM that it is told. */
#include "memory.h"
#include "print.h"
#include "string.h"

#define MAP_SLACK   16u        /* descriptors more than there were: to allocate makes some */
#define UNFED_BYTES (3u << 20) /* of pool, which nobody gives more while it runs */
#define TABLES_MORE 64u        /* pages of first page tables beside those for each 2 MiB of pool */
#define CR4_LA57    (1ull << 12)

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + EFI_PAGE - 1) / EFI_PAGE;
}

static void *allocate(struct efi_boot_services *services, uint32_t type, uint64_t bytes)
{
	uint64_t address = 0;

	if (services->allocate_pages(EFI_ALLOCATE_ANY, type, pages_of(bytes), &address))
		return NULL;
	memset((void *)address, 0, pages_of(bytes) * EFI_PAGE);
	return (void *)address;
}

/* What an operating system uses as RAM, and what of it has been made ours. */
static bool is_ram(const struct hypervisor_memory *memory,
		   const struct efi_memory_descriptor *descriptor)
{
	uint64_t start = descriptor->physical, end = start + descriptor->pages * EFI_PAGE;

	switch (descriptor->type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_CODE:
	case EFI_BOOT_DATA:
	case EFI_CONVENTIONAL:
		return true;
	case EFI_RESERVED:
		return ((uint64_t)memory->image >= start && (uint64_t)memory->image < end) ||
		       ((uint64_t)memory->trampoline >= start &&
			(uint64_t)memory->trampoline < end);
	default:
		return false;
	}
}

/* Adds a range where it belongs, and joins it with its neighbours. False when there are too many.
 */
static bool add_ram(struct hadal_boot *boot, uint64_t start, uint64_t end)
{
	uint32_t at = boot->ram_count, i;

	while (at && boot->ram[at - 1].start > start)
		at--;
	if (at && boot->ram[at - 1].end == start) {
		boot->ram[--at].end = end;
	} else {
		if (boot->ram_count == HADAL_MAX_RAM_RANGES)
			return false;
		for (i = boot->ram_count++; i > at; i--)
			boot->ram[i] = boot->ram[i - 1];
		boot->ram[at].start = start;
		boot->ram[at].end = end;
	}
	if (at + 1 < boot->ram_count && boot->ram[at].end == boot->ram[at + 1].start) {
		boot->ram[at].end = boot->ram[at + 1].end;
		for (i = at + 1; i + 1 < boot->ram_count; i++)
			boot->ram[i] = boot->ram[i + 1];
		boot->ram_count--;
	}
	return true;
}

/* The firmware's map, in memory of the pool's, or NULL. */
static uint8_t *get_map(struct efi_boot_services *services, uint64_t *bytes, uint64_t *stride)
{
	uint64_t key;
	uint32_t version;
	void *map;

	*bytes = 0;
	if (services->get_memory_map(bytes, NULL, &key, stride, &version) != EFI_BUFFER_TOO_SMALL)
		return NULL;
	*bytes += MAP_SLACK * *stride;
	if (services->allocate_pool(EFI_LOADER_DATA, *bytes, &map))
		return NULL;
	if (!services->get_memory_map(bytes, map, &key, stride, &version))
		return map;
	services->free_pool(map);
	return NULL;
}

/* What the firmware keeps for itself and others, before Hadal has taken any. */
static void say_map(struct efi_boot_services *services, const struct hadal_boot *boot)
{
	uint64_t bytes, stride, pages[EFI_TYPES] = {0}, ram = 0;
	uint8_t *map = get_map(services, &bytes, &stride);

	for (uint64_t at = 0; map && at + sizeof(struct efi_memory_descriptor) <= bytes;
	     at += stride) {
		const struct efi_memory_descriptor *descriptor = (void *)(map + at);

		if (descriptor->type < EFI_TYPES)
			pages[descriptor->type] += descriptor->pages;
	}
	if (map)
		services->free_pool(map);
	for (uint32_t i = 0; i < boot->ram_count; i++)
		ram += boot->ram[i].end - boot->ram[i].start;
	say("memory map: %u MiB of RAM in %u ranges, and in KiB %u of runtime services, %u of "
	    "ACPI's, %u reserved",
	    ram >> 20, (uint64_t)boot->ram_count,
	    (pages[EFI_RUNTIME_CODE] + pages[EFI_RUNTIME_DATA]) * 4,
	    (pages[EFI_ACPI] + pages[EFI_ACPI_NVS]) * 4, pages[EFI_RESERVED] * 4);
}

static bool read_ram(struct efi_boot_services *services, struct hypervisor_memory *memory)
{
	uint64_t bytes, stride, at;
	uint8_t *map = get_map(services, &bytes, &stride);
	bool done = map;

	memory->boot->ram_count = 0;
	for (at = 0; done && at + sizeof(struct efi_memory_descriptor) <= bytes; at += stride) {
		const struct efi_memory_descriptor *descriptor = (void *)(map + at);

		if (is_ram(memory, descriptor))
			done = add_ram(memory->boot, descriptor->physical,
				       descriptor->physical + descriptor->pages * EFI_PAGE);
	}
	if (map)
		services->free_pool(map);
	return done && memory->boot->ram_count;
}

static uint64_t end_of_ram(const struct hadal_boot *boot)
{
	return boot->ram[boot->ram_count - 1].end;
}

static uint64_t pool_bytes(const struct hadal_image_header *header, uint64_t end, uint32_t cpus)
{
	uint64_t gib = (end + (1ull << 30) - 1) >> 30;

	if (gib > HADAL_MAX_GIB)
		gib = HADAL_MAX_GIB;
	return pages_of(UNFED_BYTES + header->base_pool_bytes + header->per_gib_bytes * gib +
			header->per_cpu_bytes * cpus) *
	       EFI_PAGE;
}

/* The image is told all RAM with its own in it, so the map is read when all is allocated. */
static bool fill(struct efi_boot_services *services, struct hypervisor_memory *memory,
		 uint32_t cpus, uint32_t pool_mib)
{
	const struct hadal_image_header *header = (const void *)hadal_image;
	struct hadal_boot *boot = memory->boot;
	uint64_t pool;

	if (!read_ram(services, memory)) {
		say("the firmware's memory map cannot be read, or has more than %u ranges of RAM",
		    (uint64_t)HADAL_MAX_RAM_RANGES);
		return false;
	}
	say_map(services, boot);
	pool = pool_bytes(header, end_of_ram(boot), cpus) + ((uint64_t)pool_mib << 20);
	memory->image = allocate(services, EFI_RESERVED, header->memory_bytes);
	memory->trampoline = allocate(services, EFI_RESERVED, EFI_PAGE + pool);
	memory->trampoline_pages = pages_of(EFI_PAGE + pool);
	if (!memory->image || !memory->trampoline) {
		say("not enough memory: %u KiB are needed", (header->memory_bytes + pool) >> 10);
		return false;
	}
	memcpy(memory->image, hadal_image, header->file_bytes);
	memcpy(memory->trampoline, hadal_image, EFI_PAGE);
	boot->abi_version = HADAL_ABI_VERSION;
	boot->cpu_count = cpus;
	boot->image_physical = (uint64_t)memory->image;
	boot->trampoline = (uint64_t)memory->trampoline;
	boot->flags = HADAL_BOOT_FIRST;
	boot->pool_count = 1;
	boot->pool[0].physical = boot->trampoline + EFI_PAGE;
	boot->pool[0].bytes = pool;
	boot->pool[0].node = HADAL_NO_NODE;
	for (uint32_t i = 0; i < cpus; i++)
		boot->cpu_node[i] = HADAL_NO_NODE;
	return read_ram(services, memory);
}

bool memory_allocate(struct efi_boot_services *services, struct hypervisor_memory *memory,
		     uint32_t cpus, uint32_t pool_mib)
{
	const struct hadal_image_header *header = (const void *)hadal_image;

	memset(memory, 0, sizeof(*memory));
	if (!image_is_sound(header, hadal_image_end - hadal_image)) {
		say("the hypervisor's image in this program is damaged or of another version");
		return false;
	}
	memory->boot = allocate(services, EFI_LOADER_DATA, sizeof(*memory->boot));
	if (memory->boot && fill(services, memory, cpus, pool_mib))
		return true;
	if (!memory->boot)
		say("not enough memory");
	memory_free(services, memory);
	return false;
}

static void release(struct efi_boot_services *services, void *memory, uint64_t bytes)
{
	if (memory)
		services->free_pages((uint64_t)memory, pages_of(bytes));
}

void memory_free(struct efi_boot_services *services, struct hypervisor_memory *memory)
{
	const struct hadal_image_header *header = (const void *)hadal_image;

	release(services, memory->image, header->memory_bytes);
	release(services, memory->trampoline, memory->trampoline_pages * EFI_PAGE);
	release(services, memory->boot, sizeof(*memory->boot));
	memset(memory, 0, sizeof(*memory));
}

/* One block for all tables, of which it takes few: the pool is in one piece. */
static uint8_t *tables_memory;
static uint64_t tables_used, tables_most;

static uint64_t *new_table(struct first_tables *tables, uint64_t *physical)
{
	(void)tables;
	if (tables_used == tables_most)
		return NULL;
	*physical = (uint64_t)tables_memory + tables_used++ * EFI_PAGE;
	return (uint64_t *)*physical;
}

static uint64_t *table_at(uint64_t physical)
{
	return (uint64_t *)physical;
}

bool tables_build(struct efi_boot_services *services, const struct hypervisor_memory *memory,
		  struct first_tables *tables)
{
	uint64_t cr4;

	__asm__("mov %%cr4, %0" : "=r"(cr4));
	tables_most = memory->trampoline_pages / 512 + TABLES_MORE;
	tables_memory = allocate(services, EFI_LOADER_DATA, tables_most * EFI_PAGE);
	tables_used = 0;
	tables->levels = cr4 & CR4_LA57 ? 5 : 4;
	tables->new_table = new_table;
	tables->at = table_at;
	if (tables_memory && first_tables_build(tables, memory->boot, (uint64_t)memory->boot,
						memory->image->memory_bytes))
		return true;
	say("not enough memory for page tables");
	return false;
}

void tables_free(struct efi_boot_services *services)
{
	release(services, tables_memory, tables_most * EFI_PAGE);
	tables_memory = NULL;
}
