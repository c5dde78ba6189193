// SPDX-License-Identifier: MIT
/* What a vCPU sees to before it enters its guest: NMIs, and what other CPUs ask. */
#include "cpus/attend.h"
#include "cpus/pause.h"
#include "cpus/request.h"
#include "cpus/startup.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

static void deliver_nmi(struct vcpu *vcpu)
{
	if (vcpu->stepping) /* at its end */
		return;
	if (vcpu->inject.info || !vendor->nmi_allowed(vcpu)) {
		vendor->request_nmi_window(vcpu);
		return;
	}
	vcpu->inject = (struct event){.info = EVENT_VALID | EVENT_NMI | VECTOR_NMI};
	vcpu->nmi_pending = false;
}

static void deliver_held(struct vcpu *vcpu)
{
	if (vcpu->inject.info || !vendor->interrupt_allowed(vcpu)) {
		vendor->request_interrupt_window(vcpu);
		return;
	}
	vcpu->inject = vcpu->held;
	vcpu->held.info = 0;
}

/* Unlike an NMI it is blocked by nothing, but two events do not fit into one entry. */
static void deliver_machine_check(struct vcpu *vcpu)
{
	if (vcpu->inject.info) {
		vendor->request_nmi_window(vcpu);
		return;
	}
	vcpu_inject_exception(vcpu, VECTOR_MC, false, 0);
	vcpu->mc_pending = false;
}

void vcpu_attend(struct vcpu *vcpu)
{
	vcpu->attending = true;
	if (vcpu->host_nmis)
		request_take_nmis(vcpu);
	if (vcpu->requests)
		vcpu_serve_requests(vcpu);
	if (vcpu->requests & REQUEST_EVENTS) {
		__atomic_fetch_and(&vcpu->requests, ~REQUEST_EVENTS, __ATOMIC_SEQ_CST);
		vcpu_attend_events(vcpu);
	}
	if (vcpu->requests & REQUEST_START)
		startup_serve(vcpu);
	if (vcpu->requests & REQUEST_PAUSE) {
		pause_here(vcpu);
		request_take_nmis(vcpu);
	}
	__atomic_fetch_and(&vcpu->requests, ~REQUEST_NMI, __ATOMIC_RELAXED);
	if (vcpu->mc_pending)
		deliver_machine_check(vcpu);
	if (vcpu->nmi_pending)
		deliver_nmi(vcpu);
	if (vcpu->held.info)
		deliver_held(vcpu);
	if (vcpu->requests & REQUEST_TRACE)
		vcpu_attend_trace(vcpu);
	vcpu->attending = false;
}
