// SPDX-License-Identifier: MIT
/*
 * Waking a reader that waits: by an NMI to the system, which may come at any moment; the loader's
 * handler knows it by a word in the ring's head.
 */
#include "events/subscription.h"
#include "cpus/request.h"
#include "paging/memory.h"

static bool is_running(uint32_t index)
{
	return index < machine.cpu_count &&
	       __atomic_load_n(&vcpu_at(index)->running, __ATOMIC_SEQ_CST);
}

/* One that runs: the reader's, for one that is held takes no NMI. */
static struct vcpu *other_vcpu(const struct vcpu *vcpu, uint32_t preferred)
{
	if (preferred != vcpu->index && is_running(preferred))
		return vcpu_at(preferred);
	for (uint32_t i = 0; i < machine.cpu_count; i++)
		if (i != vcpu->index && is_running(i))
			return vcpu_at(i);
	return NULL;
}

void events_wake(struct vcpu *vcpu, const struct event_owner *owner, bool held)
{
	struct hadal_ring_head *heads = owner->heads;
	struct vcpu *to = held ? other_vcpu(vcpu, heads[0].reader - 1) : vcpu;

	if (!to || !__atomic_exchange_n(&heads[0].waits, 0, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&heads[to->index].wake, 1, __ATOMIC_SEQ_CST);
	if (to == vcpu)
		vcpu_inject_nmi(vcpu);
	else
		request_post(to, REQUEST_WAKE);
}
