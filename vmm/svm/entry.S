/* SPDX-License-Identifier: MIT */
/*
 * Into the guest and out of it. GIF is clear from one VMRUN's exit to the next VMRUN, so no NMI comes
 * in between. RSP is the vCPU, which begins with the guest's registers and has its stack below it: what a
 * fault pushes in here never lies over them. RAX comes from the VMCB and goes back there.
 */
#include "svm/offsets.h"
#include "x86/barrier.inc"
#include "x86/registers.inc"

	.text
/* int svm_enter(struct vcpu *) */
	.globl svm_enter
svm_enter:
	mov %rdi, %rsp
	clgi
	mov %rsp, %rdi
	call svm_first_encode
	jmp 1f

	.balign 16
	.globl svm_resume
svm_resume:				/* after a fault in the image: RSP = vCPU */
	mov %rsp, %rdi
	call svm_encode
	jmp 1f

	.balign 32
0:	call svm_handle_exit
1:	mov (%rsp), %rcx
	mov %rcx, VCPU_VMCB_RAX(%rsp)
	load_registers rax
	vmload %rax
	vmrun %rax
	vmsave %rax
	store_registers rax
	prediction_barrier
	mov VCPU_VMCB_RAX(%rsp), %rcx
	mov %rcx, (%rsp)
	mov %rsp, %rdi
	mov VCPU_ARCH_DATA + 8(%rsp), %rax
	vmload %rax
	jmp 0b
