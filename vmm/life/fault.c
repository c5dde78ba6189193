// SPDX-License-Identifier: MIT
/*
 * Faults inside the image: an access that may fault names where to go on (FIXUP); after any other
 * fault the exit being handled is given up and the guest gets a #GP, or the start being made fails.
 */
#include "leave/stop.h"
#include "base/log.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

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

static void host_nmi(struct vcpu *vcpu, struct fault_frame *frame)
{
	vcpu->host_nmis++;
	for (const struct restart_range *r = restart_table_start; r < restart_table_end; r++)
		if (frame->rip >= r->start && frame->rip < r->end)
			frame->rip = r->restart;
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

static void log_fault(const struct vcpu *vcpu, const struct fault_frame *frame)
{
	const struct gprs *r = &frame->regs;

	log_line("fault %lu in the image, error %lx, address %lx, at image+%lx, exit kind %u of "
		 "rip %lx",
		 frame->vector, frame->error, read_cr2(), frame->rip - LAYOUT_IMAGE_BASE,
		 vcpu->exit.kind, vcpu->rip);
	log_line("  rax %lx rcx %lx rdx %lx rbx %lx rsp %lx rbp %lx rsi %lx rdi %lx", r->rax,
		 r->rcx, r->rdx, r->rbx, frame->rsp, r->rbp, r->rsi, r->rdi);
	log_line("  r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx r13 %lx r14 %lx r15 %lx", r->r8, r->r9,
		 r->r10, r->r11, r->r12, r->r13, r->r14, r->r15);
}

void fault_handle(struct fault_frame *frame)
{
	struct vcpu *vcpu = this_vcpu();

	if (frame->vector == VECTOR_NMI) {
		host_nmi(vcpu, frame);
		return;
	}
	if (fixed_up(vcpu, frame))
		return;
	vcpu->stats.faults++;
	log_fault(vcpu, frame);
	/* Start again on an empty stack, which holds nothing but the vCPU above it. */
	frame->rsp = (uint64_t)vcpu;
	frame->regs.rdi = (uint64_t)vcpu;
	frame->rip = vcpu->in_handler ? (uint64_t)vendor->resume : (uint64_t)start_faulted;
	if (vcpu->in_handler)
		vcpu_abandon_exit(vcpu);
}
