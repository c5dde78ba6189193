/* SPDX-License-Identifier: MIT */
/*
 * The way into the image and out of it. The first page of the image and, right behind it, each CPU's
 * struct crossing are mapped at the same addresses in the loader's page tables and in the image's own,
 * so CR3 can change while this runs. An NMI or a machine check may come at any instruction here: it finds
 * either the system's IDT, GDT, TSS and CR4 with the system's CR3, or struct crossing's IDT, which needs
 * nothing but what both sides have mapped.
 */
#include "base/layout.h"
#include "x86/crossing.h"
#include "x86/registers.inc"

/* Of tables, for the image to map a CPU's memory and for the guest not to. */
#define PERCPU_TABLE_BYTES 512
#define BASE_POOL_BYTES (1 << 20)
/* A table for the image, one for the guest and one for the window, without pages of 1 GiB. */
#define PER_GIB_BYTES (3 * 4096)

#define CR4_KEPT   0x43640 /* MCE, OSFXSR, OSXMMEXCPT, LA57, OSXSAVE; VMXE, which may not be cleared */
#define CR4_NEEDED 0x20    /* PAE */

#define SEGMENT_CODE64 0x00af9b000000ffff
#define SEGMENT_DATA   0x00cf93000000ffff
#define GATE_PRESENT   0x8e00 /* an interrupt gate without IST */

	.section .image_header, "a"
	.globl image_header
image_header:
	.quad 0x4c4144414820494d
	.long IMAGE_ABI_VERSION
	.long image_enter - image_header
	.quad image_file_bytes
	.quad image_memory_bytes
	.quad PERCPU_PAGES * 4096 + (1 << CROSSING_SHIFT) + PERCPU_TABLE_BYTES
	.quad BASE_POOL_BYTES
	.quad PER_GIB_BYTES
	.quad image_log_offset

	/* A gate of the crossing at r8; its selector is the current CS. */
	.macro set_gate vector, handler
	lea \handler(%rip), %rax
	mov %ax, CROSSING_IDT + \vector * 16(%r8)
	mov %cs, CROSSING_IDT + \vector * 16 + 2(%r8)
	movw $GATE_PRESENT, CROSSING_IDT + \vector * 16 + 4(%r8)
	shr $16, %rax
	mov %ax, CROSSING_IDT + \vector * 16 + 6(%r8)
	shr $16, %rax
	mov %rax, CROSSING_IDT + \vector * 16 + 8(%r8)
	.endm

	/* Handlers: count one in a member of the crossing that the IDTR points into. */
	.macro count_event member
	endbr64
	push %rax
	push %rdx
	sub $16, %rsp
	sidt (%rsp)
	mov 2(%rsp), %rax
	incl \member - CROSSING_IDT(%rax)
	add $16, %rsp
	.endm

	/*
	 * Return without IRET, so that NMIs stay blocked. What is returned to lies below the interrupted
	 * stack, over the frame, of which only RIP, RFLAGS and RSP are needed: CS is as good as the gate's.
	 */
	.macro return_blocked
	mov 40(%rsp), %rax		/* RSP */
	mov 16(%rsp), %rdx		/* RIP */
	mov %rdx, -8(%rax)
	mov 32(%rsp), %rdx		/* RFLAGS */
	mov %rdx, -16(%rax)
	mov 8(%rsp), %rdx		/* RAX */
	mov %rdx, -24(%rax)
	mov (%rsp), %rdx
	mov %rdx, -32(%rax)
	lea -32(%rax), %rsp
	pop %rdx
	pop %rax
	popfq
	ret
	.endm

	.section .trampoline, "ax"
crossing_nmi:
	count_event CROSSING_NMIS
	pop %rdx
	pop %rax
	iretq
crossing_machine_check:
	count_event CROSSING_MACHINE_CHECKS
	pop %rdx
	pop %rax
	iretq

	/* On the way out. */
	.globl leaving_nmi, leaving_machine_check
leaving_nmi:
	count_event CROSSING_NMIS
	return_blocked
leaving_machine_check:
	count_event CROSSING_MACHINE_CHECKS
	return_blocked

/* long enter(op, boot_physical, root_physical, cpu); see hadal/boot.h */
	.globl image_enter
image_enter:
	endbr64
	mov %rcx, %r9
	shl $CROSSING_SHIFT, %r9
	lea image_header + 4096(%rip), %r8
	add %r9, %r8
	mov (%rsp), %rax
	mov %rax, CROSSING_RIP(%r8)
	lea 8(%rsp), %rax
	mov %rax, CROSSING_RSP(%r8)
	mov %cr3, %rax
	mov %rax, CROSSING_CR3(%r8)
	mov %cr4, %rax
	mov %rax, CROSSING_CR4(%r8)
	sgdt CROSSING_SYSTEM_GDTR(%r8)
	sidt CROSSING_SYSTEM_IDTR(%r8)

	/* The system's segments, and behind them the image's. */
	mov %rcx, %r9
	mov %rsi, %r10
	mov %rdi, %r11
	cld
	mov CROSSING_SYSTEM_GDTR + 2(%r8), %rsi
	movzwl CROSSING_SYSTEM_GDTR(%r8), %ecx
	inc %ecx
	mov $CROSSING_SYSTEM_BYTES, %eax
	cmp %eax, %ecx
	cmova %eax, %ecx
	lea CROSSING_GDT(%r8), %rdi
	rep movsb
	mov %r9, %rcx
	mov %r10, %rsi
	mov %r11, %rdi
	movabs $SEGMENT_CODE64, %rax
	mov %rax, CROSSING_GDT + SELECTOR_CODE(%r8)
	movabs $SEGMENT_DATA, %rax
	mov %rax, CROSSING_GDT + SELECTOR_DATA(%r8)
	movw $CROSSING_GDT_BYTES - 1, CROSSING_GDTR(%r8)
	lea CROSSING_GDT(%r8), %rax
	mov %rax, CROSSING_GDTR + 2(%r8)

	set_gate 2, crossing_nmi
	set_gate 18, crossing_machine_check
	movw $CROSSING_IDT_BYTES - 1, CROSSING_IDTR(%r8)
	lea CROSSING_IDT(%r8), %rax
	mov %rax, CROSSING_IDTR + 2(%r8)
	movq $0, CROSSING_NMIS(%r8) /* and the machine checks */

	/* A breakpoint of the system's would find no handler from here on. */
	mov %dr7, %rax
	mov %rax, CROSSING_DR7(%r8)
	mov $DR7_QUIET, %eax
	mov %rax, %dr7

	lidt CROSSING_IDTR(%r8)		/* its gates name the CS of both GDTs */
	lgdt CROSSING_GDTR(%r8)
	lea CROSSING_STACK_END(%r8), %rsp
	mov %rdx, %cr3
	mov %cr4, %rax			/* the system's handlers need no bit of it any more */
	and $CR4_KEPT, %eax
	or $CR4_NEEDED, %eax
	mov %rax, %cr4
	movabs $image_entered, %rax
	jmp *%rax

/*
 * Enter the system for good, with the crossing in r8 and its IDT loaded. rax = result for the caller.
 * The segments but CS and SS, TR and the callee-saved registers are the system's already.
 */
	.globl trampoline_leave
trampoline_leave:
	lea CROSSING_STACK_END(%r8), %rsp
	mov CROSSING_CR3(%r8), %rdx
	mov %rdx, %rcx
	and $-4096, %rcx
	mov %rcx, %cr3			/* CR4.PCIDE can be set only while the PCID is 0 */
	mov CROSSING_CR4(%r8), %rcx
	mov %rcx, %cr4
	mov %rdx, %cr3
	mov %rax, %r11
	mov CROSSING_EFER(%r8), %rax
	mov %rax, %rdx
	shr $32, %rdx
	mov $0xc0000080, %ecx
	wrmsr
	mov %r11, %rax

	mov CROSSING_SS(%r8), %ss
	mov CROSSING_RSP(%r8), %rsp
	lea 1f(%rip), %rdx
	pushq CROSSING_CS(%r8)
	push %rdx
	lretq
1:	lgdt CROSSING_SYSTEM_GDTR(%r8)	/* has the CS that the crossing's gates name */
	lidt CROSSING_SYSTEM_IDTR(%r8)
	mov CROSSING_DR7(%r8), %rdx
	mov %rdx, %dr7

	/*
	 * What has come since is the system's. An NMI has been blocking NMIs since, as its handler expects
	 * it, which ends that.
	 */
	cmpl $0, CROSSING_NMIS(%r8)
	je 2f
	movl $0, CROSSING_NMIS(%r8)
	int $2
2:	cmpl $0, CROSSING_MACHINE_CHECKS(%r8)
	je 3f
	movl $0, CROSSING_MACHINE_CHECKS(%r8)
	int $18
3:	mov CROSSING_RSP(%r8), %rdx	/* IRET ends the blocking by a kick, which is nobody's NMI */
	pushq CROSSING_SS(%r8)
	push %rdx
	pushq CROSSING_RFLAGS(%r8)
	pushq CROSSING_CS(%r8)
	pushq CROSSING_RIP(%r8)
	iretq

/* void leave_jump(struct leave_registers *, uint64_t target) */
	.text
	.globl leave_jump
leave_jump:
	mov 0(%rdi), %rax
	mov 8(%rdi), %rbx
	mov 16(%rdi), %rbp
	mov 24(%rdi), %r12
	mov 32(%rdi), %r13
	mov 40(%rdi), %r14
	mov 48(%rdi), %r15
	mov 56(%rdi), %r8
	jmp *%rsi

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
