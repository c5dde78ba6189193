/* SPDX-License-Identifier: MIT */
/*
 * The way into the guest and out of it. HOST_RSP is the vCPU, which begins with its registers and has its
 * stack below it.
 *
 * An NMI that hits between the check of vcpu->attention and the entry would wait until the next exit: the
 * NMI handler sends the CPU back from there (.restart_table).
 */
#include "vmx/offsets.h"
#include "x86/barrier.inc"
#include "x86/registers.inc"

	.text
	.balign 16
	.globl vmx_exit_stub
vmx_exit_stub:
	store_registers
	prediction_barrier
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
	store_registers
	prediction_barrier
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
