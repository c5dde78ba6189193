/* SPDX-License-Identifier: MIT */
/* A vCPU in Linux's kernel, and a processor with most of what there is. */
#ifndef TESTS_UNIT_REGISTERS_FIXTURE_H
#define TESTS_UNIT_REGISTERS_FIXTURE_H

#include "vcpu/register_check.h"

#define PHYSICAL_BITS 40

static inline struct hadal_regs registers_of_linux(void)
{
	const struct hadal_segment data = {0, 0xffffffff, 0x18, 0xc93}, null = {0};

	return (struct hadal_regs){
		.rax = 1,
		.r15 = -15ull,
		.rsp = 0xffffc90000003f00,
		.rip = 0xffffffff81000000,
		.rflags = 0x246,
		.cr0 = 0x80050033,
		.cr2 = 0x7f0000001000,
		.cr3 = 0x2a10000,
		.cr4 = 0x3406f0,
		.dr6 = 0xffff0ff0,
		.dr7 = 0x400,
		.es = null,
		.cs = {0, 0xffffffff, 0x10, 0xa9b},
		.ss = data,
		.ds = null,
		.fs = {.base = 0x7f1122334000},
		.gs = {.base = 0xffff888000000000},
		.ldtr = null,
		.tr = {0xfffffe0000003000, 0x4087, 0x40, 0x8b},
		.gdtr_base = 0xfffffe0000001000,
		.gdtr_limit = 0x7f,
		.idtr_base = 0xfffffe0000000000,
		.idtr_limit = 0xfff,
		.efer = 0xd01,
		.star = 0x23001000000000,
		.lstar = 0xffffffff81800000,
		.cstar = 0xffffffff81801000,
		.sfmask = 0x47700,
		.sysenter_cs = 0x10,
		.sysenter_esp = 0xfffffe0000003000,
		.sysenter_eip = 0xffffffff81802000,
		.pat = 0x407050600070106,
		.xcr0 = 7,
		.cpu = 1,
	};
}

static inline struct register_rules rules_of_a_processor(void)
{
	return (struct register_rules){
		.cr3 = (1ull << PHYSICAL_BITS) - 1,
		.cr4 = 0xff1fff & ~(1ull << 19),
		.efer = 0xd01,
		.xcr0 = 0x600ff,
		.dr6 = 0xe00f,
		.dr7 = 0xffff23ff,
		.tsc_aux = true,
		.strict_segments = true,
	};
}

#endif
