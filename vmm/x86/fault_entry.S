/* SPDX-License-Identifier: MIT */
/* Exceptions and NMIs that hit while the image itself runs. */

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
	push %r15
	push %r14
	push %r13
	push %r12
	push %r11
	push %r10
	push %r9
	push %r8
	push %rdi
	push %rsi
	push %rbp
	push %rsp
	push %rbx
	push %rdx
	push %rcx
	push %rax
	mov %rsp, %rdi
	mov %rsp, %rbx
	and $-16, %rsp
	cld
	call fault_handle
	mov %rbx, %rsp
	pop %rax
	pop %rcx
	pop %rdx
	pop %rbx
	add $8, %rsp
	pop %rbp
	pop %rsi
	pop %rdi
	pop %r8
	pop %r9
	pop %r10
	pop %r11
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	add $16, %rsp
	iretq
