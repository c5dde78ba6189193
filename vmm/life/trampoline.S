/* SPDX-License-Identifier: MIT */
/*
 * The way into the image and out of it. The first page of the image is mapped at the same address in
 * the loader's page tables and in the image's own, so CR3 can change while it runs.
 *
 * Neither side's IDT and stack are mapped on both sides. For the few instructions between the loads of
 * CR3 and IDTR an NMI would be fatal on VT-x; on SVM the way out is covered by GIF = 0.
 */
#include "base/layout.h"
#include "x86/registers.inc"

#define BASE_POOL_BYTES (4 << 20)

#define CR4_KEPT   0x43640 /* MCE, OSFXSR, OSXMMEXCPT, LA57, OSXSAVE; VMXE, which may not be cleared */
#define CR4_NEEDED 0x20    /* PAE */

	.section .image_header, "a"
	.globl image_header
image_header:
	.quad 0x4c4144414820494d
	.long 1
	.long image_enter - image_header
	.quad image_file_bytes
	.quad image_memory_bytes
	.quad PERCPU_PAGES * 4096
	.quad BASE_POOL_BYTES
	.quad image_log_offset

	.section .trampoline, "ax"
/* long enter(op, boot_physical, root_physical, cpu); see hadal/boot.h */
	.globl image_enter
image_enter:
	endbr64
	mov %cr4, %r8
	mov %cr3, %r9
	mov %rsp, %r10
	mov (%rsp), %r11
	mov %r8, %rax
	and $CR4_KEPT, %eax
	or $CR4_NEEDED, %eax
	mov %rax, %cr4
	mov %rdx, %cr3
	movabs $image_entered, %rax
	jmp *%rax

/*
 * Enter the system for good. rax = result for the caller, rcx = CR3 without its PCID bits,
 * rdx = CR4, rsi = RSP, rdi = RIP, r8 = RFLAGS, r9 = CS | SS << 16, r10 = EFER,
 * r11 = PCID bits of CR3, and bit 63 set when GIF is clear.
 * GDTR, IDTR, the other segments and the callee-saved registers are the guest's already.
 */
	.globl trampoline_leave
trampoline_leave:
	mov %rcx, %cr3			/* CR4.PCIDE can be set only while the PCID is 0 */
	mov %rdx, %cr4
	mov %r11, %rdx
	and $0xfff, %edx
	or %rdx, %rcx
	mov %rcx, %cr3
	mov %rsi, %rsp
	movzwl %r9w, %ecx
	shr $16, %r9
	lea 1f(%rip), %rdx
	push %r9
	push %rsi
	pushfq
	push %rcx
	push %rdx
	iretq
1:	btr $63, %r11
	jnc 2f
	stgi				/* CS and SS are the guest's now: a waiting NMI may come */
2:	mov %rax, %r11
	mov $0xc0000080, %ecx
	mov %r10d, %eax
	mov %r10, %rdx
	shr $32, %rdx
	wrmsr
	mov %r11, %rax
	push %rdi
	push %r8
	popfq
	ret

/* void leave_jump(struct leave_registers *, uint64_t target) */
	.text
	.globl leave_jump
leave_jump:
	mov %rsi, %r12
	mov %rdi, %r13
	mov 0(%r13), %rax
	mov 8(%r13), %rcx
	mov 16(%r13), %rdx
	mov 24(%r13), %rsi
	mov 32(%r13), %rdi
	mov 40(%r13), %r8
	mov 48(%r13), %r9
	mov 56(%r13), %r10
	mov 64(%r13), %r11
	mov 72(%r13), %rbx
	mov 80(%r13), %rbp
	mov 88(%r13), %r14
	mov 96(%r13), %r15
	lgdt 128(%r13)
	lidt 138(%r13)
	push %r12
	mov 104(%r13), %r12
	mov 112(%r13), %r13
	ret

	.globl image_entered
image_entered:
	test %rdi, %rdi
	jnz 1f
	lea init_vcpu(%rip), %rax
	jmp 2f
1:	mov %rcx, %rax
	shl $PERCPU_SHIFT, %rax
	movabs $LAYOUT_PERCPU_BASE + PERCPU_VCPU, %rdx
	add %rdx, %rax
2:	lea 128(%rax), %rsp
	push_registers
	push $0
	mov %rsp, %rdi
	cld
	call image_main
	ud2
