// SPDX-License-Identifier: MIT
/* From subscriptions to what exits: a bit is set only while somebody subscribes. */
#include "events/subscription.h"
#include "events/brief.h"
#include "base/errno.h"
#include "base/string.h"
#include "cpus/request.h"
#include "events/trace.h"
#include "events/views.h"
#include "extension/extension.h"
#include "extension/handlers.h"
#include "paging/memory.h"
#include "vcpu/debug.h"
#include "vcpu/ports.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

/* How a step ends. */
#define STEP_HANDLERS (BIT(HADAL_EXIT_EXCEPTION) | BIT(HADAL_EXIT_NMI) | BIT(HADAL_EXIT_NMI_WINDOW))
/* What leads to and from the task that is stepped, and what sees EFER. */
#define TRACE_HANDLERS                                                     \
	(STEP_HANDLERS | BIT(HADAL_EXIT_CR_WRITE) | BIT(HADAL_EXIT_IRET) | \
	 BIT(HADAL_EXIT_INTERRUPT) | BIT(HADAL_EXIT_RDMSR) | BIT(HADAL_EXIT_WRMSR))

/* Written under events_lock; who reads an old word is told to read again. */
static struct event_intercepts wanted;
static uint64_t routed; /* exit kinds that are handled here first */
struct subscription *events_brief[HADAL_EVENT_KINDS];

/* The exit kinds that an intercept is needed for. */
static uint64_t kinds_of(const struct hadal_subscription *asked)
{
	switch (asked->kind) {
	case HADAL_EVENT_CPUID:
		return BIT(HADAL_EXIT_CPUID);
	case HADAL_EVENT_IO:
		return BIT(HADAL_EXIT_IO);
	case HADAL_EVENT_DESCRIPTOR:
		return BIT(HADAL_EXIT_DESCRIPTOR);
	case HADAL_EVENT_CR:
		return asked->first & BIT(HADAL_CR_XCR0) ? BIT(HADAL_EXIT_XSETBV) : 0;
	default:
		return 0;
	}
}

/* Those that owners' views need, whether anybody is told or not. */
static uint64_t owned_handlers(void)
{
	return views_any_owned() ? BIT(HADAL_EXIT_NESTED_FAULT) | STEP_HANDLERS : 0;
}

/* The exit kinds that tell of it. */
static uint64_t handlers_of(const struct subscription *s)
{
	const struct hadal_subscription *asked = &s->asked;

	switch (asked->kind) {
	case HADAL_EVENT_MSR:
		return BIT(HADAL_EXIT_RDMSR) | BIT(HADAL_EXIT_WRMSR);
	case HADAL_EVENT_CR:
		return BIT(HADAL_EXIT_CR_WRITE) | kinds_of(asked);
	case HADAL_EVENT_EXCEPTION:
		return BIT(HADAL_EXIT_EXCEPTION);
	case HADAL_EVENT_MEMORY:
	case HADAL_EVENT_VIEW:
		return BIT(HADAL_EXIT_NESTED_FAULT) | STEP_HANDLERS;
	case HADAL_EVENT_BREAK:
		if (s->method == HADAL_BREAK_VIEW)
			return BIT(HADAL_EXIT_NESTED_FAULT) | STEP_HANDLERS;
		return BIT(HADAL_EXIT_DR_ACCESS) | BIT(HADAL_EXIT_EXCEPTION);
	case HADAL_EVENT_STEP:
		return asked->root ? TRACE_HANDLERS : STEP_HANDLERS;
	case HADAL_EVENT_DESCRIPTOR:
	case HADAL_EVENT_IO:
		return kinds_of(asked) | STEP_HANDLERS;
	default:
		return kinds_of(asked);
	}
}

static void add_breakpoint(const struct subscription *s, struct event_intercepts *to)
{
	if (s->method == HADAL_BREAK_VIEW) {
		to->vectors |= 1u << VECTOR_BP;
		to->watches = to->copies = true;
	} else {
		to->kinds |= BIT(HADAL_EXIT_DR_ACCESS);
		to->vectors |= 1u << VECTOR_DB;
	}
}

static void add(const struct subscription *s, struct event_intercepts *to)
{
	const struct hadal_subscription *asked = &s->asked;

	to->kinds |= kinds_of(asked);
	if (asked->kind == HADAL_EVENT_EXCEPTION)
		to->vectors |= low_mask(asked->count) << asked->first;
	if (asked->kind == HADAL_EVENT_CR)
		to->cr_writes |= asked->first & 0xffff;
	if (asked->kind == HADAL_EVENT_BREAK)
		add_breakpoint(s, to);
	if (asked->kind == HADAL_EVENT_STEP && asked->root) {
		to->cr_writes |= BIT(3);
		to->vectors |= 1u << VECTOR_UD;
	}
	to->watches |= asked->kind == HADAL_EVENT_MEMORY;
}

int events_can_intercept(struct vcpu *vcpu, const struct hadal_subscription *asked)
{
	uint64_t kinds = kinds_of(asked);

	for (; kinds; kinds &= kinds - 1) {
		enum hadal_exit_kind kind = __builtin_ctzll(kinds);
		int err = vcpu_intercept(vcpu, kind);

		if (err)
			return err;
		vcpu_release(vcpu, kind);
	}
	return 0;
}

static void set_ports(void)
{
	ports_set(0, PORT_COUNT, false);
	for (unsigned i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++) {
		const struct subscription *s = events_table[i];

		if (s && !s->off && s->asked.kind == HADAL_EVENT_IO)
			ports_set(s->asked.first, s->asked.count, true);
	}
}

/* A kind's one subscription, when its records go the short way. */
static struct subscription *find_brief(enum hadal_event_kind kind)
{
	uint64_t mask = events_of(kind);
	struct subscription *s;

	if (!mask || (mask & (mask - 1)))
		return NULL;
	s = events_at(__builtin_ctzll(mask));
	return s && s->handled_briefly ? s : NULL;
}

void events_route(struct vcpu *vcpu)
{
	struct event_intercepts now = {0};
	uint64_t handlers = owned_handlers(), had_ports = wanted.kinds & BIT(HADAL_EXIT_IO);

	for (unsigned i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++) {
		const struct subscription *s = events_table[i];

		if (!s || s->off)
			continue;
		add(s, &now);
		handlers |= handlers_of(s);
	}
	for (unsigned kind = 0; kind < HADAL_EVENT_KINDS; kind++)
		__atomic_store_n(&events_brief[kind], find_brief(kind), __ATOMIC_SEQ_CST);
	if (had_ports || (now.kinds & BIT(HADAL_EXIT_IO)))
		set_ports();
	__atomic_store_n(&wanted.kinds, now.kinds, __ATOMIC_SEQ_CST);
	__atomic_store_n(&wanted.vectors, now.vectors, __ATOMIC_SEQ_CST);
	__atomic_store_n(&wanted.cr_writes, now.cr_writes, __ATOMIC_SEQ_CST);
	__atomic_store_n(&wanted.watches, now.watches, __ATOMIC_SEQ_CST);
	__atomic_store_n(&wanted.copies, now.copies, __ATOMIC_SEQ_CST);
	/* A handler that is there too long finds no subscription; one that is not there misses an
	 * exit that nobody else knows. */
	events_ask_first(routed | handlers);
	request_follow(vcpu);
	events_ask_first(handlers);
	routed = handlers;
}

/* For each bit that differs: on or off. */
static void follow_bits(struct vcpu *vcpu, uint64_t has, uint64_t wants,
			void (*change)(struct vcpu *vcpu, unsigned bit, bool on))
{
	for (uint64_t differs = has ^ wants; differs; differs &= differs - 1) {
		unsigned bit = __builtin_ctzll(differs);

		change(vcpu, bit, wants >> bit & 1);
	}
}

static void change_kind(struct vcpu *vcpu, unsigned kind, bool on)
{
	if (on)
		vcpu_intercept(vcpu, kind);
	else
		vcpu_release(vcpu, kind);
}

static void change_vector(struct vcpu *vcpu, unsigned vector, bool on)
{
	if (on)
		vcpu_intercept_exception(vcpu, vector);
	else
		vcpu_release_exception(vcpu, vector);
}

static void change_cr(struct vcpu *vcpu, unsigned cr, bool on)
{
	if (on)
		vcpu_intercept_cr_write(vcpu, cr);
	else
		vcpu_release_cr_write(vcpu, cr);
}

void vcpu_events_reset(struct vcpu *vcpu)
{
	struct vcpu_events *events = vcpu_events(vcpu);

	memset(&events->applied, 0, sizeof(events->applied));
	events->view = CPU_ON_MAP;
	events->owned = events->owned_wanted = 0;
	vcpu->view = NULL;
	events->away = CPU_ON_VIEW;
	events->suspended = 0;
	memset(&events->trace, 0, sizeof(events->trace));
}

static void follow_kinds(struct vcpu *vcpu)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	uint64_t kinds = __atomic_load_n(&wanted.kinds, __ATOMIC_SEQ_CST);

	if (events->suspended)
		kinds &= ~BIT(events->suspended);
	follow_bits(vcpu, events->applied.kinds, kinds, change_kind);
	events->applied.kinds = kinds;
}

void events_suspend(struct vcpu *vcpu, enum hadal_exit_kind kind)
{
	vcpu_events(vcpu)->suspended = kind;
	follow_kinds(vcpu);
}

void vcpu_follow(struct vcpu *vcpu)
{
	struct event_intercepts *has = &vcpu_events(vcpu)->applied;
	struct event_intercepts wants = {
		.vectors = __atomic_load_n(&wanted.vectors, __ATOMIC_SEQ_CST),
		.cr_writes = __atomic_load_n(&wanted.cr_writes, __ATOMIC_SEQ_CST),
		.watches = __atomic_load_n(&wanted.watches, __ATOMIC_SEQ_CST),
		.copies = __atomic_load_n(&wanted.copies, __ATOMIC_SEQ_CST),
	};
	uint8_t had = vcpu_events(vcpu)->owned;
	uint8_t owned = __atomic_load_n(&vcpu_events(vcpu)->owned_wanted, __ATOMIC_SEQ_CST);

	extensions_follow_clients(vcpu);
	follow_kinds(vcpu);
	wants.kinds = has->kinds;
	follow_bits(vcpu, has->vectors, wants.vectors, change_vector);
	follow_bits(vcpu, has->cr_writes, wants.cr_writes, change_cr);
	vcpu_events(vcpu)->owned = owned;
	if (has->watches != wants.watches || has->copies != wants.copies || had != owned)
		views_enter(vcpu, wants.watches ? CPU_ON_VIEW : CPU_ON_MAP);
	if (wants.kinds & BIT(HADAL_EXIT_DR_ACCESS))
		vcpu_debug_take(vcpu);
	else
		vcpu_debug_give(vcpu);
	*has = wants;
	if (!vcpu->stepping)
		vcpu_bitmaps_changed(vcpu);
	if (events_of(HADAL_EVENT_STEP) || vcpu_events(vcpu)->trace.state != TRACE_OFF)
		trace_look_again(vcpu);
}
