// SPDX-License-Identifier: MIT
/* Taking a processor over from the system it runs, and handing it back. */
#include "paging/memory.h"
#include "base/string.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/crossing.h"
#include "leave/leave.h"

/* What leave_jump() loads, in its order. */
struct leave_registers {
	uint64_t rax, rbx, rbp, r12, r13, r14, r15;
	struct crossing *crossing;
};

_Static_assert(offsetof(struct leave_registers, crossing) == 56, "leave_jump() counts on it");

/* TSC ticks that an NMI may be on its way from one local APIC to another. */
#define NMI_TICKS (1ull << 24)

_Noreturn void leave_jump(struct leave_registers *registers, uint64_t target);
extern char trampoline_leave[], leaving_nmi[], leaving_machine_check[], image_header[];

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

/* Reads the segment for `selector` from a GDT of `bytes`. 0, or -EFAULT when it is not in there. */
static int segment_from_gdt(const uint64_t *gdt, uint32_t bytes, uint16_t selector,
			    struct hadal_segment *out)
{
	const uint64_t *descriptor = &gdt[selector >> 3];
	uint32_t offset = selector & ~7u;

	*out = (struct hadal_segment){.selector = selector};
	if (!offset || (selector & 4))
		return 0;
	if (offset + 8 > bytes)
		return -EFAULT;
	if (!(descriptor[0] >> 44 & 1)) { /* system descriptors have a second half */
		if (offset + 16 > bytes)
			return -EFAULT;
		out->base = descriptor[1] << 32;
	}
	out->attributes = (descriptor[0] >> 40 & 0xff) | (descriptor[0] >> 52 & 0xf) << 8;
	out->limit = (descriptor[0] & 0xffff) | (descriptor[0] >> 48 & 0xf) << 16;
	if (out->attributes & 0x800)
		out->limit = out->limit << 12 | 0xfff;
	out->base |= (descriptor[0] >> 16 & 0xffffff) | (descriptor[0] >> 56) << 24;
	return 0;
}

int entry_state_save(struct vcpu *vcpu)
{
	struct entry_state *entry = &vcpu->entry;
	const struct crossing *crossing = vcpu->crossing;
	uint32_t bytes = crossing->system_gdtr.limit + 1u;
	int err = 0;

	if (bytes > CROSSING_SYSTEM_BYTES)
		bytes = CROSSING_SYSTEM_BYTES;
	entry->cr0 = read_cr0();
	entry->cr3 = crossing->cr3;
	entry->cr4 = crossing->cr4;
	entry->rip = crossing->rip;
	entry->rsp = crossing->rsp;
	entry->rflags = RFLAGS_FIXED; /* interrupts off, as when the loader called */
	entry->efer = rdmsr(MSR_EFER);
	entry->dr7 = crossing->dr7;
	entry->debugctl = rdmsr(MSR_DEBUGCTL);
	entry->pat = rdmsr(MSR_PAT);
	entry->sysenter_cs = rdmsr(MSR_SYSENTER_CS);
	entry->sysenter_esp = rdmsr(MSR_SYSENTER_ESP);
	entry->sysenter_eip = rdmsr(MSR_SYSENTER_EIP);
	entry->gdtr = crossing->system_gdtr;
	entry->idtr = crossing->system_idtr;
	for (int i = 0; i < SEG_COUNT; i++) {
		uint16_t selector = selector_of(i);
		int bad;

		/* TR cannot be emptied again: firmware, which has none, keeps that of an earlier
		 * call. */
		if (i == SEG_TR && selector == SELECTOR_TSS)
			selector = 0;
		bad = segment_from_gdt(crossing->gdt, bytes, selector, &entry->segment[i]);
		err = err ? err : bad;
	}
	entry->segment[SEG_FS].base = rdmsr(MSR_FS_BASE);
	entry->segment[SEG_GS].base = rdmsr(MSR_GS_BASE);
	return err;
}

/*
 * Puts the system's own segments into the GDT, so that they are loaded without touching its memory:
 * its GDT is read-only to it, and LTR would set a busy bit that is set already.
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
	       segment->selector < CROSSING_SYSTEM_BYTES - 8 && (segment->attributes & 0x80);
}

/* Found by the crossing, which lies behind it: the way out needs nothing that INIT sets up. */
static uint64_t trampoline_address(const struct vcpu *vcpu, const char *label)
{
	uint64_t crossings = (uint64_t)vcpu->crossing - ((uint64_t)vcpu->index << CROSSING_SHIFT);

	return crossings - PAGE_BYTES + (uint64_t)(label - image_header);
}

void collect_crossing_nmis(struct vcpu *vcpu)
{
	uint32_t nmis = __atomic_exchange_n(&vcpu->crossing->nmis, 0, __ATOMIC_SEQ_CST);

	__atomic_fetch_add(&vcpu->host_nmis, nmis, __ATOMIC_SEQ_CST);
}

/*
 * The handlers of a way in that failed are in the same page, and the gate may be in use: all that
 * changes of it are 16 bits.
 */
static void set_gate(struct vcpu *vcpu, unsigned vector, const char *handler)
{
	volatile struct gate *gate = &vcpu->crossing->idt[vector];

	gate->offset_low = trampoline_address(vcpu, handler);
	gate->selector = vcpu->crossing->cs;
}

/*
 * The GDT is never without the CS that the gates name: of a call that failed early their IDT is
 * loaded, and an NMI may come. What it has of segments that are none any more nobody loads.
 */
static void load_segments(struct vcpu *vcpu)
{
	const struct hadal_segment *segment = vcpu->entry.segment;
	struct crossing *crossing = vcpu->crossing;
	uint16_t selector[SEG_COUNT];

	for (int i = 0; i < SEG_COUNT; i++) {
		selector[i] = loadable(&segment[i]) ? segment[i].selector : 0;
		if (selector[i])
			put_segment(crossing->gdt, &segment[i], i >= SEG_LDTR);
	}
	crossing->cs = selector[SEG_CS];
	crossing->ss = selector[SEG_SS];
	set_gate(vcpu, VECTOR_NMI, leaving_nmi);
	set_gate(vcpu, VECTOR_MC, leaving_machine_check);
	collect_crossing_nmis(vcpu);
	/* The image's IDT needs the image's TSS, this one none. CS and SS stay the image's. */
	__asm__ volatile("lidt %0" ::"m"(crossing->idtr));
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
}

static bool wait_for_nmi(const struct crossing *crossing)
{
	uint64_t start = rdtsc();

	while (!__atomic_load_n(&crossing->nmis, __ATOMIC_SEQ_CST))
		if (rdtsc() - start > NMI_TICKS)
			return false;
	return true;
}

/*
 * The system gets the NMIs that the image has taken as one, as it would those that come while
 * another is handled. Its handler wants NMIs to be blocked, so one is sent if none has come since
 * the IDT is the crossing's. A kick is not the system's, nor should it come when the image has
 * gone.
 */
static void hand_over_nmis(struct vcpu *vcpu)
{
	struct crossing *crossing = vcpu->crossing;
	bool kicked = __atomic_exchange_n(&vcpu->kick_sent, false, __ATOMIC_SEQ_CST);
	bool due = vcpu->nmi_pending || vcpu->host_nmis > kicked;

	if (kicked && !vcpu->host_nmis && wait_for_nmi(crossing) && !due)
		crossing->nmis = 0; /* no other comes while that one blocks them */
	if (due && !crossing->nmis && read_cr3() == memory_root()) { /* the APIC is mapped there */
		apic_send_nmi(apic_id());
		wait_for_nmi(crossing);
	}
	vcpu->nmi_pending = false;
	vcpu->host_nmis = 0;
}

/* The image's IDT is loaded, so that the crossing's may change. */
static void move_gate(struct crossing *crossing, unsigned vector, uint64_t trampoline)
{
	crossing->idt[vector].offset_middle = trampoline >> 16;
	crossing->idt[vector].offset_high = trampoline >> 32;
}

void leave_by(struct vcpu *vcpu, uint64_t trampoline)
{
	uint64_t at = trampoline + PAGE_BYTES + ((uint64_t)vcpu->index << CROSSING_SHIFT);
	struct crossing *crossing = (struct crossing *)at;

	write_cr3(memory_root()); /* something else may have been there for an earlier try */
	crossing->gdtr.base = (uint64_t)crossing->gdt;
	crossing->idtr.base = (uint64_t)crossing->idt;
	move_gate(crossing, VECTOR_NMI, trampoline);
	move_gate(crossing, VECTOR_MC, trampoline);
	__asm__ volatile("lgdt %0" ::"m"(crossing->gdtr)); /* the same GDT, as it is */
	vcpu->crossing = crossing;
}

static void fill_crossing(struct vcpu *vcpu)
{
	const struct entry_state *entry = &vcpu->entry;
	struct crossing *crossing = vcpu->crossing;

	crossing->system_gdtr = entry->gdtr;
	crossing->system_idtr = entry->idtr;
	crossing->cr3 = entry->cr3;
	crossing->cr4 = entry->cr4;
	crossing->dr7 = entry->dr7;
	crossing->efer = entry->efer;
	crossing->rip = entry->rip;
	crossing->rsp = entry->rsp;
	crossing->rflags = entry->rflags;
}

_Noreturn void leave_to_system(struct vcpu *vcpu, bool gif_clear)
{
	const struct gprs *regs = &vcpu->regs;
	struct leave_registers out = {
		.rax = regs->rax,
		.rbx = regs->rbx,
		.rbp = regs->rbp,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.crossing = vcpu->crossing,
	};

	vcpu->running = false;
	fill_crossing(vcpu);
	load_segments(vcpu);
	if (gif_clear)
		__asm__ volatile("stgi" ::: "memory");
	hand_over_nmis(vcpu);
	load_msrs(&vcpu->entry);
	write_cr0(vcpu->entry.cr0);
	leave_jump(&out, trampoline_address(vcpu, trampoline_leave));
}
