// SPDX-License-Identifier: MIT
/*
 * hadal.efi: puts Hadal under the processor before an operating system is there, and then lets that
 * boot: the program that its options name, or what comes next in the firmware's boot order.
 */
#include "chain.h"
#include "memory.h"
#include "print.h"

/* EFI_MP_SERVICES_PROTOCOL_GUID */
static const struct efi_guid mp_services = {
	0x3fdda605, 0xa76e, 0x4f46, {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}};

typedef int64_t(__attribute__((sysv_abi)) * image_function)(uint64_t op, uint64_t boot,
							    uint64_t root, uint64_t cpu);

static const char *reason_of(int64_t error)
{
	switch (-error) {
	case 1:
		return "VT-x or SVM is switched off and locked by the firmware";
	case 5:
		return "the processor refuses the state";
	case 12:
		return "the image wants more memory than it says";
	case 14:
		return "a fault inside the image";
	case 16:
		return "another hypervisor holds the processor";
	case 19:
		return "the processor has no VT-x or SVM, or lacks a feature that Hadal needs";
	case 34:
		return "there is RAM at addresses that Hadal cannot map";
	case 71:
		return "the image is of another version";
	case 95:
		return "memory encryption is on";
	default:
		return "unexpected error";
	}
}

/* The image's own words, of which nobody else is left to ask. */
static void show_log(const struct hypervisor_memory *memory)
{
	const struct hadal_log_ring *log =
		(const void *)((const uint8_t *)memory->image + memory->image->log_offset);
	uint64_t at = log->head > HADAL_LOG_BYTES ? log->head - HADAL_LOG_BYTES : 0;

	while (at < log->head) {
		char line[128];
		size_t used = 0;

		for (; at < log->head && log->data[at % HADAL_LOG_BYTES] != '\n'; at++)
			if (used < sizeof(line) - 1)
				line[used++] = log->data[at % HADAL_LOG_BYTES];
		at++;
		line[used] = '\0';
		say("  %s", line);
	}
}

/* With interrupts off, as the image wants to be called. */
static int64_t call_image(const struct hypervisor_memory *memory, enum hadal_enter op,
			  uint64_t root)
{
	image_function enter =
		(image_function)((uint64_t)memory->trampoline + memory->image->entry_offset);
	uint64_t flags;
	int64_t result;

	__asm__ volatile("pushfq; pop %0; cli" : "=r"(flags) : : "memory");
	result = enter(op, (uint64_t)memory->boot, root, 0);
	__asm__ volatile("push %0; popfq" : : "r"(flags) : "memory", "cc");
	return result;
}

/* The way out leads through memory that an operating system maps as it likes: there is none. */
static void lock(void)
{
	uint64_t number = HADAL_CALL_BASE + HADAL_CALL_STOP, how = HADAL_STOP_NEVER;

	__asm__ volatile("vmmcall" : "+a"(number), "+D"(how) : : "rcx", "r10", "r11", "memory");
}

static bool enter(struct efi_boot_services *services, struct hypervisor_memory *memory)
{
	struct first_tables tables;
	int64_t error;

	if (!tables_build(services, memory, &tables)) {
		tables_free(services);
		return false;
	}
	error = call_image(memory, HADAL_ENTER_INIT, tables.root);
	tables_free(services);
	if (!error)
		error = call_image(memory, HADAL_ENTER_START, memory->boot->root);
	if (error) {
		say("cannot start: %s (error %u)", reason_of(error), (uint64_t)-error);
		show_log(memory);
		return false;
	}
	lock();
	return true;
}

/* INIT and SIPI, by which a system starts the other processors, would end Hadal on SVM. */
static bool is_alone(struct efi_boot_services *services)
{
	struct efi_mp_services *mp;
	uint64_t all = 1, enabled;

	if (services->locate_protocol(&mp_services, NULL, (void **)&mp) ||
	    mp->processors(mp, &all, &enabled) || all == 1)
		return true;
	say("this machine has %u processors, and a start by the firmware is for one", all);
	return false;
}

static bool is_amd(void)
{
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (b == 0x68747541 || b == 0x6f677948)
		return true;
	say("a start by the firmware is for processors with SVM");
	return false;
}

static bool start(struct efi_boot_services *services)
{
	struct hypervisor_memory memory;
	uint64_t bytes = 0;

	if (!is_amd() || !is_alone(services) || !memory_allocate(services, &memory))
		return false;
	if (!enter(services, &memory)) {
		memory_free(services, &memory);
		return false;
	}
	for (uint32_t i = 0; i < memory.boot->ram_count; i++)
		bytes += memory.boot->ram[i].end - memory.boot->ram[i].start;
	say("running under this processor, with %u KiB of %u MiB of RAM",
	    (memory.image->memory_bytes + memory.boot->pool[0].bytes) >> 10, bytes >> 20);
	services->free_pages((uint64_t)memory.boot,
			     (sizeof(*memory.boot) + EFI_PAGE - 1) / EFI_PAGE);
	return true;
}

efi_status efi_main(efi_handle self, struct efi_system_table *system)
{
	print_init(system);
	if (!start(system->boot))
		say("going on without Hadal");
	return chain(self, system->boot);
}
