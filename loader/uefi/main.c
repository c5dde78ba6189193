// SPDX-License-Identifier: MIT
/*
 * hadal.efi: puts Hadal under the processor before an operating system is there, and then lets that
 * boot: the program that its options name, or what comes next in the firmware's boot order.
 */
#include "chain.h"
#include "memory.h"
#include "print.h"
#include "processors.h"

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
	case 62:
		return "not all processors came";
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

/* The way out leads through memory that an operating system maps as it likes: there is none. */
static void lock(void)
{
	uint64_t number = HADAL_CALL_BASE + HADAL_CALL_STOP, how = HADAL_STOP_NEVER;

	__asm__ volatile("vmmcall" : "+a"(number), "+D"(how) : : "rcx", "r10", "r11", "memory");
}

/* On failure *lost tells whether the memory may still be in use. */
static bool enter(struct efi_boot_services *services, const struct processors *processors,
		  struct hypervisor_memory *memory, bool *lost)
{
	struct first_tables tables;
	int64_t error;

	*lost = false;
	if (!tables_build(services, memory, &tables)) {
		tables_free(services);
		return false;
	}
	error = call_image(memory, HADAL_ENTER_INIT, tables.root, 0);
	tables_free(services);
	if (!error)
		error = processors_enter(services, processors, memory, lost);
	if (error) {
		say("cannot start: %s (error %u)", reason_of(error), (uint64_t)-error);
		show_log(memory);
		return false;
	}
	lock();
	return true;
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
	struct processors processors;
	uint64_t bytes = 0;
	bool lost;

	if (!is_amd() || !processors_find(services, &processors) ||
	    !memory_allocate(services, &memory, processors.all))
		return false;
	if (!enter(services, &processors, &memory, &lost)) {
		if (!lost)
			memory_free(services, &memory);
		return false;
	}
	for (uint32_t i = 0; i < memory.boot->ram_count; i++)
		bytes += memory.boot->ram[i].end - memory.boot->ram[i].start;
	say("running under %u of %u processors, with %u KiB of %u MiB of RAM", processors.enabled,
	    processors.all, (memory.image->memory_bytes + memory.boot->pool[0].bytes) >> 10,
	    bytes >> 20);
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
