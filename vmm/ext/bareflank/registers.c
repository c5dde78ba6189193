// SPDX-License-Identifier: MIT
/* The names under which clients of Bareflank know registers. */
#include "ext/bareflank/registers.h"

#define BYTES(member) sizeof(((struct hadal_regs *)0)->member)
#define REGISTER(name, member)                                                                 \
	{                                                                                      \
		",\"" name "\":", sizeof(",\"" name "\":") - 1, BYTES(member),                 \
			offsetof(struct hadal_regs, member), ~0ull >> (64 - 8 * BYTES(member)) \
	}
#define SEGMENT(name, member)                                                        \
	REGISTER(name "_SEL", member.selector), REGISTER(name "_BASE", member.base), \
		REGISTER(name "_LIMIT", member.limit),                               \
		REGISTER(name "_ARBYTES", member.attributes)

/*
 * Which registers there are, what they are called and in which order they come is the clients' ABI,
 * not registers.def's; test_json_read checks that only PAT and TSC_AUX are not among them.
 */
const struct named_register named_registers[] = {
	REGISTER("RAX", rax),
	REGISTER("RBX", rbx),
	REGISTER("RCX", rcx),
	REGISTER("RDX", rdx),
	REGISTER("RBP", rbp),
	REGISTER("RSI", rsi),
	REGISTER("RDI", rdi),
	REGISTER("RSP", rsp),
	REGISTER("R08", r8),
	REGISTER("R09", r9),
	REGISTER("R10", r10),
	REGISTER("R11", r11),
	REGISTER("R12", r12),
	REGISTER("R13", r13),
	REGISTER("R14", r14),
	REGISTER("R15", r15),
	REGISTER("RIP", rip),
	REGISTER("RFL", rflags),
	REGISTER("CR0", cr0),
	REGISTER("CR2", cr2),
	REGISTER("CR3", cr3),
	REGISTER("CR4", cr4),
	REGISTER("CR8", cr8),
	REGISTER("XCR0", xcr0),
	REGISTER("DR0", dr0),
	REGISTER("DR1", dr1),
	REGISTER("DR2", dr2),
	REGISTER("DR3", dr3),
	REGISTER("DR6", dr6),
	REGISTER("DR7", dr7),
	SEGMENT("CS", cs),
	SEGMENT("DS", ds),
	SEGMENT("ES", es),
	SEGMENT("FS", fs),
	SEGMENT("GS", gs),
	SEGMENT("SS", ss),
	SEGMENT("TR", tr),
	SEGMENT("LDTR", ldtr),
	REGISTER("GDTR_BASE", gdtr_base),
	REGISTER("GDTR_LIMIT", gdtr_limit),
	REGISTER("IDTR_BASE", idtr_base),
	REGISTER("IDTR_LIMIT", idtr_limit),
	REGISTER("SHADOW_GS", kernel_gs_base),
	REGISTER("MSR_EFER", efer),
	REGISTER("MSR_STAR", star),
	REGISTER("MSR_LSTAR", lstar),
	REGISTER("MSR_CSTAR", cstar),
	REGISTER("MSR_SYSCALL_MASK", sfmask),
	REGISTER("SYSENTER_CS", sysenter_cs),
	REGISTER("SYSENTER_ESP", sysenter_esp),
	REGISTER("SYSENTER_EIP", sysenter_eip),
};

#define COUNT (sizeof(named_registers) / sizeof(named_registers[0]))
const unsigned named_register_count = COUNT;

_Static_assert(COUNT <= NAMED_REGISTERS_MAX, "NAMED_REGISTERS_MAX");
