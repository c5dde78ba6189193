/* SPDX-License-Identifier: MIT */
/* The image's own GDT, TSS and IDT, one GDT and TSS per CPU (SDM vol. 3, 3.4 and 8.7). */
#ifndef HADAL_X86_DESCRIPTORS_H
#define HADAL_X86_DESCRIPTORS_H

#include <stdint.h>

struct descriptor_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct gdt {
	uint64_t entry[5]; /* null, code, data, TSS (two) */
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

/* Fills a CPU's GDT and TSS. */
void descriptors_init(struct gdt *gdt, struct tss *tss, const struct fault_stacks *stacks);
/* Fills the IDT that all CPUs share. */
void idt_init(void);
struct descriptor_pointer idt_pointer(void);
/* Loads this GDT, its TSS and segments, and the IDT. */
void descriptors_load(struct gdt *gdt);

#endif
