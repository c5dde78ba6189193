// SPDX-License-Identifier: MIT
/* The hypercalls about events: owners and subscriptions come and go, all of one or nothing of it.
 */
#include "events/subscription.h"
#include "base/errno.h"
#include "base/string.h"
#include "cpus/request.h"
#include "events/breakpoint.h"
#include "events/owned.h"
#include "events/watch.h"
#include "extension/extension.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

LOCK(events_lock, .what = "the subscriptions");
uint64_t events_subscribed[HADAL_EVENT_KINDS];
uint64_t events_that_hold;
struct subscription *events_table[HADAL_MAX_SUBSCRIPTIONS];

static struct event_owner *owners[HADAL_MAX_OWNERS];
static uint32_t last_number;

_Static_assert(sizeof(struct event_owner) <= PAGE_BYTES, "an owner has one page");
_Static_assert(sizeof(struct subscription) <= PAGE_BYTES, "a subscription has one page");

static void *page_take(void)
{
	void *page;

	lock_take(&nested_lock);
	page = pt_pool_alloc(&machine.pool);
	lock_give(&nested_lock);
	return page;
}

static void page_give(void *page)
{
	lock_take(&nested_lock);
	pt_pool_free(&machine.pool, page);
	lock_give(&nested_lock);
}

int events_take_struct(uint64_t gpa, uint64_t size, void *to, size_t bytes)
{
	if (size != bytes)
		return -EINVAL;
	if (!memory_guest_range(gpa, bytes, MEMORY_READ))
		return -EFAULT;
	return memory_copy_from_guest(gpa, to, bytes) == bytes ? 0 : -EFAULT;
}

/* Host address of pages that the image will write to, whatever becomes of the map; or NULL. */
static void *owner_memory(uint64_t gpa, uint64_t bytes)
{
	if ((gpa & (PAGE_BYTES - 1)) || !memory_guest_range(gpa, bytes, MEMORY_WRITE))
		return NULL;
	for (uint64_t page = gpa; page < gpa + bytes; page += PAGE_BYTES)
		if (memory_guest(page, MEMORY_WRITE) != memory_direct(page))
			return NULL;
	return memory_direct(gpa);
}

static int owner_fill(struct event_owner *owner, const struct hadal_events_memory *memory)
{
	uint32_t bytes = memory->ring_bytes;

	if (bytes < HADAL_RING_BYTES_MIN || bytes > HADAL_RING_BYTES_MAX || (bytes & (bytes - 1)) ||
	    memory->cpu_count != machine.cpu_count || !memory->ticks_per_ms ||
	    memory->ticks_per_ms >> 32)
		return -EINVAL;
	owner->cpu_count = memory->cpu_count;
	owner->ring_bytes = bytes;
	owner->root = memory->root;
	owner->ticks_per_ms = memory->ticks_per_ms;
	owner->exit_ticks = memory->exit_ticks < memory->ticks_per_ms ? memory->exit_ticks
								      : memory->ticks_per_ms;
	owner->heads = owner_memory(memory->heads, HADAL_EVENTS_ENDS_BYTES(owner->cpu_count));
	owner->tails = owner_memory(memory->tails, HADAL_EVENTS_ENDS_BYTES(owner->cpu_count));
	return owner->heads && owner->tails ? 0 : -EFAULT;
}

/* Each CPU's ring, at an index that no CPU writes to yet. */
static int owner_take_rings(const struct event_owner *owner, uint64_t rings, uint32_t index)
{
	if (!memory_guest_range(rings, owner->cpu_count * sizeof(uint64_t), MEMORY_READ))
		return -EFAULT;
	for (uint32_t i = 0; i < owner->cpu_count; i++) {
		struct event_ring *ring = &vcpu_events(vcpu_at(i))->ring[index];
		uint64_t gpa;

		if (memory_copy_from_guest(rings + i * sizeof(gpa), &gpa, sizeof(gpa)) !=
		    sizeof(gpa))
			return -EFAULT;
		*ring = event_ring(owner_memory(gpa, owner->ring_bytes), owner->ring_bytes,
				   &owner->heads[i], &owner->tails[i]);
		if (!ring->base)
			return -EFAULT;
	}
	return 0;
}

static bool overlaps(const void *at, uint64_t bytes, uint64_t start, uint64_t end)
{
	uint64_t physical = (uint64_t)at - HADAL_DIRECT_BASE;

	return physical < end && start < physical + bytes;
}

static bool owner_uses(const struct event_owner *owner, uint64_t start, uint64_t end)
{
	uint64_t ends = HADAL_EVENTS_ENDS_BYTES(owner->cpu_count);

	if (overlaps(owner->heads, ends, start, end) || overlaps(owner->tails, ends, start, end))
		return true;
	for (uint32_t i = 0; i < owner->cpu_count; i++)
		if (overlaps(vcpu_events(vcpu_at(i))->ring[owner->number - 1].base,
			     owner->ring_bytes, start, end))
			return true;
	return false;
}

bool events_use(uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < HADAL_MAX_OWNERS; i++)
		if (owners[i] && owner_uses(owners[i], start, end))
			return true;
	return false;
}

int64_t hypercall_events_open(struct vcpu *vcpu)
{
	struct hadal_events_memory memory;
	struct event_owner *owner;
	int64_t result =
		events_take_struct(vcpu->regs.rdi, vcpu->regs.rsi, &memory, sizeof(memory));
	uint32_t number = 0;

	if (result)
		return result;
	owner = page_take();
	if (!owner)
		return -ENOMEM;
	lock_take(&events_lock);
	result = owner_fill(owner, &memory);
	while (number < HADAL_MAX_OWNERS && owners[number])
		number++;
	if (!result && number == HADAL_MAX_OWNERS)
		result = -ENOSPC;
	if (!result)
		result = owner_take_rings(owner, memory.rings, number);
	if (!result) {
		owner->number = number + 1;
		owners[number] = owner;
		result = owner->number;
	}
	lock_give(&events_lock);
	if (result < 0)
		page_give(owner);
	return result;
}

struct event_owner *events_owner(uint64_t number)
{
	return number - 1 < HADAL_MAX_OWNERS ? owners[number - 1] : NULL;
}

static struct subscription *find_subscription(uint64_t number)
{
	for (unsigned i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		if (events_table[i] && events_table[i]->number == number)
			return events_table[i];
	return NULL;
}

/* The MSRs that are to exit for a subscription. */
struct msrs {
	uint64_t first, count;
	unsigned access; /* MSR_READ, MSR_WRITE */
};

static struct msrs msrs_of(const struct hadal_subscription *asked)
{
	if (asked->kind == HADAL_EVENT_STEP && asked->root) /* see trace.c */
		return (struct msrs){MSR_EFER, 1, MSR_READ | MSR_WRITE};
	if (asked->kind != HADAL_EVENT_MSR)
		return (struct msrs){0};
	return (struct msrs){asked->first, asked->count,
			     (asked->access & HADAL_ACCESS_READ ? MSR_READ : 0) |
				     (asked->access & HADAL_ACCESS_WRITE ? MSR_WRITE : 0)};
}

static void release_msrs(const struct msrs *msrs, uint64_t count)
{
	while (count--)
		msr_release(msrs->first + count, msrs->access);
}

/* All of them or none. 0 or -ENOSPC. */
static int intercept_msrs(const struct msrs *msrs)
{
	for (uint64_t i = 0; i < msrs->count; i++) {
		int err = msr_intercept(msrs->first + i, msrs->access);

		if (err) {
			release_msrs(msrs, i);
			return err;
		}
	}
	return 0;
}

/* What a kind needs beside intercepts. 0, -ENOSPC, -ENOMEM; then nothing is changed. */
static int place_take(struct vcpu *vcpu, struct subscription *s)
{
	const struct hadal_subscription *asked = &s->asked;
	const struct msrs msrs = msrs_of(asked);

	switch (asked->kind) {
	case HADAL_EVENT_MSR:
	case HADAL_EVENT_STEP:
		return intercept_msrs(&msrs);
	case HADAL_EVENT_MEMORY:
		return watch_add(vcpu, asked);
	case HADAL_EVENT_BREAK:
		return breakpoint_add(vcpu, s);
	default:
		return 0;
	}
}

static void reset_counts(unsigned index)
{
	for (uint32_t i = 0; i < machine.cpu_count; i++)
		memset(&vcpu_events(vcpu_at(i))->counts[index], 0, sizeof(struct event_counts));
}

static void publish(struct vcpu *vcpu, struct subscription *s)
{
	reset_counts(s->index);
	__atomic_store_n(&events_table[s->index], s, __ATOMIC_SEQ_CST);
	if (s->asked.action == HADAL_ACTION_HOLD)
		__atomic_fetch_or(&events_that_hold, BIT(s->index), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&events_subscribed[s->asked.kind], BIT(s->index), __ATOMIC_SEQ_CST);
	events_route(vcpu);
	if (s->asked.kind == HADAL_EVENT_BREAK)
		breakpoint_begin(s);
}

/* Nothing is intercepted for it any more. */
static void turn_off(struct vcpu *vcpu, struct subscription *s)
{
	const struct msrs msrs = msrs_of(&s->asked);

	s->off = true;
	__atomic_fetch_and(&events_that_hold, ~BIT(s->index), __ATOMIC_SEQ_CST);
	if (s->asked.kind == HADAL_EVENT_BREAK)
		breakpoint_end(s);
	__atomic_fetch_and(&events_subscribed[s->asked.kind], ~BIT(s->index), __ATOMIC_SEQ_CST);
	release_msrs(&msrs, msrs.count);
	events_route(vcpu);
	if (s->asked.kind == HADAL_EVENT_MEMORY)
		watch_remove(vcpu, &s->asked);
	if (s->asked.kind == HADAL_EVENT_BREAK)
		breakpoint_remove(vcpu, s);
}

/* On return no CPU has a pointer to it any more. */
static void withdraw(struct vcpu *vcpu, struct subscription *s)
{
	if (!s->off)
		turn_off(vcpu, s);
	__atomic_store_n(&events_table[s->index], NULL, __ATOMIC_SEQ_CST);
	request_follow(vcpu);
	page_give(s);
}

static void attend(struct vcpu *vcpu, struct subscription *s)
{
	if (__atomic_load_n(&s->over, __ATOMIC_SEQ_CST)) {
		turn_off(vcpu, s);
		events_notice(vcpu, s, HADAL_NOTICE_OFF, 0);
	} else if (s->asked.kind == HADAL_EVENT_BREAK) {
		breakpoint_attend(vcpu, s);
	}
}

/* Right before an entry, where no lock is held. */
void vcpu_attend_events(struct vcpu *vcpu)
{
	lock_take(&events_lock);
	for (unsigned i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		if (events_table[i] && !events_table[i]->off)
			attend(vcpu, events_table[i]);
	lock_give(&events_lock);
}

/* For the short ways in record.c and brief.h. */
static void find_plain(struct subscription *s)
{
	const struct hadal_subscription *asked = &s->asked;

	s->brief = !s->limited && s->record_bytes == sizeof(struct hadal_event);
	s->plain_first = asked->first;
	s->plain_count = asked->count;
	switch (asked->kind) {
	case HADAL_EVENT_CR:
		s->plain_first = __builtin_ctzll(asked->first);
		s->plain_count = 1;
		s->plain = !(asked->first & (asked->first - 1));
		break;
	case HADAL_EVENT_BREAK:
		s->plain_first = s->method;
		s->plain_count = 1;
		s->plain_address = asked->first;
		s->plain = !asked->root;
		break;
	case HADAL_EVENT_MSR:
	case HADAL_EVENT_CPUID:
	case HADAL_EVENT_EXCEPTION:
	case HADAL_EVENT_REQUEST:
		s->plain = true;
		break;
	default:
		break;
	}
	s->plain &= asked->sample < 2 && asked->action != HADAL_ACTION_HOLD;
	s->handled_briefly = s->plain && s->brief && asked->action == HADAL_ACTION_RECORD &&
			     filter_is_of_vcpu(asked);
}

static int64_t subscribe_locked(struct vcpu *vcpu, struct subscription *s, uint64_t owner)
{
	unsigned index = 0;
	int err;

	s->owner = events_owner(owner);
	if (!s->owner)
		return -ENOENT;
	s->ring = s->owner->number - 1;
	s->record_bytes = record_bytes(&s->asked);
	if (s->record_bytes > s->owner->ring_bytes / 2)
		return -EINVAL;
	while (index < HADAL_MAX_SUBSCRIPTIONS && events_table[index])
		index++;
	if (index == HADAL_MAX_SUBSCRIPTIONS)
		return -ENOSPC;
	s->index = index;
	err = place_take(vcpu, s);
	if (err)
		return err;
	s->number = ++last_number;
	budget_init(s);
	find_plain(s);
	publish(vcpu, s);
	return s->number;
}

int64_t hypercall_subscribe(struct vcpu *vcpu)
{
	struct subscription *s = page_take();
	int64_t result;

	if (!s)
		return -ENOMEM;
	result = events_take_struct(vcpu->regs.rsi, vcpu->regs.rdx, &s->asked, sizeof(s->asked));
	if (!result)
		result = subscription_check(vcpu, &s->asked);
	if (!result) {
		lock_take(&events_lock);
		result = subscribe_locked(vcpu, s, vcpu->regs.rdi);
		lock_give(&events_lock);
	}
	if (result < 0)
		page_give(s);
	return result;
}

int64_t hypercall_unsubscribe(struct vcpu *vcpu)
{
	struct subscription *s;
	int64_t result = -ENOENT;

	lock_take(&events_lock);
	s = find_subscription(vcpu->regs.rsi);
	if (s && s->owner->number == vcpu->regs.rdi) {
		withdraw(vcpu, s);
		result = 0;
	}
	lock_give(&events_lock);
	return result;
}

int64_t hypercall_events_close(struct vcpu *vcpu)
{
	struct event_owner *owner;

	lock_take(&events_lock);
	owner = events_owner(vcpu->regs.rdi);
	for (unsigned i = 0; owner && i < HADAL_MAX_SUBSCRIPTIONS; i++)
		if (events_table[i] && events_table[i]->owner == owner)
			withdraw(vcpu, events_table[i]);
	if (owner) {
		owned_close_all(vcpu, owner->number);
		owners[owner->number - 1] = NULL;
	}
	lock_give(&events_lock);
	if (owner)
		page_give(owner);
	return owner ? 0 : -ENOENT;
}

/* On the CPUs [first, end). */
static void sum(const struct subscription *s, struct hadal_subscription_state *state,
		uint32_t first, uint32_t end)
{
	*state = (struct hadal_subscription_state){
		.subscription = s->number,
		.kind = s->asked.kind,
		.owner = s->owner->number,
		.method = s->method,
		.state = s->off ? HADAL_NOTICE_OFF : HADAL_NOTICE_FULL,
		.elapsed = rdtsc() - s->since,
	};
	for (uint32_t i = first; i < end; i++) {
		const struct event_counts *counts = &vcpu_events(vcpu_at(i))->counts[s->index];

		state->hits += counts->hits;
		state->filtered += counts->filtered;
		state->lost += counts->lost;
		state->ticks += counts->ticks;
		state->steps += counts->steps;
		state->held += counts->held;
		state->timeouts += counts->timeouts;
		state->late += counts->late;
		if (!s->off && counts->divisor)
			state->state = HADAL_NOTICE_SAMPLED;
	}
}

int64_t hypercall_subscription_state(struct vcpu *vcpu)
{
	const struct gprs *regs = &vcpu->regs;
	struct hadal_subscription_state state;
	const struct subscription *s;

	if (regs->rdx != sizeof(state))
		return -EINVAL;
	if (!memory_guest_range(regs->rsi, sizeof(state), MEMORY_WRITE))
		return -EFAULT;
	if (regs->r9 > machine.cpu_count)
		return -ENXIO;
	lock_take(&events_lock);
	s = find_subscription(regs->rdi);
	if (!s && regs->r8 < HADAL_MAX_SUBSCRIPTIONS && !regs->rdi)
		s = events_table[regs->r8];
	if (s)
		sum(s, &state, regs->r9 ? regs->r9 - 1 : 0,
		    regs->r9 ? regs->r9 : machine.cpu_count);
	lock_give(&events_lock);
	if (!s)
		return -ENOENT;
	return memory_copy_to_guest(regs->rsi, &state, sizeof(state)) == sizeof(state) ? 0
										       : -EFAULT;
}

/* The verdict is the hypercall's; here only records are made. */
int64_t hypercall_event_request(struct vcpu *vcpu)
{
	const struct happening what = {
		.kind = HADAL_EVENT_REQUEST,
		.access = HADAL_ACCESS_EXECUTE,
		.number = vcpu->regs.rdi,
		.address = vcpu->regs.rsi,
		.physical = vcpu->regs.rdx,
	};
	uint64_t matched;

	events_begin(vcpu);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_REQUEST));
	events_record(vcpu, &what, matched);
	return matched != 0;
}

/* Of a subscription of the caller's; late answers are counted where they were given. */
int64_t hypercall_event_answer(struct vcpu *vcpu)
{
	struct hadal_event_answer answer;
	int64_t result =
		events_take_struct(vcpu->regs.rsi, vcpu->regs.rdx, &answer, sizeof(answer));
	const struct subscription *s;
	uint32_t refused = 0;

	if (result)
		return result;
	lock_take(&events_lock);
	s = find_subscription(answer.subscription);
	if (!s || s->owner->number != vcpu->regs.rdi)
		result = -ENOENT;
	if (!result)
		result = events_answer(vcpu, s->owner->number, &answer, &refused);
	if (result == -ETIMEDOUT)
		vcpu_events(vcpu)->counts[s->index].late++;
	lock_give(&events_lock);
	if (result == -ERANGE)
		vcpu->regs.rdi = refused;
	return result;
}
