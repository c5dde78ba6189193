/* SPDX-License-Identifier: MIT */
/*
 * The way into the guest and out of it. HOST_RSP is the vCPU, which begins with its registers and has its
 * stack below it.
 *
 * An NMI that hits between the check of vcpu->attention and the entry would wait until the next exit: the
 * NMI handler sends the CPU back from there (.restart_table).
 */
#include "vmx/offsets.h"

	.macro save_registers
	mov %rax, 0(%rsp)
	mov %rcx, 8(%rsp)
	mov %rdx, 16(%rsp)
	mov %rbx, 24(%rsp)
	mov %rbp, 40(%rsp)
	mov %rsi, 48(%rsp)
	mov %rdi, 56(%rsp)
	mov %r8, 64(%rsp)
	mov %r9, 72(%rsp)
	mov %r10, 80(%rsp)
	mov %r11, 88(%rsp)
	mov %r12, 96(%rsp)
	mov %r13, 104(%rsp)
	mov %r14, 112(%rsp)
	mov %r15, 120(%rsp)
	.endm

	.macro load_registers
	mov 0(%rsp), %rax
	mov 8(%rsp), %rcx
	mov 16(%rsp), %rdx
	mov 24(%rsp), %rbx
	mov 40(%rsp), %rbp
	mov 48(%rsp), %rsi
	mov 56(%rsp), %rdi
	mov 64(%rsp), %r8
	mov 72(%rsp), %r9
	mov 80(%rsp), %r10
	mov 88(%rsp), %r11
	mov 96(%rsp), %r12
	mov 104(%rsp), %r13
	mov 112(%rsp), %r14
	mov 120(%rsp), %r15
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
	mov %rsp, %rdi
	call vmx_entry_failed

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
launch_failed:
	mov $-1, %eax
	jmp launch_return
launch_again:
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
	.quad enter, enter_end, attend
	.quad launch, launch_end, launch_again
