/* SPDX-License-Identifier: MIT */
/*
 * Into the guest and out of it. GIF is clear from one VMRUN's exit to the next VMRUN, so no NMI comes
 * in between; the image's stack is empty at VMRUN, and an exit pushes the registers into struct vcpu,
 * which lies right above it. RAX comes from the VMCB and goes back there.
 */
#include "svm/offsets.h"
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
1:	pop VCPU_VMCB_RAX - 8(%rsp)
	pop_registers
	vmload %rax
	vmrun %rax
	vmsave %rax
	push_registers
	push VCPU_VMCB_RAX - 8(%rsp)
	mov %rsp, %rdi
	mov VCPU_ARCH_DATA + 8(%rsp), %rax
	vmload %rax
	jmp 0b
