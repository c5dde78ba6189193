// SPDX-License-Identifier: MIT
/* The base handlers and their table: what bare hardware would have done. */
#include "exit/apic.h"
#include "exit/base.h"
#include "exit/hidden_write.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "paging/memory.h"
#include "cpus/request.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define CPUID_1_ECX_OSXSAVE  (1u << 27)
#define CPUID_7_ECX_OSPKE    (1u << 4)
#define CPUID_81_EDX_SYSCALL (1u << 11)
#define CR4_KL               (1ull << 19)
#define CR4_PKE              (1ull << 22)

/* By their low five bits: 1 and 0x80000001, 7, 0x19. */
#define STATE_LEAVES (1u << 1 | 1u << 7 | 1u << 25)

/* The registers go from the instruction to their places; it clears their upper halves. */
static inline void answer_cpuid(struct gprs *regs)
{
	uint64_t rax = regs->rax, rbx, rcx = regs->rcx, rdx;

	__asm__ volatile("cpuid" : "+a"(rax), "=b"(rbx), "+c"(rcx), "=d"(rdx));
	regs->rax = rax;
	regs->rbx = rbx;
	regs->rcx = rcx;
	regs->rdx = rdx;
}

static void set_bits(uint64_t *word, uint32_t bits, bool on)
{
	*word = on ? *word | bits : *word & ~(uint64_t)bits;
}

/*
 * Some leaves tell bits of CR4, or depend on the mode that CPUID is executed in: they must tell the
 * guest's. Intel has SYSCALL in 64-bit mode only.
 */
static __attribute__((noinline)) void cpuid_of_state(struct vcpu *vcpu)
{
	uint32_t leaf = vcpu->regs.rax, subleaf = vcpu->regs.rcx;
	uint64_t cr4 = vcpu_get(vcpu, REG_CR4);
	struct gprs *regs = &vcpu->regs;

	if (leaf == 0x19 && (cr4 & CR4_KL)) { /* Key Locker, which the image runs without (hw) */
		write_cr4(read_cr4() | CR4_KL);
		answer_cpuid(regs);
		write_cr4(read_cr4() & ~CR4_KL);
		return;
	}
	answer_cpuid(regs);
	if (leaf == 1)
		set_bits(&regs->rcx, CPUID_1_ECX_OSXSAVE, cr4 & CR4_OSXSAVE);
	else if (leaf == 7 && !subleaf)
		set_bits(&regs->rcx, CPUID_7_ECX_OSPKE, cr4 & CR4_PKE);
	else if (leaf == 0x80000001 && vendor->id == HADAL_VENDOR_INTEL && !vcpu_long_mode(vcpu))
		set_bits(&regs->rdx, CPUID_81_EDX_SYSCALL, false);
}

/* The most frequent exit. */
static enum verdict base_cpuid(struct vcpu *vcpu)
{
	if (__builtin_expect(STATE_LEAVES >> (uint32_t)vcpu->regs.rax % 32 & 1, 0))
		cpuid_of_state(vcpu);
	else
		answer_cpuid(&vcpu->regs);
	return VERDICT_DONE;
}

/* INVD would throw away what the caches hold of everybody's memory. */
static enum verdict base_wbinvd(struct vcpu *vcpu)
{
	(void)vcpu;
	wbinvd();
	return VERDICT_DONE;
}

static enum verdict base_undefined(struct vcpu *vcpu)
{
	vcpu_inject_ud(vcpu);
	return VERDICT_RETRY;
}

/*
 * Intercepted for an extension that did not want this one: the guest gets it after all. A step may
 * outlive the subscription that it was begun for, and with it the handler that knows of it.
 */
static enum verdict base_exception(struct vcpu *vcpu)
{
	enum verdict verdict;

	if (vcpu->stepping && vcpu_step_exception(vcpu, &verdict))
		return verdict;
	vendor->reinject_exception(vcpu);
	return VERDICT_RETRY;
}

static enum verdict base_nmi(struct vcpu *vcpu)
{
	if (vcpu->stepping)
		vcpu_step_window(vcpu);
	request_take_nmis(vcpu);
	return VERDICT_RETRY;
}

/* The window is asked for again if what waits for it still cannot be delivered. */
static enum verdict base_nmi_window(struct vcpu *vcpu)
{
	if (vcpu->stepping)
		vcpu_step_window(vcpu);
	if (vcpu->held.info)
		__atomic_fetch_or(&vcpu->requests, REQUEST_NMI, __ATOMIC_RELAXED);
	return VERDICT_RETRY;
}

static enum verdict base_rdtsc(struct vcpu *vcpu)
{
	uint64_t now = rdtsc();

	vcpu->regs.rax = (uint32_t)now;
	vcpu->regs.rdx = now >> 32;
	if (vcpu->exit.kind == HADAL_EXIT_RDTSCP)
		vcpu->regs.rcx = (uint32_t)rdmsr(MSR_TSC_AUX);
	return VERDICT_DONE;
}

/* A wait that ends at once is allowed, and the instruction has no other effect. */
static enum verdict base_no_wait(struct vcpu *vcpu)
{
	(void)vcpu;
	return VERDICT_DONE;
}

static bool allowed(const struct exit *e, const struct nested_page *page)
{
	uint32_t wanted = (e->nested.read ? PT_READ : 0) | (e->nested.write ? PT_WRITE : 0) |
			  (e->nested.execute ? PT_EXEC : 0);

	return page->level && !(wanted & ~page->rights);
}

static int fault_in(struct vcpu *vcpu, uint64_t gpa)
{
	int err;

	lock_take(&nested_lock);
	err = nested_fault_in(&machine.nested, gpa);
	memory_follow_views();
	if (err == -EAGAIN) {
		request_flush_all(vcpu);
		nested_flushed(&machine.nested);
		err = 0;
	}
	lock_give(&nested_lock);
	return err;
}

static enum verdict base_nested_fault(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	struct nested_page page;

	if (!nested_lookup(&machine.nested, e->nested.gpa, &page)) {
		vcpu_inject_gp(vcpu);
		return VERDICT_RETRY;
	}
	if (page.level == 0) {
		if (fault_in(vcpu, e->nested.gpa))
			vcpu_inject_gp(vcpu);
		return VERDICT_RETRY;
	}
	if (allowed(e, &page)) { /* the map has changed since: an old translation faulted */
		vendor->flush_nested(vcpu);
		return VERDICT_RETRY;
	}
	if (e->nested.write && !e->nested.table)
		return apic_is_watched(e->nested.gpa) ? apic_page_write(vcpu)
						      : hidden_write_skip(vcpu);
	vcpu_inject_gp(vcpu);
	return VERDICT_RETRY;
}

static enum verdict base_shutdown(struct vcpu *vcpu)
{
	log_line("triple fault at rip %lx, cr3 %lx", vcpu->rip, vcpu_get(vcpu, REG_CR3));
	vendor->shutdown(vcpu);
	return VERDICT_RETRY;
}

/* Only ever asked for by extensions, which handle it. */
static enum verdict base_retry(struct vcpu *vcpu)
{
	(void)vcpu;
	return VERDICT_RETRY;
}

static enum verdict base_unknown(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;

	log_line("unexpected exit %lx (%lx, %lx) at rip %lx", e->raw_reason, e->raw_info[0],
		 e->raw_info[1], vcpu->rip);
	vcpu_inject_gp(vcpu);
	return VERDICT_RETRY;
}

static enum verdict base_rdpmc(struct vcpu *vcpu)
{
	uint64_t value;

	if (rdpmc_safe(vcpu->regs.rcx, &value)) {
		vcpu_inject_gp(vcpu);
		return VERDICT_RETRY;
	}
	vcpu->regs.rax = (uint32_t)value;
	vcpu->regs.rdx = value >> 32;
	return VERDICT_DONE;
}

static enum verdict base_invlpg(struct vcpu *vcpu)
{
	vendor->flush_nested(vcpu); /* drops the guest's own translations too */
	return VERDICT_DONE;
}

const exit_handler_fn base_handler[HADAL_EXIT_KIND_COUNT] = {
	[HADAL_EXIT_UNKNOWN] = base_unknown,
	[HADAL_EXIT_CPUID] = base_cpuid,
	[HADAL_EXIT_HYPERCALL] = base_hypercall,
	[HADAL_EXIT_RDMSR] = base_rdmsr,
	[HADAL_EXIT_WRMSR] = base_wrmsr,
	[HADAL_EXIT_CR_READ] = base_cr_read,
	[HADAL_EXIT_CR_WRITE] = base_cr_write,
	[HADAL_EXIT_DR_ACCESS] = base_dr_access,
	[HADAL_EXIT_XSETBV] = base_xsetbv,
	[HADAL_EXIT_INVD] = base_wbinvd,
	[HADAL_EXIT_WBINVD] = base_wbinvd,
	[HADAL_EXIT_VIRT_INSN] = base_undefined,
	[HADAL_EXIT_EXCEPTION] = base_exception,
	[HADAL_EXIT_NMI] = base_nmi,
	[HADAL_EXIT_NMI_WINDOW] = base_nmi_window,
	[HADAL_EXIT_INTERRUPT] = base_retry,
	[HADAL_EXIT_INTERRUPT_WINDOW] = base_retry,
	[HADAL_EXIT_NESTED_FAULT] = base_nested_fault,
	[HADAL_EXIT_NESTED_MISCONFIG] = base_unknown,
	[HADAL_EXIT_IO] = base_io,
	[HADAL_EXIT_HLT] = base_no_wait,
	[HADAL_EXIT_RDTSC] = base_rdtsc,
	[HADAL_EXIT_RDTSCP] = base_rdtsc,
	[HADAL_EXIT_RDPMC] = base_rdpmc,
	[HADAL_EXIT_PAUSE] = base_no_wait,
	[HADAL_EXIT_MONITOR] = base_no_wait,
	[HADAL_EXIT_MWAIT] = base_no_wait,
	[HADAL_EXIT_INVLPG] = base_invlpg,
	[HADAL_EXIT_DESCRIPTOR] = base_unknown,
	[HADAL_EXIT_TASK_SWITCH] = base_unknown,
	[HADAL_EXIT_SINGLE_STEP] = base_retry,
	[HADAL_EXIT_SHUTDOWN] = base_shutdown,
	[HADAL_EXIT_INIT] = base_retry, /* the vendor's decoder has done what is to be done */
	[HADAL_EXIT_SIPI] = base_retry,
	[HADAL_EXIT_SMI] = base_retry,
	[HADAL_EXIT_IRET] = base_retry,
	[HADAL_EXIT_TIMER] = base_retry,
};
