// SPDX-License-Identifier: MIT
// Sources: vmm/exit/advance.c vmm/cpus/attend.c vmm/vcpu/injection.c
/* The core's part of an exit: where RIP goes, single steps, exceptions on top of others, NMIs. */
#include <string.h>
#include "unit.h"
#include "exit/dispatch.h"
#include "cpus/attend.h"
#include "cpus/pause.h"
#include "cpus/request.h"
#include "cpus/startup.h"
#include "vcpu/vendor.h"

#define VECTOR_DE 0
#define VECTOR_TS 10
#define VECTOR_NP 11
#define VECTOR_SS 12
#define VECTOR_AC 17

static struct vcpu vcpu;
static bool long_mode, can_take_nmi, can_take_interrupt;
static uint64_t debugctl;
static int shadows_cleared, steps, shutdowns, windows, interrupt_windows, served, nmis_taken,
	paused;
static int stepped_over, steps_cancelled;
static enum verdict verdict;

exit_handler_fn exit_handlers[HADAL_EXIT_KIND_COUNT];

bool vcpu_long_mode(struct vcpu *v)
{
	(void)v;
	return long_mode;
}

uint64_t vcpu_get(struct vcpu *v, enum vcpu_reg reg)
{
	(void)v;
	assert_int_equal(reg, REG_DEBUGCTL);
	return debugctl;
}

/* A step that an exit ends, one way or the other. */
void vcpu_step_emulated(struct vcpu *v)
{
	v->stepping = false;
	stepped_over++;
}

void vcpu_step_cancelled(struct vcpu *v)
{
	v->stepping = false;
	v->rflags = v->step_flags;
	steps_cancelled++;
}

static unsigned events_attended;

void vcpu_attend_events(struct vcpu *v)
{
	(void)v;
	events_attended++;
}

void vcpu_attend_trace(struct vcpu *v)
{
	v->requests &= ~REQUEST_TRACE;
}

void pause_here(struct vcpu *v)
{
	paused++;
	v->requests &= ~REQUEST_PAUSE;
}

void startup_serve(struct vcpu *v)
{
	(void)v;
	assert_true(false); /* nobody sends an INIT here */
}

void vcpu_serve_requests(struct vcpu *v)
{
	served++;
	v->requests &= ~(REQUEST_FLUSH | REQUEST_REGS);
}

void request_take_nmis(struct vcpu *v)
{
	nmis_taken++;
	v->host_nmis = 0;
	vcpu_inject_nmi(v);
}

static void clear_shadow(struct vcpu *v)
{
	(void)v;
	shadows_cleared++;
}

static void pend_single_step(struct vcpu *v)
{
	(void)v;
	steps++;
}

static void shut_down(struct vcpu *v)
{
	(void)v;
	shutdowns++;
}

static void request_nmi_window(struct vcpu *v)
{
	(void)v;
	windows++;
}

static bool nmi_allowed(struct vcpu *v)
{
	(void)v;
	return can_take_nmi;
}

static void request_interrupt_window(struct vcpu *v)
{
	(void)v;
	interrupt_windows++;
}

static bool interrupt_allowed(struct vcpu *v)
{
	(void)v;
	return can_take_interrupt;
}

static const struct vendor fake_vendor = {
	.pend_single_step = pend_single_step,
	.shutdown = shut_down,
	.request_nmi_window = request_nmi_window,
	.nmi_allowed = nmi_allowed,
	.request_interrupt_window = request_interrupt_window,
	.interrupt_allowed = interrupt_allowed,
};
const struct vendor *vendor = &fake_vendor;

static enum verdict handler(struct vcpu *v)
{
	(void)v;
	return verdict;
}

static int reset(void **unused)
{
	(void)unused;
	memset(&vcpu, 0, sizeof(vcpu));
	shadows_cleared = steps = shutdowns = windows = interrupt_windows = served = nmis_taken =
		paused = 0;
	long_mode = can_take_nmi = can_take_interrupt = true;
	stepped_over = steps_cancelled = 0;
	debugctl = 0;
	verdict = VERDICT_DONE;
	exit_handlers[HADAL_EXIT_CPUID] = handler;
	vcpu.exit.kind = HADAL_EXIT_CPUID;
	return 0;
}

static uint64_t advanced(uint64_t rip, uint32_t length)
{
	vcpu.rip = rip;
	vcpu.exit.length = length;
	vcpu_dispatch(&vcpu, clear_shadow);
	return vcpu.rip;
}

static void rip_wraps_in_compatibility_mode_only(void **unused)
{
	(void)unused;
	for (uint32_t length = 1; length <= 15; length++)
		for (uint64_t rip = 0xffffffe0; rip <= 0xffffffff; rip++) {
			long_mode = true;
			assert_int_equal(advanced(rip, length), rip + length);
			long_mode = false;
			assert_int_equal(advanced(rip, length), (uint32_t)(rip + length));
		}
	long_mode = true;
	assert_int_equal(advanced(0x7fffffffe, 2), 0x800000000);
	assert_int_equal(advanced(0xffffffff80000000, 2), 0xffffffff80000002);
	assert_int_equal(advanced(-2ull, 2), 0);
}

static void shadow_ends_when_rip_moves(void **unused)
{
	(void)unused;
	assert_int_equal(advanced(0x1000, 2), 0x1002);
	assert_int_equal(shadows_cleared, 1);
	assert_int_equal(steps, 0);
	verdict = VERDICT_RETRY;
	assert_int_equal(advanced(0x1000, 2), 0x1000);
	assert_int_equal(shadows_cleared, 1);
	assert_int_equal(vcpu.stats.exits[HADAL_EXIT_CPUID], 2);
}

static void trap_flag_steps_but_not_over_branches(void **unused)
{
	(void)unused;
	vcpu.rflags = RFLAGS_TF;
	advanced(0x1000, 2);
	assert_int_equal(steps, 1);
	debugctl = DEBUGCTL_BTF;
	advanced(0x1000, 2);
	assert_int_equal(steps, 1);
	debugctl = 0;
	verdict = VERDICT_RETRY;
	advanced(0x1000, 2);
	assert_int_equal(steps, 1);
}

/* The vector that is delivered when `second` meets `first`; -1 for a shutdown. */
static int merged(uint32_t first, uint8_t second)
{
	int before = shutdowns;

	vcpu.inject = (struct event){.info = first};
	vcpu_inject_exception(&vcpu, second, second == VECTOR_PF, 0x1234);
	if (shutdowns != before) {
		assert_int_equal(vcpu.inject.info, 0);
		return -1;
	}
	assert_true(vcpu.inject.info & EVENT_VALID);
	assert_int_equal(vcpu.inject.info & EVENT_TYPE, EVENT_EXCEPTION);
	return vcpu.inject.info & EVENT_VECTOR;
}

static int merged_exceptions(uint8_t first, uint8_t second)
{
	return merged(EVENT_VALID | EVENT_EXCEPTION | first, second);
}

static void exceptions_merge_as_the_manual_says(void **unused)
{
	static const uint8_t contributory[] = {VECTOR_DE, VECTOR_TS, VECTOR_NP, VECTOR_SS,
					       VECTOR_GP};
	static const uint8_t benign[] = {VECTOR_DB, VECTOR_BP, VECTOR_UD, VECTOR_AC};
	(void)unused;

	for (size_t i = 0; i < sizeof(contributory); i++) {
		for (size_t j = 0; j < sizeof(contributory); j++)
			assert_int_equal(merged_exceptions(contributory[i], contributory[j]),
					 VECTOR_DF);
		assert_int_equal(merged_exceptions(contributory[i], VECTOR_PF), VECTOR_PF);
		assert_int_equal(merged_exceptions(VECTOR_PF, contributory[i]), VECTOR_DF);
		assert_int_equal(merged_exceptions(VECTOR_DF, contributory[i]), -1);
		for (size_t j = 0; j < sizeof(benign); j++) {
			assert_int_equal(merged_exceptions(contributory[i], benign[j]), benign[j]);
			assert_int_equal(merged_exceptions(benign[j], contributory[i]),
					 contributory[i]);
		}
	}
	assert_int_equal(merged_exceptions(VECTOR_PF, VECTOR_PF), VECTOR_DF);
	assert_int_equal(merged_exceptions(VECTOR_PF, VECTOR_UD), VECTOR_UD);
	assert_int_equal(merged_exceptions(VECTOR_DF, VECTOR_PF), -1);
}

static void only_exceptions_merge(void **unused)
{
	(void)unused;
	/* An interrupt with the vector of #GP is no #GP; nothing queued is nothing. */
	assert_int_equal(merged(EVENT_VALID | EVENT_INTERRUPT | VECTOR_GP, VECTOR_GP), VECTOR_GP);
	assert_int_equal(merged(EVENT_VALID | EVENT_NMI | VECTOR_NMI, VECTOR_PF), VECTOR_PF);
	assert_int_equal(merged(EVENT_VALID | EVENT_SOFT_INT | VECTOR_DF, VECTOR_GP), VECTOR_GP);
	assert_int_equal(merged(EVENT_EXCEPTION | VECTOR_GP, VECTOR_GP), VECTOR_GP);
	assert_int_equal(shutdowns, 0);
}

static void error_codes_go_with_their_exceptions(void **unused)
{
	(void)unused;
	merged(0, VECTOR_PF);
	assert_true(vcpu.inject.info & EVENT_ERROR);
	assert_int_equal(vcpu.inject.error, 0x1234);
	merged_exceptions(VECTOR_PF, VECTOR_PF);
	assert_true(vcpu.inject.info & EVENT_ERROR);
	assert_int_equal(vcpu.inject.error, 0);
	vcpu.inject.info = 0;
	vcpu_inject_ud(&vcpu);
	assert_int_equal(vcpu.inject.info, EVENT_VALID | EVENT_EXCEPTION | VECTOR_UD);
	vcpu.inject.info = 0;
	vcpu_inject_gp(&vcpu);
	assert_int_equal(vcpu.inject.info, EVENT_VALID | EVENT_EXCEPTION | EVENT_ERROR | VECTOR_GP);
	assert_int_equal(vcpu.inject.error, 0);
}

static void faults_have_rf_in_their_frame_and_traps_do_not(void **unused)
{
	static const struct {
		uint8_t vector;
		bool rf;
	} cases[] = {{VECTOR_UD, true},  {VECTOR_GP, true},  {VECTOR_PF, true},
		     {VECTOR_DE, true},  {VECTOR_DB, false}, {VECTOR_BP, false},
		     {VECTOR_DF, false}, {4, false},         {18, false}};
	(void)unused;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vcpu.rflags = RFLAGS_FIXED;
		merged(0, cases[i].vector);
		assert_int_equal(!!(vcpu.rflags & RFLAGS_RF), cases[i].rf);
	}
}

static void an_abandoned_exit_leaves_one_gp(void **unused)
{
	(void)unused;
	vcpu.inject.info = EVENT_VALID | EVENT_EXCEPTION | VECTOR_GP;
	vcpu_abandon_exit(&vcpu);
	assert_int_equal(vcpu.inject.info & EVENT_VECTOR, VECTOR_GP);
	assert_int_equal(shutdowns, 0);
}

static void subscriptions_are_attended_once(void **unused)
{
	(void)unused;
	events_attended = 0;
	vcpu.requests = REQUEST_EVENTS;
	vcpu_attend(&vcpu);
	assert_int_equal(events_attended, 1);
	assert_int_equal(vcpu.attention, 0);
}

static void an_nmi_waits_until_it_may_come(void **unused)
{
	(void)unused;
	vcpu_inject_nmi(&vcpu);
	assert_true(vcpu.attention);
	can_take_nmi = false;
	vcpu_attend(&vcpu);
	assert_int_equal(windows, 1);
	assert_int_equal(vcpu.inject.info, 0);
	assert_true(vcpu.nmi_pending);

	can_take_nmi = true;
	vcpu.inject.info = EVENT_VALID | EVENT_INTERRUPT | 0x30;
	vcpu_attend(&vcpu);
	assert_int_equal(windows, 2);
	assert_int_equal(vcpu.inject.info, EVENT_VALID | EVENT_INTERRUPT | 0x30);

	vcpu.inject.info = 0;
	vcpu_attend(&vcpu);
	assert_int_equal(windows, 2);
	assert_int_equal(vcpu.inject.info, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
	assert_false(vcpu.nmi_pending);
	assert_false(vcpu.attention);
}

static void a_pause_comes_after_all_else(void **unused)
{
	(void)unused;
	vcpu.requests = REQUEST_PAUSE | REQUEST_FLUSH;
	vcpu_attend(&vcpu);
	assert_int_equal(served, 1);
	assert_int_equal(paused, 1);
	assert_int_equal(vcpu.attention, 0);
}

static void attention_ends_when_all_is_served(void **unused)
{
	(void)unused;
	vcpu.requests = REQUEST_FLUSH | REQUEST_REGS;
	vcpu.host_nmis = 3;
	vcpu_attend(&vcpu);
	assert_int_equal(served, 1);
	assert_int_equal(nmis_taken, 1);
	assert_int_equal(vcpu.inject.info, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
	assert_false(vcpu.attention);
}

/* Its local APIC sends it no second time. */
static void an_interrupt_waits_behind_an_exception(void **unused)
{
	const uint32_t interrupt = EVENT_VALID | EVENT_INTERRUPT | 0x30;

	(void)unused;
	vcpu.inject.info = interrupt;
	vcpu_inject_gp(&vcpu);
	assert_int_equal(vcpu.inject.info, EVENT_VALID | EVENT_EXCEPTION | EVENT_ERROR | VECTOR_GP);
	assert_true(vcpu.attention);
	vcpu_attend(&vcpu);
	assert_false(vcpu.attention);
	assert_int_equal(vcpu.inject.info & EVENT_VECTOR, VECTOR_GP);
	assert_int_equal(interrupt_windows, 1);

	/* The exception is on its way, and interrupts are off in its handler. */
	vcpu.inject.info = 0;
	can_take_interrupt = false;
	vcpu_attend(&vcpu);
	assert_int_equal(vcpu.inject.info, 0);
	assert_int_equal(interrupt_windows, 2);

	can_take_interrupt = true;
	vcpu_attend(&vcpu);
	assert_int_equal(vcpu.inject.info, interrupt);
	vcpu.inject.info = 0;
	vcpu_attend(&vcpu);
	assert_int_equal(vcpu.inject.info, 0);
	assert_int_equal(interrupt_windows, 2);

	/* After a fault in the image too. */
	vcpu.inject.info = interrupt;
	vcpu_abandon_exit(&vcpu);
	assert_int_equal(vcpu.inject.info & EVENT_VECTOR, VECTOR_GP);
	assert_int_equal(vcpu.held.info, interrupt);
}

static void other_events_behind_an_exception(void **unused)
{
	(void)unused;
	vcpu.inject.info = EVENT_VALID | EVENT_NMI | VECTOR_NMI;
	vcpu_inject_ud(&vcpu);
	assert_true(vcpu.nmi_pending);
	assert_int_equal(vcpu.held.info, 0);
	vcpu.nmi_pending = false;
	/* RIP still points at the instruction. */
	vcpu.inject.info = EVENT_VALID | EVENT_SOFT_INT | 0x80;
	vcpu_inject_ud(&vcpu);
	vcpu.inject.info = EVENT_VALID | EVENT_EXCEPTION | VECTOR_DE;
	vcpu_inject_ud(&vcpu);
	assert_int_equal(vcpu.held.info, 0);
	assert_false(vcpu.nmi_pending);
}

/* A step of ours comes first: the guest gets no #DB of it, nor an exception with our flags.
 */
static void a_hidden_step_is_not_the_guests(void **unused)
{
	(void)unused;
	vcpu.rflags = RFLAGS_TF;
	vcpu.stepping = true;
	assert_int_equal(advanced(0x1000, 2), 0x1002);
	assert_int_equal(stepped_over, 1);
	assert_int_equal(steps, 0);
	assert_int_equal(advanced(0x1000, 2), 0x1002);
	assert_int_equal(steps, 1);

	vcpu.stepping = true;
	vcpu.step_flags = RFLAGS_IF;
	vcpu_inject_gp(&vcpu);
	assert_int_equal(steps_cancelled, 1);
	assert_int_equal(vcpu.rflags, RFLAGS_IF | RFLAGS_RF);
	vcpu.inject.info = 0;

	vcpu.stepping = true;
	vcpu_inject_nmi(&vcpu);
	vcpu_attend(&vcpu);
	assert_int_equal(windows, 0);
	assert_int_equal(vcpu.inject.info, 0);
	vcpu.stepping = false;
	vcpu_attend(&vcpu);
	assert_int_equal(vcpu.inject.info & EVENT_TYPE, EVENT_NMI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rip_wraps_in_compatibility_mode_only, reset),
		cmocka_unit_test_setup(shadow_ends_when_rip_moves, reset),
		cmocka_unit_test_setup(trap_flag_steps_but_not_over_branches, reset),
		cmocka_unit_test_setup(exceptions_merge_as_the_manual_says, reset),
		cmocka_unit_test_setup(only_exceptions_merge, reset),
		cmocka_unit_test_setup(error_codes_go_with_their_exceptions, reset),
		cmocka_unit_test_setup(faults_have_rf_in_their_frame_and_traps_do_not, reset),
		cmocka_unit_test_setup(an_abandoned_exit_leaves_one_gp, reset),
		cmocka_unit_test_setup(subscriptions_are_attended_once, reset),
		cmocka_unit_test_setup(an_nmi_waits_until_it_may_come, reset),
		cmocka_unit_test_setup(attention_ends_when_all_is_served, reset),
		cmocka_unit_test_setup(a_pause_comes_after_all_else, reset),
		cmocka_unit_test_setup(an_interrupt_waits_behind_an_exception, reset),
		cmocka_unit_test_setup(other_events_behind_an_exception, reset),
		cmocka_unit_test_setup(a_hidden_step_is_not_the_guests, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
