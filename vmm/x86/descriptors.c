// SPDX-License-Identifier: MIT
/* The image's own TSS and IDT. */
#include "base/layout.h"
#include "x86/crossing.h"
#include "x86/descriptors.h"

#define GATE_PRESENT_INTERRUPT 0x8e00u
#define SEGMENT_TSS_ACCESS     0x89ull

extern char fault_stubs[];

static struct gate idt[32];

static uint16_t ist_of(unsigned vector)
{
	switch (vector) {
	case 2:
		return IST_NMI;
	case 8:
		return IST_DOUBLE_FAULT;
	case 18:
		return IST_MACHINE_CHECK;
	default:
		return 0;
	}
}

void idt_init(void)
{
	for (unsigned i = 0; i < 32; i++) {
		uint64_t offset = (uint64_t)fault_stubs + i * 16;

		idt[i] = (struct gate){
			.offset_low = offset,
			.selector = SELECTOR_CODE,
			.flags = GATE_PRESENT_INTERRUPT | ist_of(i),
			.offset_middle = offset >> 16,
			.offset_high = offset >> 32,
		};
	}
}

struct descriptor_pointer idt_pointer(void)
{
	return (struct descriptor_pointer){sizeof(idt) - 1, (uint64_t)idt};
}

void descriptors_init(uint64_t *gdt, struct tss *table, const struct fault_stacks *stacks)
{
	uint64_t tss = (uint64_t)table;

	*table = (struct tss){.io_map = sizeof(struct tss)};
	table->ist[IST_DOUBLE_FAULT - 1] = stacks->double_fault;
	table->ist[IST_NMI - 1] = stacks->nmi;
	table->ist[IST_MACHINE_CHECK - 1] = stacks->machine_check;
	/* Not busy, as LTR wants it. */
	gdt[SELECTOR_TSS / 8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 |
				SEGMENT_TSS_ACCESS << 40 | (tss >> 24 & 0xff) << 56;
	gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}

void descriptors_load(void)
{
	struct descriptor_pointer idt_now = idt_pointer();
	uint64_t code = SELECTOR_CODE;

	__asm__ volatile("push %0\n"
			 "lea 1f(%%rip), %%rax\n"
			 "push %%rax\n"
			 "lretq\n"
			 "1:" ::"r"(code)
			 : "rax", "memory");
	__asm__ volatile("mov %0, %%ss" ::"r"(SELECTOR_DATA));
	__asm__ volatile(
		"mov %0, %%ds\n mov %0, %%es\n mov %1, %%fs\n mov %1, %%gs" ::"r"(SELECTOR_DATA),
		"r"(0));
	__asm__ volatile("lldt %w0" ::"r"(0));
	__asm__ volatile("ltr %w0" ::"r"(SELECTOR_TSS));
	__asm__ volatile("lidt %0" ::"m"(idt_now)); /* its gates use the TSS */
}
