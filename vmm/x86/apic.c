// SPDX-License-Identifier: MIT
/* The local APIC: who this CPU is, and an NMI to another one. */
#include "base/layout.h"
#include "base/percpu.h"
#include "x86/apic.h"
#include "x86/cpu.h"

#define APIC_BASE_X2  (1ull << 10)
#define TASK_PRIORITY 0x080
#define END_OF_INT    0x0b0
#define SPURIOUS      0x0f0
#define IN_SERVICE    0x100 /* 8 registers */
#define LVT_COUNTERS  0x340
#define TIMER_COUNT   0x380
#define SPURIOUS_OFF  0xffu /* after a reset: software has not enabled it */
#define ICR_PENDING   (1u << 12)
#define ICR_LOGICAL   (1u << 11)
#define ICR_NMI       0x4400u /* level assert, delivery mode NMI */
#define PENDING_SPINS 100000

uint32_t apic_id(void)
{
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		return cpuid(0xb, 0).edx;
	return cpuid(1, 0).ebx >> 24;
}

/* Where memory_map_apic() has them; INIT, which runs alone, has them in the first CPU's memory. */
static volatile uint32_t *apic_register(unsigned offset)
{
	uint32_t index = percpu_index();
	uint64_t memory = index == PERCPU_NONE ? 0 : (uint64_t)index << PERCPU_SHIFT;

	return (volatile uint32_t *)(LAYOUT_PERCPU_BASE + memory + PERCPU_APIC + offset);
}

bool apic_is_x2(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
}

uint32_t apic_read(unsigned offset)
{
	return *apic_register(offset);
}

void apic_write(unsigned offset, uint32_t value)
{
	*apic_register(offset) = value;
}

/* The registers that both ways to them have; x2APIC numbers them by 16 bytes. */
static uint32_t read_either(unsigned offset)
{
	return apic_is_x2() ? rdmsr(MSR_X2APIC + offset / 16) : apic_read(offset);
}

static void write_either(unsigned offset, uint32_t value)
{
	if (apic_is_x2())
		wrmsr(MSR_X2APIC + offset / 16, value);
	else
		apic_write(offset, value);
}

void apic_reset(void)
{
	write_either(TASK_PRIORITY, 0);
	write_either(TIMER_COUNT, 0);
	for (unsigned i = 0; i < 8; i++)
		for (uint32_t bits = read_either(IN_SERVICE + i * 16); bits; bits &= bits - 1)
			write_either(END_OF_INT, 0);
	write_either(SPURIOUS, SPURIOUS_OFF);
	if (apic_is_x2())
		return;
	apic_write(APIC_LOGICAL_ID, 0);
	apic_write(APIC_LOGICAL_FORMAT, ~0u);
}

static void wait_idle(const volatile uint32_t *low)
{
	for (int i = 0; i < PENDING_SPINS && (*low & ICR_PENDING); i++)
		cpu_pause();
}

static void send_by_memory(uint32_t id)
{
	volatile uint32_t *low = apic_register(APIC_ICR_LOW), *high = apic_register(APIC_ICR_HIGH);
	uint32_t kept;

	/* The guest may be between its two writes of an IPI of its own: put its high half back. */
	wait_idle(low);
	kept = *high;
	*high = id << 24;
	*low = ICR_NMI;
	wait_idle(low);
	*high = kept;
}

void apic_send_nmi(uint32_t id)
{
	if (apic_is_x2())
		wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | ICR_NMI);
	else
		send_by_memory(id);
}

/* Logical IDs are made of the CPU's own (SDM vol. 3, 11.12.10.2). */
void apic_group_flush(struct apic_group *group)
{
	uint32_t logical = group->cluster << 16 | group->members;

	wrmsr(MSR_X2APIC_ICR, (uint64_t)logical << 32 | ICR_NMI | ICR_LOGICAL);
	group->members = 0;
}

void apic_group_add(struct apic_group *group, uint32_t id)
{
	if (!apic_is_x2()) {
		send_by_memory(id);
		return;
	}
	if (group->cluster != id >> 4)
		apic_group_send(group);
	group->cluster = id >> 4;
	group->members |= 1u << (id & 15);
}

uint32_t apic_lvt_counters(void)
{
	if (apic_is_x2())
		return rdmsr(MSR_X2APIC_LVT_COUNTERS);
	return *apic_register(LVT_COUNTERS);
}
