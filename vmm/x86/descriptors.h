/* SPDX-License-Identifier: MIT */
/*
 * The image's own TSS and IDT, one TSS per CPU (SDM vol. 3, 3.4 and 8.7). The GDT is the one of
 * x86/crossing.h.
 */
#ifndef HADAL_X86_DESCRIPTORS_H
#define HADAL_X86_DESCRIPTORS_H

#include <stdint.h>

struct descriptor_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct gate {
	uint16_t offset_low, selector, flags, offset_middle;
	uint32_t offset_high, reserved;
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
} __attribute__((packed));

enum tss_ist { IST_DOUBLE_FAULT = 1, IST_NMI = 2, IST_MACHINE_CHECK = 3 };

/* Where the stacks end that these vectors get. */
struct fault_stacks {
	uint64_t double_fault, nmi, machine_check;
};

/* Fills a CPU's TSS and names it in its GDT. */
void descriptors_init(uint64_t *gdt, struct tss *tss, const struct fault_stacks *stacks);
/* Fills the IDT that all CPUs share. */
void idt_init(void);
struct descriptor_pointer idt_pointer(void);
/* Loads all segment registers, the TSS and then the IDT of the image; the GDT is loaded. */
void descriptors_load(void);

#endif
