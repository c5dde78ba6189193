// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Facts about a kernel that are kept in a file: the same, other, or damaged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "kernel/facts.h"
#include "process/process.h"
#include "machine.h"
#include "unit.h"

static char directory[64];
static char path[160];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/test_facts.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/" MACHINE_BUILD_ID, directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static struct hadal_facts make_facts(void)
{
	struct hadal_field field = {
		.offset = 70000, .size = 4, .bit_first = 3, .bit_count = 9, .count = 7, .type = 99};
	struct hadal_facts facts = {.build_id_at = 0x1234};

	for (int i = 0; i < HADAL_BUILD_ID_BYTES; i++)
		facts.build_id[i] = i;
	assert_int_equal(hadal_facts_add_symbol(&facts, "init_task", 0x1a10940, false), 0);
	assert_int_equal(hadal_facts_add_symbol(&facts, "modules", 0, false), 0);
	assert_int_equal(hadal_facts_add_symbol(&facts, "runqueues", 0x2a880, true), 0);
	assert_int_equal(hadal_facts_add_field(&facts, "task_struct", "a.b[3]", &field), 0);
	return facts;
}

static void facts_are_kept(void **state)
{
	struct hadal_facts facts = make_facts(), loaded;
	const struct hadal_fact_field *field;

	(void)state;
	assert_int_equal(hadal_facts_save(&facts, directory), 0);
	assert_int_equal(hadal_facts_load(&loaded, path), 0);
	assert_false(loaded.changed);
	assert_int_equal(loaded.build_id_at, 0x1234);
	assert_memory_equal(loaded.build_id, facts.build_id, HADAL_BUILD_ID_BYTES);
	assert_int_equal(hadal_facts_symbol(&loaded, "init_task")->offset, 0x1a10940);
	assert_false(hadal_facts_symbol(&loaded, "init_task")->absolute);
	assert_int_equal(hadal_facts_symbol(&loaded, "runqueues")->offset, 0x2a880);
	assert_true(hadal_facts_symbol(&loaded, "runqueues")->absolute);
	assert_non_null(hadal_facts_symbol(&loaded, "modules"));
	assert_null(hadal_facts_symbol(&loaded, "module"));
	field = hadal_facts_field(&loaded, "task_struct", "a.b[3]");
	assert_non_null(field);
	assert_int_equal(field->field.offset, 70000);
	assert_int_equal(field->field.size, 4);
	assert_int_equal(field->field.bit_first, 3);
	assert_int_equal(field->field.bit_count, 9);
	assert_int_equal(field->field.count, 7);
	assert_null(hadal_facts_field(&loaded, "task_struct", "a"));
	hadal_facts_clear(&facts);
	hadal_facts_clear(&loaded);
}

static void damaged_files_are_refused(void **state)
{
	struct hadal_facts facts = make_facts(), loaded;
	char text[2048];
	ssize_t len;
	int fd;

	(void)state;
	assert_int_equal(hadal_facts_save(&facts, directory), 0);
	fd = open(path, O_RDWR);
	len = read(fd, text, sizeof(text));
	for (ssize_t i = 0; i < len; i++) {
		char flipped = text[i] ^ 1;

		assert_int_equal(pwrite(fd, &flipped, 1, i), 1);
		assert_int_not_equal(hadal_facts_load(&loaded, path), 0);
		assert_int_equal(pwrite(fd, &text[i], 1, i), 1);
	}
	assert_int_equal(hadal_facts_load(&loaded, path), 0);
	hadal_facts_clear(&loaded);
	for (ssize_t i = len - 1; i >= 0; i -= 7) {
		assert_int_equal(ftruncate(fd, i), 0);
		assert_int_not_equal(hadal_facts_load(&loaded, path), 0);
	}
	close(fd);
	hadal_facts_clear(&facts);
}

/* Loads a file that says this and whose checksum is right. */
static int load_text(const char *text)
{
	struct hadal_facts loaded;
	FILE *file = fopen(path, "w");
	int result;

	assert_non_null(file);
	assert_int_equal(chmod(path, 0600), 0);
	fprintf(file, "hadal-facts 1 %08lx\n%s",
		crc32(0, (const unsigned char *)text, strlen(text)), text);
	fclose(file);
	result = hadal_facts_load(&loaded, path);
	if (!result)
		hadal_facts_clear(&loaded);
	return result;
}

static void malformed_lines_are_refused(void **state)
{
	static const char *const malformed[] = {
		"symbol\n",
		"symbol name\n",
		"symbol name -1\n",
		"symbol name 12x\n",
		"symbol name 12 13\n",
		"symbol  12\n",
		"field a b 1 2 3 4\n",
		"field a b 1 2 8 4 5\n",
		"field a b 1 2 3 65 5\n",
		"field a b 4294967296 2 3 4 5\n",
		"field a b 1 2 3 4 5 6\n",
		"build-id 12 00\n",
		"build-id 12 000102030405060708090a0b0c0d0e0f1011121x\n",
		"build-id 12 000102030405060708090a0b0c0d0e0f1011121314\n",
		"other 12\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(load_text(malformed[i]), -EINVAL);
	assert_int_equal(load_text("symbol name 12\nfield a b 1 2 7 64 5\n"
				   "build-id 12 000102030405060708090a0b0c0d0e0f10111213\n"),
			 0);
}

static void files_of_others_are_refused(void **state)
{
	struct hadal_facts facts = make_facts(), loaded;

	(void)state;
	assert_int_equal(hadal_facts_save(&facts, directory), 0);
	assert_int_equal(chmod(path, 0622), 0);
	assert_int_equal(hadal_facts_load(&loaded, path), -EPERM);
	assert_int_equal(hadal_facts_load(&loaded, "/nonexistent"), -ENOENT);
	hadal_facts_clear(&facts);
}

/* Opens the kernel, reads its processes, and returns how many bytes that took. */
static uint64_t list_processes(struct machine *machine, size_t expected)
{
	uint64_t before = machine->memory.bytes_read;
	struct hadal_process_list list;
	struct hadal_kernel *kernel =
		hadal_kernel_open_cached(&machine->memory, &machine->traces, directory, NULL);

	assert_non_null(kernel);
	assert_string_equal(hadal_kernel_info(kernel)->banner, MACHINE_BANNER);
	assert_string_equal(hadal_kernel_info(kernel)->build_id, MACHINE_BUILD_ID);
	assert_int_equal(hadal_processes(kernel, false, &list, NULL), 0);
	assert_int_equal(list.count, expected);
	hadal_processes_free(&list);
	hadal_kernel_close(kernel);
	return machine->memory.bytes_read - before;
}

static void a_second_start_reads_little(void **state)
{
	struct machine *first = machine_new(&(struct machine_options){0});
	struct machine *other =
		machine_new(&(struct machine_options){.base = 0xffffffffa8c00000ull});

	(void)state;
	machine_add_task(first, 1, "init", 0);
	machine_add_task(other, 1, "init", 0);
	machine_add_task(other, 2, "second", 0);
	assert_true(list_processes(first, 1) > (1u << 20));
	assert_true(list_processes(first, 1) < (200u << 10));
	/* Another slide, the same build. */
	assert_true(list_processes(other, 2) < (200u << 10));
	machine_free(first);
	machine_free(other);
}

static void facts_of_another_build_are_not_used(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	struct hadal_facts facts = make_facts();

	(void)state;
	machine_add_task(machine, 1, "init", 0);
	/* The right name, but the build id is not at the place told. */
	assert_int_equal(hadal_facts_save(&facts, directory), 0);
	assert_true(list_processes(machine, 1) > (1u << 20));
	hadal_facts_clear(&facts);
	machine_free(machine);
}

/* Facts that fit but lack what is asked for are completed from memory. */
static void missing_facts_are_added(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	struct hadal_kernel *kernel;
	const struct hadal_types *types;
	struct hadal_error error;

	(void)state;
	machine_add_task(machine, 1, "init", 0);
	hadal_kernel_close(
		hadal_kernel_open_cached(&machine->memory, &machine->traces, directory, NULL));
	assert_true(list_processes(machine, 1) > (1u << 20));
	assert_true(list_processes(machine, 1) < (200u << 10));
	kernel = hadal_kernel_open_cached(&machine->memory, &machine->traces, directory, NULL);
	assert_non_null(hadal_kernel_symbols(kernel, &error));
	types = hadal_kernel_types(kernel, &error);
	assert_non_null(types);
	assert_int_equal(hadal_types_size(types, "task_struct"), sizeof(struct machine_task));
	hadal_kernel_close(kernel);
	machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
		WITH_DIRECTORY(facts_are_kept),
		WITH_DIRECTORY(damaged_files_are_refused),
		WITH_DIRECTORY(malformed_lines_are_refused),
		WITH_DIRECTORY(files_of_others_are_refused),
		WITH_DIRECTORY(a_second_start_reads_little),
		WITH_DIRECTORY(facts_of_another_build_are_not_used),
		WITH_DIRECTORY(missing_facts_are_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
