/* SPDX-License-Identifier: MIT */
/* The image's own GDT, TSS and IDT, one GDT and TSS per CPU (SDM vol. 3, 3.4 and 8.7). */
#ifndef HADAL_X86_DESCRIPTORS_H
#define HADAL_X86_DESCRIPTORS_H

#include <stdint.h>
#include <hadal/abi.h>

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

struct vcpu;

/* Fills vcpu->gdt and vcpu->tss. */
void descriptors_init(struct vcpu *vcpu);
/* Fills the IDT that all CPUs share. */
void idt_init(void);
struct descriptor_pointer idt_pointer(void);
/* Loads GDT, IDT, TSS and all segment registers from the vCPU's own. */
void descriptors_load(struct vcpu *vcpu);

/*
 * Reads the segment for `selector` from a descriptor table in guest memory, found through cr3.
 * 0, or -EFAULT when the table cannot be read.
 */
int segment_from_table(const struct descriptor_pointer *table, uint64_t cr3, uint64_t cr4,
		       uint16_t selector, struct hadal_segment *out);

#endif
