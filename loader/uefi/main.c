// SPDX-License-Identifier: MIT
/*
 * hadal.efi: puts Hadal under the processor before an operating system is there, and then lets that
 * boot: the program that its options name, or what comes next in the firmware's boot order.
 */
#include "boots.h"
#include "chain.h"
#include "measure.h"
#include "memory.h"
#include "print.h"
#include "processors.h"
#include "sha256.h"
#include "string.h"

#define KEYS_MAX 64u

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
		return "not all processors have started";
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
	if (memory->boot->flags & HADAL_BOOT_STOPS)
		say("the system may stop it");
	else
		call_stop(HADAL_STOP_NEVER);
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

/* Says what is wrong with the image in this program, which is Hadal's. */
static bool image_is_whole(uint8_t digest[SHA256_BYTES])
{
	sha256(hadal_image, hadal_image_end - hadal_image, digest);
	for (unsigned i = 0; i < SHA256_BYTES; i++) {
		if (digest[i] == hadal_image_sha256[i])
			continue;
		say("the hypervisor's image in this program is damaged");
		return false;
	}
	return true;
}

static void say_digest(const uint8_t digest[SHA256_BYTES])
{
	char text[2 * SHA256_BYTES + 1];

	for (unsigned i = 0; i < 2 * SHA256_BYTES; i++)
		text[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
	text[2 * SHA256_BYTES] = '\0';
	say("SHA-256 of the image %s", text);
}

static bool start(struct efi_system_table *system, const struct options *options)
{
	struct efi_boot_services *services = system->boot;
	struct hypervisor_memory memory;
	struct processors processors;
	uint8_t digest[SHA256_BYTES];
	uint64_t bytes = 0;
	bool lost;

	if (!is_amd() || !image_is_whole(digest) || !processors_find(services, &processors) ||
	    !memory_allocate(services, &memory, processors.all, options->pool_mib))
		return false;
	say_digest(digest);
	memcpy(memory.boot->first.image_sha256, digest, SHA256_BYTES);
	measure(services, hadal_image, hadal_image_end - hadal_image, &memory.boot->first);
	if (options->allow_stop)
		memory.boot->flags |= HADAL_BOOT_STOPS;
	boots_count(system->runtime);
	if (!enter(services, &processors, &memory, &lost)) {
		boots_take_back(system->runtime);
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

/* S was pressed, or is held, since the firmware last looked at its keyboard. */
static bool key_says_no(struct efi_text_input *in)
{
	struct efi_key key;

	for (unsigned i = 0; in && i < KEYS_MAX && !in->read_key(in, &key); i++) {
		if ((key.character | 0x20) != 's')
			continue;
		say("left out this time, as the key S says");
		return true;
	}
	return false;
}

static void say_unknown(const struct options *options)
{
	const uint16_t *from = options->text + options->unknown.start;
	char word[40];
	uint32_t i;

	for (i = 0; i < options->unknown.length && i < sizeof(word) - 1; i++)
		word[i] = from[i] < 0x7f ? from[i] : '?';
	word[i] = '\0';
	say("the option %s is not known, or has no such value", word);
}

static bool is_wanted(struct efi_system_table *system, const struct options *options)
{
	if (options->unknown.length)
		say_unknown(options);
	if (options->off)
		say("left out, as its options say");
	return !options->off && !key_says_no(system->in) && boots_may_start(system->runtime);
}

efi_status efi_main(efi_handle self, struct efi_system_table *system)
{
	struct efi_loaded_image *own;
	struct options options;
	struct name name;

	print_init(system);
	if (system->boot->handle_protocol(self, &loaded_image, (void **)&own))
		return EFI_NOT_FOUND;
	name = file_name(own);
	options_read(own->options, own->options_bytes / 2, &name, &options);
	if (!is_wanted(system, &options) || !start(system, &options))
		say("going on without Hadal");
	return chain(self, system->boot, own, &options);
}
