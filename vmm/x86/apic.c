// SPDX-License-Identifier: MIT
/* The local APIC: who this CPU is, and an NMI to another one. */
#include <hadal/boot.h>
#include "x86/apic.h"
#include "x86/cpu.h"

#define APIC_BASE_X2      (1ull << 10)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define LVT_COUNTERS      0x340
#define ICR_LOW           0x300
#define ICR_HIGH          0x310
#define ICR_PENDING       (1u << 12)
#define ICR_NMI           0x4400u /* level assert, delivery mode NMI */
#define PENDING_SPINS     100000

uint64_t apic_base(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;
}

uint32_t apic_id(void)
{
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		return cpuid(0xb, 0).edx;
	return cpuid(1, 0).ebx >> 24;
}

static volatile uint32_t *apic_register(unsigned offset)
{
	return (volatile uint32_t *)(HADAL_DIRECT_BASE + apic_base() + offset);
}

static void wait_idle(void)
{
	for (int i = 0; i < PENDING_SPINS && (*apic_register(ICR_LOW) & ICR_PENDING); i++)
		cpu_pause();
}

void apic_send_nmi(uint32_t id)
{
	uint32_t high;

	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2) {
		wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | ICR_NMI);
		return;
	}
	/* The guest may be between its two writes of an IPI of its own: put its high half back. */
	wait_idle();
	high = *apic_register(ICR_HIGH);
	*apic_register(ICR_HIGH) = id << 24;
	*apic_register(ICR_LOW) = ICR_NMI;
	wait_idle();
	*apic_register(ICR_HIGH) = high;
}

uint32_t apic_lvt_counters(void)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2)
		return rdmsr(MSR_X2APIC_LVT_COUNTERS);
	return *apic_register(LVT_COUNTERS);
}
