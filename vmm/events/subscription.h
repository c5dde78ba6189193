/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions to events: who asked for what, and what each vCPU keeps of it. See hadal/events.h.
 *
 * Changes are made under events_lock. An exit handler reads without it: subscribed[] and table[]
 * are single words, and a subscription's page goes back to the pool only after every vCPU has been
 * outside of a handler. Who has served requests of other vCPUs looks a subscription up anew.
 */
#ifndef HADAL_EVENTS_SUBSCRIPTION_H
#define HADAL_EVENTS_SUBSCRIPTION_H

#include <hadal/events.h>
#include "cpus/lock.h"
#include "vcpu/vcpu.h"
#include "x86/cpu.h"

/* What has happened, to filters and records. */
struct happening {
	uint16_t kind;  /* enum hadal_event_kind */
	uint16_t flags; /* HADAL_RECORD_* */
	uint8_t access; /* HADAL_ACCESS_* */
	uint64_t number, address, physical;
	uint64_t old_value, new_value;
};

struct event_owner {
	uint32_t number; /* 1 to HADAL_MAX_OWNERS */
	uint32_t cpu_count;
	uint32_t ring_bytes;
	uint64_t root; /* of its program */
	uint64_t ticks_per_ms;
	uint64_t exit_ticks; /* what the processor takes for an exit, which no handler sees */
	struct hadal_ring_head *heads;
	const struct hadal_ring_tail *tails;
};

struct subscription {
	struct hadal_subscription asked;
	uint32_t number; /* never used again */
	uint8_t index;   /* in the table */
	uint8_t ring;    /* of its owner, on each vCPU */
	uint32_t record_bytes;
	bool limited;         /* has a budget */
	bool brief;           /* has none, and its records no captures */
	bool handled_briefly; /* see brief.h, as long as it is the only one of its kind */
	/*
	 * Numbers in this range, at an address unless that is 0, say alone what it is told of; and
	 * only its filter leaves out any.
	 */
	bool plain;
	uint64_t plain_first, plain_count, plain_address;
	bool over;       /* its budget for good: it is to be turned off */
	bool off;        /* nothing is intercepted for it */
	bool degraded;   /* holds no more */
	uint32_t misses; /* answers in a row that did not come in time */
	/* Of a breakpoint: how it is made; the guest-physical address of the byte then. */
	uint32_t method; /* enum hadal_break_method */
	uint64_t place;
	bool moving;    /* into a view: a hit counts by whichever way it comes */
	bool displaced; /* it cannot move, and a CPU's guest has its debug register */
	bool begun;     /* a whole vCPU is stepped for it, or was */
	struct event_owner *owner;
	uint64_t since; /* TSC */
	/* The budget: what a tick and a record use up of the time that passes. */
	uint64_t tick_weight; /* in 16ths; 0: no limit */
	uint64_t hit_weight;  /* ticks; 0: no limit */
};

/* What one vCPU counts of a subscription. */
struct event_counts {
	uint64_t hits, filtered, lost, ticks, steps;
	uint64_t held, timeouts, late;
	uint32_t to_skip;             /* of those that pass the filter, until one is recorded */
	uint32_t divisor;             /* 0: within the budget; else one in so many is recorded */
	uint64_t share_due, rate_due; /* TSC until which the budget is used up */
	uint64_t changed;             /* TSC of the last change of divisor */
};

/* What one vCPU writes for an owner. */
struct event_ring {
	uint8_t *base;
	uint64_t position; /* bytes written, for ever */
	uint64_t lost;
	uint32_t mask; /* its bytes - 1 */
	/* Of the place of a record without captures, and of what is not read yet: the most. */
	uint32_t last_brief, most_unread;
	struct hadal_ring_head *head;
	const struct hadal_ring_tail *tail; /* the reader's, who may have written anything there */
};

static inline struct event_ring event_ring(uint8_t *base, uint32_t bytes,
					   struct hadal_ring_head *head,
					   const struct hadal_ring_tail *tail)
{
	uint32_t last = bytes - sizeof(struct hadal_event);

	return (struct event_ring){.base = base,
				   .mask = bytes - 1,
				   .last_brief = last,
				   .most_unread = last - HADAL_RING_NOTICES,
				   .head = head,
				   .tail = tail};
}

/* What one vCPU has intercepted for subscriptions. */
struct event_intercepts {
	uint64_t kinds; /* bit n: enum hadal_exit_kind n */
	uint32_t vectors;
	uint32_t cr_writes;
	bool watches; /* runs on a view */
	bool copies;  /* in which fetches see copies */
};

/* The instruction or event that a vCPU is stepping over, while vcpu->stepping. */
struct step {
	void (*done)(struct vcpu *vcpu, bool retired);
	uint64_t rip;           /* where it began */
	uint64_t dr6, debugctl; /* the guest's */
	uint64_t held;          /* the flags that are not the guest's meanwhile */
	uint8_t use;            /* of these */
	uint8_t cpl;
	bool is_delivery; /* of an event, not an instruction */
};

/* The access that is stepped over. */
struct watch {
	struct happening what;
	uint64_t rip;
	uint64_t told; /* subscriptions that hold, which are told before the access */
};

/* An exit that is left to the processor, whose kind does not exit meanwhile. */
struct left {
	struct happening what;
	uint64_t rip;
	uint64_t matched; /* subscriptions */
};

/* How a vCPU goes with a task whose instructions are told, see trace.c. */
enum trace_state {
	TRACE_OFF,
	TRACE_KERNEL, /* in its address space, and not in ring 3: its way back there exits */
	TRACE_USER,   /* each instruction is a step */
};

struct trace {
	uint64_t rip;        /* of the instruction */
	uint8_t state;       /* enum trace_state */
	bool interrupt_due;  /* one waits, and goes before the next instruction */
	bool resumed;        /* nothing has been told since the kernel was left */
	bool hides_calls;    /* EFER.SCE is clear, which the guest has set */
	bool has_interrupts; /* they exit */
	bool has_returns;    /* IRET exits */
};

/* The nested tables that a vCPU runs on. */
enum cpu_view {
	CPU_ON_MAP,
	CPU_ON_VIEW, /* machine.watched */
	CPU_ON_CODE, /* machine.code */
	CPU_ON_STEP, /* machine.stepped */
};

/* Where the last round of a repeated string instruction under a breakpoint has led; 0: none. */
struct string_round {
	uint64_t rip, rcx, cr3;
};

/* What this vCPU waits for in an exit's handler, see hold.c. */
struct hold {
	uint32_t state;
	uint32_t subscription; /* its number */
	uint64_t time;         /* of its record */
	uint8_t index;         /* of the subscription in the table */
	bool steps;            /* it is to be held behind the next instruction */
	bool lent;             /* RAX and RDX are the answer's, and these are the guest's */
	uint64_t rax, rdx;
};

struct vcpu_events {
	struct event_counts counts[HADAL_MAX_SUBSCRIPTIONS];
	struct event_ring ring[HADAL_MAX_OWNERS];
	struct event_intercepts applied;
	uint8_t suspended; /* enum hadal_exit_kind of `left`; 0: none */
	uint8_t view;      /* enum cpu_view */
	/* The number of the owner's view that it runs on beside that, and the one that it is to; 0:
	   none. */
	uint8_t owned, owned_wanted;
	uint8_t away;     /* the same, for one instruction; CPU_ON_VIEW: it is not away */
	uint64_t started; /* TSC at which the exit's handler began */
	uint64_t charged; /* subscriptions that it is the exit of */
	uint64_t passed;  /* those of them that it is a hit of, after filter and sampling */
	uint64_t holds;   /* of those that matched, the ones that want to hold */
	bool stepped;     /* an instruction was stepped over for them */
	struct step step;
	struct watch watch;
	struct left left;
	struct trace trace;
	struct hold hold;
	struct string_round round;
};

_Static_assert(sizeof(struct vcpu_events) <= PERCPU_EVENT_PAGES * 4096, "see layout.h");

static inline struct vcpu_events *vcpu_events(struct vcpu *vcpu)
{
	return (struct vcpu_events *)((uint64_t)vcpu - PERCPU_VCPU + PERCPU_EVENTS);
}

extern struct lock events_lock;
/* By enum hadal_event_kind: bit n for the subscription at table index n. */
extern uint64_t events_subscribed[HADAL_EVENT_KINDS];
/* Those that hold, of whatever kind. */
extern uint64_t events_that_hold;
extern struct subscription *events_table[HADAL_MAX_SUBSCRIPTIONS];

static inline uint64_t events_of(enum hadal_event_kind kind)
{
	return __atomic_load_n(&events_subscribed[kind], __ATOMIC_ACQUIRE);
}

static inline uint64_t events_holding(void)
{
	return __atomic_load_n(&events_that_hold, __ATOMIC_ACQUIRE);
}

static inline struct subscription *events_at(unsigned index)
{
	return __atomic_load_n(&events_table[index], __ATOMIC_ACQUIRE);
}

/* check.c: 0, or why a subscription cannot be, -EINVAL, -EOPNOTSUPP, -ENXIO, -EACCES. */
int subscription_check(struct vcpu *vcpu, const struct hadal_subscription *asked);

/* filter.c: whether an event that has matched kind and place passes. */
bool filter_passes(struct vcpu *vcpu, const struct hadal_subscription *asked,
		   const struct happening *what);
/* Whether what has happened decides nothing in it: it may be NULL then. */
bool filter_is_of_vcpu(const struct hadal_subscription *asked);
/* Whether the filter can be evaluated at all. */
bool filter_is_valid(const struct hadal_subscription *asked);

/* An exit's handler begins. */
static inline void events_begin(struct vcpu *vcpu)
{
	vcpu_events(vcpu)->started = rdtsc();
}

/* record.c: bytes of a record with its captures. */
uint32_t record_bytes(const struct hadal_subscription *asked);
/* The subscriptions that want this, out of a mask of them; the others have counted it. */
uint64_t events_match(struct vcpu *vcpu, const struct happening *what, uint64_t mask);
/* A record for each of those in a mask, and what the exit has cost is charged. */
void events_record(struct vcpu *vcpu, const struct happening *what, uint64_t mask);
/* One record, before the exit has done anything. False: it is lost. */
bool events_tell(struct vcpu *vcpu, const struct subscription *s, const struct happening *what);
/* Whether the vCPU is in an address space, whose kernel may have two of them. */
bool is_address_space(struct vcpu *vcpu, uint64_t root);
/* A notice to a subscription's owner; physical: see enum hadal_notice. */
void events_notice(struct vcpu *vcpu, const struct subscription *s, enum hadal_notice notice,
		   uint64_t physical);
/* An exit that nobody has matched is charged to those out of a mask whose place made it. */
void events_charge_cause(struct vcpu *vcpu, const struct happening *what, uint64_t mask);

/* What it has cost by now goes to the one without a budget that it is charged to. */
static inline void events_charge_one(struct vcpu *vcpu, const struct subscription *s)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	struct event_counts *counts = &events->counts[s->index];

	counts->ticks += rdtsc() - events->started + s->owner->exit_ticks;
	events->charged = 0;
	if (events->stepped) {
		counts->steps++;
		events->stepped = false;
	}
}
/* budget.c: what the exit has cost until now, to those that it is charged to. */
void events_charge(struct vcpu *vcpu);
/* What a subscription's budget comes to. */
void budget_init(struct subscription *s);

/* hold.c: how the handler of an event goes on after its vCPU was held. */
enum hold_end {
	HOLD_GO_ON, /* do it, with registers as they are now */
	HOLD_DONE,  /* behind the instruction */
	HOLD_RETRY, /* at RIP as it is now */
};
/*
 * Holds the vCPU for one of the subscriptions that have matched, which is told and taken out of
 * them. Requests are served meanwhile.
 */
enum hold_end events_hold_for(struct vcpu *vcpu, const struct happening *what, uint64_t *matched);
/* The same for a handler: true: *verdict is the exit's, and the others have been told. */
static inline bool events_hold(struct vcpu *vcpu, const struct happening *what, uint64_t *matched,
			       enum verdict *verdict)
{
	enum hold_end end;

	if (__builtin_expect(!vcpu_events(vcpu)->holds, 1))
		return false;
	end = events_hold_for(vcpu, what, matched);
	if (end == HOLD_GO_ON)
		return false;
	*verdict = end == HOLD_DONE ? VERDICT_DONE : VERDICT_RETRY;
	events_record(vcpu, what, *matched);
	return true;
}
/* What was to be written has been, perhaps another value than the guest's. */
static inline void events_written(struct vcpu *vcpu)
{
	struct hold *hold = &vcpu_events(vcpu)->hold;

	if (__builtin_expect(!hold->lent, 1))
		return;
	hold->lent = false;
	vcpu->regs.rax = hold->rax;
	vcpu->regs.rdx = hold->rdx;
}

/* With events_lock held: an owner's answer for another vCPU. 0 or an error of
 * HADAL_CALL_EVENT_ANSWER. */
int events_answer(struct vcpu *vcpu, uint32_t owner, const struct hadal_event_answer *answer,
		  uint32_t *refused);

/* wake.c: a record has been written; its reader may wait for one. */
void events_wake(struct vcpu *vcpu, const struct event_owner *owner, bool held);

/* follow.c: intercept on all CPUs what the table asks for now. */
void events_route(struct vcpu *vcpu);
/* On this vCPU a kind does not exit for subscriptions, until it is another one; 0: none. */
void events_suspend(struct vcpu *vcpu, enum hadal_exit_kind kind);
/* A vCPU starts: nothing is intercepted on it yet. */
void vcpu_events_reset(struct vcpu *vcpu);
/* Whether this processor can intercept it. 0 or -EOPNOTSUPP. */
int events_can_intercept(struct vcpu *vcpu, const struct hadal_subscription *asked);

/* exits.c: the step that an exit was left to has ended; faulted: by an exception of its own. */
void events_left_done(struct vcpu *vcpu, bool retired, bool faulted);
/* The handlers that are asked first while somebody subscribes. */
void events_ask_first(uint64_t kinds);

/* The owner with a number, or NULL; with events_lock. */
struct event_owner *events_owner(uint64_t number);
/* Copies a struct of the caller's. 0, -EINVAL, -EFAULT. */
int events_take_struct(uint64_t gpa, uint64_t size, void *to, size_t bytes);

/* With events_lock: whether records go to [start, end), physical. */
bool events_use(uint64_t start, uint64_t end);

/* The hypercalls; in calls.c. */
int64_t hypercall_events_open(struct vcpu *vcpu);
int64_t hypercall_events_close(struct vcpu *vcpu);
int64_t hypercall_subscribe(struct vcpu *vcpu);
int64_t hypercall_unsubscribe(struct vcpu *vcpu);
int64_t hypercall_subscription_state(struct vcpu *vcpu);
int64_t hypercall_event_request(struct vcpu *vcpu);
int64_t hypercall_event_answer(struct vcpu *vcpu);
int64_t hypercall_view(struct vcpu *vcpu);

#endif
