// SPDX-License-Identifier: MIT
/* NMIs to many CPUs: who gets one, and in how many writes. */
#include <string.h>
#include "unit.h"
#include "base/layout.h"
#include "base/percpu.h"
#include "x86/cpu.h"

static uint64_t fake_rdmsr(uint32_t msr);
static void fake_wrmsr(uint32_t msr, uint64_t value);
#define rdmsr fake_rdmsr
#define wrmsr fake_wrmsr
#include "../../vmm/x86/apic.c"

#define CPUS 4096

static uint8_t got[CPUS];
static unsigned writes;

uint32_t percpu_index(void)
{
	fail(); /* no memory-mapped registers with x2APIC */
	return 0;
}

static uint64_t fake_rdmsr(uint32_t msr)
{
	assert_int_equal(msr, MSR_APIC_BASE);
	return APIC_BASE_X2;
}

static void fake_wrmsr(uint32_t msr, uint64_t value)
{
	uint32_t to = value >> 32;

	assert_int_equal(msr, MSR_X2APIC_ICR);
	writes++;
	if (!(value & ICR_LOGICAL)) {
		assert_int_equal((uint32_t)value, ICR_NMI);
		got[to]++;
		return;
	}
	assert_int_equal((uint32_t)value, ICR_NMI | ICR_LOGICAL);
	for (unsigned i = 0; i < 16; i++)
		if (to >> i & 1)
			got[(to >> 16) * 16 + i]++;
}

static void expect(const uint8_t *wanted, unsigned most)
{
	assert_memory_equal(got, wanted, CPUS);
	assert_true(writes <= most);
	memset(got, 0, sizeof(got));
	writes = 0;
}

static void each_cluster_is_one_write(void **state)
{
	static uint8_t wanted[CPUS];
	struct apic_group group = {0};

	(void)state;
	for (uint32_t id = 0; id < CPUS; id++) {
		wanted[id] = id % 3 != 0;
		if (wanted[id])
			apic_group_add(&group, id);
	}
	apic_group_send(&group);
	expect(wanted, CPUS / 16);
	apic_group_send(&group);
	assert_int_equal(writes, 0);
}

static void clusters_may_come_in_any_order(void **state)
{
	static uint8_t wanted[CPUS];
	struct apic_group group = {0};

	(void)state;
	memset(wanted, 0, sizeof(wanted));
	for (uint32_t i = 0; i < CPUS; i++) {
		uint32_t id = i * 1237 % CPUS;

		if (i % 2)
			continue;
		wanted[id] = 1;
		apic_group_add(&group, id);
	}
	apic_group_send(&group);
	expect(wanted, CPUS);
}

static void one_cpu_gets_its_own(void **state)
{
	static uint8_t wanted[CPUS];

	(void)state;
	wanted[CPUS - 1] = 1;
	apic_send_nmi(CPUS - 1);
	expect(wanted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cluster_is_one_write),
		cmocka_unit_test(clusters_may_come_in_any_order),
		cmocka_unit_test(one_cpu_gets_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
