/* SPDX-License-Identifier: MIT */
/* What one vCPU asks of the others: to flush, to tell its registers. Delivered by NMI. */
#ifndef HADAL_CPUS_REQUEST_H
#define HADAL_CPUS_REQUEST_H

#include "vcpu/vcpu.h"

/* From now on, and no longer, this vCPU answers requests. */
void request_join(struct vcpu *vcpu);
void request_part(struct vcpu *vcpu);
/* vCPUs that do. */
uint32_t request_running(void);

/*
 * Every running vCPU, this one too, drops its nested translations before it runs the guest again,
 * and none runs it with old ones when this returns.
 */
void request_flush_all(struct vcpu *vcpu);

/* The same when nothing has changed but what a page shows, which is no page table: it was `hpa`. */
void request_flush_page(struct vcpu *vcpu, uint64_t hpa);

/* Every running vCPU does what vcpu_follow() does, before this returns. */
void request_follow(struct vcpu *vcpu);
/* The same of one vCPU, which may be the caller. */
void request_follow_on(struct vcpu *vcpu, struct vcpu *other);

/* Registers of another or this vCPU. 0, -ENXIO (not running), -ETIMEDOUT. */
int request_registers(struct vcpu *vcpu, uint32_t index, struct hadal_regs *out);

/* Post a request to another vCPU. */
void request_post(struct vcpu *to, uint32_t request);
/* The same, and wait until it has taken it. 0, -ENXIO (it is not running), -ETIMEDOUT. */
int request_ask(struct vcpu *vcpu, struct vcpu *other, uint32_t request);
/* One round of waiting for another vCPU since the TSC value `start`. Errors as above. */
int request_wait_once(struct vcpu *vcpu, const struct vcpu *other, uint64_t start);

/* Do what other vCPUs ask; also called by whoever spins. */
void vcpu_serve_requests(struct vcpu *vcpu);

/* Sorts the NMIs that came into kicks, which are ours, and the guest's, which it gets. */
void request_take_nmis(struct vcpu *vcpu);

#endif
