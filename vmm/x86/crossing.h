/* SPDX-License-Identifier: MIT */
/*
 * Memory that a CPU has at the same address in the system's page tables and in the image's own, so
 * that CR3 can change while an NMI or a machine check may come: what one of them needs lies here.
 * life/trampoline.S goes through it both ways; docs/architecture.md says why it is safe.
 *
 * The segments of the system lie where its own GDT has them, the image's right behind. The IDT has
 * two gates, for NMIs and machine checks, which use no IST and so no TSS: their handlers count in
 * `nmis` and `machine_checks`, which they find by the IDTR, and return.
 */
#ifndef HADAL_X86_CROSSING_H
#define HADAL_X86_CROSSING_H

#define CROSSING_SHIFT 10 /* HADAL_CROSSING_BYTES each */

/* Segments of the system below this are kept; Linux's are. */
#define CROSSING_SYSTEM_BYTES 0x100

/* Selectors of the image's own segments. */
#define SELECTOR_CODE 0x100
#define SELECTOR_DATA 0x108
#define SELECTOR_TSS  0x110

#define CROSSING_GDT            0x000
#define CROSSING_GDT_BYTES      0x120
#define CROSSING_IDT            0x120
#define CROSSING_IDT_BYTES      0x130
#define CROSSING_GDTR           0x250
#define CROSSING_IDTR           0x25a
#define CROSSING_SYSTEM_GDTR    0x264
#define CROSSING_SYSTEM_IDTR    0x26e
#define CROSSING_NMIS           0x278
#define CROSSING_MACHINE_CHECKS 0x27c
#define CROSSING_CR3            0x280
#define CROSSING_CR4            0x288
#define CROSSING_DR7            0x290
#define CROSSING_EFER           0x298
#define CROSSING_RIP            0x2a0
#define CROSSING_RSP            0x2a8
#define CROSSING_RFLAGS         0x2b0
#define CROSSING_CS             0x2b8
#define CROSSING_SS             0x2c0
#define CROSSING_STACK_END      0x400

#define DR7_QUIET 0x400 /* no breakpoint is on */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>
#include "x86/descriptors.h"

struct crossing {
	uint64_t gdt[CROSSING_GDT_BYTES / 8];
	struct gate idt[CROSSING_IDT_BYTES / 16];
	struct descriptor_pointer gdtr, idtr;               /* of this memory */
	struct descriptor_pointer system_gdtr, system_idtr; /* what the system has */
	uint32_t nmis, machine_checks;                      /* that came and are to be delivered */
	/* What the system had on the way in, and is to have on the way out. */
	uint64_t cr3, cr4, dr7, efer, rip, rsp, rflags, cs, ss;
	uint8_t stack[CROSSING_STACK_END - 0x2c8];
};

#define CROSSING_MEMBER(offset, member)                             \
	_Static_assert(offsetof(struct crossing, member) == offset, \
		       "life/trampoline.S counts on it")
CROSSING_MEMBER(CROSSING_IDT, idt);
CROSSING_MEMBER(CROSSING_GDTR, gdtr);
CROSSING_MEMBER(CROSSING_SYSTEM_IDTR, system_idtr);
CROSSING_MEMBER(CROSSING_NMIS, nmis);
CROSSING_MEMBER(CROSSING_CR3, cr3);
CROSSING_MEMBER(CROSSING_SS, ss);
_Static_assert(sizeof(struct crossing) == 1 << CROSSING_SHIFT, "life/trampoline.S counts on it");
#undef CROSSING_MEMBER

#endif
#endif
