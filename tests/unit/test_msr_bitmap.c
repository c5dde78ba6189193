// SPDX-License-Identifier: MIT
// Sources: vmm/vmx/msr_bitmap.c vmm/svm/msr_bitmap.c
/* Both vendors' bitmaps of MSRs, bit for bit. */
#include "unit.h"
#include "base/bits.h"
#include "paging/memory.h"
#include "svm/svm.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"

uint64_t memory_image_physical(const void *address)
{
	return (uint64_t)address;
}

/* As SDM 25.6.9 tells where the bits lie; true also for those that have none. */
static bool vmx_exits(uint32_t msr, bool write)
{
	const uint8_t *bitmap = (const uint8_t *)vmx_msr_bitmap_physical();
	uint32_t bit = (msr & 0x1fff) + (write ? 16384 : 0) + (msr >= 0xc0000000 ? 8192 : 0);

	if (msr > 0x1fff && (msr < 0xc0000000 || msr > 0xc0001fff))
		return true;
	return bitmap[bit / 8] >> bit % 8 & 1;
}

/* As APM 15.11 does. */
static bool svm_exits(uint32_t msr, bool write)
{
	const uint8_t *bitmap = (const uint8_t *)svm_msr_bitmap_physical();
	uint32_t bit = (msr & 0x1fff) * 2 + write;

	if (msr >= 0xc0010000 && msr <= 0xc0011fff)
		bit += 0x1000 * 8;
	else if (msr >= 0xc0000000 && msr <= 0xc0001fff)
		bit += 0x800 * 8;
	else if (msr > 0x1fff)
		return true;
	return bitmap[bit / 8] >> bit % 8 & 1;
}

static unsigned bits_set(uint64_t bitmap, size_t bytes)
{
	unsigned count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += __builtin_popcount(((const uint8_t *)bitmap)[i]);
	return count;
}

static void each_msr_has_its_bits(void **state)
{
	static const uint32_t msrs[] = {0x0,        0x10,       0x1fff,     0xc0000000,
					0xc0000081, 0xc0001fff, 0xc0010000, 0xc0011fff};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(msrs); i++) {
		bool in_vmx = msrs[i] < 0xc0010000;

		for (unsigned access = 0; access < 4; access++) {
			unsigned vmx = bits_set(vmx_msr_bitmap_physical(), 4096);
			unsigned svm = bits_set(svm_msr_bitmap_physical(), 8192);

			vmx_intercept_msr(msrs[i], access & 1, access & 2);
			svm_intercept_msr(msrs[i], access & 1, access & 2);
			assert_int_equal(vmx_exits(msrs[i], false), !in_vmx || access & 1);
			assert_int_equal(vmx_exits(msrs[i], true), !in_vmx || access & 2);
			assert_int_equal(svm_exits(msrs[i], false), !!(access & 1));
			assert_int_equal(svm_exits(msrs[i], true), !!(access & 2));
			vmx_intercept_msr(msrs[i], false, false);
			svm_intercept_msr(msrs[i], false, false);
			/* No other bit was touched. */
			assert_int_equal(bits_set(vmx_msr_bitmap_physical(), 4096), vmx);
			assert_int_equal(bits_set(svm_msr_bitmap_physical(), 8192), svm);
		}
	}
}

/* They always exit; a bit of their own would lie far behind the bitmap. */
static void msrs_without_a_bit_change_nothing(void **state)
{
	static const uint32_t msrs[] = {0x2000,     0x3fffffff, 0x40000000, 0x40001fff, 0x80000000,
					0x80001fff, 0xbfffffff, 0xc0002000, 0xc0012000, 0xffffffff};
	unsigned vmx = bits_set(vmx_msr_bitmap_physical(), 4096);
	unsigned svm = bits_set(svm_msr_bitmap_physical(), 8192);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(msrs); i++) {
		vmx_intercept_msr(msrs[i], true, true);
		svm_intercept_msr(msrs[i], true, true);
		assert_int_equal(bits_set(vmx_msr_bitmap_physical(), 4096), vmx);
		assert_int_equal(bits_set(svm_msr_bitmap_physical(), 8192), svm);
	}
}

/* Whoever asked for one of these and lets it go must not show what Hadal hides. */
static void what_is_hidden_stays_intercepted(void **state)
{
	static const uint32_t hidden[] = {MSR_EFER, MSR_VM_CR, MSR_VM_HSAVE_PA};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
		svm_intercept_msr(hidden[i], false, false);
		assert_true(svm_exits(hidden[i], false));
		assert_true(svm_exits(hidden[i], true));
	}
	vmx_intercept_msr(MSR_FEATURE_CONTROL, false, false);
	assert_true(vmx_exits(MSR_FEATURE_CONTROL, false));
	assert_true(vmx_exits(MSR_FEATURE_CONTROL, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_msr_has_its_bits),
		cmocka_unit_test(msrs_without_a_bit_change_nothing),
		cmocka_unit_test(what_is_hidden_stays_intercepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
