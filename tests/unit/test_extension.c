// SPDX-License-Identifier: MIT
// Sources: vmm/extension/extension.c vmm/extension/intercept.c
/* Extensions: order, verdicts, private memory, counted intercepts, starts that fail. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "unit.h"
#include "extension/extension.h"
#include "extension/handlers.h"
#include "base/log.h"
#include "vcpu/vendor.h"

#define COUNT 3

static struct vcpu vcpu;
static char trace[256];
static enum verdict answer[COUNT];
static int start_result[COUNT], init_result[COUNT];
static uint32_t exceptions;
static bool intercepted[HADAL_EXIT_KIND_COUNT];
static int intercept_calls;
static enum hadal_exit_kind refused;

static struct hadal_extension extension[COUNT];
const struct hadal_extension *const extensions_start[COUNT] = {&extension[0], &extension[1],
							       &extension[2]};
__asm__(".globl extensions_end\n.set extensions_end, extensions_start + 24");

void log_line(const char *format, ...)
{
	(void)format;
}

static enum verdict base(struct vcpu *v)
{
	(void)v;
	strcat(trace, "base ");
	return VERDICT_DONE;
}

const exit_handler_fn base_handler[HADAL_EXIT_KIND_COUNT] = {
	[0 ... HADAL_EXIT_KIND_COUNT - 1] = base,
};

static int fake_intercept(struct vcpu *v, enum hadal_exit_kind kind, bool on)
{
	(void)v;
	if (kind == refused)
		return -EOPNOTSUPP;
	assert_int_not_equal(intercepted[kind], on); /* only when it changes */
	intercepted[kind] = on;
	intercept_calls++;
	return 0;
}

static void fake_exceptions(struct vcpu *v, uint32_t vectors)
{
	(void)v;
	exceptions = vectors;
}

static const struct vendor fake_vendor = {
	.intercept = fake_intercept,
	.intercept_exceptions = fake_exceptions,
};
const struct vendor *vendor = &fake_vendor;

static void note(const char *what, int i)
{
	sprintf(trace + strlen(trace), "%s%d ", what, i);
}

#define HANDLERS(i)                                                \
	static enum verdict handle_##i(struct vcpu *v, void *data) \
	{                                                          \
		assert_ptr_equal(v, &vcpu);                        \
		assert_ptr_equal(data, vcpu.extension_data[i]);    \
		note("on", i);                                     \
		return answer[i];                                  \
	}                                                          \
	static int start_##i(struct vcpu *v, void *data)           \
	{                                                          \
		assert_ptr_equal(v, &vcpu);                        \
		assert_ptr_equal(data, vcpu.extension_data[i]);    \
		note("start", i);                                  \
		return start_result[i];                            \
	}                                                          \
	static void stop_##i(struct vcpu *v, void *data)           \
	{                                                          \
		assert_ptr_equal(v, &vcpu);                        \
		assert_ptr_equal(data, vcpu.extension_data[i]);    \
		note("stop", i);                                   \
	}                                                          \
	static int init_##i(void)                                  \
	{                                                          \
		note("init", i);                                   \
		return init_result[i];                             \
	}
HANDLERS(0)
HANDLERS(1)
HANDLERS(2)

#define EXTENSION(i)                                                                          \
	{                                                                                     \
		.name = #i, .init = init_##i, .vcpu_start = start_##i, .vcpu_stop = stop_##i, \
		.vcpu_data_bytes = 8 * (i) + 8,                                               \
		.on = {[HADAL_EXIT_CPUID] = handle_##i, [HADAL_EXIT_HYPERCALL] = handle_##i}, \
	}

static int reset(void **unused)
{
	const struct hadal_extension fresh[COUNT] = {EXTENSION(0), EXTENSION(1), EXTENSION(2)};
	(void)unused;

	memcpy(extension, fresh, sizeof(fresh));
	memset(&vcpu, 0xee, sizeof(vcpu));
	vcpu.stepping = false;
	memset(intercepted, 0, sizeof(intercepted));
	memset(start_result, 0, sizeof(start_result));
	memset(init_result, 0, sizeof(init_result));
	memset(answer, 0, sizeof(answer));
	intercept_calls = 0;
	extensions_set_clients(false);
	refused = HADAL_EXIT_KIND_COUNT;
	trace[0] = 0;
	return 0;
}

static void started(void)
{
	assert_int_equal(extensions_init(), 0);
	assert_int_equal(extensions_vcpu_start(&vcpu), 0);
	trace[0] = 0;
}

static enum verdict dispatched(enum hadal_exit_kind kind)
{
	vcpu.exit.kind = kind;
	return exit_handlers[kind](&vcpu);
}

static void they_run_in_order_and_base_last(void **unused)
{
	(void)unused;
	assert_int_equal(extensions_init(), 0);
	assert_int_equal(extensions_vcpu_start(&vcpu), 0);
	assert_string_equal(trace, "init0 init1 init2 start0 start1 start2 ");
	trace[0] = 0;
	assert_int_equal(dispatched(HADAL_EXIT_CPUID), VERDICT_DONE);
	assert_string_equal(trace, "on0 on1 on2 base ");
	trace[0] = 0;
	extensions_vcpu_stop(&vcpu);
	assert_string_equal(trace, "stop2 stop1 stop0 ");
}

static void the_first_verdict_counts(void **unused)
{
	(void)unused;
	started();
	answer[1] = VERDICT_RETRY;
	answer[2] = VERDICT_DONE;
	assert_int_equal(dispatched(HADAL_EXIT_HYPERCALL), VERDICT_RETRY);
	assert_string_equal(trace, "on0 on1 ");
	trace[0] = 0;
	answer[0] = VERDICT_DONE;
	assert_int_equal(dispatched(HADAL_EXIT_HYPERCALL), VERDICT_DONE);
	assert_string_equal(trace, "on0 ");
}

static void kinds_without_handlers_go_straight_to_base(void **unused)
{
	(void)unused;
	extension[0].on[HADAL_EXIT_CPUID] = NULL;
	started();
	assert_ptr_equal(exit_handlers[HADAL_EXIT_RDMSR], base);
	dispatched(HADAL_EXIT_CPUID);
	assert_string_equal(trace, "on1 on2 base ");
}

static void each_has_memory_of_its_own(void **unused)
{
	uint8_t *data[COUNT];
	(void)unused;

	started();
	for (int i = 0; i < COUNT; i++) {
		data[i] = vcpu.extension_data[i];
		assert_int_equal((uintptr_t)data[i] % 16, 0);
		for (uint32_t b = 0; b < extension[i].vcpu_data_bytes; b++)
			assert_int_equal(data[i][b], 0);
		memset(data[i], i + 1, extension[i].vcpu_data_bytes);
	}
	for (int i = 0; i < COUNT; i++)
		for (uint32_t b = 0; b < extension[i].vcpu_data_bytes; b++)
			assert_int_equal(data[i][b], i + 1);
	/* Zeroed again by the next start. */
	memset(intercepted, 0, sizeof(intercepted));
	assert_int_equal(extensions_vcpu_start(&vcpu), 0);
	assert_int_equal(*data[2], 0);
}

static void too_much_memory_is_refused(void **unused)
{
	(void)unused;
	extension[2].vcpu_data_bytes = sizeof(vcpu.extension_pool) - 32;
	assert_int_equal(extensions_init(), 0);
	extension[2].vcpu_data_bytes++;
	assert_int_equal(extensions_init(), -ENOSPC);
	extension[2].vcpu_data_bytes = -1u;
	assert_int_equal(extensions_init(), -ENOSPC);
}

static void a_failing_init_ends_the_start(void **unused)
{
	(void)unused;
	init_result[1] = -ENODEV;
	assert_int_equal(extensions_init(), -ENODEV);
	assert_string_equal(trace, "init0 init1 ");
}

static void a_failing_start_undoes_the_ones_before(void **unused)
{
	(void)unused;
	assert_int_equal(extensions_init(), 0);
	trace[0] = 0;
	start_result[2] = -EIO;
	assert_int_equal(extensions_vcpu_start(&vcpu), -EIO);
	assert_string_equal(trace, "start0 start1 start2 stop1 stop0 ");
}

static void what_the_processor_cannot_intercept_fails_the_start(void **unused)
{
	(void)unused;
	extension[1].on[HADAL_EXIT_PAUSE] = handle_1;
	refused = HADAL_EXIT_PAUSE;
	assert_int_equal(extensions_init(), 0);
	trace[0] = 0;
	assert_int_equal(extensions_vcpu_start(&vcpu), -EOPNOTSUPP);
	assert_string_equal(trace, "start0 stop0 ");
}

static void intercepts_are_counted(void **unused)
{
	(void)unused;
	started();
	assert_true(intercepted[HADAL_EXIT_CPUID]);
	assert_false(intercepted[HADAL_EXIT_HYPERCALL]); /* exits by itself */
	assert_int_equal(intercept_calls, 1);
	vcpu_release(&vcpu, HADAL_EXIT_CPUID);
	vcpu_release(&vcpu, HADAL_EXIT_CPUID);
	assert_true(intercepted[HADAL_EXIT_CPUID]);
	vcpu_release(&vcpu, HADAL_EXIT_CPUID);
	assert_false(intercepted[HADAL_EXIT_CPUID]);
	vcpu_release(&vcpu, HADAL_EXIT_CPUID); /* once too often does nothing */
	assert_int_equal(intercept_calls, 2);
	assert_int_equal(vcpu_intercept(&vcpu, HADAL_EXIT_CPUID), 0);
	assert_true(intercepted[HADAL_EXIT_CPUID]);
	refused = HADAL_EXIT_MWAIT;
	assert_int_equal(vcpu_intercept(&vcpu, HADAL_EXIT_MWAIT), -EOPNOTSUPP);
	vcpu_release(&vcpu, HADAL_EXIT_MWAIT); /* was not counted */
}

static void exceptions_are_counted(void **unused)
{
	(void)unused;
	started();
	assert_int_equal(vcpu_intercept_exception(&vcpu, 3), 0);
	assert_int_equal(vcpu_intercept_exception(&vcpu, 3), 0);
	assert_int_equal(vcpu_intercept_exception(&vcpu, 14), 0);
	assert_int_equal(exceptions, 1u << 3 | 1u << 14);
	vcpu_release_exception(&vcpu, 3);
	assert_int_equal(exceptions, 1u << 3 | 1u << 14);
	vcpu_release_exception(&vcpu, 3);
	vcpu_release_exception(&vcpu, 3);
	assert_int_equal(exceptions, 1u << 14);
	assert_int_equal(vcpu_intercept_exception(&vcpu, 2), -EINVAL); /* NMIs are no exceptions */
	assert_int_equal(vcpu_intercept_exception(&vcpu, 32), -EINVAL);
	assert_int_equal(vcpu_intercept_exception(&vcpu, 255), -EINVAL);
	vcpu_release_exception(&vcpu, 255);
	assert_int_equal(exceptions, 1u << 14);
}

static int followed;

static void follow_clients(struct vcpu *v, void *data, bool any)
{
	assert_ptr_equal(v, &vcpu);
	assert_ptr_equal(data, vcpu.extension_data[2]);
	followed += any ? 1 : -1;
}

static void extensions_for_clients_are_there_with_clients_only(void **unused)
{
	(void)unused;
	extension[2].follow_clients = follow_clients;
	extension[2].on[HADAL_EXIT_RDTSC] = handle_2;
	followed = 0;
	started();
	assert_ptr_equal(exit_handlers[HADAL_EXIT_RDTSC], base);
	assert_false(intercepted[HADAL_EXIT_RDTSC]);
	extensions_follow_clients(&vcpu);
	assert_int_equal(followed, 0);

	extensions_set_clients(true);
	extensions_listen(true);
	extensions_follow_clients(&vcpu);
	extensions_follow_clients(&vcpu);
	assert_int_equal(followed, 1);
	assert_true(intercepted[HADAL_EXIT_RDTSC]);
	dispatched(HADAL_EXIT_RDTSC);
	assert_string_equal(trace, "on2 base ");

	extensions_set_clients(false);
	extensions_follow_clients(&vcpu);
	extensions_listen(false);
	assert_int_equal(followed, 0);
	assert_false(intercepted[HADAL_EXIT_RDTSC]);
	assert_true(intercepted[HADAL_EXIT_CPUID]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(they_run_in_order_and_base_last, reset),
		cmocka_unit_test_setup(the_first_verdict_counts, reset),
		cmocka_unit_test_setup(kinds_without_handlers_go_straight_to_base, reset),
		cmocka_unit_test_setup(each_has_memory_of_its_own, reset),
		cmocka_unit_test_setup(too_much_memory_is_refused, reset),
		cmocka_unit_test_setup(a_failing_init_ends_the_start, reset),
		cmocka_unit_test_setup(a_failing_start_undoes_the_ones_before, reset),
		cmocka_unit_test_setup(what_the_processor_cannot_intercept_fails_the_start, reset),
		cmocka_unit_test_setup(intercepts_are_counted, reset),
		cmocka_unit_test_setup(exceptions_are_counted, reset),
		cmocka_unit_test_setup(extensions_for_clients_are_there_with_clients_only, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
