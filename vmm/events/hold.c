// SPDX-License-Identifier: MIT
/* A vCPU that waits, before an event's instruction is done, until the reader has answered. */
#include "events/subscription.h"
#include "base/errno.h"
#include "base/insn.h"
#include "base/log.h"
#include "cpus/request.h"
#include "events/owned.h"
#include "events/trace.h"
#include "paging/memory.h"
#include "vcpu/register_set.h"
#include "vcpu/vendor.h"

#define DEADLINE_DEFAULT_US 20000u
#define MISSES_MAX          3u
/* Exceptions with an error code: DF, TS, NP, SS, GP, PF, AC, CP. */
#define WITH_ERROR 0x00227d00u

/* What becomes of a vCPU's hold. Who takes it from WAITS owns it. */
enum { HOLD_NONE, HOLD_WAITS, HOLD_POSTED, HOLD_TAKEN };

/* An answer on its way to the vCPU that is held; events_lock is its. */
static struct {
	struct hadal_event_answer answer;
	int result;
} post;

static bool change(struct hold *hold, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&hold->state, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* The reader must be able to run: not here, and not in what is held. */
static bool may_hold(struct vcpu *vcpu, const struct subscription *s)
{
	const struct event_owner *owner = s->owner;

	return !__atomic_load_n(&s->degraded, __ATOMIC_RELAXED) && !vcpu->stepping &&
	       request_running() > 1 && !is_address_space(vcpu, owner->root) &&
	       owner->heads[0].reader != vcpu->index + 1;
}

/* The length of the instruction that an answer leaves out. 0; -EOPNOTSUPP: it is not known. */
static int find_length(struct vcpu *vcpu, const struct happening *what)
{
	struct insn insn;

	if (what->kind == HADAL_EVENT_STEP) /* it is done */
		return -EOPNOTSUPP;
	if (vcpu->exit.length || what->kind == HADAL_EVENT_EXCEPTION)
		return 0;
	if ((vcpu->inject.info & EVENT_VALID) || vcpu_decode(vcpu, &insn))
		return -EOPNOTSUPP;
	vcpu->exit.length = insn.length;
	return 0;
}

/* Whether the event writes what an answer may have another value for. */
static bool writes_value(const struct happening *what)
{
	return (what->kind == HADAL_EVENT_MSR || what->kind == HADAL_EVENT_CR) &&
	       (what->access & HADAL_ACCESS_WRITE);
}

/* In the guest's place: WRMSR and XSETBV take it from EDX:EAX. */
static void write_instead(struct vcpu *vcpu, const struct happening *what, uint64_t value)
{
	struct hold *hold = &vcpu_events(vcpu)->hold;

	if (what->kind == HADAL_EVENT_CR && what->number != HADAL_CR_XCR0) {
		vcpu->exit.cr.value = value;
		return;
	}
	hold->lent = true;
	hold->rax = vcpu->regs.rax;
	hold->rdx = vcpu->regs.rdx;
	vcpu->regs.rax = (uint32_t)value;
	vcpu->regs.rdx = value >> 32;
}

/* On the held vCPU. 0, and what is to become of the exit; or the error, and it waits on. */
static int apply(struct vcpu *vcpu, const struct happening *what, struct hadal_event_answer *answer,
		 enum hold_end *end)
{
	bool moves = answer->set.mask & BIT(HADAL_REG_RIP);
	int err = answer->answer == HADAL_ANSWER_SKIP ? find_length(vcpu, what) : 0;

	if (answer->answer == HADAL_ANSWER_VALUE && !writes_value(what))
		err = -EOPNOTSUPP;
	if (!err && answer->set.mask)
		err = vcpu_set_registers(vcpu, &answer->set.values, answer->set.mask,
					 &answer->refused);
	if (err)
		return err;
	*end = moves ? HOLD_RETRY : HOLD_GO_ON;
	if (answer->answer == HADAL_ANSWER_SKIP && !moves)
		*end = vcpu->exit.length ? HOLD_DONE : HOLD_RETRY;
	if (answer->answer == HADAL_ANSWER_EXCEPTION) {
		vcpu_inject_exception(vcpu, answer->vector, WITH_ERROR >> answer->vector & 1,
				      answer->error);
		*end = HOLD_RETRY;
	}
	if (answer->answer == HADAL_ANSWER_VIEW) {
		owned_switch(vcpu, answer->value);
		if (what->kind == HADAL_EVENT_VIEW)
			*end = HOLD_RETRY;
	}
	if (*end == HOLD_GO_ON && answer->answer == HADAL_ANSWER_VALUE)
		write_instead(vcpu, what, answer->value);
	vcpu_events(vcpu)->hold.steps = answer->step;
	if (answer->step)
		trace_look_again(vcpu);
	return 0;
}

/* The subscription, should it be there still. */
static struct subscription *holder(const struct hold *hold)
{
	struct subscription *s = events_at(hold->index);

	return s && s->number == hold->subscription && !s->off ? s : NULL;
}

/* Others need this vCPU more: an NMI, by which a system stops its CPUs, or a pause. */
static bool is_wanted(struct vcpu *vcpu)
{
	if (vcpu->host_nmis)
		request_take_nmis(vcpu);
	return vcpu->nmi_pending ||
	       (__atomic_load_n(&vcpu->requests, __ATOMIC_ACQUIRE) & REQUEST_PAUSE);
}

/* Until the answer, the deadline, or somebody else's need. True: the deadline has passed. */
static bool wait(struct vcpu *vcpu, const struct happening *what, struct hold *hold, uint64_t ticks,
		 enum hold_end *end)
{
	uint64_t start = rdtsc();

	for (;;) {
		bool late;

		vcpu_serve_requests(vcpu);
		if (__atomic_load_n(&hold->state, __ATOMIC_ACQUIRE) == HOLD_POSTED) {
			post.result = apply(vcpu, what, &post.answer, end);
			__atomic_store_n(&hold->state, post.result ? HOLD_WAITS : HOLD_TAKEN,
					 __ATOMIC_SEQ_CST);
			if (!post.result)
				return false;
		}
		late = rdtsc() - start >= ticks;
		if ((late || !holder(hold) || is_wanted(vcpu)) &&
		    change(hold, HOLD_WAITS, HOLD_NONE))
			return late;
		cpu_pause();
	}
}

static void missed(struct vcpu *vcpu, const struct hold *hold)
{
	struct subscription *s = holder(hold);

	if (!s)
		return;
	vcpu_events(vcpu)->counts[s->index].timeouts++;
	if (__atomic_add_fetch(&s->misses, 1, __ATOMIC_SEQ_CST) != MISSES_MAX)
		return;
	__atomic_store_n(&s->degraded, true, __ATOMIC_SEQ_CST);
	events_notice(vcpu, s, HADAL_NOTICE_DEGRADED, 0);
}

static uint64_t deadline_ticks(const struct subscription *s)
{
	uint64_t us = s->asked.deadline ? s->asked.deadline : DEADLINE_DEFAULT_US;

	return us * s->owner->ticks_per_ms / 1000;
}

static enum hold_end hold_for(struct vcpu *vcpu, const struct happening *what,
			      const struct subscription *s)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	struct hold *hold = &events->hold;
	uint64_t ticks = deadline_ticks(s), start = rdtsc();
	struct happening told = *what;
	enum hold_end end = HOLD_GO_ON;

	told.flags |= HADAL_RECORD_HELD;
	hold->steps = false;
	hold->index = s->index;
	hold->subscription = s->number;
	hold->time = events->started;
	__atomic_store_n(&hold->state, HOLD_WAITS, __ATOMIC_SEQ_CST);
	if (!events_tell(vcpu, s, &told)) {
		__atomic_store_n(&hold->state, HOLD_NONE, __ATOMIC_SEQ_CST);
		return end;
	}
	events->counts[s->index].held++;
	if (wait(vcpu, what, hold, ticks, &end))
		missed(vcpu, hold);
	else if (holder(hold))
		__atomic_store_n(&holder(hold)->misses, 0, __ATOMIC_SEQ_CST);
	events->started += rdtsc() - start; /* what the reader takes is not the exit's cost */
	return end;
}

enum hold_end events_hold_for(struct vcpu *vcpu, const struct happening *what, uint64_t *matched)
{
	uint64_t mask = vcpu_events(vcpu)->holds & *matched;

	for (; mask; mask &= mask - 1) {
		const struct subscription *s = events_at(__builtin_ctzll(mask));

		if (!s || !may_hold(vcpu, s))
			continue;
		*matched &= ~BIT(s->index);
		return hold_for(vcpu, what, s);
	}
	return HOLD_GO_ON;
}

void events_hold_stepped(struct vcpu *vcpu, enum step_end end)
{
	struct hold *hold = &vcpu_events(vcpu)->hold;
	const struct subscription *s = holder(hold);
	const struct happening what = {
		.kind = HADAL_EVENT_STEP,
		.flags = end == STEP_RETIRED ? 0 : HADAL_RECORD_FAULTED,
		.access = HADAL_ACCESS_EXECUTE,
		.address = vcpu->rip,
	};

	if (end == STEP_UNDONE && s) {
		trace_look_again(vcpu);
		return;
	}
	hold->steps = false;
	if (!s)
		return;
	events_begin(vcpu);
	if (may_hold(vcpu, s))
		hold_for(vcpu, &what, s);
	else
		events_tell(vcpu, s, &what);
}

static bool is_valid(const struct hadal_event_answer *answer)
{
	bool raises = answer->answer == HADAL_ANSWER_EXCEPTION;

	if (answer->answer >= HADAL_ANSWERS || answer->step > 1 || answer->refused ||
	    answer->reserved2 || answer->cpu >= machine.cpu_count ||
	    (answer->value && answer->answer != HADAL_ANSWER_VALUE &&
	     answer->answer != HADAL_ANSWER_VIEW))
		return false;
	if (!raises)
		return !answer->vector && !answer->error;
	return answer->vector < 32 && answer->vector != VECTOR_NMI &&
	       (!answer->error || (WITH_ERROR >> answer->vector & 1));
}

static int give(struct vcpu *vcpu, struct vcpu *other, const struct hadal_event_answer *answer,
		uint32_t *refused)
{
	struct hold *hold = &vcpu_events(other)->hold;
	uint64_t start = rdtsc();
	int err = 0;

	if (hold->subscription != answer->subscription || hold->time != answer->time)
		return -ETIMEDOUT;
	post.answer = *answer;
	if (!change(hold, HOLD_WAITS, HOLD_POSTED))
		return -ETIMEDOUT;
	while (!err && __atomic_load_n(&hold->state, __ATOMIC_SEQ_CST) == HOLD_POSTED)
		err = request_wait_once(vcpu, other, start);
	*refused = post.answer.refused;
	if (err)
		change(hold, HOLD_POSTED, HOLD_WAITS);
	return err ? err : post.result;
}

int events_answer(struct vcpu *vcpu, uint32_t owner, const struct hadal_event_answer *answer,
		  uint32_t *refused)
{
	int err = is_valid(answer) ? 0 : -EINVAL;

	if (!err && answer->answer == HADAL_ANSWER_VIEW)
		err = owned_check_switch(owner, answer->cpu, answer->value);
	if (err)
		return err;
	return give(vcpu, vcpu_at(answer->cpu), answer, refused);
}
