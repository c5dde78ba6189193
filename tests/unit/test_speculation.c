// SPDX-License-Identifier: MIT
// Sources: vmm/x86/speculation.c
/* Which processors let programs steer what the image guesses. */
#include "unit.h"
#include "x86/speculation.h"

#define IBRS         (1ull << 0)
#define BHI_DIS_S    (1ull << 10)
#define IBRS_ALL     (1ull << 1)
#define RSBA         (1ull << 2)
#define BHI_NO       (1ull << 20)
#define AIBRSE       (1ull << 21)
#define IBRS_LASTING (1u << 16)
#define BIT_29       (1u << 29)
#define ZEN_2        0x00830f10
#define ZEN_4        0x00a10f11
#define ZEN_5        0x00b00f21

#define STEERED(...) speculation_steered(&(struct speculation){__VA_ARGS__})
#define INTEL(...)   STEERED(.intel = true, __VA_ARGS__)

static void intel_wants_enhanced_ibrs_that_is_on(void **unused)
{
	(void)unused;
	assert_int_equal(INTEL(), STEERED_BRANCHES);
	assert_int_equal(INTEL(.control = IBRS), STEERED_BRANCHES);
	assert_int_equal(INTEL(.capabilities = IBRS_ALL | BHI_NO), STEERED_BRANCHES);
	assert_int_equal(INTEL(.capabilities = IBRS_ALL | BHI_NO, .control = 2), STEERED_BRANCHES);
	assert_int_equal(INTEL(.capabilities = IBRS_ALL | BHI_NO, .control = IBRS), 0);
	/* These are AMD's. */
	assert_int_equal(INTEL(.control = IBRS, .efer = AIBRSE, .features = IBRS_LASTING,
			       .signature = ZEN_2),
			 STEERED_BRANCHES);
}

static void intel_tells_history_and_returns(void **unused)
{
	(void)unused;
	assert_int_equal(INTEL(.capabilities = IBRS_ALL, .control = IBRS), STEERED_HISTORY);
	assert_int_equal(INTEL(.capabilities = IBRS_ALL, .control = IBRS | BHI_DIS_S), 0);
	assert_int_equal(INTEL(.capabilities = RSBA), STEERED_BRANCHES | STEERED_RETURNS);
	assert_int_equal(INTEL(.capabilities = RSBA | IBRS_ALL | BHI_NO, .control = IBRS), 0);
}

static void amd_wants_automatic_or_lasting_ibrs(void **unused)
{
	(void)unused;
	assert_int_equal(STEERED(.efer = 0x1d01), STEERED_BRANCHES);
	assert_int_equal(STEERED(.efer = AIBRSE), 0);
	assert_int_equal(STEERED(.features = IBRS_LASTING), STEERED_BRANCHES);
	assert_int_equal(STEERED(.control = IBRS, .features = 1u << 14), STEERED_BRANCHES);
	assert_int_equal(STEERED(.control = IBRS, .features = IBRS_LASTING), 0);
	assert_int_equal(STEERED(.control = IBRS, .capabilities = IBRS_ALL), STEERED_BRANCHES);
}

static void amd_tells_returns(void **unused)
{
	(void)unused;
	assert_int_equal(STEERED(.efer = AIBRSE, .signature = ZEN_2), STEERED_RETURNS);
	assert_int_equal(STEERED(.efer = AIBRSE, .signature = ZEN_2, .features = BIT_29),
			 STEERED_RETURNS);
	assert_int_equal(STEERED(.efer = AIBRSE, .signature = ZEN_2, .features_21 = BIT_29),
			 STEERED_RETURNS);
	assert_int_equal(STEERED(.efer = AIBRSE, .signature = ZEN_2, .features = BIT_29,
				 .features_21 = BIT_29),
			 0);
	assert_int_equal(STEERED(.efer = AIBRSE, .signature = ZEN_4), STEERED_RETURNS);
	assert_int_equal(STEERED(.efer = AIBRSE, .signature = ZEN_4, .features_21 = BIT_29), 0);
	assert_int_equal(STEERED(.efer = AIBRSE, .signature = ZEN_5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intel_wants_enhanced_ibrs_that_is_on),
		cmocka_unit_test(intel_tells_history_and_returns),
		cmocka_unit_test(amd_wants_automatic_or_lasting_ibrs),
		cmocka_unit_test(amd_tells_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
