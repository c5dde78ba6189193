// SPDX-License-Identifier: MIT
/*
 * Faults inside the image. An access that may fault names where to go on (FIXUP). After any other
 * fault what this CPU holds is given back, and then: an exit being handled is given up, and the
 * guest gets a #GP; a start fails; a stop goes on. A CPU that cannot go on resets the machine, and
 * says why.
 */
#include "leave/stop.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "vcpu/register_set.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"
#include "x86/crossing.h"
#include "x86/last_words.h"

/* In one exit: what goes on after a fault may have one of its own, but not for ever. */
#define FAULTS_MAX 3

#define MSR_MCG_STATUS  0x17a
#define MCG_STATUS_RIPV (1ull << 0) /* the interrupted code can go on */
#define MCG_STATUS_MCIP (1ull << 2)

/* The stack of a fault inside the image. */
struct fault_frame {
	struct gprs regs;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * A stretch of code that must not be gone through when an NMI hits it: the NMI handler sends it to
 * `restart`. Tables in section .restart_table.
 */
struct restart_range {
	uint64_t start, end, restart;
};

struct fixup {
	uint64_t fault, resume;
};

extern const struct fixup fixup_table_start[], fixup_table_end[];
extern const struct restart_range restart_table_start[], restart_table_end[];

void fault_handle(struct fault_frame *frame);

/* Not into the guest past an event that has just come. */
static void restart(struct fault_frame *frame)
{
	for (const struct restart_range *r = restart_table_start; r < restart_table_end; r++)
		if (frame->rip >= r->start && frame->rip < r->end)
			frame->rip = r->restart;
}

/*
 * A machine check is told to the system, which knows what to do about memory, and finds the banks
 * as they are: at the next entry, or where the CPU crosses over to it. False when what it hit
 * cannot go on.
 */
static bool machine_check(struct vcpu *vcpu, struct fault_frame *frame)
{
	uint64_t status = 0;

	rdmsr_safe(MSR_MCG_STATUS, &status);
	vcpu->stats.machine_checks++;
	log_line("machine check in the image, at image+%lx, status %lx",
		 frame->rip - LAYOUT_IMAGE_BASE, status);
	if (vcpu->phase != PHASE_GUEST)
		vcpu->crossing->machine_checks++;
	else if (vcpu_get(vcpu, REG_CR4) & CR4_MCE)
		vcpu_inject_machine_check(vcpu);
	restart(frame);
	return !(status & MCG_STATUS_MCIP) || (status & MCG_STATUS_RIPV);
}

static bool fixed_up(struct vcpu *vcpu, struct fault_frame *frame)
{
	for (const struct fixup *f = fixup_table_start; f < fixup_table_end; f++) {
		if (frame->rip == f->fault) {
			frame->rip = f->resume;
			vcpu->stats.fixups++;
			return true;
		}
	}
	return false;
}

#define IN_FRAME(NAME, member, type, text)     {text, offsetof(struct fault_frame, regs.member)},
#define RSP_IN_FRAME(NAME, member, type, text) {text, offsetof(struct fault_frame, member)},
static const struct {
	const char *name;
	size_t offset;
} general[] = {HADAL_GENERAL_REGISTERS(IN_FRAME, RSP_IN_FRAME)};

static uint64_t value_of(const struct fault_frame *frame, unsigned reg)
{
	return *(const uint64_t *)((const uint8_t *)frame + general[reg].offset);
}

static void log_fault(const struct vcpu *vcpu, const struct fault_frame *frame)
{
	log_line("fault %lu in the image, error %lx, address %lx, at image+%lx, exit kind %u of "
		 "rip %lx",
		 frame->vector, frame->error, read_cr2(), frame->rip - LAYOUT_IMAGE_BASE,
		 vcpu->exit.kind, vcpu->rip);
	for (unsigned i = 0; i < ARRAY_LEN(general); i += 4)
		log_line("  %s %lx %s %lx %s %lx %s %lx", general[i].name, value_of(frame, i),
			 general[i + 1].name, value_of(frame, i + 1), general[i + 2].name,
			 value_of(frame, i + 2), general[i + 3].name, value_of(frame, i + 3));
}

static _Noreturn void give_up_machine(struct vcpu *vcpu, const char *why)
{
	log_line("%s: the machine is reset", why);
	last_words();
	vendor->shutdown(vcpu);
	for (;;)
		cpu_pause();
}

/* Where to go on, with an empty stack that has nothing but the vCPU above it. */
static uint64_t go_on(struct vcpu *vcpu)
{
	uint64_t exits = vcpu_exits(vcpu);

	if (vcpu->phase >= PHASE_TURNING_OFF)
		give_up_machine(vcpu, "a fault where a CPU can no longer be handed back");
	if (vcpu->phase != PHASE_GUEST)
		return (uint64_t)stop_goes_on;
	if (vcpu->fault_exits != exits)
		vcpu->faults = 0;
	vcpu->fault_exits = exits;
	if (++vcpu->faults > FAULTS_MAX)
		give_up_machine(vcpu, "faults again and again before the guest goes on");
	vcpu->paused = false;
	vcpu->pause_ticks = 0;
	/* It may have begun to do what others wait for. */
	__atomic_fetch_or(&vcpu->requests, REQUEST_FLUSH | REQUEST_FOLLOW, __ATOMIC_SEQ_CST);
	vcpu_abandon_exit(vcpu);
	return (uint64_t)vendor->resume;
}

void fault_handle(struct fault_frame *frame)
{
	struct vcpu *vcpu = this_vcpu();

	if (frame->vector == VECTOR_NMI) {
		vcpu->host_nmis++;
		restart(frame);
		return;
	}
	if (frame->vector == VECTOR_MC && machine_check(vcpu, frame))
		return;
	if (fixed_up(vcpu, frame))
		return;
	vcpu->stats.faults++;
	log_fault(vcpu, frame);
	lock_give_all(vcpu);
	frame->rip = go_on(vcpu);
	frame->rsp = (uint64_t)vcpu;
	frame->regs.rdi = (uint64_t)vcpu;
}

_Noreturn void lock_is_broken(struct vcpu *vcpu, const struct lock *lock)
{
	log_line("%s cannot be used since a fault: stop Hadal", lock->what);
	lock_give_all(vcpu);
	__asm__ volatile("mov %0, %%rsp\n\tjmp *%1" ::"D"(vcpu), "r"(go_on(vcpu)) : "memory");
	__builtin_unreachable();
}
