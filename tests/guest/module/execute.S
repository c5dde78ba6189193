/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * bool NAME(struct hadal_test_registers *registers): loads the registers, executes the instruction
 * and stores what it left; true when it faulted. Offsets are those of struct hadal_test_registers.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <hadal/registers.def>

#define ACT(NAME, name, ...)    action name;
#define PASS_OVER(NAME, name, ...)

.macro for_each_but_rdi what
	.macro action name
	.ifnc \name, rdi
	\what %\name, place
	.endif
	.set place, place + 8
	.endm
	.set place, 0
	HADAL_GENERAL_REGISTERS(ACT, PASS_OVER)
	.purgem action
.endm
.macro load register, offset
	mov \offset(%rdi), \register
.endm
.macro store register, offset
	mov \register, \offset(%rdi)
.endm

.macro execute name, instruction
SYM_FUNC_START(\name)
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	for_each_but_rdi load
	mov 48(%rdi), %rdi
1:	\instruction
	push $0
	jmp 3f
2:	push $1
3:	push %rdi
	mov 16(%rsp), %rdi
	for_each_but_rdi store
	pop 48(%rdi)
	pop %rax
	pop %rdi
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	RET
	_ASM_EXTABLE(1b, 2b)
SYM_FUNC_END(\name)
.endm

execute execute_vmcall, vmcall
execute execute_vmmcall, vmmcall
