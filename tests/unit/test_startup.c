// SPDX-License-Identifier: MIT
// Sources: vmm/cpus/startup.c
/* INIT and SIPI as messages: whom they reach, in which order they count, and what becomes of him.
 */
#include <string.h>
#include <sys/mman.h>
#include "unit.h"
#include "base/log.h"
#include "cpus/pause.h"
#include "cpus/request.h"
#include "cpus/startup.h"
#include "paging/memory.h"
#include "vcpu/reset.h"
#include "x86/apic.h"

#define CPUS        20
#define ABSENT      19 /* one that is not under Hadal */
#define INIT        0x4500u
#define SIPI        0x4600u
#define LOGICAL     (1u << 11)
#define DEASSERTED  0x8500u
#define SELF        (1u << 18)
#define ALL         (2u << 18)
#define OTHERS      (3u << 18)
#define NOT_STARTED (-1)

struct machine machine;

static int started_at[CPUS]; /* vector, or NOT_STARTED */
static unsigned kicks, apics_reset, paused, served, log_lines;
static void (*meanwhile)(void); /* while a vCPU waits */

void log_line(const char *format, ...)
{
	(void)format;
	log_lines++;
}

void request_post(struct vcpu *to, uint32_t request)
{
	assert_int_equal(request, REQUEST_START);
	kicks++;
	to->requests |= request;
}

void vcpu_serve_requests(struct vcpu *vcpu)
{
	(void)vcpu;
	assert_true(++served < 1000);
	if (meanwhile)
		meanwhile();
}

void pause_here(struct vcpu *vcpu)
{
	vcpu->requests &= ~REQUEST_PAUSE;
	paused++;
}

void apic_reset(void)
{
	apics_reset++;
}

void vcpu_start_from_sipi(struct vcpu *vcpu, uint8_t vector)
{
	started_at[vcpu->index] = vector;
}

static int reset(void **unused)
{
	(void)unused;
	memset(&machine, 0, sizeof(machine));
	machine.cpu_count = CPUS;
	for (unsigned i = 0; i < CPUS; i++) {
		struct vcpu *vcpu = vcpu_at(i);

		memset(vcpu, 0, sizeof(*vcpu));
		vcpu->index = i;
		vcpu->apic_id = i * 2; /* as of a processor with threads that are off */
		vcpu->running = i != ABSENT;
		started_at[i] = NOT_STARTED;
	}
	kicks = apics_reset = paused = served = log_lines = 0;
	meanwhile = NULL;
	return 0;
}

/* By the memory-mapped registers, from the first vCPU. */
static void send(uint32_t low, uint32_t id)
{
	assert_true(startup_send(vcpu_at(0), low, id << 24, false));
}

static void expect_started(unsigned index, int vector)
{
	struct vcpu *vcpu = vcpu_at(index);

	started_at[index] = NOT_STARTED;
	startup_serve(vcpu);
	assert_int_equal(started_at[index], vector);
	assert_int_equal(vcpu->startup, 0);
	/* One that came while it waited is done too. */
	started_at[index] = NOT_STARTED;
	startup_serve(vcpu);
	assert_int_equal(started_at[index], NOT_STARTED);
	assert_false(vcpu->requests & REQUEST_START);
}

/* Bit n: vCPU n has got an INIT; all are as before then. */
static uint32_t got_init(void)
{
	uint32_t who = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		if (vcpu_at(i)->startup & STARTUP_INIT)
			who |= 1u << i;
		assert_int_equal(!!vcpu_at(i)->startup, !!(vcpu_at(i)->requests & REQUEST_START));
		vcpu_at(i)->startup = vcpu_at(i)->requests = 0;
	}
	return who;
}

static void init_and_sipi_start_it(void **unused)
{
	(void)unused;
	vcpu_at(3)->logical_id = 8u << 24;
	send(INIT, 6);
	assert_int_equal(kicks, 1);
	send(SIPI | 0x9a, 6); /* before it has seen the INIT */
	expect_started(3, 0x9a);
	assert_int_equal(apics_reset, 1);
	assert_int_equal(served, 0);
	assert_int_equal(vcpu_at(3)->logical_id, 0);
	assert_int_equal(vcpu_at(3)->logical_format, ~0u);
}

static void the_second_sipi_is_nothing(void **unused)
{
	(void)unused;
	send(INIT, 6);
	send(SIPI | 0x10, 6);
	send(SIPI | 0x20, 6);
	expect_started(3, 0x10);
	send(SIPI | 0x20, 6); /* it runs */
	assert_int_equal(vcpu_at(3)->startup, 0);
	assert_int_equal(kicks, 1);
}

static void a_sipi_without_init_is_nothing(void **unused)
{
	(void)unused;
	send(SIPI | 0x10, 6);
	send(SIPI | 0x10 | OTHERS, 0);
	assert_int_equal(kicks, 0);
	expect_started(3, NOT_STARTED);
	assert_int_equal(apics_reset, 0);
}

static void second_thoughts(void)
{
	switch (served) {
	case 1:
		assert_int_equal(vcpu_at(3)->startup, STARTUP_WAITS);
		vcpu_at(3)->requests |= REQUEST_PAUSE;
		break;
	case 2:
		send(INIT, 6);
		break;
	case 3:
		send(INIT, 6);
		send(SIPI | 0x30, 6);
		break;
	}
}

/* It waits as long as that takes, and does what it is asked meanwhile. */
static void it_waits_for_the_sipi(void **unused)
{
	(void)unused;
	meanwhile = second_thoughts;
	send(INIT, 6);
	expect_started(3, 0x30);
	assert_int_equal(apics_reset, 3);
	assert_int_equal(paused, 1);
}

static void an_init_forgets_the_sipi(void **unused)
{
	(void)unused;
	meanwhile = second_thoughts;
	served = 2;
	send(INIT, 6);
	send(SIPI | 0x10, 6);
	send(INIT, 6);
	expect_started(3, 0x30);
}

static void an_init_taken_back_is_nothing(void **unused)
{
	(void)unused;
	send(DEASSERTED, 6);
	send(DEASSERTED | ALL, 0);
	assert_int_equal(got_init(), 0);
	send(DEASSERTED | 0x4000, 6); /* level-triggered, asserted */
	assert_int_equal(got_init(), 1u << 3);
}

static void other_interrupts_are_the_apics(void **unused)
{
	(void)unused;
	for (uint32_t mode = 0; mode < 8; mode++)
		assert_int_equal(startup_send(vcpu_at(0), mode << 8 | 0x40ff, 6u << 24, false),
				 mode == 5 || mode == 6);
	assert_int_equal(got_init(), 1u << 3);
}

static void shorthands(void **unused)
{
	const uint32_t all = (1u << CPUS) - 1 - (1u << ABSENT);

	(void)unused;
	send(INIT | SELF, 6);
	assert_int_equal(got_init(), 1);
	assert_int_equal(kicks, 0);
	send(INIT | ALL, 6);
	assert_int_equal(got_init(), all);
	send(INIT | OTHERS, 6);
	assert_int_equal(got_init(), all & ~1u);
	send(INIT | OTHERS, 6);
	send(SIPI | OTHERS | 0x77, 6);
	for (unsigned i = 1; i < CPUS; i++)
		if (i != ABSENT)
			expect_started(i, 0x77);
	assert_int_equal(vcpu_at(0)->startup, 0);
}

static void physical_destinations(void **unused)
{
	const uint32_t all = (1u << CPUS) - 1 - (1u << ABSENT);

	(void)unused;
	send(INIT, 0xff);
	assert_int_equal(got_init(), all);
	startup_send(vcpu_at(0), INIT, ~0u, true);
	assert_int_equal(got_init(), all);
	startup_send(vcpu_at(0), INIT, 0xff, true); /* with x2APIC an ID like others */
	assert_int_equal(got_init(), 0);
	vcpu_at(7)->apic_id = 0x12345;
	startup_send(vcpu_at(0), INIT, 0x12345, true);
	assert_int_equal(got_init(), 1u << 7);
	assert_int_equal(log_lines, 1);
}

/* Nothing is sent to a processor that nobody is under, or it would be without Hadal for good. */
static void strangers_get_nothing(void **unused)
{
	(void)unused;
	send(INIT, ABSENT * 2);
	send(SIPI, ABSENT * 2);
	send(INIT, 5);
	assert_int_equal(got_init(), 0);
	assert_int_equal(log_lines, 2);
}

static void logical_destinations(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 8; i++) {
		vcpu_at(i)->logical_format = ~0u;
		vcpu_at(i)->logical_id = 1u << (24 + i);
	}
	send(INIT | LOGICAL, 0x22);
	assert_int_equal(got_init(), 1u << 1 | 1u << 5);
	/* Clusters of four. */
	for (unsigned i = 0; i < 8; i++) {
		vcpu_at(i)->logical_format = 0x0fffffff;
		vcpu_at(i)->logical_id = (i / 4 << 4 | 1u << i % 4) << 24;
	}
	send(INIT | LOGICAL, 0x13);
	assert_int_equal(got_init(), 1u << 4 | 1u << 5);
	send(INIT | LOGICAL, 0xf4);
	assert_int_equal(got_init(), 1u << 2 | 1u << 6);
	/* x2APIC makes them of the IDs, which are 0 to 36 here: clusters of eight. */
	startup_send(vcpu_at(0), INIT | LOGICAL, 1u << 16 | 1u << 2 | 1u << 3 | 1u << 14, true);
	assert_int_equal(got_init(), 1u << 9 | 1u << 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(init_and_sipi_start_it, reset),
		cmocka_unit_test_setup(the_second_sipi_is_nothing, reset),
		cmocka_unit_test_setup(a_sipi_without_init_is_nothing, reset),
		cmocka_unit_test_setup(it_waits_for_the_sipi, reset),
		cmocka_unit_test_setup(an_init_forgets_the_sipi, reset),
		cmocka_unit_test_setup(an_init_taken_back_is_nothing, reset),
		cmocka_unit_test_setup(other_interrupts_are_the_apics, reset),
		cmocka_unit_test_setup(shorthands, reset),
		cmocka_unit_test_setup(physical_destinations, reset),
		cmocka_unit_test_setup(strangers_get_nothing, reset),
		cmocka_unit_test_setup(logical_destinations, reset),
	};

	for (unsigned i = 0; i < CPUS; i++)
		if (mmap(vcpu_at(i), PERCPU_VCPU_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != vcpu_at(i))
			return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
