// SPDX-License-Identifier: MIT
#include "paging/memory.h"
#include "vcpu/vcpu.h"
#include "x86/cpu.h"
#include "x86/descriptors.h"

#define GATE_PRESENT_INTERRUPT 0x8e00u
#define SEGMENT_CODE64         0x00af9b000000ffffull
#define SEGMENT_DATA           0x00cf93000000ffffull
#define SEGMENT_TSS_ACCESS     0x89ull

struct gate {
	uint16_t offset_low, selector, flags, offset_middle;
	uint32_t offset_high, reserved;
};

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

void descriptors_init(struct vcpu *vcpu)
{
	uint64_t area = (uint64_t)vcpu - PERCPU_VCPU;
	uint64_t tss = (uint64_t)&vcpu->tss;
	bool real = area >= LAYOUT_PERCPU_BASE;

	vcpu->tss = (struct tss){.io_map = sizeof(struct tss)};
	if (real) {
		vcpu->tss.ist[IST_DOUBLE_FAULT - 1] = area + PERCPU_DF_STACK + 4096;
		vcpu->tss.ist[IST_NMI - 1] = area + PERCPU_NMI_STACK + 4096;
		vcpu->tss.ist[IST_MACHINE_CHECK - 1] = area + PERCPU_MC_STACK + 4096;
	} else {
		/* INIT has one small stack; its faults use the far end of it. */
		for (int i = 0; i < 3; i++)
			vcpu->tss.ist[i] = (uint64_t)vcpu - 4096;
	}
	vcpu->gdt = (struct gdt){{
		0,
		SEGMENT_CODE64,
		SEGMENT_DATA,
		(sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | SEGMENT_TSS_ACCESS << 40 |
			(tss >> 24 & 0xff) << 56,
		tss >> 32,
	}};
}

void descriptors_load(struct vcpu *vcpu)
{
	struct descriptor_pointer gdt = {sizeof(vcpu->gdt) - 1, (uint64_t)&vcpu->gdt};
	struct descriptor_pointer idt_now = idt_pointer();
	uint64_t code = SELECTOR_CODE;

	__asm__ volatile("lgdt %0" ::"m"(gdt));
	__asm__ volatile("lidt %0" ::"m"(idt_now));
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
	/* LTR wants a TSS that is not busy. */
	vcpu->gdt.entry[SELECTOR_TSS / 8] &= ~(2ull << 40);
	__asm__ volatile("ltr %w0" ::"r"(SELECTOR_TSS));
}

int segment_from_table(const struct descriptor_pointer *table, uint64_t cr3, uint64_t cr4,
		       uint16_t selector, struct hadal_segment *out)
{
	uint64_t descriptor[2] = {0, 0};
	uint32_t offset = selector & ~7u;
	size_t bytes = 8;

	*out = (struct hadal_segment){.selector = selector};
	if (!offset || (selector & 4))
		return 0;
	if (offset + 7 > table->limit)
		return -EFAULT;
	if (memory_read_guest_root(table->base + offset, cr3, cr4, descriptor, 8) != 8)
		return -EFAULT;
	if (!(descriptor[0] >> 44 & 1)) { /* system descriptors have a second half */
		bytes = 16;
		if (offset + 15 > table->limit ||
		    memory_read_guest_root(table->base + offset, cr3, cr4, descriptor, bytes) != 16)
			return -EFAULT;
	}
	out->attributes = (descriptor[0] >> 40 & 0xff) | (descriptor[0] >> 52 & 0xf) << 8;
	out->limit = (descriptor[0] & 0xffff) | (descriptor[0] >> 48 & 0xf) << 16;
	if (out->attributes & 0x800)
		out->limit = out->limit << 12 | 0xfff;
	out->base = (descriptor[0] >> 16 & 0xffffff) | (descriptor[0] >> 56) << 24 |
		    (uint64_t)(uint32_t)descriptor[1] << 32;
	return 0;
}
