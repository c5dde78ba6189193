// SPDX-License-Identifier: MIT
// Sources: KERNEL lib/search/ram.c lib/search/area.c
// Sources: tests/unit/machine.c tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* What a kernel's resources tell of its RAM, whole or damaged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "memmap/memmap.h"
#include "search/ram.h"
#include "unit.h"

#define RAM (1u << 24) /* IORESOURCE_SYSTEM_RAM */

struct scene {
	struct machine *machine;
	uint64_t last[3]; /* at each depth; the first is all of physical memory */
};

static struct machine_resource *at(struct scene *scene, uint64_t address)
{
	return machine_at(scene->machine, address);
}

static struct scene begin(void)
{
	struct scene scene = {.machine = machine_new(&(struct machine_options){0})};

	scene.last[0] = scene.machine->resources;
	at(&scene, scene.last[0])->end = UINT64_MAX;
	return scene;
}

static void end(struct scene *scene)
{
	machine_free(scene->machine);
}

/* Behind what is at that depth already, or in what came last above. */
static uint64_t add(struct scene *scene, unsigned depth, uint64_t start, uint64_t end,
		    uint64_t flags)
{
	uint64_t address = machine_new_object(scene->machine, sizeof(struct machine_resource));

	*at(scene, address) = (struct machine_resource){.start = start, .end = end, .flags = flags};
	if (scene->last[depth])
		at(scene, scene->last[depth])->sibling = address;
	else
		at(scene, scene->last[depth - 1])->child = address;
	scene->last[depth] = address;
	for (unsigned below = depth + 1; below < 3; below++)
		scene->last[below] = 0;
	return address;
}

static int ask(struct scene *scene, struct hadal_ranges *ram)
{
	struct hadal_error error = {.text = ""};
	int result;

	if (!scene->machine->kernel)
		machine_open(scene->machine);
	result = hadal_kernel_ram(scene->machine->kernel, ram, &error);
	assert_int_equal(!result, !*error.text);
	return result;
}

static void expect(const struct hadal_ranges *ram, size_t index, uint64_t start, uint64_t end)
{
	assert_true(index < ram->count);
	assert_int_equal(ram->items[index].start, start);
	assert_int_equal(ram->items[index].end, end);
}

static void make(struct scene *scene)
{
	add(scene, 1, 0, 0xfff, 0);
	add(scene, 1, 0x1000, 0x9fbff, RAM); /* its last page is not whole */
	add(scene, 1, 0xf0000, 0xfffff, 0);
	add(scene, 1, 0x100000, 0x7fffff, RAM);
	add(scene, 2, 0x200000, 0x2fffff, 0); /* the kernel's code */
	add(scene, 2, 0x400000, 0x4fffff, 0);
	add(scene, 1, 0x800000, 0xffffff, RAM); /* follows at once: plugged in */
	add(scene, 1, 1ull << 32, (1ull << 33) - 1, 0);
	add(scene, 2, 5ull << 30, (6ull << 30) - 1, RAM); /* in a device: persistent memory */
	add(scene, 1, 1ull << 40, (1ull << 40) + 0xfff, RAM);
}

static void ram_is_what_the_kernel_has(void **unused)
{
	struct scene scene = begin();
	struct hadal_ranges ram;

	(void)unused;
	make(&scene);
	assert_int_equal(ask(&scene, &ram), 0);
	assert_int_equal(ram.count, 4);
	expect(&ram, 0, 0x1000, 0x9f000);
	expect(&ram, 1, 0x100000, 0x1000000);
	expect(&ram, 2, 5ull << 30, 6ull << 30);
	expect(&ram, 3, 1ull << 40, (1ull << 40) + 0x1000);
	hadal_ranges_free(&ram);
	end(&scene);
}

static void a_kernel_without_ram_is_not_believed(void **unused)
{
	struct scene scene = begin();
	struct hadal_ranges ram;

	(void)unused;
	assert_int_equal(ask(&scene, &ram), -ENODATA);
	assert_int_equal(ram.count, 0);
	hadal_ranges_free(&ram);
	add(&scene, 1, 0x1001, 0x1ffe, RAM); /* less than a page */
	assert_int_equal(ask(&scene, &ram), -ENODATA);
	hadal_ranges_free(&ram);
	end(&scene);
}

/* What could be read is told all the same. */
static void damaged_resources_are_told(void **unused)
{
	static const struct {
		uint64_t start, end, sibling, child;
	} damages[] = {
		{0x900000, 0x8fffff, 0, 0}, /* it ends before it begins */
		{0x700000, 0x9fffff, 0, 0}, /* in the one before */
		{0x800000, 0x9fffff, 1, 0}, /* leads nowhere */
		{0x800000, 0x9fffff, 0, 1},
		{0x800000, UINT64_MAX, UINT64_MAX, 0}, /* there is nothing behind it */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct scene scene = begin();
		struct machine_resource *resource;
		struct hadal_ranges ram;

		add(&scene, 1, 0x100000, 0x7fffff, RAM);
		resource = at(&scene, add(&scene, 1, damages[i].start, damages[i].end, RAM));
		resource->sibling = damages[i].sibling;
		resource->child = damages[i].child;
		assert_int_equal(ask(&scene, &ram), -ENODATA);
		assert_true(ram.count >= 1 && ram.items[0].start == 0x100000);
		hadal_ranges_free(&ram);
		end(&scene);
	}
}

static void resources_in_circles_end(void **unused)
{
	struct scene scene = begin();
	struct hadal_ranges ram;
	uint64_t first, second;

	(void)unused;
	first = add(&scene, 1, 0x100000, 0x1fffff, RAM);
	second = add(&scene, 1, 0x200000, 0x2fffff, RAM);
	at(&scene, second)->sibling = first;
	assert_int_equal(ask(&scene, &ram), -ENODATA);
	expect(&ram, 0, 0x100000, 0x300000);
	hadal_ranges_free(&ram);
	at(&scene, second)->sibling = 0;
	at(&scene, second)->child = second; /* as large as what it is in: 32 deep */
	assert_int_equal(ask(&scene, &ram), -ENODATA);
	expect(&ram, 0, 0x100000, 0x300000);
	hadal_ranges_free(&ram);
	end(&scene);
}

static void names_that_are_cut_end_with_dots(void **unused)
{
	struct scene scene = begin();
	struct hadal_memmap_list list;
	uint64_t name = machine_new_object(scene.machine, 256);
	size_t len = HADAL_MEMMAP_NAME_MAX - 1;

	(void)unused;
	at(&scene, add(&scene, 1, 0x1000, 0x1fff, RAM))->name = name;
	at(&scene, add(&scene, 1, 0x2000, 0x2fff, RAM))->name = name + 1;
	memset(machine_at(scene.machine, name), 'n', len + 1);
	machine_open(scene.machine);
	assert_int_equal(hadal_memmap_resources(scene.machine->kernel, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(strlen(list.items[0].name), len);
	assert_string_equal(list.items[0].name + len - 4, "n...");
	assert_int_equal(strlen(list.items[1].name), len);
	assert_string_equal(list.items[1].name + len - 4, "nnnn");
	free(list.items);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_is_what_the_kernel_has),
		cmocka_unit_test(a_kernel_without_ram_is_not_believed),
		cmocka_unit_test(damaged_resources_are_told),
		cmocka_unit_test(resources_in_circles_end),
		cmocka_unit_test(names_that_are_cut_end_with_dots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
