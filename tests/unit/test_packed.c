// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/memory/memory.c lib/memory/format.c lib/memory/image.c lib/memory/packed.c
// Sources: lib/memory/avml.c lib/memory/kdump.c tests/unit/packed_builder.c
// Libraries: -lelf -lz -lzstd -llzo2 -lsnappy
/* Files with compressed memory: read right, or refused with a reason. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/image.h"
#include "packed_builder.h"
#include "unit.h"

static uint8_t ram[PACKED_RAM];

static int open_file(const struct packed_file *file, size_t size, struct hadal_memory *memory,
		     struct hadal_error *error)
{
	char path[] = "/tmp/hadal-packed-XXXXXX";
	int fd = mkstemp(path), result;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file->bytes, size), size);
	close(fd);
	result = hadal_image_open(path, memory, error);
	unlink(path);
	return result;
}

static void expect_bytes(struct hadal_memory *memory, uint64_t start, uint64_t end)
{
	static uint8_t got[PACKED_RAM];

	assert_int_equal(hadal_memory_read(memory, start, got, end - start), end - start);
	assert_memory_equal(got, ram + start, end - start);
}

static void expect_machine(const struct packed_file *file, bool left_out)
{
	struct hadal_memory memory;
	struct hadal_error error = {.text = ""};
	uint8_t got[64];

	if (open_file(file, file->size, &memory, &error))
		fail_msg("%s", error.text);
	assert_int_equal(memory.range_count, left_out ? 3 : 2);
	assert_int_equal(memory.ranges[0].start, PACKED_LOW_START);
	assert_int_equal(memory.ranges[0].end, PACKED_LOW_END);
	expect_bytes(&memory, PACKED_LOW_START, PACKED_LOW_END);
	if (left_out) {
		expect_bytes(&memory, PACKED_HIGH_START, PACKED_LEFT_OUT);
		expect_bytes(&memory, PACKED_LEFT_OUT + 0x1000, PACKED_RAM);
		assert_int_equal(hadal_memory_read(&memory, PACKED_LEFT_OUT, got, 8), -EFAULT);
		assert_int_equal(hadal_memory_read(&memory, PACKED_LEFT_OUT - 4, got, 8), 4);
	} else {
		expect_bytes(&memory, PACKED_HIGH_START, PACKED_RAM);
	}
	/* Here and there, across the ends of blocks. */
	for (uint64_t at = PACKED_RAM - 20; at > PACKED_LEFT_OUT + 0x2000; at -= 4093)
		expect_bytes(&memory, at, at + 19);
	assert_int_equal(hadal_memory_read(&memory, 0, got, 8), -EFAULT);
	assert_int_equal(hadal_memory_read(&memory, PACKED_LOW_END, got, 8), -EFAULT);
	assert_int_equal(hadal_memory_read(&memory, PACKED_RAM - 1, got, 8), 1);
	hadal_memory_close(&memory);
}

static void expect_refused(const struct packed_file *file, size_t size, const char *why)
{
	struct hadal_memory memory;
	struct hadal_error error = {.text = ""};

	assert_int_equal(open_file(file, size, &memory, &error), -EINVAL);
	if (!strstr(error.text, why))
		fail_msg("'%s' does not say '%s'", error.text, why);
}

static void avml_is_read(void **state)
{
	static const enum packing packings[] = {PACKED_SNAPPY, PACKED_NOT};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct packed_file file = packed_avml(ram, packings[i]);

		expect_machine(&file, false);
		free(file.bytes);
	}
}

/* Nothing in the file tells them from memory that could not be read. */
static void what_avml_leaves_out_is_missing(void **state)
{
	const uint64_t start = PACKED_HIGH_START + PACKED_RECORD, end = start + PACKED_RECORD;
	struct hadal_memory memory;
	struct hadal_error error;
	struct packed_file file;
	uint8_t got[8];

	(void)state;
	memset(ram + start, 0, end - start);
	file = packed_avml(ram, PACKED_SNAPPY);
	assert_int_equal(open_file(&file, file.size, &memory, &error), 0);
	assert_int_equal(memory.range_count, 3);
	assert_int_equal(memory.ranges[1].end, start);
	assert_int_equal(memory.ranges[2].start, end);
	expect_bytes(&memory, PACKED_HIGH_START, start);
	expect_bytes(&memory, end, PACKED_RAM);
	assert_int_equal(hadal_memory_read(&memory, start, got, 8), -EFAULT);
	assert_int_equal(memory.missing.first, start);
	hadal_memory_close(&memory);
	free(file.bytes);
	packed_fill(ram);
}

static void kdump_is_read(void **state)
{
	static const enum packing packings[] = {PACKED_NOT, PACKED_ZLIB, PACKED_LZO, PACKED_SNAPPY,
						PACKED_ZSTD};

	(void)state;
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++) {
		struct packed_file file = packed_kdump(ram, packings[i]);

		expect_machine(&file, true);
		free(file.bytes);
	}
}

static void put(struct packed_file *file, size_t at, uint64_t value, size_t size)
{
	memcpy(file->bytes + at, &value, size);
}

static void damaged_avml_is_refused(void **state)
{
	struct packed_file file = packed_avml(ram, PACKED_SNAPPY);
	uint8_t *first = file.bytes + 32 + 10; /* the first frame of data */

	(void)state;
	for (size_t size = 8; size < file.size; size += 97)
		expect_refused(&file, size, "cut short");
	put(&file, 4, 3, 4);
	expect_refused(&file, file.size, "no AVML header");
	put(&file, 4, 2, 4);
	put(&file, 16, UINT64_MAX, 8);
	expect_refused(&file, file.size, "no AVML header");
	put(&file, 16, 0, 8);
	expect_refused(&file, file.size, "no AVML header");
	/* A range that is longer than its frames, and one that is shorter. */
	put(&file, 16, PACKED_LOW_END + 0xfff, 8);
	expect_refused(&file, file.size, "cut short");
	put(&file, 16, PACKED_LOW_END - 0x1001, 8);
	expect_refused(&file, file.size, "no sound frame");
	put(&file, 16, PACKED_LOW_END - 1, 8);
	first[0] = 0x7f;
	expect_refused(&file, file.size, "unknown kind");
	first[0] = 0;
	put(&file, first + 8 - file.bytes, 0xffffffffffull, 5); /* 32 GiB unpacked */
	expect_refused(&file, file.size, "no sound frame");
	first[2] = first[3] = 0xff;
	expect_refused(&file, file.size, "behind its end");
	free(file.bytes);
}

static void a_damaged_block_is_missing(void **state)
{
	struct packed_file file = packed_avml(ram, PACKED_NOT);
	struct hadal_memory memory;
	struct hadal_error error;
	uint8_t got[8];

	(void)state;
	file.bytes[file.size - 100] ^= 1;
	assert_int_equal(open_file(&file, file.size, &memory, &error), 0);
	assert_int_equal(hadal_memory_read(&memory, PACKED_RAM - 8, got, 8), -EFAULT);
	assert_int_equal(memory.missing.reads, 1);
	expect_bytes(&memory, PACKED_LOW_START, PACKED_LOW_END);
	hadal_memory_close(&memory);
	free(file.bytes);

	file = packed_kdump(ram, PACKED_ZLIB);
	put(&file, PACKED_KDUMP_DESCRIPTORS, UINT64_MAX - 100, 8);
	put(&file, PACKED_KDUMP_DESCRIPTORS + 24 + 8, UINT32_MAX, 4);
	put(&file, PACKED_KDUMP_DESCRIPTORS + 48 + 8, 3, 4);
	put(&file, PACKED_KDUMP_DESCRIPTORS + 72 + 8, 0, 4);
	assert_int_equal(open_file(&file, file.size, &memory, &error), 0);
	for (uint64_t at = PACKED_LOW_START; at < PACKED_LOW_END; at += 0x1000)
		assert_int_equal(hadal_memory_read(&memory, at, got, 8), -EFAULT);
	expect_bytes(&memory, PACKED_HIGH_START, PACKED_LEFT_OUT);
	hadal_memory_close(&memory);
	free(file.bytes);
}

static void damaged_kdump_is_refused(void **state)
{
	struct packed_file file = packed_kdump(ram, PACKED_LZO);

	(void)state;
	expect_refused(&file, 100, "its header ends");
	expect_refused(&file, 4100, "second header ends");
	expect_refused(&file, PACKED_KDUMP_MAP + 4096, "maps do not fit");
	expect_refused(&file, PACKED_KDUMP_DESCRIPTORS + 240, "fewer pages");
	put(&file, 428, 4095, 4);
	expect_refused(&file, file.size, "size of blocks");
	put(&file, 428, 1u << 31, 4);
	expect_refused(&file, file.size, "size of blocks");
	put(&file, 428, 4096, 4);
	put(&file, 432, UINT32_MAX, 4);
	expect_refused(&file, file.size, "maps do not fit");
	put(&file, 432, 1, 4);
	put(&file, 4096 + 96, UINT64_MAX, 8);
	expect_refused(&file, file.size, "cut short");
	put(&file, 4096 + 96, 8 * 4096 + 1, 8);
	expect_refused(&file, file.size, "maps do not fit");
	put(&file, 4096 + 12, 1, 4);
	expect_refused(&file, file.size, "--reassemble");
	file.bytes[12 + 4 * 65] = 'a';
	expect_refused(&file, file.size, "other than x86-64");
	free(file.bytes);
}

static void what_is_packed_has_no_hole(void **state)
{
	struct packed_file file = packed_kdump(ram, PACKED_LZO);
	char path[80] = "/tmp/hadal-packed-XXXXXX";
	struct hadal_memory memory;
	struct hadal_error error;
	int fd = mkstemp(path);
	size_t len = strlen(path);

	(void)state;
	assert_int_equal(write(fd, file.bytes, file.size), file.size);
	close(fd);
	strcat(path, ",hole=0x8000-0x20000");
	assert_int_equal(hadal_image_open(path, &memory, &error), -EINVAL);
	assert_non_null(strstr(error.text, "says itself"));
	path[len] = '\0';
	unlink(path);
	free(file.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avml_is_read),
		cmocka_unit_test(what_avml_leaves_out_is_missing),
		cmocka_unit_test(kdump_is_read),
		cmocka_unit_test(damaged_avml_is_refused),
		cmocka_unit_test(a_damaged_block_is_missing),
		cmocka_unit_test(damaged_kdump_is_refused),
		cmocka_unit_test(what_is_packed_has_no_hole),
	};

	packed_fill(ram);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
