// SPDX-License-Identifier: MIT
// Sources: KERNEL
// Libraries: -lbpf -lelf -lz
/* Maps of physical memory side by side, memory types, and the picture of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memmap/svg.h"
#include "unit.h"

#define MIB (1ull << 20)
#define END (1ull << 40)

static void add(struct hadal_memmap *map, unsigned int source, uint64_t start, uint64_t end,
		enum hadal_memmap_class class, const char *name)
{
	map->of[source].known = true;
	assert_non_null(hadal_memmap_add(&map->of[source], start, end - 1, class, name));
}

/* RAM with the hypervisor in it, a hole, runtime services that E820 takes for RAM. */
static void make(struct hadal_memmap *map)
{
	const struct hadal_range ram[] = {{0, 8 * MIB}, {16 * MIB, 32 * MIB}};
	const struct hadal_range own[] = {{31 * MIB, 32 * MIB}, {2 * MIB, 3 * MIB}};

	*map = (struct hadal_memmap){0};
	add(map, HADAL_MEMMAP_EFI, 16 * MIB, 30 * MIB, HADAL_MEMMAP_RAM, "Conventional Memory");
	add(map, HADAL_MEMMAP_EFI, 0, 8 * MIB, HADAL_MEMMAP_BOOT, "Boot <Services> & \"Data\"");
	add(map, HADAL_MEMMAP_EFI, 30 * MIB, 32 * MIB, HADAL_MEMMAP_RUNTIME, "Runtime");
	add(map, HADAL_MEMMAP_E820, 0, 8 * MIB, HADAL_MEMMAP_RAM, "System RAM");
	add(map, HADAL_MEMMAP_E820, 16 * MIB, 32 * MIB, HADAL_MEMMAP_RAM, "System RAM");
	add(map, HADAL_MEMMAP_RESOURCES, 0, 8 * MIB, HADAL_MEMMAP_RAM, "System RAM");
	add(map, HADAL_MEMMAP_RESOURCES, MIB, 2 * MIB, HADAL_MEMMAP_RAM, "Kernel code");
	add(map, HADAL_MEMMAP_RESOURCES, 16 * MIB, 32 * MIB, HADAL_MEMMAP_RAM, "System RAM");
	map->of[HADAL_MEMMAP_RESOURCES].items[1].depth = 1;
	assert_int_equal(hadal_memmap_add_hadal(map, ram, 2, own, 2), 0);
}

static void rows_are_cut_wherever_a_map_changes(void **unused)
{
	static const struct {
		uint64_t start, end;
		unsigned int marks;
		const char *resource, *hadal;
	} expected[] = {
		{0, MIB, 0, "System RAM", "RAM"},
		{MIB, 2 * MIB, 0, "Kernel code", "RAM"},
		{2 * MIB, 3 * MIB, HADAL_MEMMAP_MARK_HIDDEN, "System RAM", "hidden"},
		{3 * MIB, 8 * MIB, 0, "System RAM", "RAM"},
		{16 * MIB, 30 * MIB, 0, "System RAM", "RAM"},
		{30 * MIB, 31 * MIB, HADAL_MEMMAP_MARK_RAM | HADAL_MEMMAP_MARK_RUNTIME,
		 "System RAM", "RAM"},
		{31 * MIB, 32 * MIB,
		 HADAL_MEMMAP_MARK_RAM | HADAL_MEMMAP_MARK_RUNTIME | HADAL_MEMMAP_MARK_HIDDEN,
		 "System RAM", "hidden"},
	};
	struct hadal_memmap_row *rows;
	struct hadal_memmap map;
	size_t count;
	(void)unused;

	make(&map);
	assert_int_equal(hadal_memmap_rows(&map, &rows, &count), 0);
	assert_int_equal(count, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows[i].start, expected[i].start);
		assert_int_equal(rows[i].last, expected[i].end - 1);
		assert_int_equal(hadal_memmap_marks(&map, &rows[i]), expected[i].marks);
		assert_string_equal(rows[i].in[HADAL_MEMMAP_RESOURCES]->name, expected[i].resource);
		assert_string_equal(rows[i].in[HADAL_MEMMAP_HADAL]->name, expected[i].hadal);
		assert_null(rows[i].in[HADAL_MEMMAP_MTRR]);
	}
	free(rows);
	hadal_memmap_free(&map);
}

static void rows_reach_the_last_address(void **unused)
{
	struct hadal_memmap map = {0};
	struct hadal_memmap_row *rows;
	size_t count;
	(void)unused;

	assert_int_equal(hadal_memmap_rows(&map, &rows, &count), 0);
	assert_int_equal(count, 0);
	free(rows);
	add(&map, HADAL_MEMMAP_EFI, MIB, 0, HADAL_MEMMAP_RESERVED, "all");
	add(&map, HADAL_MEMMAP_E820, 2 * MIB, 3 * MIB, HADAL_MEMMAP_RAM, "System RAM");
	assert_int_equal(hadal_memmap_rows(&map, &rows, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(rows[2].start, 3 * MIB);
	assert_int_equal(rows[2].last, UINT64_MAX);
	assert_int_equal(hadal_memmap_marks(&map, &rows[1]), HADAL_MEMMAP_MARK_RAM);
	free(rows);
	hadal_memmap_free(&map);
}

static void own_memory_is_cut_out_of_ram(void **unused)
{
	const struct hadal_range ram[] = {{0x1000, 0x5000}, {0x8000, 0x9000}};
	const struct hadal_range own[] = {
		{0x8000, 0x9000}, {0x2000, 0x3000}, {0x1000, 0x2000}, {0xf000, 0x10000}};
	static const struct hadal_range hidden[] = {
		{0x1000, 0x2000}, {0x2000, 0x3000}, {0x8000, 0x9000}};
	struct hadal_memmap map = {0};
	const struct hadal_memmap_list *list = &map.of[HADAL_MEMMAP_HADAL];
	size_t seen = 0;
	(void)unused;

	assert_int_equal(hadal_memmap_add_hadal(&map, ram, 2, own, 4), 0);
	assert_int_equal(list->count, 4);
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].class == HADAL_MEMMAP_HIDDEN) {
			assert_int_equal(list->items[i].start, hidden[seen].start);
			assert_int_equal(list->items[i].last, hidden[seen++].end - 1);
		} else {
			assert_int_equal(list->items[i].start, 0x3000);
			assert_int_equal(list->items[i].last, 0x4fff);
		}
	assert_int_equal(seen, 3);
	hadal_memmap_free(&map);
}

static void expect_type(const struct hadal_memmap_list *list, uint64_t address, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (address >= list->items[i].start && address <= list->items[i].last) {
			assert_string_equal(list->items[i].name, name);
			return;
		}
	fail_msg("nothing is at %#lx", (unsigned long)address);
}

/* Ranges follow each other from 0 to the last address, and neighbours differ. */
static void expect_whole(const struct hadal_memmap_list *list)
{
	uint64_t next = 0;

	for (size_t i = 0; i < list->count; i++) {
		assert_int_equal(list->items[i].start, next);
		next = list->items[i].last + 1;
		if (i)
			assert_string_not_equal(list->items[i].name, list->items[i - 1].name);
	}
	assert_int_equal(next, END);
}

static void set(struct hadal_mtrrs *mtrrs, uint64_t base, uint64_t bytes, unsigned int type)
{
	mtrrs->variable[mtrrs->count].base = base | type;
	mtrrs->variable[mtrrs->count++].mask = ((END - 1) & ~(bytes - 1)) | 1u << 11;
}

static void memory_types_follow_the_registers(void **unused)
{
	struct hadal_mtrrs mtrrs = {.enabled = true, .default_type = 6, .physical_bits = 40};
	struct hadal_memmap_list list = {0};
	(void)unused;

	set(&mtrrs, 2048 * MIB, 2048 * MIB, 0);
	set(&mtrrs, 3072 * MIB, 256 * MIB, 1); /* UC goes before WC */
	set(&mtrrs, 256 * MIB, 256 * MIB, 4);
	set(&mtrrs, 256 * MIB, 128 * MIB, 6); /* WT goes before WB */
	set(&mtrrs, 1024 * MIB, 64 * MIB, 5);
	mtrrs.variable[mtrrs.count++].base = 512 * MIB; /* not valid */
	assert_int_equal(hadal_memmap_mtrr(&mtrrs, &list), 0);
	expect_whole(&list);
	expect_type(&list, 0, "WB");
	expect_type(&list, 256 * MIB - 1, "WB");
	expect_type(&list, 256 * MIB, "WT");
	expect_type(&list, 384 * MIB, "WT");
	expect_type(&list, 512 * MIB, "WB");
	expect_type(&list, 1024 * MIB, "WP");
	expect_type(&list, 3072 * MIB, "UC");
	expect_type(&list, 4095 * MIB, "UC");
	expect_type(&list, 4096 * MIB, "WB");
	free(list.items);
}

static void fixed_ranges_go_before_the_others(void **unused)
{
	struct hadal_mtrrs mtrrs = {.enabled = true,
				    .fixed_enabled = true,
				    .has_fixed = true,
				    .default_type = 6,
				    .physical_bits = 40};
	struct hadal_memmap_list list = {0};
	(void)unused;

	memset(mtrrs.fixed, 6, sizeof(mtrrs.fixed));
	mtrrs.fixed[7] = 1;     /* 64 KiB at 448 KiB */
	mtrrs.fixed[8 + 8] = 0; /* 16 KiB at 640 KiB */
	mtrrs.fixed[87] = 5;    /* the last 4 KiB below 1 MiB */
	assert_int_equal(hadal_memmap_mtrr(&mtrrs, &list), 0);
	expect_whole(&list);
	assert_int_equal(list.count, 7);
	expect_type(&list, 0x70000, "WC");
	expect_type(&list, 0xa0000, "UC");
	expect_type(&list, 0xa3fff, "UC");
	expect_type(&list, 0xa4000, "WB");
	expect_type(&list, 0xff000, "WP");
	free(list.items);

	list = (struct hadal_memmap_list){0};
	mtrrs.enabled = false;
	assert_int_equal(hadal_memmap_mtrr(&mtrrs, &list), 0);
	assert_int_equal(list.count, 1);
	expect_type(&list, MIB, "UC");
	free(list.items);
}

/* A picture is well formed whatever the names are, and shows what there is. */
static void the_picture_shows_it_all(void **unused)
{
	struct hadal_memmap_row *rows;
	struct hadal_memmap map;
	char *text = NULL;
	size_t count, size;
	FILE *out = open_memstream(&text, &size);
	(void)unused;

	make(&map);
	assert_int_equal(hadal_memmap_rows(&map, &rows, &count), 0);
	assert_int_equal(hadal_memmap_svg(out, &map, rows, count, "a <b> & \033[1m"), 0);
	fclose(out);
	assert_non_null(strstr(text, "</svg>\n"));
	assert_non_null(strstr(text, ">a &#60;b&#62; &#38; &#63;[1m<"));
	assert_non_null(strstr(text, ">Boot &#60;Services<"));
	assert_non_null(strstr(text, "hidden by Hadal</text>"));
	assert_non_null(strstr(text, "RAM in some maps only, hidden, runtime services</text>"));
	assert_null(strstr(text, "persistent</text>"));
	assert_null(strchr(text, '\033'));
	/* The hole from 8 to 16 MiB, and none else. */
	assert_non_null(strstr(text, "stroke-dasharray"));
	assert_null(strstr(strstr(text, "stroke-dasharray") + 1, "stroke-dasharray"));
	free(text);
	free(rows);
	hadal_memmap_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_cut_wherever_a_map_changes),
		cmocka_unit_test(rows_reach_the_last_address),
		cmocka_unit_test(own_memory_is_cut_out_of_ram),
		cmocka_unit_test(memory_types_follow_the_registers),
		cmocka_unit_test(fixed_ranges_go_before_the_others),
		cmocka_unit_test(the_picture_shows_it_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
