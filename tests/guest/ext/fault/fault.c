// SPDX-License-Identifier: MIT
/* Faults inside the image on demand, so that a test can see what becomes of the guest. */
#include "base/errno.h"
#include "cpus/lock.h"
#include "extension/extension.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"
#include "../tests/guest/ext/fault/fault.h"

#define MSR_MCG_STATUS     0x17a
#define MCG_STATUS_GOES_ON 5 /* a machine check after which the interrupted code can go on */

static uint64_t __attribute__((noinline)) overflow(uint64_t depth)
{
	volatile uint8_t space[512];

	if (depth == ~0ull)
		return 0;
	space[depth % sizeof(space)] = depth;
	return overflow(depth + 1) + space[0];
}

static void fault(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_NULL_READ:
		__asm__ volatile("mov (%0), %0" ::"r"(8ull));
		break;
	case FAULT_TEXT_WRITE:
		*(volatile char *)LAYOUT_IMAGE_BASE = 0;
		break;
	case FAULT_STACK_OVERFLOW:
		overflow(0);
		break;
	case FAULT_NOT_CANONICAL:
		__asm__ volatile("mov (%0), %0" ::"r"(1ull << 63));
		break;
	default:
		__asm__ volatile("ud2");
	}
}

extern struct lock __start_hadal_locks[], __stop_hadal_locks[];

static enum fault_plant planted;
static uint64_t planted_cpu;
static const struct vendor *real;
static struct vendor changed;

/* True once, when this is what was planted for this CPU. */
static bool is_due(const struct vcpu *vcpu, enum fault_plant plant)
{
	enum fault_plant expected = plant;

	if (planted_cpu != FAULT_ANY_CPU && planted_cpu != vcpu->index)
		return false;
	return __atomic_compare_exchange_n(&planted, &expected, FAULT_PLANT_COUNT, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void fault_if(const struct vcpu *vcpu, enum fault_plant plant)
{
	if (is_due(vcpu, plant))
		fault(FAULT_INVALID_OPCODE);
}

static void faulting_flush(struct vcpu *vcpu)
{
	fault_if(vcpu, FAULT_IN_FLUSH);
	if (vcpu->phase == PHASE_PARTING)
		fault_if(vcpu, FAULT_IN_PARTING);
	real->flush_nested(vcpu);
}

static int faulting_start(struct vcpu *vcpu)
{
	fault_if(vcpu, FAULT_IN_START);
	return is_due(vcpu, FAULT_REFUSED_START) ? -EBUSY : real->start(vcpu);
}

static int faulting_enter(struct vcpu *vcpu)
{
	fault_if(vcpu, FAULT_IN_ENTRY);
	return is_due(vcpu, FAULT_REFUSED_ENTRY) ? -EIO : real->enter(vcpu);
}

static void faulting_stop(struct vcpu *vcpu)
{
	fault_if(vcpu, FAULT_IN_TURNING_OFF);
	real->stop(vcpu);
}

/* After a fault at the entry SVM is on again. */
static void (*real_resume)(void) __attribute__((used));

static __attribute__((naked)) void resume_with_svm(void)
{
	__asm__("mov %0, %%ecx\n rdmsr\n or %1, %%eax\n wrmsr\n jmp *real_resume(%%rip)" ::"i"(
			MSR_EFER),
		"i"(EFER_SVME));
}

/* Between the core and its vendor there is room for faults where no extension is called. */
static int init(void)
{
	const struct hadal_boot *boot = memory_direct(init_vcpu.regs.rsi);
	uint32_t early = boot->pool[0].reserved;

	planted = early ? FAULT_BOOT_PLANT(early) : FAULT_PLANT_COUNT;
	planted_cpu = FAULT_BOOT_CPU(early);
	real = vendor;
	changed = *vendor;
	changed.flush_nested = faulting_flush;
	changed.start = faulting_start;
	changed.enter = faulting_enter;
	changed.stop = faulting_stop;
	if (real->id == HADAL_VENDOR_AMD) {
		real_resume = real->resume;
		changed.resume = resume_with_svm;
	}
	vendor = &changed;
	return 0;
}

static int starts(struct vcpu *vcpu, void *data)
{
	(void)data;
	fault_if(vcpu, FAULT_IN_EXTENSION);
	return is_due(vcpu, FAULT_REFUSED_EXTENSION) ? -ENOMEM : 0;
}

static void stops(struct vcpu *vcpu, void *data)
{
	(void)data;
	fault_if(vcpu, FAULT_IN_ENDING);
}

/* The processor takes a stack of its own for these, whatever RSP says. */
static void interrupt_without_stack(struct vcpu *vcpu, uint64_t vector)
{
	if (vector == VECTOR_NMI) {
		vcpu->kick_sent = true; /* so that it is not the guest's */
		__asm__ volatile("mov %%rsp, %%rbx\n mov $8, %%rsp\n int $2\n mov %%rbx, %%rsp" ::
					 : "rbx", "memory");
	} else {
		wrmsr_safe(MSR_MCG_STATUS, MCG_STATUS_GOES_ON);
		__asm__ volatile("mov %%rsp, %%rbx\n mov $8, %%rsp\n int $18\n mov %%rbx, %%rsp" ::
					 : "rbx", "memory");
	}
}

static uint64_t fragile_locks(void)
{
	uint64_t count = 0;

	for (const struct lock *lock = __start_hadal_locks; lock < __stop_hadal_locks; lock++)
		count += !lock->always_whole;
	return count;
}

static int64_t plant(struct vcpu *vcpu, uint64_t what, uint64_t argument)
{
	uint64_t locks = __stop_hadal_locks - __start_hadal_locks;

	switch (what) {
	case FAULT_UNDER_LOCK:
		if (argument >= locks)
			return -EINVAL;
		lock_take(&__start_hadal_locks[argument]);
		fault(FAULT_INVALID_OPCODE);
		return 0;
	case FAULT_LOCK_COUNT:
		return argument ? fragile_locks() : locks;
	case FAULT_ON_STACK:
		interrupt_without_stack(vcpu, argument);
		return 0;
	case FAULT_AT_ENTRY:
		return -EOPNOTSUPP;
	default:
		if (what >= FAULT_PLANT_COUNT)
			return -EINVAL;
		planted_cpu = argument;
		planted = what;
		return 0;
	}
}

static enum verdict answer(struct vcpu *vcpu, void *data)
{
	uint64_t call = vcpu->regs.rax - HADAL_CALL_BASE;

	(void)data;
	if (vcpu_get(vcpu, REG_CPL))
		return VERDICT_PASS;
	if (call == HADAL_CALL_STOP && planted == FAULT_IN_PARTING)
		vcpu->requests |= REQUEST_FLUSH;
	if (call == FAULT_PLANT_CALL && vcpu->regs.rdi == FAULT_AT_ENTRY &&
	    real->id == HADAL_VENDOR_AMD) {
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
		return VERDICT_RETRY;
	}
	if (call == FAULT_CALL)
		fault(vcpu->regs.rdi);
	else if (call == FAULT_PLANT_CALL)
		vcpu->regs.rax = plant(vcpu, vcpu->regs.rdi, vcpu->regs.rsi);
	else
		return VERDICT_PASS;
	return VERDICT_DONE;
}

static const struct hadal_extension fault_extension = {
	.name = "fault",
	.init = init,
	.vcpu_start = starts,
	.vcpu_stop = stops,
	.on = {[HADAL_EXIT_HYPERCALL] = answer},
};
HADAL_EXTENSION(fault_extension);
