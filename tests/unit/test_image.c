// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/memory/memory.c lib/memory/format.c lib/memory/image.c lib/memory/packed.c
// Sources: lib/memory/avml.c lib/memory/kdump.c lib/dump/view.c lib/dump/elf.c
// Libraries: -lelf -lz -lzstd -llzo2 -lsnappy
/* Files as memory: read right, or refused with a reason. */
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump/view.h"
#include "memory/image.h"
#include "memory/lime.h"

#define RAM_BYTES  0x40000u
#define LOW_END    0x5000u
#define HIGH_START 0x10000u
#define TEXT       0xffffffff81000000ull
#define TEXT_START 0x20000u
#define TEXT_SIZE  0x8000u

static uint8_t ram[RAM_BYTES];
static const struct hadal_range ranges[] = {{0x1000, LOW_END}, {HIGH_START, RAM_BYTES}};

static ssize_t ram_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	(void)ctx;
	memcpy(buf, ram + pa, len);
	return len;
}

static struct hadal_memory machine = {.read = ram_read, .ranges = ranges, .range_count = 2};

/* A file with what it is given; the caller removes it. */
struct file {
	char path[32];
	uint8_t *bytes;
	size_t size;
};

static void make_file(struct file *file, struct hadal_view *view)
{
	assert_non_null(view);
	file->size = hadal_view_size(view);
	file->bytes = malloc(file->size);
	assert_non_null(file->bytes);
	hadal_view_read(view, 0, file->bytes, file->size);
	hadal_view_free(view);
	strcpy(file->path, "/tmp/hadal-image-XXXXXX");
	close(mkstemp(file->path));
}

static void write_file(const struct file *file, size_t size)
{
	FILE *out = fopen(file->path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(file->bytes, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
}

static void remove_file(struct file *file)
{
	unlink(file->path);
	free(file->bytes);
}

static void expect_machine(const struct file *file, bool holes)
{
	struct hadal_memory memory;
	struct hadal_error error;
	static uint8_t got[RAM_BYTES];

	write_file(file, file->size);
	assert_int_equal(hadal_image_open(file->path, &memory, &error), 0);
	for (size_t i = 0; i < 2; i++) {
		size_t size = ranges[i].end - ranges[i].start;

		assert_int_equal(hadal_memory_read(&memory, ranges[i].start, got, size), size);
		assert_memory_equal(got, ram + ranges[i].start, size);
	}
	for (size_t i = 1; i < memory.range_count; i++)
		assert_true(memory.ranges[i].start > memory.ranges[i - 1].end);
	if (holes) {
		assert_int_equal(memory.ranges[0].start, 0x1000);
		assert_int_equal(hadal_memory_read(&memory, 0xfff, got, 1), -EFAULT);
		assert_int_equal(hadal_memory_read(&memory, LOW_END, got, 1), -EFAULT);
		assert_int_equal(hadal_memory_read(&memory, LOW_END - 1, got, 2), 1);
	}
	assert_int_equal(hadal_memory_read(&memory, RAM_BYTES - 1, got, 8), 1);
	assert_int_equal(hadal_memory_read(&memory, RAM_BYTES, got, 8), -EFAULT);
	hadal_memory_close(&memory);
}

static void expect_refused(const struct file *file, size_t size, const char *why)
{
	struct hadal_memory memory;
	struct hadal_error error;

	write_file(file, size);
	assert_int_equal(hadal_image_open(file->path, &memory, &error), -EINVAL);
	if (!strstr(error.text, why))
		fail_msg("'%s' does not say '%s'", error.text, why);
}

static void elf_file(struct file *file)
{
	const struct hadal_elf_contents contents = {
		.direct_map = 0xffff888000000000ull,
		.text = TEXT,
		.text_physical = TEXT_START,
		.text_size = TEXT_SIZE,
	};
	struct hadal_view *view;

	assert_int_equal(hadal_view_elf(&machine, &contents, &view), 0);
	make_file(file, view);
}

static void raw_file(struct file *file)
{
	struct hadal_view *view;

	assert_int_equal(hadal_view_raw(&machine, &view), 0);
	make_file(file, view);
}

static void lime_file(struct file *file)
{
	struct hadal_view *view;

	assert_int_equal(hadal_view_lime(&machine, &view), 0);
	make_file(file, view);
}

static void every_format_of_a_dump_is_read(void **state)
{
	struct file file;

	(void)state;
	raw_file(&file);
	expect_machine(&file, false);
	remove_file(&file);
	lime_file(&file);
	expect_machine(&file, true);
	remove_file(&file);
	elf_file(&file);
	expect_machine(&file, true);
	remove_file(&file);
}

static void segments_that_overlap_are_cut(void **state)
{
	struct file file;
	Elf64_Phdr *segment;

	(void)state;
	elf_file(&file);
	segment = (Elf64_Phdr *)(file.bytes + ((Elf64_Ehdr *)file.bytes)->e_phoff);
	/* The image's segment becomes the end of RAM, which goes on past it. */
	assert_int_equal(segment[1].p_paddr, TEXT_START);
	segment[1].p_filesz = RAM_BYTES - TEXT_START;
	segment[3].p_filesz -= 0x1000;
	expect_machine(&file, true);
	remove_file(&file);
}

/* AVML writes a record for each 16 MiB. */
static void records_that_follow_each_other_are_one_range(void **state)
{
	struct lime_header *low, *first, *second;
	struct file file;

	(void)state;
	lime_file(&file);
	file.bytes = realloc(file.bytes, file.size + sizeof(*second));
	assert_non_null(file.bytes);
	low = (struct lime_header *)file.bytes;
	first = (struct lime_header *)(file.bytes + sizeof(*low) + (low->last - low->first + 1));
	assert_int_equal(first->first, HIGH_START);
	second = (struct lime_header *)((uint8_t *)(first + 1) + 0x8000);
	memmove(second + 1, second, file.bytes + file.size - (uint8_t *)second);
	*second = *first;
	second->first = HIGH_START + 0x8000;
	first->last = second->first - 1;
	file.size += sizeof(*second);
	expect_machine(&file, true);
	remove_file(&file);
}

static void what_is_cut_short_or_damaged_is_refused(void **state)
{
	struct file file;
	Elf64_Phdr *segment;

	(void)state;
	elf_file(&file);
	expect_refused(&file, file.size - 1, "is cut short");
	expect_refused(&file, sizeof(Elf64_Ehdr) + 8, "is cut short: its table");
	segment = (Elf64_Phdr *)(file.bytes + ((Elf64_Ehdr *)file.bytes)->e_phoff);
	segment[2].p_paddr = UINT64_MAX - 0x1000;
	expect_refused(&file, file.size, "damaged");
	segment[2].p_offset = UINT64_MAX - 8;
	expect_refused(&file, file.size, "is cut short");
	for (int i = 1; i < 4; i++)
		segment[i].p_type = PT_NULL;
	expect_refused(&file, file.size, "has no memory");
	remove_file(&file);

	lime_file(&file);
	expect_refused(&file, file.size - 1, "is cut short");
	expect_refused(&file, 40, "is cut short");
	expect_refused(&file, 20, "damaged");
	memset(file.bytes + 8, 0, 8);
	memset(file.bytes + 16, 0xff, 8);
	expect_refused(&file, file.size, "damaged");
	remove_file(&file);
}

static void what_is_compressed_is_named(void **state)
{
	static const struct {
		const char *magic, *why;
	} formats[] = {
		{"\x28\xb5\x2f\xfd", "compressed with zstd"},
		{"DISKDUMP", "makedumpfile -E"},
		{"makedumpfile", "makedumpfile -R"},
		{"\x1f\x8b", "gunzip"},
		{"QFI\xfb", "qemu-img convert"},
		{"\xd1\xba\xd1\xba", ".vmem"},
	};
	struct file file;

	(void)state;
	raw_file(&file);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		memset(file.bytes, 0, 16);
		memcpy(file.bytes, formats[i].magic, strlen(formats[i].magic));
		expect_refused(&file, file.size, formats[i].why);
	}
	expect_refused(&file, 0, "non-empty");
	remove_file(&file);
}

static void what_is_elf_and_no_machine_is_named(void **state)
{
	struct file file;
	Elf64_Ehdr *header;
	Elf64_Phdr *segment;

	(void)state;
	elf_file(&file);
	header = (Elf64_Ehdr *)file.bytes;
	segment = (Elf64_Phdr *)(file.bytes + header->e_phoff);
	header->e_type = ET_DYN;
	expect_refused(&file, file.size, "a program");
	header->e_type = ET_CORE;
	header->e_machine = EM_AARCH64;
	expect_refused(&file, file.size, "other than x86-64");
	header->e_machine = EM_X86_64;
	header->e_ident[EI_CLASS] = 77;
	expect_refused(&file, file.size, "its header makes no sense");
	header->e_ident[EI_CLASS] = ELFCLASS64;
	for (int i = 0; i < header->e_phnum; i++) {
		segment[i].p_paddr = 0;
		segment[i].p_vaddr = 0x400000;
	}
	expect_refused(&file, file.size, "core of a process");
	remove_file(&file);
}

static void open_with_hole(const struct file *file, const char *hole, int result,
			   struct hadal_memory *memory, const char *why)
{
	struct hadal_error error = {.text = ""};
	char path[80];

	snprintf(path, sizeof(path), "%s%s", file->path, hole);
	assert_int_equal(hadal_image_open(path, memory, &error), result);
	if (!strstr(error.text, why))
		fail_msg("'%s' does not say '%s'", error.text, why);
}

/* A sentence has less room than a name may take. */
static void a_sentence_that_is_cut_ends_with_dots(void **state)
{
	struct hadal_memory memory;
	struct hadal_error error;
	char path[1000];

	(void)state;
	memset(path, 'n', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(hadal_image_open(path, &memory, &error), -ENAMETOOLONG);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	assert_string_equal(error.text + sizeof(error.text) - 4, "...");
}

static void a_hole_that_was_left_out_can_be_given(void **state)
{
	struct hadal_memory memory;
	struct file file;
	uint8_t got[8];

	(void)state;
	raw_file(&file);
	write_file(&file, file.size);
	open_with_hole(&file, ",hole=0x8000-0x20000", 0, &memory, "");
	assert_int_equal(memory.range_count, 2);
	assert_int_equal(hadal_memory_read(&memory, 0x20000, got, 8), 8);
	assert_memory_equal(got, file.bytes + 0x8000, 8);
	assert_int_equal(memory.missing.reads, 0);
	assert_int_equal(hadal_memory_read(&memory, 0x7ffc, got, 8), 4);
	assert_int_equal(hadal_memory_read(&memory, 0x9000, got, 8), -EFAULT);
	assert_int_equal(memory.missing.reads, 2);
	assert_int_equal(memory.missing.first, 0x8000);
	assert_int_equal(memory.missing.last, 0x9007);
	hadal_memory_close(&memory);
	open_with_hole(&file, ",hole=0x20000-0x8000", -EINVAL, &memory, "START-END");
	open_with_hole(&file, ",hole=0x8000", -EINVAL, &memory, "START-END");
	open_with_hole(&file, ",hole=0x8000-0x8001", -EINVAL, &memory, "START-END");
	open_with_hole(&file, ",hole=0x100000-0x200000", -EINVAL, &memory, "before the hole");
	remove_file(&file);
	lime_file(&file);
	write_file(&file, file.size);
	open_with_hole(&file, ",hole=0x8000-0x20000", -EINVAL, &memory, "says itself");
	remove_file(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_of_a_dump_is_read),
		cmocka_unit_test(segments_that_overlap_are_cut),
		cmocka_unit_test(records_that_follow_each_other_are_one_range),
		cmocka_unit_test(what_is_cut_short_or_damaged_is_refused),
		cmocka_unit_test(what_is_compressed_is_named),
		cmocka_unit_test(what_is_elf_and_no_machine_is_named),
		cmocka_unit_test(a_hole_that_was_left_out_can_be_given),
		cmocka_unit_test(a_sentence_that_is_cut_ends_with_dots),
	};

	for (size_t i = 0; i < RAM_BYTES; i++)
		ram[i] = i * 31 >> 4 ^ i;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
