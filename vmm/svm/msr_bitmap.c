// SPDX-License-Identifier: MIT
/* Which accesses to MSRs exit, on all CPUs (APM 15.11). */
#include "base/bits.h"
#include "paging/memory.h"
#include "x86/cpu.h"
#include "svm/svm.h"

#define MSR_RANGE   0x2000u
#define RANGE_BYTES (MSR_RANGE / 4)
#define EXIT_READ   1u
#define EXIT_WRITE  2u

/* Two bits an MSR, in three ranges; all other MSRs always exit. */
static uint8_t msr_bitmap[8192] __attribute__((aligned(4096)));

/* Those that would tell of SVM, or turn it off. */
static bool always_exits(uint32_t msr)
{
	return msr == MSR_EFER || msr == MSR_VM_CR || msr == MSR_VM_HSAVE_PA;
}

/* In one step: what both the old and the new value intercept exits in between too. */
static void put(uint8_t *byte, unsigned shift, unsigned bits)
{
	uint8_t old = __atomic_load_n(byte, __ATOMIC_RELAXED), now;

	do
		now = (old & ~(3u << shift)) | bits << shift;
	while (!__atomic_compare_exchange_n(byte, &old, now, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
}

void svm_intercept_msr(uint32_t msr, bool read, bool write)
{
	static const uint32_t range[] = {0, 0xc0000000, 0xc0010000};
	unsigned bits = (read ? EXIT_READ : 0) | (write ? EXIT_WRITE : 0);

	if (always_exits(msr))
		bits = EXIT_READ | EXIT_WRITE;
	for (unsigned i = 0; i < ARRAY_LEN(range); i++) {
		uint32_t index = msr - range[i];

		if (index < MSR_RANGE)
			put(&msr_bitmap[i * RANGE_BYTES + index / 4], index % 4 * 2, bits);
	}
}

uint64_t svm_msr_bitmap_physical(void)
{
	svm_intercept_msr(MSR_EFER, true, true);
	svm_intercept_msr(MSR_VM_CR, true, true);
	svm_intercept_msr(MSR_VM_HSAVE_PA, true, true);
	return memory_image_physical(msr_bitmap);
}
