// SPDX-License-Identifier: MIT
// Sources: KERNEL lib/profile/*.c
// Sources: tests/unit/machine.c tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz -ljson-c
/* Profiles for other tools: all that is in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "machine.h"
#include "profile/profile.h"
#include "profile/symbols.h"
#include "unit.h"

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	char *text;
	size_t len;
	FILE *out;
};

static void setup(struct fixture *fixture)
{
	*fixture = (struct fixture){.machine = machine_new(&(struct machine_options){0})};
	fixture->kernel = machine_open(fixture->machine);
	fixture->out = open_memstream(&fixture->text, &fixture->len);
}

static void teardown(struct fixture *fixture)
{
	free(fixture->text);
	machine_free(fixture->machine);
}

/* The member at a path of names separated by slashes. */
static struct json_object *member(struct json_object *object, const char *path)
{
	char copy[128], *name, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, "/")))
		if (!json_object_object_get_ex(object, name, &object))
			fail_msg("there is no %s", path);
	return object;
}

static void expect_number(struct json_object *object, const char *path, uint64_t expected)
{
	assert_int_equal(json_object_get_uint64(member(object, path)), expected);
}

static void expect_text(struct json_object *object, const char *path, const char *expected)
{
	assert_string_equal(json_object_get_string(member(object, path)), expected);
}

static void isf_has_types_and_symbols(void **state)
{
	const struct hadal_kernel_info *info;
	struct json_object *isf;
	struct fixture fixture;

	(void)state;
	setup(&fixture);
	info = hadal_kernel_info(fixture.kernel);
	assert_int_equal(hadal_profile_isf(fixture.kernel, false, fixture.out, NULL), 0);
	fclose(fixture.out);
	isf = json_tokener_parse(fixture.text);
	assert_non_null(isf);
	expect_text(isf, "metadata/format", "6.2.0");
	expect_number(isf, "base_types/pointer/size", 8);
	expect_number(isf, "user_types/task_struct/size", sizeof(struct machine_task));
	expect_text(isf, "user_types/task_struct/kind", "struct");
	expect_number(isf, "user_types/task_struct/fields/comm/offset",
		      offsetof(struct machine_task, comm));
	expect_text(isf, "user_types/task_struct/fields/comm/type/kind", "array");
	expect_number(isf, "user_types/task_struct/fields/comm/type/count", 16);
	expect_number(isf, "user_types/task_struct/fields/tasks/offset",
		      offsetof(struct machine_task, tasks));
	expect_text(isf, "user_types/task_struct/fields/tasks/type/name", "list_head");
	expect_text(isf, "user_types/task_struct/fields/mm/type/kind", "base");
	expect_number(isf, "user_types/mm_struct/fields/pgd/offset",
		      offsetof(struct machine_mm, pgd));
	expect_text(isf, "symbols/init_task/type/name", "task_struct");
	expect_number(isf, "symbols/init_task/address", fixture.machine->init_task - info->slide);
	/* base64 of "Linux v" */
	assert_memory_equal(json_object_get_string(member(isf, "symbols/linux_banner/"
							       "constant_data")),
			    "TGludXggd", 9);
	expect_number(isf, "symbols/linux_banner/type/count", strlen(MACHINE_BANNER) + 2);
	json_object_put(isf);
	teardown(&fixture);
}

/* A bit-field: the unit that it lies in, and its bits there. */
static void expect_bits(struct json_object *isf, const char *name, uint64_t offset,
			uint64_t position, uint64_t length)
{
	char path[128];

	snprintf(path, sizeof(path), "user_types/odd/fields/%s", name);
	isf = member(isf, path);
	expect_number(isf, "offset", offset);
	expect_text(isf, "type/kind", "bitfield");
	expect_number(isf, "type/bit_position", position);
	expect_number(isf, "type/bit_length", length);
	expect_text(isf, "type/type/name", "unsigned int");
}

static void isf_has_what_is_odd(void **state)
{
	struct json_object *isf;
	struct fixture fixture;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_profile_isf(fixture.kernel, false, fixture.out, NULL), 0);
	fclose(fixture.out);
	isf = json_tokener_parse(fixture.text);
	assert_non_null(isf);
	expect_bits(isf, "first", 0, 0, 3);
	expect_bits(isf, "second", 0, 3, 5);
	expect_bits(isf, "across", 3, 6, 6);
	expect_bits(isf, "later", 8, 13, 4);
	assert_int_equal(json_object_get_int64(member(isf, "enums/sign/constants/MINUS")), -1);
	assert_int_equal(json_object_get_int64(member(isf, "enums/sign/constants/PLUS")), 1);
	expect_text(isf, "enums/sign/base", "int");
	assert_true(json_object_get_boolean(member(isf, "base_types/int/signed")));
	assert_false(json_object_get_boolean(member(isf, "base_types/unsigned int/signed")));
	assert_true(json_object_get_boolean(
		member(isf, "user_types/odd/fields/unnamed_field_4/anonymous")));
	expect_number(isf, "user_types/odd/fields/unnamed_field_4/offset", 16);
	expect_text(isf, "user_types/odd/fields/unnamed_field_4/type/kind", "union");
	expect_number(isf, "user_types/odd \"\\\n/size", 4);
	expect_number(isf, "user_types/module/fields/name/type/count",
		      sizeof(((struct machine_module *)0)->name));
	json_object_put(isf);
	teardown(&fixture);
}

static void system_map_has_every_symbol(void **state)
{
	struct fixture fixture;
	char expected[64];
	size_t lines = 0;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_profile_system_map(fixture.kernel, fixture.out, NULL), 0);
	fclose(fixture.out);
	for (const char *c = fixture.text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, hadal_kallsyms_count(hadal_kernel_symbols(fixture.kernel, NULL)));
	snprintf(expected, sizeof(expected), "\n%016lx ",
		 (unsigned long)(fixture.machine->init_task -
				 hadal_kernel_info(fixture.kernel)->slide));
	assert_non_null(strstr(fixture.text, expected));
	/* Per-CPU symbols are offsets, which do not move. */
	assert_int_equal(linked_address(hadal_kernel_info(fixture.kernel), 0x1fbc0), 0x1fbc0);
	teardown(&fixture);
}

static void libvmi_gets_its_offsets(void **state)
{
	static const struct {
		const char *key;
		size_t offset;
	} offsets[] = {
		{"name", offsetof(struct machine_task, comm)},
		{"tasks", offsetof(struct machine_task, tasks)},
		{"mm", offsetof(struct machine_task, mm)},
		{"pid", offsetof(struct machine_task, pid)},
		{"pgd", offsetof(struct machine_mm, pgd)},
	};
	struct fixture fixture;
	char expected[64];

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_profile_libvmi(fixture.kernel, "box", "/x/map", fixture.out, NULL),
			 0);
	fclose(fixture.out);
	assert_non_null(strstr(fixture.text,
			       "\nbox {\n\tostype = \"Linux\";\n\tpagemode = \"VMI_PM_IA32E\";\n"));
	assert_null(strstr(fixture.text, "memory.raw"));
	assert_non_null(strstr(fixture.text, "\tsysmap = \"/x/map\";\n"));
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		snprintf(expected, sizeof(expected), "\tlinux_%s = %#zx;\n", offsets[i].key,
			 offsets[i].offset);
		assert_non_null(strstr(fixture.text, expected));
	}
	snprintf(expected, sizeof(expected), "\tlinux_init_task = %#lx;\n",
		 (unsigned long)fixture.machine->init_task);
	assert_non_null(strstr(fixture.text, expected));
	teardown(&fixture);
}

/* Live and a file of a mount, by one configuration. */
static void libvmi_finds_this_system_and_its_mount(void **state)
{
	struct fixture fixture;

	(void)state;
	setup(&fixture);
	assert_int_equal(hadal_profile_libvmi(fixture.kernel, NULL, NULL, fixture.out, NULL), 0);
	fclose(fixture.out);
	assert_non_null(strstr(fixture.text, "\ndom0 {\n"));
	assert_non_null(strstr(fixture.text, "}\nmemory.raw {\n"));
	assert_null(strstr(fixture.text, "sysmap"));
	teardown(&fixture);
}

static void libvmi_is_spared_what_it_cannot_read(void **state)
{
	(void)state;
	assert_true(hadal_libvmi_domain_fits("box-1.local"));
	assert_false(hadal_libvmi_domain_fits("b"));
	assert_false(hadal_libvmi_domain_fits("my box"));
	assert_true(hadal_libvmi_path_fits("/mnt/box@1/System.map"));
	assert_false(hadal_libvmi_path_fits("/mnt/a \"box\"/System.map"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isf_has_types_and_symbols),
		cmocka_unit_test(isf_has_what_is_odd),
		cmocka_unit_test(system_map_has_every_symbol),
		cmocka_unit_test(libvmi_gets_its_offsets),
		cmocka_unit_test(libvmi_finds_this_system_and_its_mount),
		cmocka_unit_test(libvmi_is_spared_what_it_cannot_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
