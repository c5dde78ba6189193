// SPDX-License-Identifier: MIT
// Sources: vmm/events/step.c vmm/events/follow.c vmm/exit/base.c
// Libraries: -no-pie
/* Hidden single steps, also of a subscription that has gone meanwhile. */
#include <string.h>
#include "unit.h"
#include "base/insn.h"
#include "cpus/request.h"
#include "events/breakpoint.h"
#include "events/trace.h"
#include "events/views.h"
#include "exit/base.h"
#include "extension/extension.h"
#include "paging/memory.h"
#include "vcpu/debug.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define RIP 0x401000ull

struct machine machine;
struct subscription *events_table[HADAL_MAX_SUBSCRIPTIONS];

static uint8_t area[PERCPU_EVENTS + PERCPU_EVENT_PAGES * 4096] __attribute__((aligned(4096)));
static struct vcpu *const vcpu = (struct vcpu *)(area + PERCPU_VCPU);
static uint64_t regs[REG_CPL + 1];
static uint8_t code[INSN_MAX_BYTES];
static unsigned reinjected, ended, delivered;
static bool ended_retired;
static uint64_t asked_first, intercepted;

uint64_t vcpu_get(struct vcpu *v, enum vcpu_reg reg)
{
	(void)v;
	return regs[reg];
}

void vcpu_set(struct vcpu *v, enum vcpu_reg reg, uint64_t value)
{
	(void)v;
	regs[reg] = value;
}

size_t vcpu_fetch(struct vcpu *v, uint64_t linear, uint8_t *bytes, size_t count)
{
	assert_int_equal(linear, v->rip);
	memcpy(bytes, code, count);
	return count;
}

void vcpu_bitmaps_changed(struct vcpu *v)
{
	(void)v;
}

void vcpu_inject_nmi(struct vcpu *v)
{
	(void)v;
}

void vcpu_inject_exception(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
	(void)has_error;
	(void)error;
	v->inject.info = EVENT_VALID | vector;
	delivered++;
}

int vcpu_intercept(struct vcpu *v, enum hadal_exit_kind kind)
{
	(void)v;
	assert_false(intercepted >> kind & 1);
	intercepted |= BIT(kind);
	return 0;
}

void vcpu_release(struct vcpu *v, enum hadal_exit_kind kind)
{
	(void)v;
	assert_true(intercepted >> kind & 1);
	intercepted &= ~BIT(kind);
}

/* One CPU: what it asks all for, it does itself. */
void request_follow(struct vcpu *v)
{
	vcpu_follow(v);
}

void events_ask_first(uint64_t kinds)
{
	asked_first = kinds;
}

void request_take_nmis(struct vcpu *v)
{
	(void)v;
}

/* Nobody asks for the steps of a task. */
uint64_t events_subscribed[HADAL_EVENT_KINDS];

static unsigned looks;

void trace_look_again(struct vcpu *v)
{
	(void)v;
	looks++;
}

void trace_show_calls(struct vcpu *v)
{
	(void)v;
}

static unsigned trace_ends[STEP_UNDONE + 1], traces_ended;

void vcpu_trace_end(struct vcpu *v)
{
	(void)v;
	traces_ended++;
}

void trace_stepped(struct vcpu *v, enum step_end end)
{
	(void)v;
	trace_ends[end]++;
}

void events_hold_stepped(struct vcpu *v, enum step_end end)
{
	(void)end;
	vcpu_events(v)->hold.steps = false;
}

static unsigned passed, called;

void breakpoint_pass(struct vcpu *v)
{
	assert_int_equal(v->rip, RIP);
	passed++;
}

void system_call_enter(struct vcpu *v)
{
	v->rip += v->exit.length;
	called++;
}

bool views_any_owned(void)
{
	return false;
}

static unsigned left_done;

void events_left_done(struct vcpu *v, bool retired, bool faulted)
{
	(void)faulted;
	left_done += retired;
	events_suspend(v, 0);
}

void extensions_follow_clients(struct vcpu *v)
{
	(void)v;
}

void vcpu_debug_give(struct vcpu *v)
{
	(void)v;
}

/* What the sources name and no test here gets to. */
void absent(void);

void absent(void)
{
	fail();
}
#define ABSENT(name) __asm__(".globl " #name "\n.set " #name ", absent")
ABSENT(base_cr_read);
ABSENT(base_cr_write);
ABSENT(base_dr_access);
ABSENT(base_hypercall);
ABSENT(base_io);
ABSENT(base_rdmsr);
ABSENT(base_wrmsr);
ABSENT(base_xsetbv);
ABSENT(guest_walk);
ABSENT(apic_is_watched);
ABSENT(apic_page_write);
ABSENT(hidden_write_skip);
ABSENT(lock_give);
ABSENT(lock_take);
ABSENT(log_line);
ABSENT(memory_follow_views);
ABSENT(memory_guest);
ABSENT(memory_walk_table);
ABSENT(nested_fault_in);
ABSENT(nested_flushed);
ABSENT(nested_lookup);
ABSENT(ports_set);
ABSENT(request_flush_all);
ABSENT(system_call_leave);
ABSENT(vcpu_debug_take);
ABSENT(vcpu_inject_gp);
ABSENT(vcpu_inject_ud);
ABSENT(vcpu_intercept_cr_write);
ABSENT(vcpu_intercept_exception);
ABSENT(vcpu_long_mode);
ABSENT(vcpu_paging);
ABSENT(vcpu_release_cr_write);
ABSENT(vcpu_release_exception);
ABSENT(vcpu_walk_view);
ABSENT(views_enter);
ABSENT(views_leave);
ABSENT(nested_lock);

static void reinject(struct vcpu *v)
{
	(void)v;
	reinjected++;
}

static void intercept_exceptions(struct vcpu *v, uint32_t vectors)
{
	(void)v;
	(void)vectors;
}

static void nothing(struct vcpu *v)
{
	(void)v;
}

static const struct vendor test_vendor = {
	.reinject_exception = reinject,
	.intercept_exceptions = intercept_exceptions,
	.wake = nothing,
	.exit_after_event = nothing,
};
const struct vendor *vendor = &test_vendor;

static struct subscription subscription;

static int reset(void **state)
{
	(void)state;
	memset(area, 0, sizeof(area));
	memset(regs, 0, sizeof(regs));
	memset(code, 0x90, sizeof(code));
	memset(&subscription, 0, sizeof(subscription));
	memset(events_table, 0, sizeof(events_table));
	reinjected = ended = delivered = looks = 0;
	intercepted = 0;
	vcpu->rip = RIP;
	vcpu->rflags = RFLAGS_IF | RFLAGS_FIXED;
	vcpu_events_reset(vcpu);
	return 0;
}

/* Somebody asks for accesses of descriptor tables. */
static void subscribe(void)
{
	subscription.asked.kind = HADAL_EVENT_DESCRIPTOR;
	subscription.asked.first = 1u << HADAL_GDTR;
	events_table[0] = &subscription;
	events_route(vcpu);
	assert_true(asked_first >> HADAL_EXIT_EXCEPTION & 1);
}

static void unsubscribe(void)
{
	events_table[0] = NULL;
	events_route(vcpu);
	assert_int_equal(asked_first, 0);
}

static void done(struct vcpu *v, bool retired)
{
	assert_ptr_equal(v, vcpu);
	ended++;
	ended_retired = retired;
}

/* The processor has taken the exception; nobody is asked before the base handler. */
static enum verdict exception(uint8_t vector, uint64_t address)
{
	vcpu->exit.kind = HADAL_EXIT_EXCEPTION;
	vcpu->exit.exception.vector = vector;
	vcpu->exit.exception.address = address;
	return base_handler[HADAL_EXIT_EXCEPTION](vcpu);
}

static void a_step_outlives_the_last_subscription(void **state)
{
	(void)state;
	subscribe();
	assert_int_equal(step_over(vcpu, done), VERDICT_RETRY);
	assert_true(vcpu->stepping);
	assert_int_equal(vcpu->rflags, RFLAGS_TF | RFLAGS_FIXED);
	unsubscribe();
	vcpu->rip++;
	assert_int_equal(exception(VECTOR_DB, DR6_BS), VERDICT_RETRY);
	assert_int_equal(reinjected + delivered, 0);
	assert_int_equal(ended, 1);
	assert_true(ended_retired);
	assert_int_equal(vcpu->rflags, RFLAGS_IF | RFLAGS_FIXED);
}

static void so_does_one_that_ends_in_a_fault(void **state)
{
	(void)state;
	subscribe();
	step_over(vcpu, done);
	unsubscribe();
	exception(VECTOR_PF, 0x1000);
	assert_int_equal(reinjected, 1);
	assert_int_equal(ended, 1);
	assert_false(ended_retired);
	assert_int_equal(vcpu->rflags, RFLAGS_IF | RFLAGS_FIXED);
}

static void so_does_the_delivery_of_an_event(void **state)
{
	static const enum hadal_exit_kind kinds[] = {HADAL_EXIT_NMI, HADAL_EXIT_NMI_WINDOW};

	for (unsigned i = 0; i < 2; i++) {
		reset(state);
		subscribe();
		vcpu->inject.info = EVENT_VALID | EVENT_INTERRUPT | 0x30;
		step_over(vcpu, done);
		assert_true(vcpu->stepping);
		unsubscribe();
		vcpu->inject.info = 0;
		assert_int_equal(base_handler[kinds[i]](vcpu), VERDICT_RETRY);
		assert_false(vcpu->stepping);
		assert_true(ended_retired);
	}
}

/* SYSCALL is not executed: begun right before an entry, it has met no breakpoint. */
static void what_is_done_for_the_processor_meets_breakpoints(void **state)
{
	for (unsigned attending = 0; attending < 2; attending++) {
		reset(state);
		code[0] = 0x0f;
		code[1] = 0x05;
		passed = called = 0;
		vcpu->attending = attending;
		events_subscribed[HADAL_EVENT_BREAK] = 1;
		step_over(vcpu, NULL);
		events_subscribed[HADAL_EVENT_BREAK] = 0;
		assert_int_equal(called, 1);
		assert_int_equal(passed, attending);
		assert_int_equal(vcpu->rip, RIP + 2);
	}
}

/* A step that lets interrupts exit holds them from now on; the guest's flag is as it was. */
static void a_step_holds_interrupts_later(void **state)
{
	(void)state;
	step_over(vcpu, done);
	vcpu_events(vcpu)->step.held = RFLAGS_TF;
	vcpu->rflags |= RFLAGS_IF;
	step_hold_interrupts(vcpu);
	assert_int_equal(vcpu->rflags, RFLAGS_TF | RFLAGS_FIXED);
	vcpu->rip++;
	exception(VECTOR_DB, DR6_BS);
	assert_int_equal(vcpu->rflags, RFLAGS_IF | RFLAGS_FIXED);
}

/* An INIT comes: what was stepped over has not been done, and the flags are as before. */
static void a_step_ends_with_its_vcpu(void **state)
{
	for (unsigned delivery = 0; delivery < 2; delivery++) {
		reset(state);
		memset(trace_ends, 0, sizeof(trace_ends));
		traces_ended = 0;
		if (delivery)
			vcpu->inject.info = EVENT_VALID | EVENT_INTERRUPT | 0x30;
		step_over(vcpu, done);
		vcpu_step_end(vcpu);
		assert_int_equal(traces_ended, 1);
		assert_false(vcpu->stepping);
		assert_int_equal(ended, 1);
		assert_false(ended_retired);
		assert_int_equal(trace_ends[STEP_UNDONE], 1);
		assert_int_equal(vcpu->rflags, RFLAGS_IF | RFLAGS_FIXED);
		vcpu_step_end(vcpu);
		assert_int_equal(ended, 1);
	}
}

/* How a step has ended is told to whoever steps a task; a step within a step is one. */
static void ends_are_told_apart(void **state)
{
	static const struct {
		uint8_t vector;
		bool software;
		uint64_t address;
		enum step_end end;
	} cases[] = {
		{VECTOR_DB, false, DR6_BS, STEP_RETIRED},
		{VECTOR_PF, false, 0x1000, STEP_FAULTED},
		{VECTOR_BP, true, 0, STEP_ENTERED},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		reset(state);
		memset(trace_ends, 0, sizeof(trace_ends));
		step_over(vcpu, NULL);
		step_over(vcpu, done);
		assert_int_equal(vcpu->step_flags, RFLAGS_IF | RFLAGS_FIXED);
		vcpu->exit.exception.software = cases[i].software;
		exception(cases[i].vector, cases[i].address);
		assert_int_equal(trace_ends[cases[i].end], 1);
		assert_int_equal(ended, 1);
		assert_int_equal(vcpu->rflags, RFLAGS_IF | RFLAGS_FIXED);
	}
	step_over(vcpu, NULL);
	step_cancel(vcpu);
	assert_int_equal(trace_ends[STEP_UNDONE], 1);
	assert_false(vcpu->stepping);
	assert_int_equal(vcpu->rflags, RFLAGS_IF | RFLAGS_FIXED);
}

/* What does not exit during a step exits afterwards, but only if somebody still wants it. */
/* An answer's step goes on behind a HLT, but not at one right before an entry, for ever. */
static void a_halt_is_no_end(void **state)
{
	(void)state;
	code[0] = 0xf4;
	assert_int_equal(step_over(vcpu, NULL), VERDICT_DONE);
	assert_int_equal(looks, 0);
	vcpu_events(vcpu)->hold.steps = true;
	assert_int_equal(step_over(vcpu, NULL), VERDICT_DONE);
	assert_int_equal(looks, 1);
	vcpu->attending = true;
	assert_int_equal(step_over(vcpu, NULL), VERDICT_DONE);
	assert_int_equal(looks, 1);
	vcpu->attending = false;
	vcpu_events(vcpu)->hold.steps = false;
}

static void a_kind_is_suspended_for_a_step(void **state)
{
	for (unsigned gone = 0; gone < 2; gone++) {
		reset(state);
		subscribe();
		assert_int_equal(intercepted, BIT(HADAL_EXIT_DESCRIPTOR));
		events_suspend(vcpu, HADAL_EXIT_DESCRIPTOR);
		step_over(vcpu, done);
		left_done = 0;
		assert_int_equal(intercepted, 0);
		vcpu_follow(vcpu); /* for somebody else */
		assert_int_equal(intercepted, 0);
		if (gone)
			unsubscribe();
		exception(VECTOR_DB, DR6_BS);
		assert_int_equal(ended, 1);
		assert_int_equal(left_done, 1);
		assert_int_equal(intercepted, gone ? 0 : BIT(HADAL_EXIT_DESCRIPTOR));
		if (!gone)
			unsubscribe();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_step_outlives_the_last_subscription, reset),
		cmocka_unit_test_setup(so_does_one_that_ends_in_a_fault, reset),
		cmocka_unit_test_setup(so_does_the_delivery_of_an_event, reset),
		cmocka_unit_test_setup(a_step_ends_with_its_vcpu, reset),
		cmocka_unit_test_setup(what_is_done_for_the_processor_meets_breakpoints, reset),
		cmocka_unit_test_setup(a_step_holds_interrupts_later, reset),
		cmocka_unit_test_setup(ends_are_told_apart, reset),
		cmocka_unit_test_setup(a_kind_is_suspended_for_a_step, reset),
		cmocka_unit_test_setup(a_halt_is_no_end, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
