// SPDX-License-Identifier: MIT
/* Taking a processor over from the system it runs, and handing it back. */
#include "paging/memory.h"
#include "base/string.h"
#include "x86/cpu.h"
#include "leave/leave.h"

/* What leave_jump() loads, in its order. */
struct leave_registers {
	uint64_t rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11;
	uint64_t rbx, rbp, r14, r15, r12, r13;
	uint64_t pad;
	struct descriptor_pointer gdtr, idtr;
};

_Static_assert(offsetof(struct leave_registers, gdtr) == 128, "leave_jump() counts on it");

_Noreturn void leave_jump(struct leave_registers *registers, uint64_t target);
extern char trampoline_leave[], image_header[];

static uint16_t selector_of(enum vcpu_segment segment)
{
	uint64_t value = 0;

	switch (segment) {
	case SEG_ES:
		__asm__("mov %%es, %0" : "=r"(value));
		break;
	case SEG_CS:
		__asm__("mov %%cs, %0" : "=r"(value));
		break;
	case SEG_SS:
		__asm__("mov %%ss, %0" : "=r"(value));
		break;
	case SEG_DS:
		__asm__("mov %%ds, %0" : "=r"(value));
		break;
	case SEG_FS:
		__asm__("mov %%fs, %0" : "=r"(value));
		break;
	case SEG_GS:
		__asm__("mov %%gs, %0" : "=r"(value));
		break;
	case SEG_LDTR:
		__asm__("sldt %0" : "=r"(value));
		break;
	default:
		__asm__("str %0" : "=r"(value));
		break;
	}
	return value;
}

/*
 * Reads the segment for `selector` from a descriptor table in guest memory, found through cr3.
 * 0, or -EFAULT when the table cannot be read.
 */
static int segment_from_table(const struct descriptor_pointer *table, uint64_t cr3, uint64_t cr4,
			      uint16_t selector, struct hadal_segment *out)
{
	uint64_t descriptor[2] = {0, 0};
	uint32_t offset = selector & ~7u;
	size_t bytes = 8;

	*out = (struct hadal_segment){.selector = selector};
	if (!offset || (selector & 4))
		return 0;
	if (offset + 7 > table->limit)
		return -EFAULT;
	if (memory_read_guest_root(table->base + offset, cr3, cr4, descriptor, 8) != 8)
		return -EFAULT;
	if (!(descriptor[0] >> 44 & 1)) { /* system descriptors have a second half */
		bytes = 16;
		if (offset + 15 > table->limit ||
		    memory_read_guest_root(table->base + offset, cr3, cr4, descriptor, bytes) != 16)
			return -EFAULT;
	}
	out->attributes = (descriptor[0] >> 40 & 0xff) | (descriptor[0] >> 52 & 0xf) << 8;
	out->limit = (descriptor[0] & 0xffff) | (descriptor[0] >> 48 & 0xf) << 16;
	if (out->attributes & 0x800)
		out->limit = out->limit << 12 | 0xfff;
	out->base = (descriptor[0] >> 16 & 0xffffff) | (descriptor[0] >> 56) << 24 |
		    (uint64_t)(uint32_t)descriptor[1] << 32;
	return 0;
}

int entry_state_save(struct vcpu *vcpu, uint64_t cr3, uint64_t cr4)
{
	struct entry_state *entry = &vcpu->entry;

	entry->cr0 = read_cr0();
	entry->cr3 = cr3;
	entry->cr4 = cr4;
	entry->efer = rdmsr(MSR_EFER);
	entry->dr7 = read_dr7();
	entry->debugctl = rdmsr(MSR_DEBUGCTL);
	entry->pat = rdmsr(MSR_PAT);
	entry->sysenter_cs = rdmsr(MSR_SYSENTER_CS);
	entry->sysenter_esp = rdmsr(MSR_SYSENTER_ESP);
	entry->sysenter_eip = rdmsr(MSR_SYSENTER_EIP);
	__asm__ volatile("sgdt %0" : "=m"(entry->gdtr));
	__asm__ volatile("sidt %0" : "=m"(entry->idtr));
	for (int i = 0; i < SEG_COUNT; i++) {
		int err = segment_from_table(&entry->gdtr, cr3, cr4, selector_of(i),
					     &entry->segment[i]);

		if (err)
			return err;
	}
	entry->segment[SEG_FS].base = rdmsr(MSR_FS_BASE);
	entry->segment[SEG_GS].base = rdmsr(MSR_GS_BASE);
	return 0;
}

/*
 * A GDT with the system's own segments, so that they are loaded without touching its memory: its
 * GDT is read-only to it, and LTR would set a busy bit that is set already.
 */
static void put_segment(uint64_t *gdt, const struct hadal_segment *segment, bool system)
{
	unsigned index = segment->selector >> 3;
	uint64_t base = segment->base;
	bool pages = segment->attributes & 0x800;
	uint64_t limit = pages ? segment->limit >> 12 : segment->limit;
	uint64_t access = segment->attributes & 0xff;

	if (system)
		access &= ~2ull; /* a TSS is loaded while not busy */
	gdt[index] = (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 |
		     (limit >> 16 & 0xf) << 48 | (uint64_t)(segment->attributes >> 8 & 0xf) << 52 |
		     (base >> 24 & 0xff) << 56;
	if (system)
		gdt[index + 1] = base >> 32;
}

static bool loadable(const struct hadal_segment *segment)
{
	return (segment->selector & ~3) && !(segment->selector & 4) &&
	       segment->selector < LEAVE_SELECTOR_LIMIT - 8 && (segment->attributes & 0x80);
}

static void load_segments(struct vcpu *vcpu)
{
	const struct hadal_segment *segment = vcpu->entry.segment;
	uint64_t *gdt = vcpu->leave_gdt;
	struct descriptor_pointer pointer = {LEAVE_SELECTOR_LIMIT - 1, (uint64_t)gdt};
	uint16_t selector[SEG_COUNT];

	memset(gdt, 0, LEAVE_SELECTOR_LIMIT);
	for (int i = 0; i < SEG_COUNT; i++) {
		selector[i] = loadable(&segment[i]) ? segment[i].selector : 0;
		if (selector[i])
			put_segment(gdt, &segment[i], i >= SEG_LDTR);
	}
	/* The processor's current CS and SS stay in its caches until the last IRET. */
	__asm__ volatile("lgdt %0" ::"m"(pointer));
	if (selector[SEG_TR])
		__asm__ volatile("ltr %0" ::"r"(selector[SEG_TR]));
	__asm__ volatile("lldt %0" ::"r"(selector[SEG_LDTR]));
	__asm__ volatile("mov %0, %%es" ::"r"((uint32_t)selector[SEG_ES]));
	__asm__ volatile("mov %0, %%ds" ::"r"((uint32_t)selector[SEG_DS]));
	__asm__ volatile("mov %0, %%fs" ::"r"((uint32_t)selector[SEG_FS]));
	__asm__ volatile("mov %0, %%gs" ::"r"((uint32_t)selector[SEG_GS]));
}

static void load_msrs(const struct entry_state *entry)
{
	wrmsr(MSR_FS_BASE, entry->segment[SEG_FS].base);
	wrmsr(MSR_GS_BASE, entry->segment[SEG_GS].base);
	wrmsr(MSR_SYSENTER_CS, entry->sysenter_cs);
	wrmsr(MSR_SYSENTER_ESP, entry->sysenter_esp);
	wrmsr(MSR_SYSENTER_EIP, entry->sysenter_eip);
	wrmsr(MSR_PAT, entry->pat);
	wrmsr(MSR_DEBUGCTL, entry->debugctl);
	write_dr7(entry->dr7);
}

_Noreturn void leave_to_system(struct vcpu *vcpu, bool gif_clear)
{
	const struct entry_state *entry = &vcpu->entry;
	const struct gprs *regs = &vcpu->regs;
	struct leave_registers out = {
		.rax = regs->rax,
		.rbx = regs->rbx,
		.rbp = regs->rbp,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rcx = entry->cr3 & ~CR3_PCID_MASK,
		.rdx = entry->cr4,
		.rsi = entry->rsp,
		.rdi = entry->rip,
		.r8 = entry->rflags,
		.r9 = entry->segment[SEG_CS].selector | (uint64_t)entry->segment[SEG_SS].selector
								<< 16,
		.r10 = entry->efer,
		.r11 = (entry->cr3 & CR3_PCID_MASK) | (uint64_t)gif_clear << 63,
		.gdtr = entry->gdtr,
		.idtr = entry->idtr,
	};

	vcpu->running = false;
	load_segments(vcpu);
	load_msrs(entry);
	write_cr0(entry->cr0);
	leave_jump(&out, memory_trampoline() + (uint64_t)(trampoline_leave - image_header));
}
