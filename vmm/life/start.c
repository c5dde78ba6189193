// SPDX-License-Identifier: MIT
/* One CPU starts: its system becomes the guest. */
#include "life/start.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "exit/apic.h"
#include "cpus/request.h"
#include "events/subscription.h"
#include "extension/handlers.h"
#include "leave/leave.h"
#include "leave/stop.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/crossing.h"

/* INIT has one small stack; its faults use the far end of it. */
static struct fault_stacks stacks_of(const struct vcpu *vcpu)
{
	uint64_t area = (uint64_t)vcpu - PERCPU_VCPU, far_end = (uint64_t)vcpu - 4096;

	if (vcpu == &init_vcpu)
		return (struct fault_stacks){far_end, far_end, far_end};
	return (struct fault_stacks){
		.double_fault = area + PERCPU_DF_STACK + 4096,
		.nmi = area + PERCPU_NMI_STACK + 4096,
		.machine_check = area + PERCPU_MC_STACK + 4096,
	};
}

void start_take_over(struct vcpu *vcpu)
{
	struct fault_stacks stacks = stacks_of(vcpu);

	/* Whatever becomes of this, NMIs that have come are handed back by another one. */
	memory_map_apic(vcpu == &init_vcpu ? vcpu_at(0) : vcpu);
	descriptors_init(vcpu->crossing->gdt, &vcpu->tss, &stacks);
	descriptors_load();
	collect_crossing_nmis(vcpu);
}

int start_check(struct vcpu *vcpu)
{
	int err;

	vcpu->attention = 0;
	start_take_over(vcpu);
	err = vendor->check(vcpu);
	if (!err)
		log_line("could start");
	return err;
}

int start_cpu(struct vcpu *vcpu)
{
	int err;

	vcpu->attention = 0; /* nothing counts in it yet */
	start_take_over(vcpu);
	if (lock_any_broken()) {
		log_line("a fault has broken what this CPU would rely on: stop Hadal first");
		return -EIO;
	}
	vcpu->apic_id = apic_id();
	vcpu->kick_sent = false;
	vcpu->kick_repeated = false;
	vcpu->late_kick_until = 0;
	vcpu->virtualized = false;
	vcpu->inject.info = 0;
	vcpu->held.info = 0;
	vcpu->events_pending = 0;
	vcpu->awaited = NULL;
	vcpu->faults = 0;
	vcpu->attending = false;
	vcpu->pause_ticks = 0;
	vcpu->paused = false;
	vcpu->undo.armed = false;
	vcpu->stepping = false;
	vcpu->debug.taken = 0;
	apic_watch_cpu(vcpu);
	vcpu_drop_caches(vcpu);
	vcpu_events_reset(vcpu);
	vcpu->rip = vcpu->entry.rip;
	vcpu->rflags = vcpu->entry.rflags;
	err = vendor->start(vcpu);
	if (err)
		return err;
	vcpu->virtualized = true;
	err = extensions_vcpu_start(vcpu);
	if (err) {
		vendor->stop(vcpu);
		vcpu->virtualized = false;
		return err;
	}
	request_join(vcpu);
	vcpu->regs.rax = 0;
	if (vcpu->crossing->machine_checks)
		vcpu->inject.info = EVENT_VALID | EVENT_EXCEPTION | VECTOR_MC;
	log_line("started");
	vendor->enter(vcpu);
	vcpu_entry_failed(vcpu);
}
