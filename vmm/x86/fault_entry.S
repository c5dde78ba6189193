/* SPDX-License-Identifier: MIT */
/* Exceptions and NMIs that hit while the image itself runs. */
#include "x86/registers.inc"

	.text
	/* One stub each 16 bytes; fault_handle() learns the vector from what it pushes. */
	.balign 16
	.globl fault_stubs
fault_stubs:
	.set vector, 0
	.rept 32
	.balign 16
	.if (0x60227d00 >> vector) & 1 == 0
	push $0				/* no error code from the processor */
	.endif
	push $vector
	jmp fault_common
	.set vector, vector + 1
	.endr

	.balign 16
fault_common:
	push_registers
	push %rax
	mov %rsp, %rdi
	mov %rsp, %rbx
	and $-16, %rsp
	cld
	call fault_handle
	mov %rbx, %rsp
	pop %rax
	pop_registers
	add $16, %rsp
	iretq
