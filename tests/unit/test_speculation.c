// SPDX-License-Identifier: MIT
// Sources: vmm/x86/speculation.c
/* Which processors keep programs from steering the image's branches. */
#include "unit.h"
#include "base/log.h"
#include "x86/speculation.h"

void log_line(const char *format, ...)
{
	(void)format;
}

static void intel_wants_enhanced_ibrs_that_is_on(void **unused)
{
	(void)unused;
	assert_false(speculation_is_isolated(&(struct speculation){.intel = true}));
	assert_false(speculation_is_isolated(&(struct speculation){.intel = true, .control = 1}));
	assert_false(
		speculation_is_isolated(&(struct speculation){.intel = true, .capabilities = 2}));
	assert_false(speculation_is_isolated(
		&(struct speculation){.intel = true, .capabilities = 2, .control = 2}));
	assert_true(speculation_is_isolated(
		&(struct speculation){.intel = true, .capabilities = 2, .control = 1}));
	/* These are AMD's. */
	assert_false(speculation_is_isolated(&(struct speculation){
		.intel = true, .control = 1, .efer = 1ull << 21, .features = 1u << 16}));
}

static void amd_wants_automatic_or_lasting_ibrs(void **unused)
{
	(void)unused;
	assert_false(speculation_is_isolated(&(struct speculation){.efer = 0x1d01}));
	assert_true(speculation_is_isolated(&(struct speculation){.efer = 1ull << 21}));
	assert_false(speculation_is_isolated(&(struct speculation){.features = 1u << 16}));
	assert_false(
		speculation_is_isolated(&(struct speculation){.control = 1, .features = 1u << 14}));
	assert_true(
		speculation_is_isolated(&(struct speculation){.control = 1, .features = 1u << 16}));
	assert_false(
		speculation_is_isolated(&(struct speculation){.control = 1, .capabilities = 2}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intel_wants_enhanced_ibrs_that_is_on),
		cmocka_unit_test(amd_wants_automatic_or_lasting_ibrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
