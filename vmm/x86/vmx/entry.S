/* SPDX-License-Identifier: MIT */
/*
 * The way into the guest and out of it. HOST_RSP is the end of vcpu->regs, so that the pushes fill it and
 * leave RSP at the vCPU, below which its stack begins.
 *
 * An NMI that hits between the check of vcpu->attention and the entry would wait until the next exit: the
 * NMI handler sends the CPU back from there (.restart_table). The vCPU is page-aligned, so RSP tells it
 * wherever the pops were interrupted, and these leave vcpu->regs as it was.
 */
#include "x86/vmx/offsets.h"

	.macro save_registers
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
	lea -8(%rsp), %rsp
	push %rbx
	push %rdx
	push %rcx
	push %rax
	.endm

	.macro load_registers
	pop %rax
	pop %rcx
	pop %rdx
	pop %rbx
	pop %rbp
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
	.endm

	.text
	.balign 16
	.globl vmx_exit_stub
vmx_exit_stub:
	save_registers
	mov %rsp, %rdi
handle:
	call vmx_handle_exit
enter:
	cmpq $0, VCPU_ATTENTION(%rsp)
	jne attend
	load_registers
	vmresume
enter_end:
	and $-4096, %rsp
	mov %rsp, %rdi
	call vmx_entry_failed

enter_again:
	and $-4096, %rsp
attend:
	mov %rsp, %rdi
	call vmx_attend
	jmp enter

	.globl vmx_resume
vmx_resume:
	call vmx_encode
	jmp enter

/* The exit of the first entry, which may have failed instead. */
	.globl vmx_first_exit_stub
vmx_first_exit_stub:
	save_registers
	mov %rsp, %rdi
	call vmx_first_exit
	mov %rsp, %rdi
	test %al, %al
	jnz handle
	jmp launch_failed

/* int vmx_launch(struct vcpu *) */
	.globl vmx_launch
vmx_launch:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, VCPU_UNUSED_RSP(%rdi)
	mov %rdi, %rsp
launch:
	cmpq $0, VCPU_ATTENTION(%rsp)
	jne launch_again
	load_registers
	vmlaunch
launch_end:
	and $-4096, %rsp
launch_failed:
	mov $-1, %eax
	jmp launch_return
launch_again:
	and $-4096, %rsp
	mov $1, %eax
launch_return:
	mov VCPU_UNUSED_RSP(%rsp), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.section .restart_table, "a"
	.quad enter, enter_end, enter_again
	.quad launch, launch_end, launch_again
