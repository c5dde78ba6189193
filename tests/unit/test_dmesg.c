// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* The kernel's log, sound and damaged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/dmesg.h"
#include "machine.h"
#include "unit.h"

#define RECORDS 10

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	bool seen[RECORDS];
	size_t lost;
};

static int make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char text[32];

	fixture->machine = machine_new(&(struct machine_options){0});
	for (int i = 0; i < RECORDS; i++) {
		snprintf(text, sizeof(text), "record %d says so", i);
		machine_log(fixture->machine, text);
	}
	fixture->kernel = machine_open(fixture->machine);
	*state = fixture;
	return 0;
}

static int drop(void **state)
{
	struct fixture *fixture = *state;

	machine_free(fixture->machine);
	free(fixture);
	return 0;
}

static struct machine_ring *ring(struct fixture *fixture)
{
	return machine_at(fixture->machine, fixture->machine->ring);
}

/* Whatever is shown must be right. */
static void visit(void *ctx, const struct hadal_dmesg_record *record)
{
	struct fixture *fixture = ctx;
	char text[32];

	assert_in_range(record->sequence, 0, RECORDS - 1);
	assert_false(fixture->seen[record->sequence]);
	fixture->seen[record->sequence] = true;
	snprintf(text, sizeof(text), "record %d says so", (int)record->sequence);
	assert_string_equal(record->text, text);
	assert_int_equal(record->text_len, strlen(text));
	assert_int_equal(record->time, record->sequence * 1000000);
	assert_int_equal(record->level, 6);
	assert_string_equal(record->subsystem, "pci");
	assert_string_equal(record->device, "+pci:0000:00:01.0");
}

/* Reads the log: all but so many records are there, and the others are told as lost. */
static void expect_lost(struct fixture *fixture, size_t lost)
{
	size_t seen = 0;

	memset(fixture->seen, 0, sizeof(fixture->seen));
	assert_int_equal(hadal_dmesg(fixture->kernel, visit, fixture, &fixture->lost, NULL), 0);
	for (int i = 0; i < RECORDS; i++)
		seen += fixture->seen[i];
	assert_int_equal(seen, RECORDS - lost);
	assert_int_equal(fixture->lost, lost);
}

static void a_sound_log_is_read(void **state)
{
	expect_lost(*state, 0);
}

static void infos_of_other_records_are_told(void **state)
{
	struct fixture *fixture = *state;
	struct machine_info *infos = machine_at(fixture->machine, ring(fixture)->infos);
	struct machine_info kept = infos[3];

	/* An info of another record, and one of none. */
	infos[3] = infos[7];
	expect_lost(fixture, 1);
	memset(&infos[3], 0, sizeof(infos[3]));
	expect_lost(fixture, 1);
	infos[3] = kept;
	expect_lost(fixture, 0);
	/* All of them, one further on. */
	ring(fixture)->infos += sizeof(*infos);
	expect_lost(fixture, RECORDS);
}

static void descriptors_of_other_records_are_told(void **state)
{
	struct fixture *fixture = *state;
	struct machine_desc *descs = machine_at(fixture->machine, ring(fixture)->descs);

	descs[4] = descs[5];
	expect_lost(fixture, 1);
	/* The right id, but the text of another. */
	descs[4].state--;
	expect_lost(fixture, 1);
	ring(fixture)->descs += sizeof(*descs);
	expect_lost(fixture, RECORDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, make, drop)
		WITH_LOG(a_sound_log_is_read),
		WITH_LOG(infos_of_other_records_are_told),
		WITH_LOG(descriptors_of_other_records_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
