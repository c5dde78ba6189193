// SPDX-License-Identifier: MIT
/* What may be asked for: everything that is refused, is refused here and before anything changes.
 */
#include "events/subscription.h"
#include "base/errno.h"
#include "events/breakpoint.h"
#include "events/trace.h"
#include "events/watch.h"
#include "vcpu/ports.h"

#define MSRS_MAX        64u
#define VECTORS         32u
#define CR_MASK         (BIT(0) | BIT(3) | BIT(4) | BIT(HADAL_CR_XCR0))
#define DESCRIPTOR_MASK 0xfull
#define DEADLINE_MAX    1000000u

/* By kind: what its access may be. */
static const uint8_t accesses[HADAL_EVENT_KINDS] = {
	[HADAL_EVENT_MSR] = HADAL_ACCESS_READ | HADAL_ACCESS_WRITE,
	[HADAL_EVENT_CR] = HADAL_ACCESS_WRITE,
	[HADAL_EVENT_CPUID] = HADAL_ACCESS_EXECUTE,
	[HADAL_EVENT_IO] = HADAL_ACCESS_READ | HADAL_ACCESS_WRITE,
	[HADAL_EVENT_DESCRIPTOR] = HADAL_ACCESS_READ | HADAL_ACCESS_WRITE,
	[HADAL_EVENT_EXCEPTION] = HADAL_ACCESS_EXECUTE,
	[HADAL_EVENT_MEMORY] = HADAL_ACCESS_ALL,
	[HADAL_EVENT_VIEW] = HADAL_ACCESS_ALL,
	[HADAL_EVENT_BREAK] = HADAL_ACCESS_EXECUTE,
	[HADAL_EVENT_STEP] = HADAL_ACCESS_EXECUTE,
	[HADAL_EVENT_REQUEST] = HADAL_ACCESS_EXECUTE,
};

static bool in(const struct hadal_subscription *asked, uint64_t end, uint64_t most)
{
	return asked->count && asked->count <= most && asked->first < end &&
	       asked->count <= end - asked->first;
}

static bool is_mask(const struct hadal_subscription *asked, uint64_t all)
{
	return asked->first && !(asked->first & ~all) && !asked->count;
}

static bool place_is_valid(const struct hadal_subscription *asked)
{
	switch (asked->kind) {
	case HADAL_EVENT_MSR:
		return in(asked, BIT(32), MSRS_MAX);
	case HADAL_EVENT_CPUID:
		return in(asked, BIT(32), BIT(32));
	case HADAL_EVENT_IO:
		return in(asked, PORT_COUNT, PORT_COUNT);
	case HADAL_EVENT_EXCEPTION: /* NMIs are not exceptions */
		return in(asked, VECTORS, VECTORS) &&
		       (asked->first > 2 || asked->first + asked->count <= 2);
	case HADAL_EVENT_CR:
		return is_mask(asked, CR_MASK);
	case HADAL_EVENT_DESCRIPTOR:
		return is_mask(asked, DESCRIPTOR_MASK);
	case HADAL_EVENT_MEMORY:
	case HADAL_EVENT_STEP:
	case HADAL_EVENT_BREAK: /* they have checks of their own */
		return true;
	default: /* requests: any number; views: any address */
		return asked->count && asked->count - 1 <= ~asked->first;
	}
}

static bool record_is_valid(const struct hadal_subscription *asked)
{
	if (asked->capture & ~HADAL_CAPTURE_ALL)
		return false;
	if (asked->task_offset && !(asked->capture & HADAL_CAPTURE_TASK))
		return false;
	if (!(asked->capture & HADAL_CAPTURE_STACK))
		return !asked->stack_bytes;
	return asked->stack_bytes && asked->stack_bytes <= HADAL_STACK_MAX &&
	       asked->stack_bytes % 8 == 0;
}

int subscription_check(struct vcpu *vcpu, const struct hadal_subscription *asked)
{
	if (asked->kind >= HADAL_EVENT_KINDS || asked->kind == HADAL_EVENT_NOTICE)
		return -EINVAL;
	if (!asked->access || (asked->access & ~(uint32_t)accesses[asked->kind]))
		return -EINVAL;
	if ((asked->root && asked->kind != HADAL_EVENT_BREAK && asked->kind != HADAL_EVENT_STEP) ||
	    (asked->method && asked->kind != HADAL_EVENT_BREAK) || asked->reserved)
		return -EINVAL;
	if (asked->action > HADAL_ACTION_HOLD ||
	    (asked->action != HADAL_ACTION_HOLD && asked->deadline) ||
	    asked->deadline > DEADLINE_MAX || asked->share > 1000)
		return -EINVAL;
	if (asked->action == HADAL_ACTION_HOLD && asked->kind == HADAL_EVENT_REQUEST)
		return -EINVAL;
	if (!place_is_valid(asked) || !record_is_valid(asked) || !filter_is_valid(asked))
		return -EINVAL;
	if (asked->kind == HADAL_EVENT_MEMORY)
		return watch_check(asked);
	if (asked->kind == HADAL_EVENT_STEP)
		return trace_check(vcpu, asked);
	if (asked->kind == HADAL_EVENT_BREAK)
		return breakpoint_check(vcpu, asked);
	return events_can_intercept(vcpu, asked);
}
